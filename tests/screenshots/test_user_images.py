"""Pictures of the user's own: what can be read is seen as a drawn one would be, what cannot is named."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusion.screenshots import user_images as pictures
from fusion.screenshots.user_images import PictureError, Pictures, fitted, open_picture


@pytest.fixture
def gradient() -> Image.Image:
    ramp = np.linspace(0, 255, 60, dtype=np.uint8)
    return Image.fromarray(
        np.stack([np.tile(ramp, (40, 1)), np.full((40, 60), 90, np.uint8), np.tile(ramp[::-1], (40, 1))], 2)
    )


def saved(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG of that size without any pixels."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1", "I;16", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, gradient: Image.Image, mode: str) -> None:
    if mode == "I;16":
        picture = Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60))
    else:
        picture = gradient.convert(mode)
    file = saved(picture, tmp_path / ("a.tif" if mode in ("CMYK", "I;16") else "a.png"))
    found = open_picture(file)
    assert found.shape == (40, 60, 3) and found.dtype == np.uint8


def test_transparency_is_white_and_a_turned_photo_is_upright(tmp_path: Path, gradient: Image.Image) -> None:
    clear = saved(Image.new("RGBA", (20, 10), (255, 0, 0, 0)), tmp_path / "clear.png")
    assert (open_picture(clear) == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned = saved(gradient, tmp_path / "turned.jpg", exif=exif)
    assert open_picture(turned).shape == (60, 40, 3)


def test_of_a_film_the_first_frame_is_seen(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = tmp_path / "a.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    assert open_picture(file)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
        (b"just text\n" * 50, "is not a picture"),
        (png_header(9_000, 9_000), "64000000 are the most"),
        (png_header(20_000, 20_000), "are the most|damaged"),
        (png_header(50, 50), "damaged"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(PictureError, match=message) as caught:
        open_picture(file)
    assert "a.png" in str(caught.value)


def test_a_truncated_picture_is_damaged(tmp_path: Path, gradient: Image.Image) -> None:
    out = io.BytesIO()
    gradient.save(out, "PNG")
    file = tmp_path / "half.png"
    file.write_bytes(out.getvalue()[:-40])
    with pytest.raises(PictureError, match=r"half\.png is a damaged picture"):
        open_picture(file)


def test_a_picture_is_as_wide_as_the_source_and_cut_or_filled_below() -> None:
    wide = np.zeros((50, 200, 3), np.uint8)
    wide[-1] = 77
    low = fitted(wide, (100, 100))
    assert low.shape == (100, 100, 3) and (low[40:] == low[-1, -1]).all() and (low[:20] == 0).all()
    tall = np.zeros((4000, 100, 3), np.uint8)
    tall[:100] = 200
    assert (fitted(tall, (100, 100))[:98] == 200).all(), "the top of a long screenshot is seen at its own scale"


def test_what_was_opened_once_comes_from_the_cache_until_the_file_changes(
    tmp_path: Path, gradient: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = saved(gradient, tmp_path / "a.png")
    reader = Pictures((64, 48), 32, tmp_path / "cache")
    first = reader([str(file), str(file)])
    assert first.shape == (2, 32, 32, 3)
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "open_picture", lambda path: pytest.fail("opened again"))
        assert np.array_equal(reader([str(file)])[0], first[0])
    saved(gradient.rotate(180).resize((61, 41)), file)
    assert not np.array_equal(reader([str(file)])[0], first[0])


def test_the_unreadable_are_listed_with_their_reasons(tmp_path: Path, gradient: Image.Image) -> None:
    good, bad = saved(gradient, tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"no")
    found = Pictures((64, 48), 32, tmp_path / "cache").unreadable([str(good), str(bad), str(tmp_path / "none.png")])
    assert list(found) == [str(bad), str(tmp_path / "none.png")]
    assert "not a picture" in found[str(bad)]
