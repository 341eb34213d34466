"""fusion: what a piece of code is, told from its text, its screenshot, or both.

packages / folder / CSV / JSONL / Parquet / hub
   -> Snippet (text, label, group)            snippets/      one Arrow table, split by group
   -> token classes (one byte per character)  screenshots/   lexed without the label
   -> Screenshot (uint8 H x W x 3)            screenshots/   drawn anew each epoch, seeded
   -> pair {text, image, read, label}         datamodule.py  LightningDataModule, batches of collate.py
   -> branch(text), branch(image): (B, D)     branches/      CodeBERTa, nano, ladder, timm CNN
   -> late fusion -> logits (B, C)            model/         concatenation, gates, attention, averages ...
   -> run folder: run.json, predictions       training/      a configuration (config/) -> what results/ reads
   -> table, plots                            results/
   -> Prediction                              serving/       text only, picture only or both

picture of code -> Transcript (lines, boxes)  reading/       what `read_screenshot` gives
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from fusion.reading.transcript import Transcript
    from fusion.serving.api import TrainedModel

__version__ = "0.1.0"


def load(run: "Path | str | None" = None) -> "TrainedModel":
    """Run folder, or its model folder -> the model: `.predict(text, image)`, `.predict_many(items)`.

    run: None loads the model that fusion ships. Loading takes seconds, so load once. Raises UserError for a folder
    without a model.

    >>> from fusion import load
    >>> model = load(RUN)  # such as "runs/train/20260101-120000-abcdef"
    >>> answer = model.predict("def add(a, b):\\n    return a + b\\n", mode="best_guess")
    >>> answer.status, answer.decision, answer.label in model.classes
    ('ok', 'accepted', True)
    """
    from fusion.serving.api import TrainedModel

    return TrainedModel(run)


def read_screenshot(picture: Any) -> "Transcript":
    """Picture of code -> what was read in it: `.text`, `.lines` with boxes and confidences, `.is_code`, `.reason`.

    picture: a path; the bytes of a file, or a file that is open; a Pillow image; or an array (H, W, 3) uint8. The first
    call loads the network, which takes seconds. Raises UserError for what is no picture or cannot be opened.

    >>> from PIL import Image
    >>> from fusion import read_screenshot
    >>> transcript = read_screenshot(Image.new("RGB", (320, 200), "white"))
    >>> transcript.is_code, transcript.text
    (False, '')
    """
    from fusion.screenshots.user_images import open_picture

    opened = open_picture(picture)
    from fusion.reading.reader import read_picture

    return read_picture(opened)
