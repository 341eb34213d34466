"""A module and an example of what it reads -> a file of ONNX, without a word about this machine."""

import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion.branches.tensors import as_tensors
from fusion.config.errors import UserError, first_line

Sizes = Mapping[int, Any]  # dimension -> its name, or a torch.export.Dim


def write_graph(module: Any, columns: Mapping[str, np.ndarray], sizes: Mapping[str, Sizes], path: Path) -> None:
    """Write the graph of a module that takes an array or, where it `takes_many`, a dict of them, by sorted names.

    sizes: the dimensions of each array that may be any. Raises UserError where torch cannot export the module.
    """
    takes_many = getattr(module, "takes_many", False)
    tensors = as_tensors(columns)
    free = {name: {at: _dim(size) for at, size in of.items()} for name, of in sizes.items()}
    first = next(iter(columns))
    argument, shapes = (tensors, free) if takes_many else (tensors[first], free[first])
    names: Any = {"input_names": list(columns), "output_names": list(module.outputs)}
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                module.eval(), (argument, {}), dynamo=True, dynamic_shapes=(shapes,), verbose=False,
                external_data=False, **names,
            )  # fmt: skip
            program.save(str(path))
    except Exception as error:  # whatever tracing and translating raise
        cause: Any = error.__cause__ or error
        raise UserError(
            f"torch cannot export {path.stem} of this model to ONNX "
            f"({type(cause).__name__}: {first_line(cause)[:200]}); predict with the run itself."
        ) from error
    _strip(path)


def _dim(size: Any) -> Any:
    return torch.export.Dim(size) if isinstance(size, str) else size


def _strip(path: Path) -> None:
    """Take out where in the source each node came from: paths of this machine, and a third of a small file."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    for part in (model.graph, *model.functions):
        for item in (*part.node, *getattr(part, "initializer", ()), *part.value_info):
            del item.metadata_props[:]
            item.doc_string = ""
    del model.graph.metadata_props[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the exporter tells of its progress from the terminal."""
    log = logging.getLogger("torch.onnx")
    others = [log, logging.getLogger("onnxscript"), logging.getLogger("onnx_ir")]
    levels = [each.level for each in others]
    fast = torch.backends.mha.get_fastpath_enabled()  # of attention: one operator, which ONNX lacks
    torch.backends.mha.set_fastpath_enabled(False)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for each in others:
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for each, level in zip(others, levels, strict=True):
                each.setLevel(level)
