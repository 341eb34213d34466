"""Models of every kind -> exports that answer as they do; what cannot be exported, or does not answer so, is refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.exported import NANO
from tests.tiny import HEAD, IMAGE_ONLY, TEXT_ONLY, TINY, configured

from fusion.config.errors import UserError
from fusion.exports import check, write
from fusion.exports.samples import Samples, samples_of
from fusion.exports.write import export
from fusion.model import checkpoint
from fusion.model.checkpoint import Model
from fusion.training import run

KINDS = {
    "micro": ["backbone=none", "text=micro", "text.weights=2000", *HEAD],
    "nano alone": [*NANO, "text.ensemble_weights=0"],
    "ngram": ["backbone=none", "text=ngram", "text.features=4096", *HEAD],
    "bytes": [*TEXT_ONLY, "text.tokenizer=bytes"],
    "one head": ["text=ladder" if word == "text=scratch" else word for word in TEXT_ONLY] + ["text.variant=v4"],
    "tiles": [
        *IMAGE_ONLY, "render.view=tiles", "render.tile_size=32", "render.tile_count=2", "render.tile_margin=0",
    ],
    "nano and pictures": [*IMAGE_ONLY[:5], *NANO[1:]],
    **{name: [*TINY, f"fusion={name}"] for name in ("gated", "bilinear", "attention", "average", "stacking")},
}  # fmt: skip


@pytest.fixture
def without_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the graphs of the reader, the same in every export, whose tracing takes seconds."""
    monkeypatch.setattr(write, "_write_reader", lambda written: None)
    monkeypatch.setattr(check, "reader_difference", lambda folder, texts: 0.0)


@pytest.fixture(scope="module")
def model(corpus: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return what trains a tiny model of a kind and opens it."""

    def trained(kind: str) -> tuple[Model, Samples]:
        options = [*KINDS[kind], f"data.path={corpus}"]
        folder = run.run(configured(*options), options, tmp_path_factory.mktemp("kinds"))
        return checkpoint.load(folder / "model"), samples_of(folder, 20)

    return trained


@pytest.mark.usefixtures("without_reader")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_any_kind_answers_as_its_run(kind: str, model, tmp_path: Path) -> None:
    content = export(*_with_folder(model(kind), tmp_path / "out"))
    assert content["check"]["max_difference"] < 1e-4 and content["check"]["agree"] == 1
    assert content["check"]["texts"] == "the run's test split" and 0 < content["check"]["samples"] <= 20
    assert content["check"]["accuracy_torch"] == content["check"]["accuracy_onnx"]


def _with_folder(found: tuple[Model, Samples], folder: Path) -> tuple[Model, Path, Samples]:
    return found[0], folder, found[1]


@pytest.mark.usefixtures("without_reader")
@pytest.mark.parametrize("kind", ["ngram", "nano and pictures"])
def test_eight_bits_are_smaller_and_measured(kind: str, model, tmp_path: Path) -> None:
    found, texts = model(kind)
    whole = export(found, tmp_path / "float", texts)
    eight = export(found, tmp_path / "int8", texts, int8=True)
    assert eight["precision"] == "int8" and 0 <= eight["check"]["int8"]["agree"] <= 1
    assert {"accuracy_torch", "accuracy_onnx", "max_difference"} <= eight["check"]["int8"].keys()
    name = "text" if kind == "ngram" else "image"
    assert eight["graphs"][name]["bytes"] < 0.6 * whole["graphs"][name]["bytes"]


def test_a_folder_says_what_it_holds(nano: Path, nano_run: Path) -> None:
    content = json.loads((nano / "model.json").read_text())
    assert content["meta"] == json.loads((nano_run / "model" / "meta.json").read_text())
    assert {path.name for path in nano.iterdir()} == {
        "model.json", "tokenizer.json", "runner.py", *(entry["file"] for entry in content["graphs"].values())
    }  # fmt: skip
    assert content["graphs"]["text"]["inputs"]["input_ids"] == {"type": "int64", "shape": ["batch", "tokens"]}
    assert content["preprocessing"]["text"]["tokenizer"]["max_ngram"] == 5


def test_the_graphs_tell_nothing_about_this_machine(nano: Path) -> None:
    for path in nano.glob("*.onnx"):
        assert b"/site-packages/" not in path.read_bytes() and b"fusion/" not in path.read_bytes()
        assert all(not node.metadata_props for node in onnx.load(path).graph.node)


@pytest.mark.usefixtures("without_reader")
def test_an_export_is_replaced_and_nothing_else_is(model, nano: Path, nano_run: Path, tmp_path: Path) -> None:
    found, texts = checkpoint.load(nano_run / "model"), samples_of(nano_run, 5)
    export(found, tmp_path / "out", texts)
    (tmp_path / "out" / "left over").write_text("")
    export(found, tmp_path / "out", texts)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["out"]
    assert not (tmp_path / "out" / "left over").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(UserError, match="holds something else than an export"):
        export(found, tmp_path / "mine", texts)
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.usefixtures("without_reader")
def test_an_export_that_answers_otherwise_is_not_written(
    nano_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checkpoint.load(nano_run / "model")
    honest = check.OnnxClassifier.__call__
    monkeypatch.setattr(
        check.OnnxClassifier, "__call__",
        lambda self, asked: {view: np.roll(rows, 1, axis=1) for view, rows in honest(self, asked).items()},
    )  # fmt: skip
    with pytest.raises(UserError, match="does not answer as the run does"):
        export(found, tmp_path / "out", samples_of(nano_run, 5))
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]


def test_without_the_table_fusions_own_files_are_read(nano_run: Path, tmp_path: Path) -> None:
    record = json.loads((nano_run / "run.json").read_text())
    for change in ({"data_hash": "another"}, {"config": {}}):
        (tmp_path / "run.json").write_text(json.dumps(record | change))
        found = samples_of(tmp_path, 7)
        assert len(found.texts) == 7 and found.labels is None and found.source == "fusion's own files"
    assert samples_of(tmp_path / "nowhere", 3).source == "fusion's own files"
