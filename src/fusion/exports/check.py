"""The graphs of an export against the network they come from: the same answers to the same texts and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.config.errors import UserError
from fusion.config.render import DEFAULT_FONT, Size, load_render_options
from fusion.exports.samples import Samples
from fusion.model.checkpoint import Model
from fusion.reading.cells import SEEN
from fusion.reading.network import shipped_network
from fusion.screenshots.renderer import Renderer
from fusion.serving.classifier import Classifier, Sample
from fusion.serving.onnx_classifier import OnnxClassifier, OnnxNetwork
from fusion.serving.onnx_folder import open_export
from fusion.snippets.snippet import text_id

CLOSE = 1e-3  # difference of probabilities
PICTURES, SIZE = 4, Size(640, 400)  # that both readers look at; pixels of them


def check(model: Model, folder: Path, samples: Samples) -> dict[str, Any]:
    """Return how alike the answers are. Raises UserError where they are not the same."""
    found = compare(model, folder, samples)
    if not (found["max_difference"] <= CLOSE and found["agree"] == 1):  # nor for what is no number
        raise UserError(
            f"The export does not answer as the run does (probabilities differ by up to {found['max_difference']:.1g}, "
            f"{found['agree']:.1%} of the answers are the same), so it was not written; predict with the run itself."
        )
    off = reader_difference(folder, samples.texts)
    if not off <= CLOSE:
        raise UserError(
            f"The exported reader does not see what the reader does (probabilities differ by up to {off:.1g}), so the "
            "export was not written; predict with the run itself."
        )
    return found | {"reader_max_difference": off}


def compare(model: Model, folder: Path, samples: Samples) -> dict[str, Any]:
    """Return the share of the same answers, the largest difference, and both accuracies where labels are known."""
    asked = [Sample(text) for text in samples.texts]
    ours, theirs = Classifier(model)(asked), OnnxClassifier(folder)(asked)
    same = [ours[view].argmax(1) == theirs[view].argmax(1) for view in ours]
    found: dict[str, Any] = {
        "samples": len(asked),
        "texts": samples.source,
        "agree": round(float(np.mean(same)), 6),
        "max_difference": float(max(np.abs(ours[view] - theirs[view]).max() for view in ours)),
    }
    if samples.labels is not None:
        for name, answers in (("accuracy_torch", ours), ("accuracy_onnx", theirs)):
            answered = [model.meta["classes"][i] for i in answers["all"].argmax(1)]
            right = [a == b for a, b in zip(answered, samples.labels, strict=True)]
            found[name] = round(float(np.mean(right)), 4)
    return found


def reader_difference(folder: Path, texts: Sequence[str]) -> float:
    """Return by how much the reader's probabilities differ at most, on pictures of a few texts."""
    ours, net, off = shipped_network(), OnnxNetwork(open_export(folder)), [0.0]
    for picture in _pictures(list(texts[:PICTURES])):
        one, other = ours.look(picture), net.look(picture)
        inked = one.ink > SEEN  # (h, w)
        letters = [np.exp(each.characters(maps.hidden[inked])) for each, maps in ((ours, one), (net, other))]  # (N, C)
        for a, b in ((one.ink, other.ink), (one.roles, other.roles), letters):
            off.append(float(np.abs(a - b).max(initial=0)))
    return max(off)


def _pictures(texts: list[str]) -> np.ndarray:
    """Texts -> pictures of them (B, H, W, 3), for the reader."""
    renderer = Renderer(load_render_options("carbon", font=DEFAULT_FONT), SIZE, 64, seed=0)
    return renderer.source(texts, [text_id(text) for text in texts], None)
