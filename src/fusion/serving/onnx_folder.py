"""What `fusion export` wrote, opened: model.json, and its graphs as sessions of onnxruntime; knows no torch."""

import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusion.config.errors import UserError, first_line
from fusion.files import sha256_of

MODEL, KIND, SCHEMA = "model.json", "fusion export", 1
MOST_THREADS = 4


@dataclass(frozen=True)
class Graph:
    """A graph in a session: arrays by name -> arrays by name; what it does not take is left out."""

    session: Any  # onnxruntime.InferenceSession

    @cached_property
    def inputs(self) -> frozenset[str]:
        return frozenset(item.name for item in self.session.get_inputs())

    @cached_property
    def outputs(self) -> list[str]:
        return [item.name for item in self.session.get_outputs()]

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = {name: array for name, array in arrays.items() if name in self.inputs}
        return dict(zip(self.outputs, self.session.run(None, given), strict=True))


@dataclass(frozen=True)
class Export:
    """A folder that `fusion export` wrote."""

    folder: Path
    content: dict[str, Any]  # of model.json

    @property
    def meta(self) -> dict[str, Any]:
        """Return meta.json of the model that was exported."""
        meta: dict[str, Any] = self.content["meta"]
        return meta

    def has(self, name: str) -> bool:
        return name in self.content["graphs"]

    def graph(self, name: str) -> Graph:
        """Return a graph in a session. Raises UserError for a file that is missing or damaged."""
        entry = self.content["graphs"][name]
        return open_graph(self.checked(entry["file"], entry["sha256"]))

    def checked(self, name: str, sha256: str) -> Path:
        """Return a file of the folder that is what was written. Raises UserError where it is not."""
        path = self.folder / Path(name).name  # of this folder, whatever model.json says
        if not path.is_file():
            raise UserError(f"{self.folder} has no {name}; copy the folder again, or run fusion export.")
        if sha256_of(path) != sha256:
            raise UserError(
                f"{path} is damaged: its sha256 is not the one in {MODEL}; copy it again, or run fusion export."
            )
        return path


def open_export(folder: Path) -> Export:
    """Folder -> what it holds. Raises UserError for one that holds no export, or one of a newer fusion."""
    path = folder / MODEL
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}); give a folder of fusion export.") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise UserError(f"{path} is not a file of fusion export; give the folder that fusion export --onnx wrote.")
    if content.get("schema") != SCHEMA:
        raise UserError(f"{path} was written by a newer fusion; upgrade fusion to use this model.")
    if not all(isinstance(content.get(part), dict) for part in ("meta", "graphs", "preprocessing")):
        raise UserError(f"{path} is damaged: it lacks meta, graphs or preprocessing; copy it or export again.")
    return Export(folder, content)


def open_graph(path: Path) -> Graph:
    """File -> a session, on as many threads as OMP_NUM_THREADS says, else on up to MOST_THREADS."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError("An exported model needs onnxruntime, which is not installed; run pip install 'fusion[onnx]'.")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(asked) if asked.isdigit() else min(MOST_THREADS, os.cpu_count() or 1)
    options.log_severity_level = 3  # errors
    try:
        return Graph(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except Exception as error:  # onnxruntime raises classes of its own that derive from nothing narrower
        raise UserError(
            f"{path} cannot be opened by onnxruntime ({first_line(error)}); copy it again, or run fusion export."
        ) from error
