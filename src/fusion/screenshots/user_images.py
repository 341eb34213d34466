"""Pictures of the user's own -> (H, W, 3) uint8, or what a backbone sees of them: screenshots given, not drawn."""

import hashlib
import io
import stat
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from fusion.config.errors import UserError, first_line
from fusion.files import replacing

READING = 2  # raised when the same file gives other pixels than before
MAX_PIXELS = 64_000_000  # of one picture; a small file can claim to hold far more than memory does
MAX_SIDE = 65_535  # pixels; what JPEG and GIF can hold
MAX_BYTES = 4 * MAX_PIXELS + (1 << 20)  # of one file: as many pixels, not compressed, and some words about them
KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # no more: of what else Pillow opens, some runs other programs
HEAD = 32  # bytes that tell whether a file is a picture
DARK = (30, 30, 30)  # behind light text without a background of its own
# Where edges on the dark background are so much stronger than on white, what shows is light text. Not just stronger:
# a light window with a transparent margin has an edge more on it, and is as readable on white.
STRONGER = 1.25
ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip

Source = Path | str | bytes | BinaryIO | Image.Image | np.ndarray


class PictureError(UserError):
    """Raised for what is no picture, or none that can be read."""


class PictureTooLargeError(PictureError):
    """Raised for a picture that has, or claims to have, more pixels or bytes than are opened."""


class Pictures:
    """Opens pictures at one source size and input shape; keeps in the cache what was opened once."""

    def __init__(self, size: tuple[int, int], input_shape: int, cache: Path):
        self.size, self.shape, self.folder = size, input_shape, cache / "pictures"

    def __call__(self, paths: Sequence[str]) -> np.ndarray:
        """B paths -> (B, shape, shape, 3) uint8. Raises PictureError for a file that cannot be read."""
        return np.stack([self._open(Path(path)) for path in paths])

    def unreadable(self, paths: Iterable[str]) -> dict[str, str]:
        """Open every file once and return the reason for each that cannot be read."""
        reasons: dict[str, str] = {}
        for path in paths:
            try:
                self._open(Path(path))
            except PictureError as error:
                reasons[path] = str(error)
        return reasons

    def _open(self, path: Path) -> np.ndarray:
        """Return one picture, (shape, shape, 3) uint8, from the cache if it did not change since."""
        try:
            state = path.stat()
        except OSError as error:
            raise PictureError(f"{path} cannot be read ({error.strerror}).") from error
        facts = (READING, str(path.absolute()), state.st_size, state.st_mtime_ns, tuple(self.size), self.shape)
        cached = self.folder / f"{hashlib.sha256(repr(facts).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npy"
        if cached.is_file():
            return np.load(cached, allow_pickle=False)
        seen = as_seen(open_picture(path), self.size, self.shape)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(cached) as part, part.open("wb") as file:
            np.save(file, seen)
        return seen


def is_picture(head: bytes) -> bool:
    """Return whether a file that begins so, with HEAD bytes or more, is one of KINDS, whatever its name."""
    if head.startswith(b"BM"):  # as a text may
        return head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"))


def open_picture(source: Source, name: str = "") -> np.ndarray:
    """Return a picture, (H, W, 3) uint8: its first frame, upright, on a background where it is transparent.

    source: a path; the bytes of a file, or a file that is open; a Pillow image; or an array (H, W), (H, W, 3) or
    (H, W, 4). name: what errors call it. Raises PictureError for what is no picture, is damaged, or is too large.
    """
    name = name or (str(source) if isinstance(source, Path | str) else "the picture")
    if isinstance(source, np.ndarray) and source.dtype == np.uint8 and source.ndim == 3 and source.shape[2] == 3:
        _check_size(source.shape[1], source.shape[0], name)
        return np.ascontiguousarray(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels, but MAX_PIXELS is less; of EXIF data that make no sense
            picture = _pillow_image(source, name)
            _check_size(picture.width, picture.height, name)
            return _rgb(_upright(picture))
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture that can be read; give a PNG, JPEG, WebP, GIF, BMP or TIFF file."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureTooLargeError(
            f"{name} has more than {MAX_PIXELS} pixels, and so many are the most: crop it or make it smaller."
        ) from error
    except Exception as error:  # for damaged files Pillow raises whatever its decoders happen to come upon
        raise PictureError(f"{name} is a damaged picture ({first_line(error)}).") from error


