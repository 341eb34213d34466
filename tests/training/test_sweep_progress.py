"""The line of each job of a sweep: what it says, that there is one, and what the terminal shows meanwhile."""

import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tiny import TEXT_ONLY, TINY, Command

from fusion.training import sweep_progress
from fusion.training.sweep_progress import PROGRESS, Ended, Plan, best, duration, line, plan_sweep, seconds_left
from fusion.training.sweeps import ERASE

ACCURACY = st.none() | st.floats(0, 1)


@st.composite
def sweeps_under_way(draw: st.DrawFn) -> tuple[Plan, list[Ended], float]:
    """A plan, jobs of it that have ended, and a time after that."""
    jobs = draw(st.integers(1, 20))
    numbers = draw(st.lists(st.integers(0, jobs - 1), unique=True))
    times = sorted(draw(st.lists(st.floats(1, 1e6), min_size=len(numbers), max_size=len(numbers))))
    ended = [Ended(n, draw(st.booleans()), draw(ACCURACY), at) for n, at in zip(numbers, times, strict=True)]
    return Plan(jobs, 0.0), ended, max([*times, 0.0]) + draw(st.floats(0, 1e5))


def test_a_line_says_which_job_it_is_how_it_went_and_what_is_left() -> None:
    words = ["backbone=densenet121", "input_shape=128"]
    said = line(2, 12, words, "epoch 2 of 5 · validation 0.812", (0.832, 0), 840.0)
    assert said == (
        "3 of 12 · backbone=densenet121 input_shape=128 · epoch 2 of 5 · validation 0.812 · best so far 0.832 (job 1)"
        " · about 14 min left"
    )
    assert line(2, None, [], "failed", None, None) == "job 3 · failed"


@given(st.integers(0, 99), st.lists(st.text(max_size=20)), st.text(max_size=40), st.none() | st.floats(0, 1e7))
def test_nothing_that_is_typed_breaks_the_line(number: int, words: list[str], state: str, left: float | None) -> None:
    said = line(number, 100, words, state, None, left)
    assert said.startswith(f"{number + 1} of 100") and len(said.splitlines()) == 1
    assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cf", "Cs")], "nothing that drives a terminal"


@given(sweeps_under_way())
def test_the_best_is_reached_by_a_job_that_has_ended_and_beaten_by_none(sweep: tuple[Plan, list[Ended], float]) -> None:
    _, ended, _ = sweep
    reached = {job.job: job.accuracy for job in ended if job.accuracy is not None}
    found = best(ended)
    assert (found is None) == (not reached)
    if found is not None:
        assert reached[found[1]] == found[0] == max(reached.values())


@given(sweeps_under_way())
def test_what_is_left_shrinks_as_time_goes_by_and_is_unknown_without_experience(
    sweep: tuple[Plan, list[Ended], float],
) -> None:
    plan, ended, now = sweep
    left, later = seconds_left(plan, ended, now), seconds_left(plan, ended, now + 10)
    known = any(job.trained for job in ended) and len(ended) < (plan.jobs or 0)
    assert (left is not None) == known == (later is not None)
    if left is not None and later is not None:
        assert 0 <= later <= left
    assert seconds_left(Plan(None, 0.0), ended, now) is None


def test_jobs_that_took_no_time_are_no_experience() -> None:
    ended = [Ended(0, False, 0.9, 1.0), Ended(1, True, 0.8, 101.0), Ended(2, False, None, 102.0)]
    assert seconds_left(Plan(5, 1.0), ended, 101.0) == 200.0


@given(st.floats(0, 1e8))
def test_a_duration_is_near_to_what_it_says(seconds: float) -> None:
    number, unit = duration(seconds).split()
    size = {"s": 1, "min": 60, "h": 3600, "days": 86400}[unit]
    assert abs(int(number) * size - seconds) <= size / 2 + 1e-6


def plan_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / PROGRESS / "plan.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("words", "jobs", "varying"),
    [
        (["backbone=mobilenetv2,densenet121", "input_shape=96,128", "lr=0.1"], 4, ["backbone", "input_shape"]),
        (["sweep=heads"], 24, ["fusion.hidden", "fusion.dropout", "lr"]),
        (["sweep=heads", "lr=0.1"], 12, ["fusion.hidden", "fusion.dropout"]),
        (["row=glob(heig_*)"], 9, ["row"]),
        (["row=glob(heig_*)", "+seed=range(0,3)", "hydra/launcher=joblib"], 27, ["row", "seed"]),
        (["lr=0.1"], 1, []),
    ],
)
def test_jobs_are_counted_as_hydra_counts_them(tmp_path: Path, words: list[str], jobs: int, varying: list[str]) -> None:
    plan_sweep(tmp_path, ["-m", *words])
    plan = plan_of(tmp_path)
    assert plan["jobs"] == jobs and sorted(plan["varying"]) == sorted(varying)  # type: ignore[call-overload]


def test_a_command_line_that_hydra_refuses_leaves_no_plan(tmp_path: Path) -> None:
    plan_sweep(tmp_path, ["-m", "epoch=3", "lr=0.1,0.2"])
    plan_sweep(tmp_path, ["-m", "lr=interval(0,1)"])
    assert not [*tmp_path.iterdir()]


