"""A trained model -> the folder of its export, whole or not there at all."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion import __version__
from fusion.config.errors import UserError
from fusion.exports.check import check, compare
from fusion.exports.graphs import (
    CharactersGraph,
    ColoursGraph,
    HeadGraph,
    ImageGraph,
    ReaderGraph,
    TextGraph,
    text_columns,
)
from fusion.exports.int8 import quantise
from fusion.exports.onnx_file import write_graph
from fusion.exports.preprocessing import describe
from fusion.exports.samples import Samples
from fusion.files import replacing_folder, sha256_of
from fusion.model.checkpoint import Model
from fusion.model.late_fusion import COLOURS, READ
from fusion.reading.network import shipped_recognizer
from fusion.serving import runner
from fusion.serving.onnx_folder import KIND, MODEL, SCHEMA

EXAMPLES = (
    "def f(x):\n    return x + 1\n",
    "int main(void) { return 0; }\n",
    "a {\n  color: red;\n}\n\nb { top: 1px }\n",
)


@dataclass
class Written:
    """The graphs that lie in a folder so far."""

    folder: Path
    graphs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, module: Any, columns: Mapping[str, np.ndarray], sizes: Any) -> None:
        """Write a graph; sizes: of each column, the dimensions that may be any."""
        path = self.folder / f"{name}.onnx"
        write_graph(module, columns, sizes, path)
        inputs = {
            key: {"type": str(column.dtype), "shape": _shape(column, sizes[key])} for key, column in columns.items()
        }
        self.graphs[name] = {"file": path.name, "inputs": inputs, "outputs": list(module.outputs)}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what model.json says of the graphs."""
        paths = {name: self.folder / entry["file"] for name, entry in self.graphs.items()}
        return {
            name: entry | {"bytes": paths[name].stat().st_size, "sha256": sha256_of(paths[name])}
            for name, entry in self.graphs.items()
        }


def export(model: Model, folder: Path, samples: Samples, int8: bool = False) -> dict[str, Any]:
    """Write the folder, and return what its model.json says.

    The answers of the graphs are compared with torch's; UserError where they differ. int8: tables, layers and
    convolutions in 8 bits, compared again.
    """
    check_place(folder)
    with replacing_folder(folder) as part:
        written = Written(part)
        _write_text(written, model, int8=False)
        _write_image(written, model)
        _write_head(written, model)
        _write_reader(written)
        if model.tokenizer is not None:
            (part / "tokenizer.json").write_text(model.tokenizer.to_json(), encoding="utf-8")
        shutil.copyfile(runner.__file__, part / "runner.py")
        content: dict[str, Any] = {
            "schema": SCHEMA, "kind": KIND, "fusion": __version__, "torch": torch.__version__,
            "meta": model.meta, "precision": "float", "graphs": written.facts(),
            "preprocessing": describe(model, part), "check": {},
        }  # fmt: skip
        _write_content(part, content)
        content["check"] = check(model, part, samples)
        if int8:
            _write_text(written, model, int8=True)
            quantise(model, written.graphs, part, samples.texts)
            content |= {"precision": "int8", "graphs": written.facts()}
            _write_content(part, content)
            content["check"]["int8"] = compare(model, part, samples)
        _write_content(part, content)
    return content


def _write_text(written: Written, model: Model, int8: bool) -> None:
    if "text" not in model.net.branches:
        return
    graphs: dict[str, TextGraph | ColoursGraph] = {"text": TextGraph(model.net, int8)}
    if model.net.colours is not None:
        graphs[COLOURS] = ColoursGraph(model.net, int8)
    for name, graph in graphs.items():
        columns = text_columns(graph, model, EXAMPLES)
        sizes = {key: {0: "batch", 1: "linear_tokens" if key.startswith("linear") else "tokens"} for key in columns}
        written.add(name, graph, columns, sizes)


def _write_image(written: Written, model: Model) -> None:
    if "image" in model.net.branches:
        side = model.meta["input_shape"]
        pictures = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
        written.add("image", ImageGraph(model.net.branches["image"]), {"image": pictures}, {"image": {0: "batch"}})


def _write_head(written: Written, model: Model) -> None:
    """Write what fuses the branches; of a model of text alone it is part of text.onnx."""
    branches = model.net.branches
    if list(branches) == ["text"]:
        return
    columns: dict[str, np.ndarray] = {}
    has_member = getattr(branches["text"], "linear_member", None) is not None if "text" in branches else False
    for name in model.net.modalities:
        columns[f"{name}_features"] = np.zeros((2, model.net.widths[name]), np.float32)
        columns[f"{name}_present"] = np.ones(2, bool)
    for name in [*(("text", READ) if has_member else ()), *([COLOURS] if model.net.colours is not None else [])]:
        if name in (*model.net.modalities, COLOURS):
            columns[f"{name}_linear_member"] = np.zeros((2, len(model.meta["classes"])), np.float32)
    columns = dict(sorted(columns.items()))
    written.add("head", HeadGraph(model.net), columns, {name: {0: "batch"} for name in columns})


def _write_reader(written: Written) -> None:
    net = shipped_recognizer()
    high, wide = (8 * torch.export.Dim(name, min=2) for name in ("rows", "columns"))
    picture = np.random.default_rng(0).integers(0, 256, (96, 144, 3), dtype=np.uint8)
    written.add("reader", ReaderGraph(net), {"image": picture}, {"image": {0: high, 1: wide}})
    hidden = np.zeros((2, net.characters.in_features), np.float32)
    written.add("reader_characters", CharactersGraph(net), {"hidden": hidden}, {"hidden": {0: "cells"}})


def _shape(column: np.ndarray, sizes: Mapping[int, Any]) -> list[int | str]:
    """Return the shape, names in place of the sizes that may be any."""
    names = {at: size if isinstance(size, str) else "a multiple of 8" for at, size in sizes.items()}
    return [names.get(at, size) for at, size in enumerate(column.shape)]


def _write_content(folder: Path, content: dict[str, Any]) -> None:
    (folder / MODEL).write_text(json.dumps(content, indent=1), encoding="utf-8")


def check_place(folder: Path) -> None:
    """Raise UserError for a place that holds something else than an export."""
    if folder.exists() and not (folder / MODEL).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} holds something else than an export; give another DIR, or an empty one.")
