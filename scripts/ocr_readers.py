"""Readers of pictures of code, one call each: fusion's own and the rivals of the extra [rivals]."""

import os
import shutil
from collections.abc import Callable

import numpy as np

from fusion.config.errors import UserError
from fusion.rivals.readers import PLAIN, Reader, Word, laid_out, rapidocr
from fusion.rivals.rival import Missing

SMALL = 1000  # pixels; of the sizes tried on 40 pages, three times a narrower picture and twice a wider one was best


def fusion() -> Reader:
    """Return fusion's own reader."""
    try:
        import torch

        from fusion.reading.reader import read_picture

        torch.set_num_threads(1)
        read_picture(np.zeros((8, 8, 3), np.uint8))  # loads its weights
    except (ImportError, UserError) as error:
        raise Missing(f"fusion cannot read here ({error})") from error
    return lambda picture: read_picture(picture).text


def tesseract() -> Reader:
    """Return tesseract, told that the picture is one block of text, and shown it enlarged, as its manual advises."""
    try:
        import pytesseract
    except ImportError as error:
        raise Missing("pytesseract is not installed; pip install 'fusion[rivals]'") from error
    if shutil.which("tesseract") is None:
        raise Missing("the program tesseract is not installed; apt-get install tesseract-ocr")
    os.environ["OMP_THREAD_LIMIT"] = "1"

    def read(picture: np.ndarray) -> str:
        from PIL import Image

        height, width = picture.shape[:2]
        factor = 3 if width < SMALL else 2
        image = Image.fromarray(picture).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
        found = pytesseract.image_to_data(image, lang="eng", config="--psm 6", output_type=pytesseract.Output.DICT)
        columns = zip(*(found[key] for key in ("left", "top", "width", "height", "text")), strict=True)
        words = [Word(x, y, x + w, y + h, text.translate(PLAIN)) for x, y, w, h, text in columns if text.strip()]
        return laid_out(words)

    return read


READERS: dict[str, Callable[[], Reader]] = {"fusion": fusion, "rapidocr": rapidocr, "tesseract": tesseract}
