"""A picture that was found -> the picture itself and what is read in it, or the reason why not."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fusion.config.errors import UserError, first_line
from fusion.reading.transcript import Transcript
from fusion.screenshots.user_images import PictureError, PictureTooLargeError, open_picture
from fusion.serving.inputs import Input

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeenPicture:
    """A picture that was opened and read; without either where the status of the input says that it could not be."""

    item: Input  # its text is what was read, or what was given with the picture
    picture: np.ndarray | None = None  # (H, W, 3) uint8
    transcript: Transcript | None = None  # without one where the text was given
    size: tuple[int | None, int | None] = (None, None)  # width and height of the picture, pixels

    @property
    def reason(self) -> str:
        """Return why what was read is not taken for code; nothing where it is, or where nothing could be read."""
        if self.item.status != "no_code" or self.transcript is None:
            return ""
        return self.transcript.reason or "nothing was read in the picture"

    def facts(self) -> dict[str, Any]:
        """Return what is said of a picture in every answer about it."""
        reading = None if self.transcript is None else self.transcript.facts() | {"reason": self.reason}
        return {"width": self.size[0], "height": self.size[1], "reading": reading}


def see(item: Input) -> SeenPicture:
    """Open the picture of an input and read it, unless the input has its text.

    Raises UserError where nothing can be read: the weights are missing. The status becomes no_code where the picture
    shows none, and else says why it was not read: too_large, unreadable for a damaged one, error for what should not
    happen.
    """
    assert item.picture is not None
    name = {"-": "standard input", "": "the picture"}.get(item.path, item.path)
    try:
        picture = open_picture(item.picture, name)
    except PictureError as error:
        status = "too_large" if isinstance(error, PictureTooLargeError) else "unreadable"
        return SeenPicture(replace(item, status=status, error=str(error)))
    size = (picture.shape[1], picture.shape[0])
    if item.text:
        return SeenPicture(item, picture, size=size)
    from fusion.reading.reader import read_picture  # brings torch

    try:
        transcript = read_picture(picture)
    except UserError:
        raise
    except Exception as error:  # one picture in a folder of thousands must not take the others with it
        log.debug("%s", name, exc_info=True)
        why = f"{name} could not be read ({type(error).__name__}: {first_line(error)})."
        return SeenPicture(replace(item, status="error", error=why), picture)
    status = "ok" if transcript.is_code and transcript.text.strip() else "no_code"
    return SeenPicture(replace(item, status=status, text=transcript.text), picture, transcript, size)
