"""Sweeps from files: their axes can be overridden, what is complete is not repeated, what failed is."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import timm
from hydra import compose, initialize_config_dir
from safetensors.torch import save_file
from tests.tiny import TEXT_ONLY, Command

from fusion.branches import weights
from fusion.branches.weights import WeightSource, WeightsUnavailable
from fusion.config.errors import UserError
from fusion.config.paths import CONF_DIR, to_dict
from fusion.files import sha256_of
from fusion.results.record import find_runs, read_run
from fusion.training import reuse as repeats
from fusion.training import run as experiment
from fusion.training.sweeps import check_choices, is_dry

FAST = [*TEXT_ONLY, "epochs=1"]


def test_a_sweep_repeats_what_failed_and_not_what_is_complete(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    sweep = ["-m", *FAST, f"data.path={corpus}", "text.max_tokens=16,32"]
    first = fusion("train", *sweep, "batch_size=0,8", cwd=tmp_path)
    assert first.returncode == 3, first.stderr
    second = fusion("train", *sweep, "batch_size=4,8", cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stderr.count("is this very run, completed; again=true would repeat it") == 2
    assert "2 of 4 runs were completed before and not repeated" in second.stderr
    *_, folder = sorted(path.parent for path in tmp_path.rglob("results.csv"))
    assert len(list(folder.glob("*/run.json"))) == 2
    for log in folder.glob("*/run.log"):
        assert "epoch 1 of 1" in log.read_text(), "each run of a sweep has its log, not the first alone"
    rows = list(csv.DictReader((folder / "results.csv").open(newline="")))
    assert [row["Status"] for row in rows] == ["completed"] * 4 and all(row["Accuracy"] for row in rows)
    assert len(find_runs([tmp_path])) == 6, "the two that were taken count once"
    to_device = folder.parent.rename(folder.parent.parent / "elsewhere") / folder.name
    assert len(find_runs([to_device])) == 4


def test_a_sweep_of_a_file_takes_the_axes_of_the_command_line(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    given = ["epochs=0", "fusion.hidden=[16],[8]", "lr=0.1", f"data.path={corpus}", "data=folder"]
    done = fusion("train", "-m", "+sweep=heads", *given, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    runs = [read_run(folder)["config"] for folder in find_runs([tmp_path / "runs"])]
    assert len(runs) == 2 * 3 and {run["lr"] for run in runs} == {0.1}
    assert {tuple(run["fusion"]["hidden"]) for run in runs} == {(16,), (8,)}
    assert {run["fusion"]["dropout"] for run in runs} == {0.0, 0.2, 0.5} and {run["text"]["name"] for run in runs} == {
        "none"
    }


def test_a_sweep_over_rows_ends_with_the_table_of_its_runs(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    given = ["-m", "row=notebook_baseline,notebook_augmented", "data=folder", f"data.path={corpus}", "epochs=1"]
    done = fusion("train", *given, "source_size=64", "render.font=dejavu-sans-mono", "lr=0.001,-1", cwd=tmp_path)
    assert done.returncode == 3, "the two of lr=-1 failed"
    assert done.stdout.count("| convnet |") == 4 and done.stdout.count("failed") == 2


def test_a_study_without_m_and_rows_that_are_not_there_get_one_sentence(tmp_path: Path, fusion: Command) -> None:
    for arguments, said in (
        (["sweep=heads"], "add -m"),
        (["-m", "row=glob(rokuten_*)"], "No row is named like rokuten_*"),
    ):
        done = fusion("train", *arguments, cwd=tmp_path)
        assert done.returncode == 1 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_every_row_can_be_named_by_a_pattern() -> None:
    check_choices(["row=glob(rakuten_*)", "row=glob([heig_*,notebook_*])", "sweep=shapes", "+row=notebook_vgg16"])
    with pytest.raises(UserError, match="did you mean shapes"):
        check_choices(["sweep=shape"])


def configured(corpus: Path, *overrides: str) -> dict:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return to_dict(compose("train", [*FAST, f"data.path={corpus}", *overrides])) | {"again": False}


def test_a_run_that_made_do_with_random_weights_is_repeated_once_there_are_better(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(corpus) | {"runs": str(tmp_path)}
    folder = experiment.run(config, [], tmp_path / "a")
    assert repeats.completed(config, [tmp_path], experiment.load) == folder
    config["backbone"] = {"name": "timm", "model": "test_resnet", "weights": "auto"}
    record = read_run(folder) | {"weights": {"image": "random"}}
    record["fingerprint"] = repeats.fingerprint(config)
    (folder / "run.json").write_text(json.dumps(record))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def refuse(*_: object) -> None:
        raise WeightsUnavailable("no hub")

    monkeypatch.setattr(repeats, "find_image_weights", refuse)
    assert repeats.completed(config, [tmp_path], experiment.load) == folder
    monkeypatch.setattr(repeats, "find_image_weights", lambda *_: WeightSource("hub", tmp_path))
    assert repeats.completed(config, [tmp_path], experiment.load) is None


def test_a_record_that_cannot_be_read_hides_no_other(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(corpus) | {"runs": str(tmp_path)}
    folder = experiment.run(config, [], tmp_path / "a")
    for number, content in enumerate(('{"schema": 1, "sta', '{"schema": 999}', "[]")):
        (broken := tmp_path / f"broken{number}").mkdir()
        (broken / "run.json").write_text(content)
        for _ in range(2):
            assert repeats.completed(config, [tmp_path], experiment.load) == folder
        assert capsys.readouterr().err.count(str(broken)) == 1, "named, and once"


def test_jobs_that_leave_no_row_are_counted_and_the_others_run(tmp_path: Path, corpus: Path, fusion: Command) -> None:
    shutil.copytree(corpus, tmp_path / "gone")
    complete = ["-m", *FAST, f"data.path={tmp_path / 'gone'}", "input_shape=32"]
    assert fusion("train", *complete, cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "gone")
    sweep = ["-m", *FAST[1:], f"data.path={tmp_path / 'gone'},{corpus}", "backbone=timm,none", "input_shape=32"]
    done = fusion("train", *sweep, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("error: backbone.model has no value; pass backbone.model=VALUE.") == 2
    assert done.stderr.count("error: ") == 3 and done.stdout.count("| completed |") == 1


def test_a_run_whose_weights_changed_is_repeated(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), held)
    image = ["backbone=timm", "backbone.model=test_resnet", "input_shape=32", "source_size=64"]
    config = configured(corpus, *image, f"backbone.weights={held}", "render.font=dejavu-sans-mono")
    config |= {"runs": str(tmp_path)}
    folder = experiment.run(config, [], tmp_path / "a")
    assert read_run(folder)["weights_from"] == {"image": sha256_of(held)}
    assert repeats.completed(config, [tmp_path], experiment.load) == folder

    def taken(**facts: object) -> bool:
        record = read_run(folder)
        (folder / "run.json").write_text(json.dumps(record | facts))
        found = repeats.completed(config, [tmp_path], experiment.load)
        (folder / "run.json").write_text(json.dumps(record))
        return found == folder

    assert not taken(weights_from=None), "what an older fusion did not note is not known to be the same"
    assert taken(weights={"image": "hub"}, weights_from={"image": "test_resnet.r160_in1k"})
    assert not taken(weights={"image": "hub"}, weights_from={"image": "test_resnet.older"})
    held.write_bytes(held.read_bytes()[:-1] + b"\x01")
    assert not taken()
    held.unlink()
    assert not taken()


def test_a_dry_run_fetches_no_weights(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ["backbone=timm", "backbone.model=test_resnet", "backbone.weights=auto", "dry_run=true"]
    config, run = configured(corpus, *image), {"weights": {"image": "random", "text": "random"}}
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("fetched"))
    asked: list[str] = []
    for answer in (True, False):
        monkeypatch.setattr(repeats, "can_be_had", lambda repository, a=answer: asked.append(repository) or a)
        assert repeats._starts_alike(config, run) is not answer
    assert asked == ["timm/test_resnet.r160_in1k"] * 2


@pytest.mark.parametrize(
    ("word", "dry"),
    [("dry_run=1", True), ("dry_run=True", True), ("+dry_run=true", True), ("dry_run=0", False), ("lr=1", False)],
)
def test_a_dry_run_is_told_by_its_value(word: str, dry: bool) -> None:
    assert is_dry(["lr=0.1", word]) is dry
    for other in ("dry_run=yes", "dry_run=true,false", "dry_run=2"):
        with pytest.raises(UserError, match="must be true or false"):
            is_dry([other])
