"""A configuration -> a run folder, whatever becomes of it."""

import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.tiny import CODE, HEAD, IMAGE_ONLY, TEXT_ONLY, TINY, WORDS, configured

from fusion.config.data import load_data_options
from fusion.config.errors import UserError
from fusion.config.groups import read_group
from fusion.config.schema import load_config
from fusion.results import statistics
from fusion.results.record import read_run
from fusion.training import run as training

pytestmark = pytest.mark.filterwarnings("ignore:.*in eval mode at the start")

CODEBERTA = ["backbone=none", "text=codeberta", *HEAD]


def train(place: Path, corpus: Path, *overrides: str, base: list[str] = TINY) -> Path:
    return training.run(configured(*base, f"data.path={corpus}", *overrides), overrides, place)


def test_a_run_leaves_a_whole_folder(trained: Path) -> None:
    run = read_run(trained)
    assert run["status"] == "completed" and run["error"] is None
    assert run["classes"] == sorted(CODE)
    assert run["resolved"]["weights"] == {"text": "random", "image": "random"}
    assert run["metrics"]["test"]["n"] == run["samples"]["test"] and run["metrics"]["val"]["n"] == run["samples"]["val"]
    assert len((trained / "metrics.csv").read_text().splitlines()) == 1 + 2
    for name in ("run.log", "model/model.safetensors", "model/meta.json", "model/tokenizer.json"):
        assert (trained / name).stat().st_size > 0
    for name in ("plots/curves.png", "plots/confusion.png"):
        assert (trained / name).read_bytes().startswith(b"\x89PNG")
    assert not [path.name for path in trained.rglob(".*")], "temporary files were left"


def test_the_metrics_of_a_run_are_those_of_its_predictions(trained: Path) -> None:
    run, table = read_run(trained), pq.read_table(trained / "predictions.parquet")
    assert table.column_names == ["id", "split", "group", "label", "source", "lines", "predicted", "logits"]
    for split in ("val", "test"):
        rows = [row for row in table.to_pylist() if row["split"] == split]
        logits, labels = np.array([row["logits"] for row in rows]), [row["label"] for row in rows]
        assert logits.shape == (run["metrics"][split]["n"], 3)
        assert [run["classes"][i] for i in logits.argmax(1)] == [row["predicted"] for row in rows]
        assert run["metrics"][split].items() >= statistics.scores(labels, [row["predicted"] for row in rows]).items()
        truth = np.array([run["classes"].index(label) for label in labels])
        nll = statistics.negative_log_likelihood(logits, truth, run["temperature"])
        assert run["metrics"][split]["nll"] == pytest.approx(nll, rel=1e-5)


