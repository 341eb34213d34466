"""Graphs of layers and convolutions -> the same with weights of 8 bits, by onnxruntime's quantisation.

Tables of n-grams are not among them: they are written in 8 bits from the start, see ngram_graphs.in_bytes. Layers have
their weights in 8 bits and measure what they are given as they run; convolutions are calibrated on pictures. The reader
stays as it is: a wrong character costs more than the megabyte.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.model.checkpoint import Model
from fusion.serving.classifier import make_renderer
from fusion.snippets.snippet import text_id

LOOK_UPS = ("nano", "micro", "linear")  # text branches whose tables are in 8 bits already
CALIBRATION = 64  # pictures


def quantise(model: Model, graphs: dict[str, dict[str, Any]], folder: Path, texts: Sequence[str]) -> None:
    """Replace the graphs in a folder by graphs of 8 bits, under the same names."""
    logging.getLogger("root").addFilter(_silent)
    try:
        if "head" in graphs:
            _layers(folder / graphs["head"]["file"])
        if "text" in graphs and model.meta["branches"]["text"]["name"] not in LOOK_UPS:
            _layers(folder / graphs["text"]["file"])
        if "image" in graphs:
            _convolutions(folder / graphs["image"]["file"], _pictures(model, texts))
    finally:
        logging.getLogger("root").removeFilter(_silent)


def _silent(record: logging.LogRecord) -> bool:
    """Return whether to show a record: the quantisation tells of every node that it leaves alone."""
    return record.levelno >= logging.ERROR


def _layers(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        quantize_dynamic(path, Path(place) / path.name, per_channel=True, weight_type=QuantType.QInt8)
        (Path(place) / path.name).replace(path)


def _convolutions(path: Path, pictures: np.ndarray) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        prepared, out = Path(place) / "prepared.onnx", Path(place) / path.name
        quant_pre_process(path, prepared, skip_symbolic_shape=True)  # which tells of itself on standard output
        quantize_static(
            prepared, out, _Pictures(pictures), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )  # fmt: skip
        out.replace(path)


def _pictures(model: Model, texts: Sequence[str]) -> np.ndarray:
    """Return what the image branch sees of some texts, (N, H, W, 3) uint8."""
    some = list(texts[:CALIBRATION])
    pictures = make_renderer(model.meta)(some, [text_id(text) for text in some], None)
    return np.asarray(pictures.reshape(-1, *pictures.shape[-3:])[:CALIBRATION])


class _Pictures:
    """Gives the calibration one picture after the other."""

    def __init__(self, pictures: np.ndarray):
        self._remaining: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._remaining, None)
        return None if picture is None else {"image": picture[None]}
