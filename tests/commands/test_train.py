"""python -m fusion.train, as users call it."""

import csv
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image
from tests.tiny import CODE, HEAD, IMAGE, TEXT_ONLY, TINY, WORDS, Command, sample, write_corpus

from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.results.record import read_run
from fusion.training import run as experiment


def configured(corpus: Path, *overrides: str, base: list[str] = TINY) -> dict[str, Any]:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*base, f"data.path={corpus}", *overrides]))


def train(tmp_path: Path, corpus: Path, *overrides: str, base: list[str] = TINY) -> Path:
    return experiment.run(configured(corpus, *overrides, base=base), overrides, tmp_path)


def test_a_run_leaves_a_whole_folder(trained: Path) -> None:
    run = read_run(trained)
    assert run["status"] == "completed" and run["error"] is None
    assert run["classes"] == sorted(CODE)
    assert run["weights"] == {"text": "random", "image": "random"}
    assert 0 <= run["metrics"]["test"]["accuracy"] <= 1 and run["metrics"]["val"]["n"] > 0
    predictions = pq.read_table(trained / "predictions.parquet")
    assert predictions.column_names == ["id", "split", "group", "label", "source", "lines", "predicted", "logits"]
    assert predictions.num_rows == run["metrics"]["val"]["n"] + run["metrics"]["test"]["n"]
    assert {len(logits) for logits in predictions["logits"].to_pylist()} == {3}
    assert len((trained / "metrics.csv").read_text().splitlines()) == 1 + 2
    for name in ("run.log", "model/model.safetensors", "model/meta.json", "model/tokenizer.json"):
        assert (trained / name).stat().st_size > 0
    for name in ("plots/curves.png", "plots/confusion.png"):
        assert (trained / name).read_bytes().startswith(b"\x89PNG")
    assert not [path.name for path in trained.rglob(".*")], "temporary files were left"


def test_the_same_seed_gives_the_same_run(tmp_path: Path, corpus: Path) -> None:
    first, second = train(tmp_path, corpus), train(tmp_path, corpus)
    other = train(tmp_path, corpus, "seed=1")
    assert first != second
    assert read_run(first)["metrics"] == read_run(second)["metrics"]
    assert pq.read_table(first / "predictions.parquet") == pq.read_table(second / "predictions.parquet")
    assert pq.read_table(first / "predictions.parquet") != pq.read_table(other / "predictions.parquet")


def test_a_run_that_is_taken_instead_of_repeated_is_named(trained: Path, corpus: Path, fusion: Command) -> None:
    again = fusion("train", *TINY, f"data.path={corpus}", "again=false", cwd=trained.parents[2])
    assert again.returncode == 0, again.stderr
    assert again.stdout.strip() == str(trained.relative_to(trained.parents[2]))
    assert "is this very run, completed" in again.stderr


