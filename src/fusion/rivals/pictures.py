"""Texts -> pictures of them, and what is read in those by fusion and by a general reader."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fusion import __version__
from fusion.config.render import Size, load_render_options, parse_size
from fusion.rivals.answers import Progress, answers
from fusion.rivals.readers import rapidocr
from fusion.rivals.rival import Answer, Missing, Rival
from fusion.screenshots.renderer import Renderer

BASE = "carbon"  # has every option, those too that a run of an older fusion knew nothing of
LOOK, SIZE = "editor", Size(700, 500)  # of a run that sees no pictures
Read = tuple[list[str], float]  # texts, and the median milliseconds of a picture


@dataclass(frozen=True)
class ReadBy:
    """What one reader read in the pictures; no texts where it could not be asked, and the status says why."""

    reader: str
    texts: list[str] | None = None
    milliseconds: float = 0.0
    status: str = ""


class Drawn:
    """Source pictures (H, W, 3) uint8 of texts, drawn when they are asked for, since thousands would fill the memory.

    They look as in the evaluation of a run that sees pictures, else as an editor.
    """

    def __init__(self, config: Mapping[str, Any], texts: Sequence[str], ids: Sequence[str], labels: Sequence[str]):
        """config: that of a run, as its record has it."""
        render, size = load_render_options(LOOK), SIZE
        if config["backbone"]["name"] != "none":
            render, size = load_render_options(BASE, **config["render"]), parse_size(config["source_size"])
        self.renderer = Renderer(render, size, min(size), seed=0)  # which evaluation does not look at
        self.rows = list(zip(texts, ids, labels, strict=True))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> np.ndarray:
        text, id, label = self.rows[number]
        return self.renderer.source([text], [id], None, [label])[0]


def read_all(pictures: Drawn, folder: Path, progress: Progress) -> list[ReadBy]:
    """Return what each reader read, fusion's first; what rapidocr read is kept in the folder, for it is slow."""
    return [ReadBy("fusion", *_by_fusion(pictures, progress)), _by_rapidocr(pictures, folder, progress)]


def _by_fusion(pictures: Drawn, progress: Progress) -> Read:
    import torch

    from fusion.reading.reader import read_picture

    torch.set_num_threads(1)
    read_picture(pictures[0])  # loads its weights
    numbers = progress(range(len(pictures)), "fusion reads", len(pictures))
    timed = [_timed(lambda picture: read_picture(picture).text, pictures[number]) for number in numbers]
    return [text for text, _ in timed], float(np.median([milliseconds for _, milliseconds in timed]))


def _by_rapidocr(pictures: Drawn, folder: Path, progress: Progress) -> ReadBy:
    """Ask rapidocr as a rival whose texts are names of pictures, and whose only label is what it reads."""
    try:
        read = rapidocr()
    except Missing as why:
        return ReadBy("rapidocr", status=str(why))
    names = [_name(pictures[number]) for number in range(len(pictures))]
    number_of = {name: number for number, name in enumerate(names)}
    read(pictures[0])  # the first call is slower

    def answer(name: str) -> Answer:
        text, milliseconds = _timed(read, pictures[number_of[name]])
        return Answer((text,), 0.0, milliseconds)

    tool = Rival("rapidocr", version("rapidocr"), 0.0, answer)
    found = answers(tool, names, folder, progress)
    milliseconds = float(np.median([one.milliseconds for one in found]))
    return ReadBy("rapidocr", [one.labels[0] for one in found], milliseconds)


def _name(picture: np.ndarray) -> str:
    return f"{picture.shape} {hashlib.sha256(picture.tobytes()).hexdigest()} laid out by fusion {__version__}"


def _timed(read: Callable[[np.ndarray], str], picture: np.ndarray) -> tuple[str, float]:
    clock = time.process_time()  # with the threads that a reader starts
    text = read(picture)
    return text, 1000 * (time.process_time() - clock)
