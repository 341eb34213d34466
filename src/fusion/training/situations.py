"""What a sample may lack, or have damaged: in training by chance, and in evaluation as situations of their own.

A picture drawn from a text adds nothing to that text. Fusion can pay where one of them is missing, cut or misread, so
that is where it is trained and judged. What is done to a sample depends on (seed, epoch, id) alone.
"""

from dataclasses import dataclass

import numpy as np

from fusion.screenshots.damage import damage
from fusion.snippets.corrupt import corrupt
from fusion.snippets.snippet import key_of

WHOLE, PICTURE = "whole", "picture"  # a text and the picture of it; the picture alone
HIDDEN = (0.3, 0.7)  # share of a picture that is covered or cut off
SPOILT = ("jpeg", "blur", "scale")  # of a damaged picture, at times, in place of what hides a part of it
LOST = (0.4, 0.8)  # share of the lines that a part of a text lacks
MISREAD = (0.02, 0.15)  # share of the characters of a corrupted text that are others
CUT_OFF = (0.0, 0.5)  # share of the longest line where its lines are cut


@dataclass(frozen=True)
class PictureDamage:
    """Source picture, id, epoch -> the same with a part covered or cut off or, in training, blurred at times."""

    chance: float
    seed: int

    def __call__(self, picture: np.ndarray, id: str, epoch: int | None) -> np.ndarray:
        rng = np.random.default_rng(key_of("picture", self.seed, epoch, id))
        if rng.random() >= self.chance:
            return picture
        if epoch is not None and rng.random() < 0.3:
            return damage(picture, SPOILT[int(rng.integers(len(SPOILT)))], float(rng.uniform(0.2, 0.7)), rng)
        return damage(picture, ("cover", "cut")[int(rng.integers(2))], float(rng.uniform(*HIDDEN)), rng)


@dataclass(frozen=True)
class TextDamage:
    """Text, id, epoch -> a part of it, or the same with what readers of pictures do to a text.

    partial, corrupted: how often either happens.
    """

    partial: float
    corrupted: float
    seed: int

    def __call__(self, text: str, id: str, epoch: int | None) -> str:
        rng = np.random.default_rng(key_of("text", self.seed, epoch, id))
        chance = rng.random()
        if chance < self.partial:
            return corrupt(text, "lost_lines", float(rng.uniform(*LOST)), rng)
        if chance >= self.partial + self.corrupted:
            return text
        text = corrupt(text, "ocr", float(rng.uniform(0.1, 0.5)), rng)
        text = corrupt(text, "typos", float(rng.uniform(*MISREAD)), rng)
        text = corrupt(text, "cut_lines", float(rng.uniform(*CUT_OFF)), rng)
        return corrupt(text, "indentation", 1.0, rng)


@dataclass(frozen=True)
class Situation:
    """One in which a model is judged."""

    name: str = WHOLE
    has_text: bool = True
    text: TextDamage | None = None
    damages_picture: bool = False


def make_situations(names: tuple[str, ...], seed: int) -> tuple[Situation, ...]:
    """Return the situations of a configuration, the whole text and its picture first."""
    known = {
        PICTURE: Situation(PICTURE, has_text=False),
        "partial": Situation("partial", text=TextDamage(1.0, 0.0, seed), damages_picture=True),
        "corrupted": Situation("corrupted", text=TextDamage(0.0, 1.0, seed)),
    }
    return (Situation(), *(known[name] for name in names))