def test_a_run_asks_no_address(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: object) -> None:
        pytest.fail(f"asked {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: pytest.fail(f"looked up {asked}"))
    assert read_run(train(tmp_path, corpus, "epochs=1"))["status"] == "completed"


def test_a_completed_run_is_not_repeated_unless_asked(tmp_path: Path, corpus: Path) -> None:
    def run(*overrides: str, of: Path = corpus) -> Path:
        return train(tmp_path / "runs", of, *overrides, base=TEXT_ONLY)

    first = run("again=false")
    assert run("again=false", "num_workers=1") == first
    assert run("again=false", "lr=0.01") != first
    assert run() != first
    (corpus_too := tmp_path / "code").symlink_to(write_corpus(tmp_path / "five", files=5))
    second = run("again=false", of=corpus_too)
    corpus_too.unlink()
    corpus_too.symlink_to(write_corpus(tmp_path / "seven", files=7))
    assert run("again=false", of=corpus_too) != second, "the same path holds other data now"


@pytest.mark.parametrize(("base", "branch"), [(TEXT_ONLY, "text"), ([*IMAGE, "text=none", *HEAD], "image")])
def test_each_branch_trains_alone(tmp_path: Path, corpus: Path, base: list[str], branch: str) -> None:
    run = read_run(train(tmp_path, corpus, base=base))
    assert run["status"] == "completed" and set(run["weights"]) == {branch}


CODEBERTA = ["backbone=none", *HEAD]  # the default text branch


def test_codeberta_falls_back_aloud(tmp_path: Path, corpus: Path) -> None:
    folder = train(tmp_path, corpus, base=CODEBERTA)
    assert read_run(folder)["text"] == "nano" and read_run(folder)["weights"] == {"text": "random"}
    assert "Instead of codeberta this run trains `nano`" in (folder / "run.log").read_text()


@pytest.mark.parametrize("override", ["text.fallback=null", "text.weights=pretrained"])
def test_weights_that_were_demanded_and_cannot_be_had_are_an_error(tmp_path: Path, corpus: Path, override: str) -> None:
    with pytest.raises(UserError, match="CodeBERTa-small-v1 are not on this machine"):
        train(tmp_path, corpus, override, base=CODEBERTA)
    assert [read_run(path.parent)["status"] for path in tmp_path.rglob("run.json")] == ["failed"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("input_shape=0", "input_shape=0 must be"),
        ("lr=-1", "lr=-1 must be"),
        ("epochs=0", "epochs=0 must be"),
        ("device=gpu", "device=gpu is not known"),
        ("backbone.model=densnet121", "did you mean densenet121"),
        ("optimizer.name=adm", "did you mean adam"),
        ("lr=1e30", "lower lr"),
    ],
)
def test_bad_values_get_one_sentence(tmp_path: Path, corpus: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        train(tmp_path, corpus, override)
    assert "\n" not in str(caught.value)


def test_an_input_shape_the_backbone_cannot_take_is_found_before_training(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match="inception_v3 cannot take input_shape=40"):
        train(tmp_path, corpus, "backbone.model=inception_v3", "input_shape=40")


def test_nothing_to_learn_from(tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(UserError, match="leave nothing to learn from"):
        train(tmp_path, corpus, base=["backbone=none", "text=none", *HEAD])


def test_enlarged_pictures_are_warned_of(tmp_path: Path, corpus: Path) -> None:
    config = configured(corpus, "source_size=200x64", "input_shape=96")
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(experiment.log, "warning", lambda text, *values: said.append(text % values))
        experiment.warn(config)
    assert said and "enlarged" in said[0]


def test_screenshots_of_the_users_own_are_learnt_from_and_broken_ones_left_out(tmp_path: Path) -> None:
    lines = ["text,label,shot"]
    for i in range(30):
        label = ("red", "blue")[i % 2]
        Image.new("RGB", (60, 40), label).save(tmp_path / f"{i}.png")
        lines.append(f"{WORDS[i]} = {WORDS[i + 30]}({WORDS[i + 60]}),{label},{i}.png")
    (tmp_path / "29.png").write_bytes(b"broken")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    head = [item for item in HEAD if not item.startswith("data")]
    own = ["data=csv", f"data.path={tmp_path}/own.csv", "data.image_column=shot", "epochs=20", "patience=null"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = to_dict(compose("train", [*IMAGE, "text=none", *head, *own]))
    folder = experiment.run(config, [], tmp_path / "runs")
    assert read_run(folder)["metrics"]["test"]["accuracy"] == 1.0, "the colour of the file tells the label"
    assert "1 of 30 pictures cannot be read" in (folder / "run.log").read_text()


def test_an_empty_and_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        train(tmp_path / "runs", tmp_path / "empty")
    with pytest.raises(UserError, match="nowhere is not a folder"):
        train(tmp_path / "runs", tmp_path / "nowhere")


def test_one_class_and_a_class_of_one(tmp_path: Path) -> None:
    code = write_corpus(tmp_path / "code")
    (code / "single").mkdir()
    (code / "single" / "a.txt").write_text("print('alone')\n" * 3)
    with pytest.raises(UserError, match="'single' has 1"):
        train(tmp_path / "runs", code)
    only = tmp_path / "only"
    (only / "python").mkdir(parents=True)
    for i in range(5):
        (only / "python" / f"{i}.py").write_text(sample("python", i))
    with pytest.raises(UserError, match="at least 2 labels"):
        train(tmp_path / "runs", only)


def test_binary_files_are_left_out(tmp_path: Path) -> None:
    code = write_corpus(tmp_path / "code")
    (code / "python" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    (code / "python" / "latin.txt").write_bytes("größe = 1\nüber = 2\n".encode("latin-1") * 6)
    folder = train(tmp_path / "runs", code, base=TEXT_ONLY)
    assert read_run(folder)["status"] == "completed"
    assert "1 binary" in (folder / "run.log").read_text()


def test_a_place_that_cannot_be_written_is_found_before_training(tmp_path: Path, corpus: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="No run can be written to"):
        experiment.run(configured(corpus), [], tmp_path / "file" / "runs")


def test_the_log_of_a_run_holds_the_traceback_that_its_error_promises(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(experiment, "make_model", lambda *_: {}["nothing"])
    with pytest.raises(UserError, match=r"KeyError: 'nothing' .the whole traceback is in (.*run.log)") as failed:
        train(tmp_path, corpus)
    said = Path(str(failed.value).split("is in ")[1].rstrip(")")).read_text()
    assert "Traceback" in said and "test_train.py" in said and "Traceback" not in capsys.readouterr().err


def test_no_room_on_the_disk_is_said_and_what_was_written_stays(
    tmp_path: Path, corpus: Path, environment: dict[str, str]
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    command = [sys.executable, "-m", "fusion.train", *TINY, f"data.path={corpus}", "fusion.hidden=[2048]"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, preexec_fn=small_files
    )
    assert done.returncode == 1, done.stderr
    assert "No room is left to write" in done.stderr and "Traceback" not in done.stderr
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert read_run(folder)["status"] == "failed"
    assert not (folder / "model").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_as_interrupted(
    tmp_path: Path, corpus: Path, environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "fusion.train", *TINY, f"data.path={corpus}", "epochs=100000", "patience=null"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1 of"):
            break
    os.kill(process.pid, number)
    rest = process.stderr.read()
    assert process.wait(60) == code, rest
    assert "Traceback" not in rest
    (folder,) = (path.parent for path in tmp_path.rglob("run.json"))
    assert read_run(folder)["status"] == "interrupted"
    assert (folder / "model" / "model.safetensors").is_file(), "the best epoch so far is kept"


def test_a_sweep_ends_with_its_table_and_goes_on_past_a_failure(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    axes = ["text.max_tokens=16,32", "input_shape=0,32"]
    done = fusion("train", "-m", *TINY, f"data.path={corpus}", "epochs=1", *axes, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    (table,) = tmp_path.rglob("results.csv")
    rows = list(csv.DictReader(table.open(newline="")))
    states = [row["Status"].split(":")[0] for row in rows]
    assert states.count("completed") == 2 and states.count("failed") == 2
    assert "Accuracy" in done.stdout and (table.parent / "results.md").is_file()
    accuracy = [row["Accuracy"] for row in rows if row["Status"] == "completed"]
    assert all(accuracy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backbone=densnet121"], "did you mean densenet121"),
        (["epoch=3"], "did you mean epochs"),
        (["data=folder", "data.paht=x"], "did you mean data.path"),
        (["-m", "backbone=mobilenetv2,densnet121"], "did you mean densenet121"),
        (["backbone=timm"], "backbone.model has no value"),
    ],
)
def test_a_mistyped_command_line_gets_one_sentence(
    tmp_path: Path, fusion: Command, arguments: list[str], message: str
) -> None:
    done = fusion("train", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_every_run_json_can_be_read_by_any_json_reader(trained: Path) -> None:
    text = (trained / "run.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert str(trained.parent) not in json.dumps(json.loads(text)["config"]["runs"])
