"""What `fusion export` wrote -> the classifier, by onnxruntime alone: torch is never imported."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion.config.errors import UserError
from fusion.serving.classifier import ALL, AT_ONCE, READ, TEXT, Classifier, Rows
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
    def colours(self) -> Graph:
        return self.export.graph("colours")

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

    def _logits(self, rows: Rows) -> dict[str, np.ndarray]:
        given = {f"{name}_present": of for name, of in rows.present.items()}
        if self.tokenizer is not None:
            given |= self._text(TEXT, rows.texts)
        if "text_logits" in given:
            return {ALL: given["text_logits"].astype(np.float64)}
        if self.reads:
            quality = np.stack([reading.quality for reading in rows.readings])
            given |= self._text(READ, [reading.text for reading in rows.readings])
            given["read_features"] = np.concatenate([given["read_features"], quality], axis=1)
            if self.export.has("colours"):
                coloured = self.tokenizer.arrays([reading.coloured for reading in rows.readings])
                given["colours_linear_member"] = self.net.colours(coloured)["linear_member"]
        return self._fused(given, rows.image)

    def _text(self, of: str, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return what the text graph says of texts, given or read, as the head takes it."""
        return {f"{of}_{name}": found for name, found in self.net.text(self.tokenizer.arrays(texts)).items()}

    def _fused(self, given: dict[str, np.ndarray], image: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return logits (W, C) of each view, of several tiles (W, K, D) the logarithm of their mean probabilities."""
        if image is None:  # missing
            count = len(next(iter(given.values())))
            image = np.zeros((count, self.export.content["graphs"]["head"]["inputs"]["image_features"]["shape"][1]))
        tiles = [image] if image.ndim == 2 else [image[:, k] for k in range(image.shape[1])]
        found = [self.net.head(given | {"image_features": tile.astype(np.float32)}) for tile in tiles]
        logits = {name.removeprefix("logits_"): [each[name] for each in found] for name in found[0]}
        logits[ALL] = logits.pop("logits")
        return {view: _mean(of_tiles).astype(np.float64) for view, of_tiles in logits.items()}

    def _image_features(self, pictures: np.ndarray) -> np.ndarray:
        flat = pictures.reshape(-1, *pictures.shape[-3:])
        parts = [self.net.image({"image": flat[i : i + AT_ONCE]})["features"] for i in range(0, len(flat), AT_ONCE)]
        return np.concatenate(parts).reshape(*pictures.shape[:-3], -1)


def _mean(logits: list[np.ndarray]) -> np.ndarray:
    """Logits (W, C) of each tile -> the logarithm of their mean probabilities; of one tile as they are."""
    if len(logits) == 1:
        return logits[0]
    return np.asarray(np.logaddexp.reduce([_log_softmax(rows) for rows in logits]) - np.log(len(logits)))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """(W, C) -> log-probabilities (W, C)."""
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