def ends(stderr: str) -> list[str]:
    return [text for text in stderr.splitlines() if " · " in text]


@pytest.mark.parametrize(
    "launcher", [[], ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]], ids=["basic", "joblib"]
)
def test_a_log_has_one_line_for_each_job(tmp_path: Path, corpus: Path, fusion: Command, launcher: list[str]) -> None:
    done = fusion("train", "-m", *TEXT_ONLY, f"data.path={corpus}", "lr=0.01,-1,0.02", *launcher, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    lines = ends(done.stderr)
    assert sorted(text.split(" · ")[:2] for text in lines) == [
        ["1 of 3", "lr=0.01"], ["2 of 3", "lr=-1"], ["3 of 3", "lr=0.02"],
    ]  # fmt: skip
    states = {text.split(" · ")[1]: text.split(" · ")[2] for text in lines}
    assert states.pop("lr=-1") == "failed" and all(
        state.startswith("completed: validation 0.") for state in states.values()
    )
    rest = [text for text in done.stderr.splitlines() if text not in lines]
    assert [text.split()[0] for text in rest] == ["error:", "wrote"], "nothing else but errors and where the table lies"
    (folder,) = (path.parent for path in tmp_path.rglob("results.md"))
    assert not (folder / PROGRESS).exists()
    assert all("epoch 2 of 2" in path.read_text() for path in folder.glob("*/run.log"))
    if not launcher:
        assert lines[-1].count("best so far 0.") == 1 and " left" in lines[0] and " left" not in lines[-1]


def test_a_reused_run_has_its_line_and_folds_count_as_one_job(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = [*TEXT_ONLY, f"data.path={corpus}", "epochs=1"]
    assert call("train", *words, "seed=1", "name=before", cwd=tmp_path).returncode == 0
    done = call("train", "-m", *words, "seed=1,2", cwd=tmp_path)
    first, second = ends(done.stderr)
    assert first.startswith("1 of 2 · seed=1 · reused runs/before/") and second.startswith(
        "2 of 2 · seed=2 · completed"
    )
    assert " left" not in first, "what took no time tells nothing about the others"
    done = call("train", "-m", *words, "seed=3", "folds=2,3", cwd=tmp_path)
    assert [text.split(" · ")[:2] for text in ends(done.stderr)] == [["1 of 2", "folds=2"], ["2 of 2", "folds=3"]]
    assert all("completed: validation 0." in text for text in ends(done.stderr)), "the mean over folds"


def test_outside_of_a_sweep_and_in_a_dry_run_nothing_changes(tmp_path: Path, corpus: Path, call: Command) -> None:
    words = [*TEXT_ONLY, f"data.path={corpus}", "epochs=1"]
    assert "epoch 1 of 1: training loss" in call("train", *words, cwd=tmp_path).stderr
    before = {*tmp_path.rglob("*")}
    assert not ends(call("train", "-m", *words, "lr=0.1,0.2", "dry_run=true", cwd=tmp_path).stderr)
    shown = call("train", *words, "hydra.mode=MULTIRUN", "--cfg", "job", cwd=tmp_path)
    assert shown.returncode == 0 and {*tmp_path.rglob("*")} == before


def on_terminal(place: Path, environment: dict[str, str], *words: str) -> tuple[int, str]:
    """Return exit code and what a terminal of 60 columns gets on stderr."""
    above, below = pty.openpty()
    command = [sys.executable, "-m", "fusion.train", *words]
    settings = environment | {"TERM": "xterm"}
    process = subprocess.Popen(command, cwd=place, env=settings, stderr=below, stdout=subprocess.DEVNULL)
    os.close(below)
    content = b""
    try:
        while part := os.read(above, 4096):
            content += part
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(above)
    return process.wait(60), content.decode()


def test_a_terminal_shows_one_line_that_is_drawn_over(
    tmp_path: Path, corpus: Path, environment: dict[str, str]
) -> None:
    code, shown = on_terminal(tmp_path, environment, "-m", *TINY, f"data.path={corpus}", "lr=0.01,-1,0.02", "epochs=2")
    assert code == 3, shown
    assert "1 of 3 · lr=0.01 · epoch 2 of 2 · validation 0." in shown
    assert "3 of 3 · lr=0.02 · evaluating · best so far 0." in shown
    lasting = [text.split(ERASE)[-1] for text in shown.replace("\r\n", "\n").split("\n")]
    assert [text.split(" · ")[0] for text in ends("\n".join(lasting))] == ["1 of 3", "2 of 3", "3 of 3"]
    assert not [text for text in lasting if text.startswith("Epoch ")], "Lightning's own bar"
    assert [text for text in lasting if text.startswith("error: lr=-1 must be")], "not behind the live line"


def test_a_line_that_is_too_long_for_the_terminal_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep_progress, "is_terminal", lambda: True)
    monkeypatch.setattr(sweep_progress, "_width", lambda: 30)
    sweep_progress.SweepJob(tmp_path, 0, ("data.path=" + "語" * 40,), True).show("preparing")
    shown = capsys.readouterr().err.removeprefix(ERASE)
    assert shown.endswith("…") and sweep_progress.cell_len(shown) <= 29
    sweep_progress.SweepJob(tmp_path, 0, (), False).show("preparing")
    assert not capsys.readouterr().err, "two jobs at a time would draw over each other"
