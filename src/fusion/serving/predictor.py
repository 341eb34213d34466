"""Code -> Prediction: one schema for the command line, Python and whatever serves it.

A file is cut into windows as the training files were; the calibrated probabilities of up to
MAX_WINDOWS of them, spread over the file, are averaged.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion import __version__
from fusion.config.errors import UserError, did_you_mean
from fusion.datamodule import Collate
from fusion.model import checkpoint
from fusion.screenshots.fonts import ALWAYS
from fusion.screenshots.renderer import Renderer
from fusion.serving.inputs import Input
from fusion.snippets.corpus.extract import windows
from fusion.snippets.snippet import text_id

SCHEMA = 1
MAX_WINDOWS = 8  # of one file
FILES_AT_ONCE = 16
SHORT = 8  # signs that are no white space; below it nothing can be told
THRESHOLDS = {"high_confidence": 0.75, "medium_confidence": 0.5, "best_guess": 0.0}


@dataclass(frozen=True)
class Prediction:
    """What a file is; `label` is unknown exactly when the decision is abstained, null when it was not read."""

    path: str
    status: str  # ok, empty, binary, unreadable, not_found
    label: str | None
    decision: str  # accepted or abstained
    reason: str  # none, low_confidence, too_short, not_in_allowed_labels, no_number, empty, or the status
    score: float | None  # calibrated probability of raw.label
    threshold: float
    mode: str
    raw: dict[str, Any] | None  # label and score, whatever the threshold and the allowed labels
    top_k: list[dict[str, Any]]
    by_modality: dict[str, Any]
    input: dict[str, Any]
    model: dict[str, Any]
    error: str | None
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        return {"schema": self.schema} | asdict(self)


class Predictor:
    """A run folder, or its model folder -> predictions."""

    def __init__(self, run: Path, mode: str = "medium_confidence", labels: Sequence[str] = (), top: int = 5):
        model = checkpoint.load(run if (run / "meta.json").is_file() else run / "model")
        self.net, self.classes, self.mode, self.top = model.net, model.meta["classes"], mode, top
        self.temperature: float = model.meta["temperature"]
        self.allowed = np.array([label in labels for label in self.classes]) if labels else None
        for label in labels:
            if label not in self.classes:
                hint = did_you_mean(label, self.classes)
                raise UserError(f"The model knows no label {label!r}{hint}; it knows {', '.join(self.classes)}.")
        meta, renderer = model.meta, None
        if "image" in meta["branches"]:
            render = meta["render"] | {"font": ALWAYS}  # the one font that is on every machine
            renderer = Renderer(render, meta.get("source_size"), meta["input_shape"], meta["seed"])
        self._pairing = Collate(self.classes, model.tokenizer, renderer, epoch=None)
        self._about = {
            "name": meta["name"], "id": f"sha256:{meta['sha256']}", "calibrated": self.temperature != 1.0,
            "classes": len(self.classes), "version": __version__,
        }  # fmt: skip

    def predict(self, inputs: Iterable[Input]) -> Iterator[Prediction]:
        """Inputs -> one Prediction each, in their order; what is not text gets its status as the answer."""
        remaining = iter(inputs)
        while block := list(islice(remaining, FILES_AT_ONCE)):
            readable = [one for one in block if one.status == "ok"]
            answers = iter(self.probabilities([one.text for one in readable]))
            for one in block:
                yield self._answer(one, next(answers)) if one.status == "ok" else self._unanswered(one, one.status)

    @torch.inference_mode()
    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> calibrated probabilities (N, C), each text's averaged over its windows."""
        cut = [_spread(text) for text in texts]
        if not cut:
            return np.zeros((0, len(self.classes)))
        owner = torch.tensor([i for i, parts in enumerate(cut) for _ in parts])  # (W,)
        flat = [part for parts in cut for part in parts]
        per_window = []
        for start in range(0, len(flat), 32):
            part = flat[start : start + 32]
            ids = [text_id(text) for text in part]
            logits = self.net(self._pairing({"text": part, "id": ids})).float()  # (W, C)
            per_window.append((logits / self.temperature).softmax(1))
        total = torch.zeros(len(cut), len(self.classes)).index_add_(0, owner, torch.cat(per_window))  # (N, C)
        return (total / torch.bincount(owner)[:, None]).double().numpy()

    def _answer(self, one: Input, probability: np.ndarray) -> Prediction:
        if not np.isfinite(probability).all():  # weights that overflowed in training
            return self._unanswered(one, "no_number")
        raw = self._ranked(probability)[0]
        if self.allowed is not None:
            held = probability * self.allowed
            probability = held / max(held.sum(), 1e-12)
        leaderboard, threshold = self._ranked(probability), THRESHOLDS[self.mode]
        reason = "none"
        if sum(not sign.isspace() for sign in one.text[:1000]) < SHORT:
            reason = "too_short"
        elif leaderboard[0]["prob"] < threshold:
            reason = "low_confidence"
        elif self.allowed is not None and raw["label"] != leaderboard[0]["label"]:
            reason = "not_in_allowed_labels"
        accepted = reason == "none" or self.mode == "best_guess"
        return Prediction(
            one.path, "ok", leaderboard[0]["label"] if accepted else "unknown", "accepted" if accepted else "abstained",
            "none" if accepted else reason, leaderboard[0]["prob"], threshold, self.mode,
            {"label": raw["label"], "score": raw["prob"]}, leaderboard[: self.top], {}, self._facts(one), self._about, None,
        )  # fmt: skip

    def _ranked(self, probability: np.ndarray) -> list[dict[str, Any]]:
        order = np.argsort(-probability, kind="stable")
        return [{"label": self.classes[i], "prob": round(float(probability[i]), 6)} for i in order]

    def _unanswered(self, one: Input, reason: str) -> Prediction:
        """Without an error it is answered: with unknown. The others could not be read."""
        label = "unknown" if one.error is None else None
        return Prediction(
            one.path, one.status, label, "abstained", reason, None, THRESHOLDS[self.mode], self.mode,
            None, [], {}, self._facts(one), self._about, one.error,
        )  # fmt: skip

    def _facts(self, one: Input) -> dict[str, Any]:
        modalities = list(self.net.branches)
        return {
            "modalities": modalities if one.status == "ok" else [],
            "image_source": "rendered" if "image" in modalities else "missing", "text_source": "given",
            "bytes": one.size, "lines": one.text.count("\n") + bool(one.text) - one.text.endswith("\n"),
            "encoding": one.encoding, "truncated": one.truncated,
        }  # fmt: skip


def _spread(text: str) -> list[str]:
    """A text -> its windows, up to MAX_WINDOWS of them, evenly spread; the whole text when it has none."""
    cut = [window for window in windows(text) if window.strip()] or [text.strip("\n")]
    if len(cut) <= MAX_WINDOWS:
        return cut
    return [cut[round(i)] for i in np.linspace(0, len(cut) - 1, MAX_WINDOWS)]
