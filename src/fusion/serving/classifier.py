"""Texts and pictures -> calibrated probabilities: of all modalities together, and of each alone.

A text is cut into windows as the training files were; the probabilities of up to MAX_WINDOWS of them, spread over the
text, are averaged. A picture that is given goes with every window of the text that was read in it.

Batches are made here, not by the DataModule's Collate, which would bring Lightning and its seconds. Torch is asked in
two methods alone, which onnx_classifier.py has without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.reading.transcript import QUALITY
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
TEXT, IMAGE, READ = "text", "image", "read"  # modalities
PICTURE = "picture"  # the view of all modalities but the text


@dataclass(frozen=True)
class Reading:
    """What was read in a picture, for a model to which that is a modality of its own."""

    text: str
    coloured: str  # its coloured words marked
    quality: np.ndarray  # (4,)


@dataclass(frozen=True)
class Sample:
    """What a model is asked about."""

    text: str
    image: np.ndarray | None = None  # (input_shape, input_shape, 3) uint8; None: drawn from the text, if need be
    read: Reading | None = None


@dataclass
class Rows:
    """W windows of texts, with what else a network is told."""

    present: dict[str, np.ndarray]  # by modality (W,) bool
    texts: list[str] = field(default_factory=list)
    image: np.ndarray | None = None  # features (W, [K,] D)
    readings: list[Reading] = field(default_factory=list)


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
        self.reads = bool(meta["fusion"].get("read"))  # what is read in a picture is a modality of its own
        self.renderer = make_renderer(meta) if IMAGE in meta["branches"] else None

    @property
    def modalities(self) -> list[str]:
        """Return the names of the branches, and of what is read."""
        return [*self.net.branches, *([READ] if self.reads else [])]

    def calibration(self, view: str) -> Calibration:
        """Return the calibration of a view, that of all modalities together where it has none of its own."""
        return self.calibrations.get(view, self.calibrations[ALL])

    def sample(self, text: str, picture: np.ndarray | None = None, transcript: "Transcript | None" = None) -> Sample:
        """Return a sample of a text and, where a branch would see it, a picture (H, W, 3).

        text: given with the picture, or read in it. transcript: what was read, for a model that has that for itself.
        """
        if picture is None or self.renderer is None:
            return Sample(text)
        image = as_seen(picture, self.renderer.size, self.renderer.shape)
        if not self.reads or transcript is None:
            return Sample(text, image)
        from fusion.reading.word_colours import with_colours

        return Sample(text, image, Reading(transcript.text, with_colours(transcript, picture), transcript.quality))

    def modalities_of(self, sample: Sample) -> list[str]:
        """Return the modalities that a sample has, or that are made from what it has."""
        if not self.reads:
            return self.modalities
        has = {TEXT: bool(sample.text.strip()), IMAGE: sample.image is not None}
        has[READ] = sample.read is not None and bool(sample.read.text.strip())
        return [name for name in self.modalities if has[name]]

    def view_of(self, sample: Sample) -> str:
        """Return whose calibration the answer about a sample has: of its one modality, of pictures, or of all."""
        has = self.modalities_of(sample)
        if not self.reads or len(has) == len(self.modalities):
            return ALL
        return has[0] if len(has) == 1 else ALL if TEXT in has else PICTURE

    def __call__(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """N samples -> {"all": (N, C)} and, of a model with several modalities, what each alone says."""
        views = [ALL, *(self.modalities if len(self.modalities) > 1 else ())]
        total = {view: np.zeros((len(samples), len(self.classes))) for view in views}
        number = np.zeros(len(samples))  # of windows, of each sample
        given = [i for i, sample in enumerate(samples) if sample.image is not None]
        images = [sample.image for sample in samples if sample.image is not None]
        features = self._image_features(np.stack(images)) if images else None  # (G, D)
        for of in ([i for i in range(len(samples)) if samples[i].image is None], given):
            flat = [(i, *pair) for i in of for pair in self._windows(samples[i])]
            for start in range(0, len(flat), AT_ONCE):
                part = flat[start : start + AT_ONCE]
                owner = np.array([i for i, _, _ in part])  # (W,)
                rows = self._rows([samples[i] for i in owner], [text for _, text, _ in part], [r for *_, r in part])
                if features is not None and of is given:
                    rows.image = features[np.searchsorted(given, owner)]
                np.add.at(number, owner, 1)
                self._add(total, owner, rows, samples)
        return {view: sums / number[:, None] for view, sums in total.items()}

    def _add(self, total: dict[str, np.ndarray], owner: np.ndarray, rows: Rows, samples: Sequence[Sample]) -> None:
        """Add the probabilities of rows to those of the samples (W,) that they belong to."""
        read = [reading.text for reading in rows.readings] or rows.texts
        lines = np.array(
            [count_lines(a or b or samples[i].text) for a, b, i in zip(rows.texts, read, owner, strict=True)]
        )
        answers = self._logits(rows)
        for view, sums in total.items():
            named = np.array([self.view_of(samples[i]) if view == ALL else view for i in owner])
            for name in np.unique(named):
                mine = named == name
                probabilities = self.calibration(str(name)).probabilities(answers[view][mine], lines[mine])
                np.add.at(sums, owner[mine], probabilities)

    def _windows(self, sample: Sample) -> list[tuple[str, str]]:
        """Return the windows of a text and of what was read, in pairs; a picture that no text goes with is one."""
        if sample.image is not None and self.tokenizer is None:
            return [("", "")]
        texts = spread(sample.text)
        read = spread(sample.read.coloured) if sample.read is not None else [""]
        most = max(len(texts), len(read))
        return [*zip(islice(cycle(texts), most), islice(cycle(read), most), strict=True)]

    def _rows(self, samples: Sequence[Sample], texts: list[str], read: list[str]) -> Rows:
        """Return windows of samples as a network is asked about them; pictures that must be drawn are.

        read: windows of what was read, coloured words marked.
        """
        from fusion.screenshots.word_colours import MARK

        has = [self.modalities_of(sample) for sample in samples]
        rows = Rows({name: np.array([name in each for each in has]) for name in self.modalities}, texts)
        if self.reads:
            blank = np.zeros(QUALITY, np.float32)
            rows.readings = [
                Reading(window.replace(MARK, ""), window, blank if sample.read is None else sample.read.quality)
                for window, sample in zip(read, samples, strict=True)
            ]
        elif IMAGE in self.modalities and samples[0].image is None:
            from fusion.snippets.snippet import text_id

            assert self.renderer is not None
            rows.image = self._image_features(self.renderer(texts, [text_id(text) for text in texts], None))
        return rows

    def _logits(self, rows: Rows) -> dict[str, np.ndarray]:
        """W windows -> logits (W, C) of all that is present and, of a model of several modalities, of each alone."""
        import torch

        from fusion.branches.tensors import as_tensors

        with torch.inference_mode():
            batch: dict[str, Any] = {"present": as_tensors(rows.present)}
            if self.tokenizer is not None:
                batch[TEXT] = self.tokenizer(rows.texts)
            if self.reads:
                quality = torch.from_numpy(np.stack([reading.quality for reading in rows.readings]))
                batch[READ] = self.tokenizer([reading.text for reading in rows.readings]) | {"quality": quality}
                batch["colours"] = self.tokenizer([reading.coloured for reading in rows.readings])
            if rows.image is not None:
                batch["features"] = {IMAGE: torch.from_numpy(rows.image)}
            return {view: logits.double().numpy() for view, logits in self.net.answers(batch).items()}

    def _image_features(self, pictures: np.ndarray) -> np.ndarray:
        """(W, [K,] H, W, 3) uint8, of K tiles -> features (W, [K,] D)."""
        import torch

        flat = torch.from_numpy(pictures.reshape(-1, *pictures.shape[-3:]))
        with torch.inference_mode():
            features = torch.cat([self.net.branches[IMAGE](part) for part in flat.split(AT_ONCE)])
        return features.reshape(*pictures.shape[:-3], -1).numpy()


def make_classifier(folder: Path) -> Classifier:
    """A run folder, its model folder, or what `fusion export` wrote -> its classifier; the last needs no torch."""
    from fusion.serving.onnx_folder import MODEL

    if (folder / MODEL).is_file():
        from fusion.serving.onnx_classifier import OnnxClassifier

        return OnnxClassifier(folder)
    from fusion.model import checkpoint

    return Classifier(checkpoint.load(folder if (folder / "meta.json").is_file() else folder / "model"))


def make_renderer(meta: dict[str, Any], knows_labels: bool = False) -> "Renderer":
    """meta.json -> what draws a text that no picture is given with; knows_labels: its colours may be the label's."""
    from fusion.config.options import parse
    from fusion.config.render import DEFAULT_FONT, Render, RenderOptions, parse_size
    from fusion.screenshots.renderer import Renderer

    changes = {"font": DEFAULT_FONT}
    if meta["render"].get("highlight") == "true" and not knows_labels:  # the label is what is asked for
        changes["highlight"] = "guessed"
    render: Render = parse(RenderOptions, meta["render"] | changes, "render")
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
