"""Texts and pictures -> calibrated probabilities: of all modalities together, and of each alone.

A text is cut into windows as the training files were; the probabilities of up to MAX_WINDOWS of them, spread over the
text, are averaged. A picture that is given goes with every window of the text that was read in it.

Batches are made here, not by the DataModule's Collate, which would bring Lightning and its seconds. Torch is asked in
two methods alone, which onnx_classifier.py has without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.results.calibration import Calibration, read_calibrations
from fusion.screenshots.user_images import as_seen
from fusion.snippets.corpus.extract import windows

if TYPE_CHECKING:
    from fusion.model.checkpoint import Model
    from fusion.reading.transcript import Transcript
    from fusion.screenshots.renderer import Renderer

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

    read: "Callable[[np.ndarray], Transcript] | None" = None  # reads a picture; None: as fusion ocr does

    def __init__(self, model: "Model | Any"):
        self.meta: dict[str, Any] = model.meta
        meta = self.meta
        self.net: Any = model.net
        self.tokenizer: Any = model.tokenizer
        self.classes: list[str] = meta["classes"]
        self.calibrations = read_calibrations(meta)  # by view
        self.renderer = make_renderer(meta) if "image" in meta["branches"] else None

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
                answers = self._answers(texts, None if features is None else features[list(of)], views)
                for view, logits in answers.items():
                    np.add.at(total[view], owner, self.calibration(view).probabilities(logits, lines))
        return {view: sums / number[:, None] for view, sums in total.items()}

    def _windows(self, sample: Sample) -> list[str]:
        """Return the windows of a text; a picture that no text branch goes with is one."""
        return [""] if sample.image is not None and self.tokenizer is None else spread(sample.text)

    def _answers(self, texts: Sequence[str], image: np.ndarray | None, views: Sequence[str]) -> dict[str, np.ndarray]:
        """W texts, and features (W, D) of the pictures given with them -> for each view logits (W, C)."""
        if "image" in self.modalities and image is None:
            from fusion.snippets.snippet import text_id

            assert self.renderer is not None
            image = self._image_features(self.renderer(texts, [text_id(text) for text in texts], None))
        present = [{name: np.full(len(texts), view in (ALL, name)) for name in self.modalities} for view in views]
        logits = self._logits(texts, image, present)
        return {view: rows.astype(np.float64) for view, rows in zip(views, logits, strict=True)}

    def _logits(
        self, texts: Sequence[str], image: np.ndarray | None, present: Sequence[dict[str, np.ndarray]]
    ) -> list[np.ndarray]:
        """W texts, features (W, [K,] D) of pictures -> logits (W, C) for each of what is present, (W,) a modality."""
        import torch

        from fusion.branches.tensors import as_tensors

        with torch.inference_mode():
            batch: dict[str, Any] = {}
            if self.tokenizer is not None:
                batch["text"] = self.tokenizer(texts)
            if image is not None:
                # Each branch reads once, and the head is asked once for each view.
                others = {name: self.net.branches[name](batch[name]) for name in self.modalities if name != "image"}
                batch["features"] = others | {"image": torch.from_numpy(image)}
            return [self.net(batch | {"present": as_tensors(given)}).float().numpy() for given in present]

    def _image_features(self, pictures: np.ndarray) -> np.ndarray:
        """(W, [K,] H, W, 3) uint8, of K tiles -> features (W, [K,] D)."""
        import torch

        flat = torch.from_numpy(pictures.reshape(-1, *pictures.shape[-3:]))
        with torch.inference_mode():
            features = torch.cat([self.net.branches["image"](part) for part in flat.split(AT_ONCE)])
        return features.reshape(*pictures.shape[:-3], -1).numpy()


def make_classifier(folder: Path) -> Classifier:
    """A run folder, its model folder, or what `fusion export` wrote -> its classifier; the last needs no torch."""
    from fusion.serving.onnx_folder import MODEL

    if (folder / MODEL).is_file():
        from fusion.serving.onnx_classifier import OnnxClassifier

        return OnnxClassifier(folder)
    from fusion.model import checkpoint

    return Classifier(checkpoint.load(folder if (folder / "meta.json").is_file() else folder / "model"))


def make_renderer(meta: dict[str, Any]) -> "Renderer":
    """meta.json -> what draws a text that no picture is given with."""
    from fusion.config.options import parse
    from fusion.config.render import DEFAULT_FONT, Render, RenderOptions, parse_size
    from fusion.screenshots.renderer import Renderer

    render: Render = parse(RenderOptions, meta["render"] | {"font": DEFAULT_FONT}, "render")
    return Renderer(render, parse_size(meta["source_size"]), meta["input_shape"], meta["seed"])


def count_lines(text: str) -> int:
    """Return the number of lines, without blank ones at either end; 1 for an empty text."""
    return text.strip("\n").count("\n") + 1


def spread(text: str) -> list[str]:
    """Return the windows of a text, up to MAX_WINDOWS of them, evenly spread; the whole text when it has none."""
    parts = [window for window in windows(text) if window.strip()] or [text.strip("\n")]
    if len(parts) <= MAX_WINDOWS:
        return parts
    return [parts[round(i)] for i in np.linspace(0, len(parts) - 1, MAX_WINDOWS)]
