"""A completed run is taken instead of repeated where configuration, data and weights are the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
from safetensors.torch import save_file
from tests.tiny import IMAGE_ONLY, TEXT_ONLY, configured, write_corpus

from fusion.branches import weights
from fusion.branches.weights import WeightSource, WeightsUnavailable
from fusion.config.schema import Config
from fusion.files import sha256_of
from fusion.results.record import fingerprint, read_run, read_runs
from fusion.training import reuse
from fusion.training.reuse import find_completed, link
from fusion.training.run import run

FAST = [*TEXT_ONLY, "epochs=1"]


@pytest.fixture
def config(corpus: Path, tmp_path: Path) -> Config:
    return configured(*FAST, f"data.path={corpus}", f"runs={tmp_path}")


@pytest.fixture
def folder(config: Config, tmp_path: Path) -> Path:
    """Return the folder of a completed run."""
    return run(config, [], tmp_path / "a")


@pytest.fixture
def rewrite(folder: Path) -> Callable[..., None]:
    """Return what changes facts of the run's record, those of `resolved` among them."""
    before = read_run(folder)

    def change(resolved: dict[str, Any], **facts: Any) -> None:
        record = before | facts | {"resolved": before["resolved"] | resolved}
        (folder / "run.json").write_text(json.dumps(record))

    return change


def test_a_completed_run_is_not_repeated_unless_asked(tmp_path: Path, corpus: Path) -> None:
    def again(*overrides: str, of: Path = corpus, rerun: bool = False) -> Path:
        config = configured(*FAST, f"data.path={of}", f"runs={tmp_path / 'runs'}", *overrides)
        return run(config, overrides, tmp_path / "runs" / "train", rerun)

    first = again()
    assert again("num_workers=1", "name=other", "table=texts") == first, "options that change no figure"
    assert again("lr=0.01") != first
    assert again(rerun=True) != first
    (corpus_too := tmp_path / "code").symlink_to(write_corpus(tmp_path / "five", files=5))
    second = again(of=corpus_too)
    corpus_too.unlink()
    corpus_too.symlink_to(write_corpus(tmp_path / "seven", files=7))
    assert again(of=corpus_too) != second, "the same path holds other data now"


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_only_a_completed_run_is_taken(config, folder, rewrite, tmp_path, status):
    assert find_completed(config, [tmp_path]) == folder
    rewrite({}, status=status)
    assert find_completed(config, [tmp_path]) is None


def test_of_several_the_newest_is_taken_and_places_that_are_not_there_are_passed_over(config, folder, tmp_path):
    newer = folder.rename(folder.parent / "29990101-000000-abcdef")
    run(config, [], tmp_path / "a")
    assert find_completed(config, [tmp_path / "nowhere", tmp_path]) == newer


def test_a_run_that_made_do_with_random_weights_is_repeated_once_there_are_better(
    config, folder, rewrite, tmp_path, monkeypatch
):
    wished = configured(*FAST, "backbone=timm", "backbone.model=test_resnet", "backbone.weights=auto",
                        f"data.path={config.data.path}")  # fmt: skip
    rewrite({"weights": {"image": "random"}}, fingerprint=fingerprint(wished))

    def refuse(*_: object) -> None:
        raise WeightsUnavailable("no hub")

    monkeypatch.setattr(reuse, "find_image_weights", refuse)
    assert find_completed(wished, [tmp_path]) == folder
    monkeypatch.setattr(reuse, "find_image_weights", lambda *_: WeightSource("hub", tmp_path))
    assert find_completed(wished, [tmp_path]) is None


def test_a_text_branch_that_fell_back_is_repeated_once_its_weights_can_be_had(folder, rewrite, tmp_path, monkeypatch):
    wished = configured(
        "backbone=none", "text=codeberta", "data=folder", f"data.path={read_run(folder)['config']['data']['path']}"
    )
    rewrite({"weights": {"text": "random"}, "text": "nano"}, fingerprint=fingerprint(wished))
    assert find_completed(wished, [tmp_path]) == folder, "no hub: it would fall back again"
    monkeypatch.setattr(reuse, "find_text_weights", lambda *_: WeightSource("hub", tmp_path))
    assert find_completed(wished, [tmp_path]) is None


def test_a_record_that_cannot_be_read_hides_no_other(capsys, config, folder, tmp_path):
    for number, content in enumerate(('{"schema": 1, "sta', '{"schema": 999}', "[]")):
        (broken := tmp_path / f"broken{number}").mkdir()
        (broken / "run.json").write_text(content)
        for _ in range(2):
            assert find_completed(config, [tmp_path]) == folder
        assert capsys.readouterr().err.count(str(broken)) == 1, "named, and once"


def test_a_run_whose_weights_changed_is_repeated(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), file)
    config = configured(*IMAGE_ONLY, "epochs=1", f"backbone.weights={file}", f"data.path={corpus}", f"runs={tmp_path}")
    folder = run(config, [], tmp_path / "a")
    record = read_run(folder)
    assert record["resolved"]["weights_id"] == {"image": sha256_of(file)}
    assert find_completed(config, [tmp_path]) == folder

    def taken(**resolved: object) -> bool:
        (folder / "run.json").write_text(json.dumps(record | {"resolved": record["resolved"] | resolved}))
        found = find_completed(config, [tmp_path])
        (folder / "run.json").write_text(json.dumps(record))
        return found == folder

    assert not taken(weights_id=None), "what an older fusion did not note is not known to be the same"
    assert taken(weights={"image": "hub"}, weights_id={"image": "test_resnet.r160_in1k"})
    assert not taken(weights={"image": "hub"}, weights_id={"image": "test_resnet.older"})
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert not taken()
    file.unlink()
    assert not taken()


def test_a_dry_run_fetches_no_weights(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ["backbone=timm", "backbone.model=test_resnet", "backbone.weights=auto", "dry_run=true"]
    config = configured(*FAST, *image, f"data.path={corpus}")
    record = {"resolved": {"weights": {"image": "random", "text": "random"}}}
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("fetched"))
    asked: list[str] = []
    for answer in (True, False):
        monkeypatch.setattr(reuse, "can_be_had", lambda repository, a=answer: asked.append(repository) or a)
        assert reuse._starts_alike(config, record) is not answer
    assert asked == ["timm/test_resnet.r160_in1k"] * 2


def test_a_fold_is_taken_for_itself_alone(config, corpus, tmp_path):
    folds = [replace(config, folds=2, fold=fold) for fold in (0, 1)]
    first = run(folds[0], [], tmp_path / "a")
    assert [find_completed(each, [tmp_path]) for each in (*folds, config)] == [first, None, None]


def test_a_link_makes_a_run_from_elsewhere_a_row_of_a_sweep_and_moves_with_it(folder, tmp_path):
    sweep = tmp_path / "sweep-1"
    link(folder, sweep)
    assert [*read_runs([sweep])[0]] == [folder]
    link(folder, folder.parent)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], "a run of the sweep's own needs none"
