"""python -m fusion.train experiment=pretrain_image: killed and resumed, predicted with, in two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.pretraining.conftest import Pretrain
from tests.pretraining.tiny_runs import TINY, UNSTEADY, evaluations, same_weights
from tests.tiny import CODE, Command

from fusion.results.record import read_metrics, read_run


def test_its_model_predicts(fusion: Command, pretrained: Path, corpus: Path) -> None:
    done = fusion("predict", "--run", pretrained, "--json", corpus / "css" / "0.txt", cwd=pretrained)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["raw"]["label"] in CODE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_killed_run_goes_on_to_the_same_weights(
    number: int, whole: Path, pretrain: Pretrain, corpus: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "fusion.train", *TINY, f"data.path={corpus}", *UNSTEADY]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 200
    while not (states := list(tmp_path.glob("runs/*/*/last.ckpt"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.communicate()
    assert states and process.returncode != 0, "it ended before it could be killed"
    folder = states[0].parent
    assert read_run(folder)["status"] == ("running" if number == signal.SIGKILL else "interrupted")
    assert torch.load(states[0], weights_only=True)["global_step"] < 12
    assert pretrain(*UNSTEADY, f"pretraining.resume={folder}") == folder
    assert read_run(folder)["status"] == "completed" and same_weights(whole, folder)
    assert evaluations(whole) == evaluations(folder)


def test_two_processes_share_each_batch_and_print_one_folder(
    corpus: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    words = [*TINY, f"data.path={corpus}", "batch_size=16", "pretraining.steps=4", "pretraining.early.steps=0"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "fusion.train", *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folders = [path.parent.relative_to(tmp_path) for path in tmp_path.glob("runs/*/*/run.json")]
    assert len(folders) == 1 and done.stdout.split() == [str(folders[0])]
    folder = tmp_path / folders[0]
    run, last = read_run(folder), read_metrics(folder)[-1]
    assert run["status"] == "completed" and run["processes"] == 2 and last["pictures"] == 64
    assert "torchrun --nproc-per-node 2" in (folder / "weights" / "timm_code.md").read_text()
    assert done.stderr.count("learning rate") == 1, "one process tells of both"
    assert f"learning rate {run['resolved']['lr']:g}" in done.stderr
