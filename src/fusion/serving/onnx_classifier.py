"""What `fusion export` wrote -> the classifier, by onnxruntime alone: torch is never imported."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.config.errors import UserError
from fusion.serving.classifier import AT_ONCE, Classifier
from fusion.serving.onnx_folder import MODEL, Export, Graph, open_export
from fusion.serving.runner import NgramReader

if TYPE_CHECKING:
    from fusion.branches import Tokenizer
    from fusion.reading.cells import CellMaps
    from fusion.reading.transcript import Transcript

FEW = 100  # texts that are read before n-grams are compiled


@dataclass(frozen=True)
class OnnxNet:
    """The graphs of a model, each opened when it is first asked."""

    export: Export

    @property
    def branches(self) -> list[str]:
        return list(self.export.meta["branches"])

    @cached_property
    def text(self) -> Graph:
        return self.export.graph("text")

    @cached_property
    def image(self) -> Graph:
        return self.export.graph("image")

    @cached_property
    def head(self) -> Graph:
        return self.export.graph("head")


@dataclass(frozen=True)
class OnnxModel:
    """What Classifier asks for, as checkpoint.Model has it."""

    net: OnnxNet
    meta: dict[str, Any]
    tokenizer: "TextReader | None"


class TextReader:
    """Texts -> the columns of the text graph.

    N-grams of the first FEW texts are read without numba, whose compiled code is ten times as fast but takes half a
    second to load.
    """

    def __init__(self, content: str, settings: dict[str, Any], spec: dict[str, Any]):
        self.content, self.spec, self.count = content, spec, 0
        self.first = NgramReader(settings, json.loads(content)["known"]) if settings["kind"] == "ngrams" else None

    def arrays(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        self.count += len(texts)
        if self.first is not None and self.count <= FEW:
            return self.first(texts)
        return self.tokenizer.arrays(texts)

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        from fusion.branches import restore_tokenizer

        return restore_tokenizer(self.content, self.spec)


class OnnxNetwork:
    """The recognizer of an export, as `read_picture` asks for it."""

    def __init__(self, export: Export):
        self.reader, self.letters = export.graph("reader"), export.graph("reader_characters")

    def look(self, strip: np.ndarray) -> "CellMaps":
        from fusion.reading.cells import CellMaps

        return CellMaps(**self.reader({"image": strip}))

    def characters(self, hidden: np.ndarray) -> np.ndarray:
        return self.letters({"hidden": hidden})["characters"]


class OnnxClassifier(Classifier):
    """Samples -> probabilities, by an exported model."""

    def __init__(self, folder: Path):
        """Raises UserError for a folder that is damaged, or was written by a newer fusion."""
        self.export = open_export(folder)
        try:
            net = OnnxNet(self.export)
            super().__init__(OnnxModel(net, self.export.meta, self._tokenizer()))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{folder / MODEL} is damaged ({type(error).__name__}: {error}); copy it again, or run fusion export."
            ) from error

    def read(self, picture: np.ndarray) -> "Transcript":
        """(H, W, 3) uint8 -> what stands in the picture."""
        from fusion.reading.reader import read_picture

        return read_picture(picture, self._network)

    @cached_property
    def _network(self) -> OnnxNetwork:
        return OnnxNetwork(self.export)

    def _tokenizer(self) -> TextReader | None:
        if "text" not in self.export.meta["branches"]:
            return None
        entry = self.export.content["preprocessing"]["text"]
        path = self.export.checked(entry["file"], entry["sha256"])
        content, spec = path.read_text(encoding="utf-8"), self.export.meta["branches"]["text"]
        return TextReader(content, entry["tokenizer"], spec)

    def _logits(
        self, texts: Sequence[str], image: np.ndarray | None, present: Sequence[dict[str, np.ndarray]]
    ) -> list[np.ndarray]:
        given: dict[str, np.ndarray] = {}
        if self.tokenizer is not None:
            given = {f"text_{name}": found for name, found in self.net.text(self.tokenizer.arrays(texts)).items()}
        if "text_logits" in given:
            return [given["text_logits"] for _ in present]
        assert image is not None
        return [self._fused(given | {f"{name}_present": of for name, of in each.items()}, image) for each in present]

    def _fused(self, given: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
        """Return logits (W, C), of several tiles (W, K, D) the logarithm of their mean probabilities."""
        tiles = [image] if image.ndim == 2 else [image[:, k] for k in range(image.shape[1])]
        logits = [self.net.head(given | {"image_features": tile})["logits"] for tile in tiles]
        if image.ndim == 2:
            return logits[0]
        return np.asarray(np.logaddexp.reduce([_log_softmax(rows) for rows in logits]) - np.log(len(tiles)))

    def _image_features(self, pictures: np.ndarray) -> np.ndarray:
        flat = pictures.reshape(-1, *pictures.shape[-3:])
        parts = [self.net.image({"image": flat[i : i + AT_ONCE]})["features"] for i in range(0, len(flat), AT_ONCE)]
        return np.concatenate(parts).reshape(*pictures.shape[:-3], -1)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """(W, C) -> log-probabilities (W, C)."""
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