def _pillow_image(source: Source, name: str) -> Image.Image:
    """Return the picture, of a file no more than its header read yet."""
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        try:
            return Image.fromarray(source.reshape(source.shape[0], source.shape[1], *source.shape[2:3]))
        except (TypeError, ValueError, IndexError) as error:
            kind = f"{source.dtype} {source.shape}"
            raise PictureError(f"{name} is no picture: {kind}; give uint8 (H, W, 3), (H, W, 4) or (H, W).") from error
    data = _bytes_of(Path(source), name) if isinstance(source, Path | str) else source
    if not isinstance(data, bytes):
        data = data.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise PictureTooLargeError(f"{name} has more than {MAX_BYTES} bytes, and so many are the most.")
    return Image.open(io.BytesIO(data), formats=KINDS)


def _bytes_of(path: Path, name: str) -> bytes:
    """Return the first MAX_BYTES + 1 bytes of a regular file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise PictureError(f"{name} is not a regular file, so no picture is read from it.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        raise PictureError(f"{name} cannot be read ({getattr(error, 'strerror', None) or error}).") from error


def _check_size(width: int, height: int, name: str) -> None:
    if not width * height:
        raise PictureError(f"{name} has no pixels ({width}×{height}).")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        most = f"{MAX_PIXELS} are the most" + (f", {MAX_SIDE} along one side" if max(width, height) > MAX_SIDE else "")
        raise PictureTooLargeError(f"{name} has {width}×{height} pixels; {most}: crop it or make it smaller.")


def _upright(picture: Image.Image) -> Image.Image:
    """Return the first frame, turned as its EXIF data say; data that make no sense say nothing."""
    picture.load()
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # as above: whatever the parser comes upon
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _rgb(picture: Image.Image) -> np.ndarray:
    """Return the pixels, (H, W, 3) uint8, of a picture in any mode."""
    if picture.mode[0] in "IF":
        grey = _eight_bits(np.asarray(picture))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        if alpha.getextrema() != (255, 255):
            on = Image.new("RGB", picture.size, _background(np.asarray(picture)))
            on.paste(picture, mask=alpha)
            picture = on
    return np.array(picture.convert("RGB"))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey values of 16 or 32 bits, or floats -> uint8, by the range that they really have.

    Of whole numbers that is the fewest bits, 8 at least, that hold the largest: cameras fill 10 or 12 of 16.
    """
    values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0) if values.dtype.kind == "f" else values
    low, high = min(float(values.min()), 0.0), float(values.max())
    if values.dtype.kind != "f":
        high = float((1 << max(8, int(high).bit_length())) - 1)
    elif high <= 1:
        high = 1.0
    elif high <= 255:
        high = 255.0
    scaled = (values.astype(np.float32) - low) * (255 / (high - low))
    return (scaled + 0.5).clip(0, 255).astype(np.uint8)


def _background(rgba: np.ndarray) -> tuple[int, int, int]:
    """(H, W, 4) -> the colour to put behind it: white, or DARK if what shows can be seen better on that."""
    rows = rgba[:: -(-rgba.size // (1 << 24))].astype(np.float32)  # up to 4 million pixels
    alpha, light = rows[..., 3] / 255, rows[..., :3].mean(2)
    on_white, on_dark = (
        np.abs(np.diff(alpha * light + (1 - alpha) * behind, axis=1)).sum(dtype=np.float64) for behind in (255, DARK[0])
    )
    return DARK if on_dark > STRONGER * on_white else (255, 255, 255)


def as_seen(picture: np.ndarray, size: tuple[int, int], input_shape: int) -> np.ndarray:
    """(h, w, 3) -> (input_shape, input_shape, 3): what a backbone sees of a picture given, at one source size."""
    from fusion.screenshots.resize import resize  # brings numba and its half second, which texts need not wait for

    out = np.empty((1, input_shape, input_shape, 3), np.uint8)
    return resize(fitted(picture, size)[None], out)[0]


def fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) -> (H, W, 3): as wide as the source picture, cut below or filled with its last corner's colour."""
    from fusion.screenshots.resize import resize  # brings numba

    width, height = size
    scaled_height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    if scaled_height > 4 * height:  # of a very long screenshot only the top is seen
        picture = picture[: max(1, 4 * height * picture.shape[1] // width)]
        scaled_height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    scaled = np.empty((1, scaled_height, width, 3), np.uint8)
    resize(np.ascontiguousarray(picture)[None], scaled)
    out = np.empty((height, width, 3), np.uint8)
    out[:] = scaled[0, -1, -1]
    out[: min(height, scaled_height)] = scaled[0, :height]
    return out
