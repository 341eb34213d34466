"""Texts and pictures -> calibrated probabilities: of all modalities together, and of each alone.

A text is cut into windows as the training files were; the probabilities of up to MAX_WINDOWS of them, spread over the
text, are averaged. A picture that is given goes with every window of the text that was read in it.

Batches are made here, not by the DataModule's Collate, which would bring Lightning and its seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fusion.config.options import parse
from fusion.config.render import DEFAULT_FONT, Render, RenderOptions, parse_size
from fusion.model.checkpoint import Model
from fusion.results.calibration import Calibration, read_calibrations
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.user_images import as_seen
from fusion.snippets.corpus.extract import windows
from fusion.snippets.snippet import text_id

MAX_WINDOWS = 8  # of one text
AT_ONCE = 32  # windows, or pictures
ALL = "all"  # modalities together


@dataclass(frozen=True)
class Sample:
    """What a model is asked about."""

    text: str
    image: np.ndarray | None = None  # (input_shape, input_shape, 3) uint8; None: drawn from the text, if need be


class Classifier:
    """Samples -> probabilities, by a trained model."""

    def __init__(self, model: Model):
        meta = model.meta
        self.net, self.tokenizer = model.net, model.tokenizer
        self.classes: list[str] = meta["classes"]
        self.calibrations = read_calibrations(meta)  # by view
        self.renderer: Renderer | None = None
        if "image" in meta["branches"]:
            render: Render = parse(RenderOptions, meta["render"] | {"font": DEFAULT_FONT}, "render")
            self.renderer = Renderer(render, parse_size(meta["source_size"]), meta["input_shape"], meta["seed"])

    @property
    def modalities(self) -> list[str]:
        """Return the names of the branches."""
        return list(self.net.branches)

    def calibration(self, view: str) -> Calibration:
        """Return the calibration of a view, that of all modalities together where it has none of its own."""
        return self.calibrations.get(view, self.calibrations[ALL])

    def sample(self, text: str, picture: np.ndarray | None) -> Sample:
        """Return a sample of a text and, where a branch would see it, the picture (H, W, 3) that it was read in."""
        if picture is None or self.renderer is None:
            return Sample(text)
        return Sample(text, as_seen(picture, self.renderer.size, self.renderer.shape))

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """N samples -> {"all": (N, C)} and, of a model with two branches, what each alone says: "text", "image"."""
        views = [ALL, *(self.modalities if len(self.modalities) > 1 else ())]
        total = {view: np.zeros((len(samples), len(self.classes))) for view in views}
        number = np.zeros(len(samples))  # of windows, of each sample
        drawn = [i for i, sample in enumerate(samples) if sample.image is None]
        given = [i for i, sample in enumerate(samples) if sample.image is not None]
        images = [sample.image for sample in samples if sample.image is not None]
        seen = self._image_features(np.stack(images)) if images else None  # (G, D)
        for rows, features in ((drawn, None), (given, seen)):
            flat = [(k, window) for k, i in enumerate(rows) for window in self._windows(samples[i])]
            for start in range(0, len(flat), AT_ONCE):
                of, texts = zip(*flat[start : start + AT_ONCE], strict=True)
                owner = np.array([rows[k] for k in of])  # (W,)
                lines = np.array([count_lines(text or samples[i].text) for text, i in zip(texts, owner, strict=True)])
                np.add.at(number, owner, 1)
                answers = self._logits(texts, None if features is None else features[list(of)], views)
                for view, logits in answers.items():
                    np.add.at(total[view], owner, self.calibration(view).probabilities(logits, lines))
        return {view: sums / number[:, None] for view, sums in total.items()}

    def _windows(self, sample: Sample) -> list[str]:
        """Return the windows of a text; a picture that no text branch goes with is one."""
        return [""] if sample.image is not None and self.tokenizer is None else spread(sample.text)

    def _logits(self, texts: Sequence[str], image: torch.Tensor | None, views: Sequence[str]) -> dict[str, np.ndarray]:
        """W texts, and features (W, D) of the pictures given with them -> for each view (W, C)."""
        batch: dict[str, object] = {}
        if self.tokenizer is not None:
            batch["text"] = self.tokenizer(texts)
        if "image" in self.modalities:
            if image is None:
                assert self.renderer is not None
                image = self._image_features(self.renderer(texts, [text_id(text) for text in texts], None))
            # Each branch reads once, and the head is asked once for each view.
            others = {name: self.net.branches[name](batch[name]) for name in self.modalities if name != "image"}
            batch["features"] = others | {"image": image}
        answers = {}
        for view in views:
            present = {name: torch.full((len(texts),), view in (ALL, name)) for name in self.modalities}
            answers[view] = self.net(batch | {"present": present}).double().numpy()
        return answers

    def _image_features(self, pictures: np.ndarray) -> torch.Tensor:
        """(W, [K,] H, W, 3) uint8, of K tiles -> features (W, [K,] D)."""
        flat = torch.from_numpy(pictures.reshape(-1, *pictures.shape[-3:]))
        features = torch.cat([self.net.branches["image"](part) for part in flat.split(AT_ONCE)])
        return features.reshape(*pictures.shape[:-3], -1)


def count_lines(text: str) -> int:
    """Return the number of lines, without blank ones at either end; 1 for an empty text."""
    return text.strip("\n").count("\n") + 1


def spread(text: str) -> list[str]:
    """Return the windows of a text, up to MAX_WINDOWS of them, evenly spread; the whole text when it has none."""
    parts = [window for window in windows(text) if window.strip()] or [text.strip("\n")]
    if len(parts) <= MAX_WINDOWS:
        return parts
    return [parts[round(i)] for i in np.linspace(0, len(parts) - 1, MAX_WINDOWS)]
