"""Pictures of the user's own: what can be read is seen as a drawn one would be, what cannot is named."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from fusion.screenshots import user_images as pictures
from fusion.screenshots.user_images import (
    DARK,
    KINDS,
    PictureError,
    Pictures,
    PictureTooLargeError,
    as_seen,
    fitted,
    is_picture,
    open_picture,
)


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_bytes_a_file_and_pillow_give_the_same(tmp_path: Path, gradient: Image.Image, kind: str) -> None:
    file = saved(gradient, tmp_path / "a", format=kind)
    data = file.read_bytes()
    assert is_picture(data[:32])
    from_path = open_picture(file)
    assert from_path.shape == (40, 60, 3) and from_path.dtype == np.uint8 and from_path.flags.writeable
    with file.open("rb") as opened, Image.open(file) as image:
        for source in (str(file), data, io.BytesIO(data), opened, image):
            assert np.array_equal(open_picture(source), from_path)
    if kind not in ("JPEG", "WEBP", "GIF"):
        assert np.array_equal(open_picture(np.asarray(gradient)), from_path)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 4), (40, 60, 3)])
def test_arrays_are_pictures(shape: tuple[int, ...]) -> None:
    values = np.full(shape, 200, np.uint8)
    values[..., :30, -1] = 255
    assert open_picture(values).shape == (40, 60, 3)


@pytest.mark.parametrize("array", [np.zeros((4, 5, 2, 3), np.uint8), np.zeros((4, 5, 3)), np.zeros(7, np.uint8)])
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(PictureError, match=r"the picture is no picture: \S+ \(.*\); give uint8"):
        open_picture(array)


def test_a_picture_without_pixels_is_refused() -> None:
    for source in (np.zeros((0, 5, 3), np.uint8), Image.new("RGB", (0, 5))):
        with pytest.raises(PictureError, match="no pixels"):
            open_picture(source)


@pytest.mark.parametrize("mode", ["P", "PA", "LA", "RGBA"])
def test_the_colours_of_a_picture_survive_its_mode(tmp_path: Path, mode: str) -> None:
    red = (
        Image.new("RGB", (30, 20), (255, 0, 0)).convert("P" if mode == "PA" else mode.replace("LA", "L")).convert(mode)
    )
    found = open_picture(
        saved(red, tmp_path / "a.tif", format="TIFF") if mode == "PA" else saved(red, tmp_path / "a.png")
    )
    assert found[0, 0].tolist() == ([76, 76, 76] if mode == "LA" else [255, 0, 0])


def test_cmyk_is_converted_to_the_colours_it_prints(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.tif"):
        cyan = saved(Image.new("CMYK", (30, 20), (255, 0, 0, 0)), tmp_path / name)
        assert np.abs(open_picture(cyan)[5, 5].astype(int) - (0, 255, 255)).max() < 4


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize(("top", "bits"), [(65535, 16), (1023, 10), (4095, 12), (255, 8), (50_000, 16), (90, 8)])
def test_16_bits_are_scaled_by_the_range_that_they_have(tmp_path: Path, kind: str, top: int, bits: int) -> None:
    values = np.linspace(0, top, 600).round().astype(np.uint16).reshape(20, 30)
    found = open_picture(saved(Image.fromarray(values), tmp_path / f"a.{kind}"))
    expected = values.astype(float) * 255 / (2**bits - 1)
    assert np.abs(found[..., 0] - expected).max() <= 0.51 and (found[..., 0] == found[..., 2]).all()


def test_other_depths_are_scaled_too(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    for values in (ramp, ramp * 255, ramp * 9000, (ramp * (2**20 - 1)).astype(np.int32), ramp - 0.5):
        found = open_picture(saved(Image.fromarray(values), tmp_path / "a.tif"))[..., 0]
        assert found.min() == 0 and found.max() >= 127 and (np.diff(found.reshape(-1).astype(int)) >= 0).all()
    strange = np.array([[np.nan, np.inf, 0.5]], np.float32)
    assert open_picture(saved(Image.fromarray(strange), tmp_path / "b.tif"))[0, :, 0].tolist() == [0, 0, 128]
    deep = np.zeros((20, 30, 3), np.uint16)
    deep[...] = (65535, 32768, 0)
    assert open_picture(png_of_16_bits(deep))[3, 3].tolist() == [255, 128, 0]


def png_of_16_bits(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint16 -> a PNG, which Pillow cannot write."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0), b"IDAT" + zlib.compress(rows), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def code_on(background: tuple[int, ...], ink: tuple[int, ...], margin: int = 20) -> Image.Image:
    """Return lines of a text in a window of some background, in a margin where nothing is."""
    picture = Image.new("RGBA", (240, 120), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((margin, margin, 240 - margin, 120 - margin), background)
    for row in range(4):
        draw.text((30, 25 + 16 * row), "def f(x): return x + 1", ink)
    return picture


LIGHT_INK, DARK_INK, CLEAR = (212, 212, 212, 255), (20, 20, 60, 255), (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("background", "ink", "margin"),
    [
        (CLEAR, DARK_INK, (255, 255, 255)),
        (CLEAR, LIGHT_INK, DARK),
        (CLEAR, (130, 200, 255, 255), DARK),
        (CLEAR, (200, 40, 40, 255), (255, 255, 255)),
        ((30, 30, 30, 255), LIGHT_INK, (255, 255, 255)),
        ((250, 250, 250, 255), DARK_INK, (255, 255, 255)),
        ((20, 20, 20, 110), LIGHT_INK, DARK),
        ((250, 250, 250, 110), DARK_INK, (255, 255, 255)),
    ],
)
@pytest.mark.parametrize("kind", ["png", "webp", "gif"])
def test_what_is_transparent_gets_the_background_that_the_text_is_read_on(
    tmp_path: Path, kind: str, background: tuple[int, ...], ink: tuple[int, ...], margin: tuple[int, ...]
) -> None:
    if kind == "gif" and 0 < background[3] < 255:
        pytest.skip("a GIF is transparent or not")
    options = {"lossless": True} if kind == "webp" else {}
    found = open_picture(saved(code_on(background, ink), tmp_path / f"a.{kind}", **options)).astype(int)
    assert np.abs(found[0, 0] - margin).max() <= 1
    assert np.ptp(found[25:90, 30:160].mean(2)) > 100, "text and its background can be told apart"


def test_a_palette_with_transparency_shows_its_colours(tmp_path: Path) -> None:
    palette = Image.new("P", (60, 40), 1)
    palette.putpalette([0, 0, 0, 10, 20, 200, 255, 0, 0])
    palette.paste(2, (0, 0, 30, 40))
    for transparency in (2, bytes([255, 255, 0])):
        found = open_picture(saved(palette, tmp_path / "a.png", transparency=transparency))
        assert found[5, 5].tolist() == [255, 255, 255] and found[5, 50].tolist() == [10, 20, 200]


def test_what_is_all_transparent_is_white(tmp_path: Path) -> None:
    clear = saved(Image.new("RGBA", (20, 10), (255, 0, 0, 0)), tmp_path / "clear.png")
    assert (open_picture(clear) == 255).all()


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (60, 40), "black")
    upright.paste("white", (0, 0, 20, 10))  # top left
    turn = pictures.UPRIGHT.get(orientation)
    undo = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    stored = upright.transpose(undo.get(turn, turn)) if turn is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = open_picture(saved(stored, tmp_path / f"a.{kind}", exif=exif))
    assert found.shape == (40, 60, 3) and found[2:8, 2:18].min() > 200 and found[20:, 30:].max() < 50


def test_exif_data_that_make_no_sense_turn_nothing(tmp_path: Path, gradient: Image.Image) -> None:
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"):
        assert open_picture(saved(gradient, tmp_path / "a.jpg", exif=exif)).shape == (40, 60, 3)


def test_of_a_film_the_first_frame_is_seen(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("gif", "webp", "png", "tif"):
        file = tmp_path / f"a.{kind}"
        frames[0].save(file, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "webp" else {}))
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


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (12_000, 12_000), (20_000, 20_000), (65_536, 1)])
def test_too_large_a_picture_is_named_before_its_pixels_are_read(
    width: int, height: int, recwarn: pytest.WarningsRecorder
) -> None:
    with pytest.raises(PictureTooLargeError, match=r"the picture has .* are the most.*: crop it or make it smaller\.$"):
        open_picture(png_header(width, height))
    assert not recwarn.list


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gradient: Image.Image) -> None:
    file = saved(gradient, tmp_path / "a.bmp")
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    for source in (file, file.read_bytes(), io.BytesIO(file.read_bytes())):
        with pytest.raises(PictureTooLargeError, match="more than 1000 bytes"):
            open_picture(source)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in ((tmp_path / "no.png", "No such file"), (tmp_path, "regular"), (tmp_path / "pipe", "regular")):
        with pytest.raises(PictureError, match=message):
            open_picture(path)
    with pytest.raises(PictureError, match="cannot be read"):
        open_picture("a\0b")


def test_pillow_runs_no_other_program_for_what_it_opens() -> None:
    with pytest.raises(PictureError, match="is not a picture"):
        open_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_picture_is_damaged(tmp_path: Path, gradient: Image.Image, kind: str) -> None:
    data = saved(gradient.resize((300, 200)), tmp_path / "a", format=kind).read_bytes()
    for share in (0.05, 0.5, 0.9):
        with pytest.raises(PictureError, match=r"the picture is (a damaged|not a) picture"):
            open_picture(data[: int(len(data) * share)])


@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_is_answered(kind: str, changes: list[tuple[int, int]]) -> None:
    out = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(20, 20, 3)).save(out, kind)
    data = bytearray(out.getvalue())
    for at, value in changes:
        data[at % len(data)] = value
    try:
        assert open_picture(bytes(data)).dtype == np.uint8
    except PictureError as error:
        assert "the picture" in str(error)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (20_000, 20), (20, 20_000), (65_535, 1), (1, 65_535), (3000, 4000)]
)
def test_a_picture_of_any_shape_is_opened_and_seen(width: int, height: int) -> None:
    picture = Image.new("RGB", (width, height), (10, 200, 90))
    out = io.BytesIO()
    picture.save(out, "PNG")
    opened = open_picture(out.getvalue())
    assert opened.shape == (height, width, 3)
    seen = as_seen(opened, (680, 500), 32)
    assert seen.shape == (32, 32, 3) and (seen == (10, 200, 90)).all()


def test_a_strip_is_seen_at_its_own_colours() -> None:
    strip = np.zeros((20, 20_000, 3), np.uint8)
    strip[:, 10_000:] = 250
    row = fitted(strip, (680, 500))[0, :, 0]
    assert (row[:338] == 0).all() and (row[342:] == 250).all()


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