def test_every_run_json_can_be_read_by_any_json_reader(trained: Path) -> None:
    text = (trained / "run.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert str(trained.parent) not in json.dumps(json.loads(text)["config"]["runs"])


def test_the_same_seed_gives_the_same_run(tmp_path: Path, corpus: Path) -> None:
    first, second = train(tmp_path, corpus), train(tmp_path, corpus)
    other = train(tmp_path, corpus, "seed=1")
    assert first != second
    assert read_run(first)["metrics"] == read_run(second)["metrics"]
    assert pq.read_table(first / "predictions.parquet") == pq.read_table(second / "predictions.parquet")
    assert pq.read_table(first / "predictions.parquet") != pq.read_table(other / "predictions.parquet")


def test_a_run_asks_no_address(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: object) -> None:
        pytest.fail(f"asked {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: pytest.fail(f"looked up {asked}"))
    assert read_run(train(tmp_path, corpus, "epochs=1"))["status"] == "completed"


@pytest.mark.parametrize(("base", "branch"), [(TEXT_ONLY, "text"), (IMAGE_ONLY, "image")])
def test_each_branch_trains_alone(tmp_path: Path, corpus: Path, base: list[str], branch: str) -> None:
    run = read_run(train(tmp_path, corpus, base=base))
    assert run["status"] == "completed" and set(run["resolved"]["weights"]) == {branch}


def test_what_was_asked_stays_and_what_was_used_stands_beside_it(tmp_path: Path, corpus: Path) -> None:
    config = configured(*CODEBERTA, f"data.path={corpus}", "lr=search", "precision=auto", "device=cpu")
    folder = training.run(config, [], tmp_path)
    run = read_run(folder)
    assert run["config"] == json.loads(json.dumps(config.to_dict())) and load_config(run["config"]) == config
    assert run["config"]["lr"] == "search" and run["config"]["text"]["name"] == "codeberta"
    resolved = run["resolved"]
    assert resolved["text"] == "nano" and resolved["text_options"] == {
        **resolved["text_options"],
        **read_group("text", "nano"),
    }
    assert resolved["lr"] == run["lr_finder"]["chosen"] > 0
    assert resolved["weights"] == {"text": "random"} and resolved["weights_id"] == {}
    assert (resolved["device"], resolved["precision"]) == ("cpu", "32-true")
    assert "Instead of codeberta this run trains `nano`" in (folder / "run.log").read_text()
    assert (folder / "plots" / "learning_rate.png").read_bytes().startswith(b"\x89PNG")


def test_a_fallback_is_trained_as_its_own_options_say(tmp_path: Path, corpus: Path, monkeypatch) -> None:
    class Stop(Exception):
        pass

    def stop(config: Any, *_: Any) -> None:
        raise Stop(f"{config.text.name} at {config.text.lr}")

    monkeypatch.setattr(training, "fit", stop)
    with pytest.raises(UserError, match=r"Stop: nano at 0\.01"):
        train(tmp_path, corpus, base=CODEBERTA)


@pytest.mark.parametrize("override", ["text.fallback=null", "text.weights=pretrained"])
def test_weights_that_were_demanded_and_cannot_be_had_fail_the_run(tmp_path: Path, corpus: Path, override: str) -> None:
    with pytest.raises(UserError, match="CodeBERTa-small-v1 are not on this machine"):
        train(tmp_path, corpus, override, base=CODEBERTA)
    assert [read_run(path.parent)["status"] for path in tmp_path.rglob("run.json")] == ["failed"]


def test_a_run_with_every_option_records_what_it_did(tmp_path: Path, corpus: Path, capsys) -> None:
    folder = train(
        tmp_path, corpus, "lr=search", "backbone.freeze={1: all but 2, 2: none}", "backbone.lr_decay=0.8",
        "backbone.batchnorm=recalibrate", "backbone.channels=1", "augment=code", "optimizer=rmsprop", "schedule=cosine",
        "schedule.warmup=2", "loss.class_weights=balanced", "loss.label_smoothing=0.1", "loss.l2.activity=0.001",
        base=IMAGE_ONLY,
    )  # fmt: skip
    run, shown = read_run(folder), capsys.readouterr().err
    assert run["config"]["lr"] == "search" and run["resolved"]["lr"] == run["lr_finder"]["chosen"] > 0
    assert run["batchnorm"]["policy"] == "recalibrate" and run["batchnorm"]["layers"] > 0
    assert {"train_mode_accuracy", "eval_mode_accuracy", "diverged"} <= run["batchnorm"].keys()
    assert run["image"]["channels"] == 1 and len(run["image"]["normalisation"]["mean"]) == 3
    assert "epoch 1: 2 of the" in shown and "epoch 2: 6 of the" not in shown.split("epoch 1 of 2")[0]
    assert "Traceback" not in shown and "Warning" not in shown


def test_a_frozen_branch_is_saved_as_it_came(tmp_path: Path, corpus: Path) -> None:
    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "given.safetensors")
    folder = train(
        tmp_path, corpus, f"backbone.weights={tmp_path}/given.safetensors", "backbone.freeze=all", "epochs=1",
        base=IMAGE_ONLY,
    )  # fmt: skip
    given, saved = load_file(tmp_path / "given.safetensors"), load_file(folder / "model" / "model.safetensors")
    inside = {name.removeprefix("branches.image.net."): value for name, value in saved.items() if "image" in name}
    assert inside and all(torch.equal(value, given[name]) for name, value in inside.items())
    assert read_run(folder)["batchnorm"] == {"policy": "adapt", "layers": 0}


def test_a_learning_rate_far_too_high_fails_the_run_in_one_sentence(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match="lower lr") as caught:
        train(tmp_path, corpus, "lr=1e30")
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert "\n" not in str(caught.value) and read_run(folder)["error"] == str(caught.value)


def test_an_input_shape_the_backbone_cannot_take_is_found_before_training(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match="inception_v3 cannot take input_shape=40"):
        train(tmp_path, corpus, "backbone.model=inception_v3", "input_shape=40")


@pytest.mark.parametrize(("override", "warning"), [
    ("source_size=200x24", "warning: source_size=200×24 is smaller than input_shape=32: pictures are enlarged"),
    ("render.highlight=true", "warning: render.highlight=true colours a picture with the lexer of its label"),
])  # fmt: skip
def test_what_is_hardly_wanted_is_warned_of_once_a_run(tmp_path: Path, corpus: Path, capsys, override, warning) -> None:
    folder = train(tmp_path, corpus, override, "epochs=1", base=IMAGE_ONLY)
    option = override.partition("=")[0]
    for text in (capsys.readouterr().err, (folder / "run.log").read_text()):
        assert text.count(warning) == 1
        assert sum("warning" in line.lower() and option in line for line in text.splitlines()) == 1


def test_screenshots_of_the_users_own_are_learnt_from(tmp_path: Path) -> None:
    lines = ["text,label,shot"]
    for i in range(30):
        label = ("red", "blue")[i % 2]
        Image.new("RGB", (60, 40), label).save(tmp_path / f"{i}.png")
        lines.append(f"{WORDS[i]} = {WORDS[i + 30]}({WORDS[i + 60]}),{label},{i}.png")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    config = configured(*IMAGE_ONLY, "data.path=x", "epochs=20", "patience=null")
    options = load_data_options("csv", path=f"{tmp_path}/own.csv", image_column="shot")
    folder = training.run(replace(config, data=options), [], tmp_path / "runs")
    assert read_run(folder)["metrics"]["test"]["accuracy"] == 1.0, "the colour of the file tells the label"


def test_a_place_that_cannot_be_written_is_found_before_training(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="No run can be written to"):
        training.run(configured(*TINY, f"data.path={corpus}"), [], tmp_path / "file" / "runs")


def test_the_log_of_a_run_holds_the_traceback_that_its_error_promises(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "make_model", lambda *_: {}["nothing"])
    with pytest.raises(UserError, match=r"KeyError: 'nothing' .the whole traceback is in (.*run.log)") as failed:
        train(tmp_path, corpus)
    log = Path(str(failed.value).split("is in ")[1].rstrip(")")).read_text()
    assert "Traceback" in log and "test_run.py" in log and "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AssertionError(), r"AssertionError: AssertionError \(the whole traceback is in .*/run\.log\)"),
        (MemoryError(), r"Out of memory \(MemoryError\); lower batch_size or input_shape\."),
        (OSError(28, "No space left on device"), r"No room is left to write \(.*\); free some, or choose runs=DIR elsewhere\."),
        (RuntimeError("I/O error: Disk quota exceeded (os error 122)"), "No room is left to write"),
        (ValueError("one\ntwo"), r"ValueError: one \(the whole traceback"),
    ],
)  # fmt: skip
def test_any_error_is_one_sentence_in_the_record(tmp_path: Path, monkeypatch, error: Exception, sentence: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(training, "load_data", fail)
    with pytest.raises(training.RunFailed, match=sentence):
        training.run(configured(*TEXT_ONLY, "data.path=x"), [], tmp_path)
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    run = read_run(folder)
    assert run["status"] == "failed" and re.match(sentence, run["error"]) and "\n" not in run["error"]
