"""Code -> Prediction: one schema for the command line, Python and whatever serves it.

A file is cut into windows as the training files were; the calibrated probabilities of up to
MAX_WINDOWS of them, spread over the file, are averaged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion import __version__
from fusion.config.errors import UserError, did_you_mean
from fusion.config.options import parse
from fusion.config.render import DEFAULT_FONT, Render, RenderOptions, parse_size
from fusion.datamodule import Collate
from fusion.model import checkpoint
from fusion.screenshots.renderer import Renderer
from fusion.serving.inputs import Input
from fusion.snippets.corpus.extract import windows
from fusion.snippets.snippet import text_id

SCHEMA = 1
MAX_WINDOWS = 8  # of one file
FILES_AT_ONCE = 16
MIN_CHARACTERS = 8  # that are no white space; a shorter text tells nothing
THRESHOLDS = {"high_confidence": 0.75, "medium_confidence": 0.5, "best_guess": 0.0}


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a file is; `label` is unknown exactly when the decision is abstained, null when it was not read."""

    path: str
    status: str  # ok, empty, binary, unreadable, not_found
    label: str | None
    decision: str  # accepted or abstained
    reason: str  # none, low_confidence, too_short, not_in_allowed_labels, no_number, empty, or the status
    score: float | None = None  # calibrated probability of the best allowed label
    threshold: float
    mode: str
    raw: dict[str, Any] | None = None  # label and score, whatever the threshold and the allowed labels
    top_k: list[dict[str, Any]] = field(default_factory=list)
    by_modality: dict[str, Any] = field(default_factory=dict)
    input: dict[str, Any]
    model: dict[str, Any]
    error: str | None = None
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        return {"schema": self.schema} | asdict(self)


class Predictor:
    """A run folder, or its model folder -> predictions."""

    def __init__(self, run: Path, mode: str = "medium_confidence", labels: Sequence[str] = (), top: int = 5):
        """mode: one of THRESHOLDS; labels: the only ones to answer with, () for all; top: how many to list."""
        model = checkpoint.load(run if (run / "meta.json").is_file() else run / "model")
        meta, renderer = model.meta, None
        self.net, self.classes, self.mode, self.top = model.net, meta["classes"], mode, top
        self.temperature: float = meta["temperature"]
        for label in labels:
            if label not in self.classes:
                hint = did_you_mean(label, self.classes)
                raise UserError(f"The model knows no label {label!r}{hint}; it knows {', '.join(self.classes)}.")
        self.allowed = [i for i, label in enumerate(self.classes) if not labels or label in labels]
        if "image" in meta["branches"]:
            render: Render = parse(RenderOptions, meta["render"] | {"font": DEFAULT_FONT}, "render")
            renderer = Renderer(render, parse_size(meta["source_size"]), meta["input_shape"], meta["seed"])
        self._collate = Collate(self.classes, model.tokenizer, renderer, epoch=None)
        self._model = {
            "name": meta["name"], "id": f"sha256:{meta['sha256']}", "calibrated": self.temperature != 1.0,
            "classes": len(self.classes), "version": __version__,
        }  # fmt: skip

    def predict(self, inputs: Iterable[Input]) -> Iterator[Prediction]:
        """Yield one Prediction for each input, in their order; what is not text gets its status as the answer."""
        remaining = iter(inputs)
        while block := list(islice(remaining, FILES_AT_ONCE)):
            readable = [item for item in block if item.status == "ok"]
            answers = iter(self.probabilities([item.text for item in readable]))
            for item in block:
                yield self._answer(item, next(answers)) if item.status == "ok" else self._abstain(item, item.status)

    @torch.inference_mode()
    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> calibrated probabilities (N, C), each text's averaged over its windows."""
        windows_of = [_spread(text) for text in texts]
        if not windows_of:
            return np.zeros((0, len(self.classes)))
        owner = torch.tensor([i for i, parts in enumerate(windows_of) for _ in parts])  # (W,)
        flat = [part for parts in windows_of for part in parts]
        per_window = []
        for start in range(0, len(flat), 32):
            part = flat[start : start + 32]
            ids = [text_id(text) for text in part]
            logits = self.net(self._collate({"text": part, "id": ids})).float()  # (W, C)
            per_window.append((logits / self.temperature).softmax(1))
        total = torch.zeros(len(windows_of), len(self.classes)).index_add_(0, owner, torch.cat(per_window))  # (N, C)
        return (total / torch.bincount(owner)[:, None]).double().numpy()

    def _answer(self, item: Input, probability: np.ndarray) -> Prediction:
        """Return the answer to a text from its calibrated probabilities (C,)."""
        if not np.isfinite(probability).all():  # weights that overflowed in training
            return self._abstain(item, "no_number")
        raw = self._rank(probability, range(len(self.classes)))[0]
        total = probability[self.allowed].sum()
        ranking = self._rank(probability / total if total > 0 else probability, self.allowed)
        best, threshold, reason = ranking[0], THRESHOLDS[self.mode], "none"
        if sum(not character.isspace() for character in item.text[:1000]) < MIN_CHARACTERS:
            reason = "too_short"
        elif best["prob"] < threshold:
            reason = "low_confidence"
        elif raw["label"] != best["label"]:
            reason = "not_in_allowed_labels"
        accepted = reason == "none" or self.mode == "best_guess"
        return Prediction(
            path=item.path,
            status="ok",
            label=best["label"] if accepted else "unknown",
            decision="accepted" if accepted else "abstained",
            reason="none" if accepted else reason,
            score=best["prob"],
            threshold=threshold,
            mode=self.mode,
            raw={"label": raw["label"], "score": raw["prob"]},
            top_k=ranking[: self.top],
            input=self._facts(item),
            model=self._model,
        )

    def _rank(self, probability: np.ndarray, classes: Sequence[int]) -> list[dict[str, Any]]:
        """Return the classes given by number, most probable first."""
        order = sorted(classes, key=lambda i: -probability[i])  # stable: ties keep the order of the classes
        return [{"label": self.classes[i], "prob": round(float(probability[i]), 6)} for i in order]

    def _abstain(self, item: Input, reason: str) -> Prediction:
        """Return `unknown` for what was read and tells nothing, no label for what could not be read."""
        return Prediction(
            path=item.path,
            status=item.status,
            label="unknown" if item.error is None else None,
            decision="abstained",
            reason=reason,
            threshold=THRESHOLDS[self.mode],
            mode=self.mode,
            input=self._facts(item),
            model=self._model,
            error=item.error,
        )

    def _facts(self, item: Input) -> dict[str, Any]:
        modalities = list(self.net.branches)
        return {
            "modalities": modalities if item.status == "ok" else [],
            "image_source": "rendered" if "image" in modalities else "missing", "text_source": "given",
            "bytes": item.size, "lines": item.text.count("\n") + bool(item.text) - item.text.endswith("\n"),
            "encoding": item.encoding, "truncated": item.truncated,
        }  # fmt: skip


def _spread(text: str) -> list[str]:
    """Return the windows of a text, up to MAX_WINDOWS of them, evenly spread; the whole text when it has none."""
    parts = [window for window in windows(text) if window.strip()] or [text.strip("\n")]
    if len(parts) <= MAX_WINDOWS:
        return parts
    return [parts[round(i)] for i in np.linspace(0, len(parts) - 1, MAX_WINDOWS)]
