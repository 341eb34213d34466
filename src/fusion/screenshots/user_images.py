"""Picture files of the user's own -> (B, H, W, 3) uint8 as a backbone sees them: screenshots given, not drawn."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fusion.config.errors import UserError
from fusion.files import replacing
from fusion.screenshots.resize import resize

READING = 1  # raised when the same file gives other pixels than before
MAX_PIXELS = 64_000_000  # of one picture; a small file can claim to hold far more than memory does


class PictureError(UserError):
    """Raised for a file that is no picture, or none that can be read."""


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
        out = np.empty((1, self.shape, self.shape, 3), np.uint8)
        resize(fitted(open_picture(path), self.size)[None], out)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(cached) as part, part.open("wb") as file:
            np.save(file, out[0])
        return out[0]


def open_picture(path: Path) -> np.ndarray:
    """Return a file's picture, (H, W, 3) uint8: its first frame, turned upright, on white where it is transparent.

    Raises PictureError for what is no picture, is damaged, or claims more than MAX_PIXELS.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                side = f"{picture.width}×{picture.height}"
                raise PictureError(f"{path} has {side} pixels; {MAX_PIXELS} are the most: crop it or make it smaller.")
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{path} is not a picture that can be read; give a PNG, JPEG, WebP, GIF or BMP file."
        ) from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
        raise PictureError(f"{path} is a damaged picture ({error}).") from error
    white = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(white, upright).convert("RGB"))


def fitted(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) -> (H, W, 3): as wide as the source picture, cut below or filled with its last corner's colour."""
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
