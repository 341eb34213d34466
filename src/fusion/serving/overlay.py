"""A picture and its transcript -> the picture again, dimmed, with what was read drawn over it.

Each character stands in the box that it was read in. Its colour says how sure that is; what may well be another
character has its box drawn too.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from fusion.config.errors import UserError
from fusion.config.render import DEFAULT_FONT
from fusion.files import replacing
from fusion.reading.transcript import DOUBTFUL, Transcript
from fusion.screenshots import fonts

SURE = 0.95  # confidence
COLOURS = ((SURE, (0, 90, 181)), (DOUBTFUL, (190, 110, 0)), (0.0, (220, 30, 40)))  # from this confidence on
KEPT = 0.25  # of the picture's own contrast, on white
ADVANCE = 0.602  # em; from one character of the font to the next
BASELINE = 0.3  # em below the middle of a box


def overlay(picture: np.ndarray, transcript: Transcript) -> Image.Image:
    """(H, W, 3) uint8 and what was read in it -> a picture of the same size."""
    light = picture if picture.mean() > 127 else 255 - picture  # a dark theme is inverted: ink is darker than paper
    image = Image.fromarray((255 - (255 - light.astype(np.float32)) * KEPT).astype(np.uint8))
    em = max(4, round(transcript.pitch / ADVANCE))  # pixels
    draw, font = ImageDraw.Draw(image), fonts.load(DEFAULT_FONT).at(0, em)
    for line in transcript.lines:
        for character, box, confidence in zip(line.text, line.boxes.tolist(), line.confidence.tolist(), strict=True):
            if character.isspace():
                continue
            x0, y0, x1, y1 = box
            colour = next(colour for least, colour in COLOURS if confidence >= least)
            if confidence < DOUBTFUL and x1 > x0 and y1 > y0:
                draw.rectangle((x0, y0, x1, y1), outline=colour)
            draw.text(((x0 + x1) / 2, (y0 + y1) / 2 + BASELINE * em), character, colour, font, anchor="ms")
    return image


def write_overlay(picture: np.ndarray, transcript: Transcript, path: Path) -> None:
    """Write the overlay as a PNG. Raises UserError for a path that cannot be written to."""
    try:
        with replacing(path) as part:
            overlay(picture, transcript).save(part, "PNG")
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}); choose another OUT.png.") from error
