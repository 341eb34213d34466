"""A pretrained backbone -> the files that backbone.weights=code loads: half-precision weights, facts, card.

mobilenetv2_code.safetensors   the backbone without its classifier, fp16
mobilenetv2_code.json          sha256, and the projects that were learnt from
mobilenetv2_code.md            the card
"""

import json
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from fusion.files import replacing, sha256_of, write_text

LOCAL = (
    "runs=",
    "name=",
    "data.path=",
    "pretraining.resume=",
    "reader.resume=",
)  # overrides that mean nothing on another machine

CARD = """\
# {name}: weights of fusion's own domain

`{model}` without its classifier, {megabytes:.1f} MB in half precision, trained to recognise the language of small
pictures of code. Load them with `backbone={backbone} backbone.weights=code`.

| | |
|---|---|
| trained on | {pictures:,} pictures, none twice, of {snippets:,} snippets of {projects} projects, {classes} labels |
| corpus | `data={data}`, split {split}, its training side; without projects that {excluded} validate or test on |
| pictures | {shape}×{shape} pixels, text of about {em:.0f} pixels an em, colours drawn from {highlights} |
| validation | accuracy {val} on {val_n:,} snippets of other projects, `neutral` colours |
| test | accuracy {test} on {test_n:,} snippets of other projects, `neutral` colours |
| seed, date | {seed}, {date} |
| sha256 | {sha256} |
| licence | MIT, as fusion is; the packages learnt from are those of `data/manifest.csv`, under their licences |

Made by `{command}`, lr {lr:.2g}; {versions}. The projects learnt from are listed in `{name}.json`: figures on a corpus
whose test side holds one of them flatter, and a run on such a corpus says so.
"""


def export_weights(backbone: nn.Module, run: Mapping[str, Any], projects: list[str], folder: Path) -> None:
    """Write the three files of a backbone. run: the run.json of its training; projects: those it learnt from."""
    config = run["config"]
    name = f"{config['backbone']['name']}_code"
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: half(value) for key, value in backbone.state_dict().items()}
    with replacing(folder / f"{name}.safetensors") as part:
        save_file(weights, part)
    path = folder / f"{name}.safetensors"
    facts = {"model": config["backbone"]["model"], "sha256": sha256_of(path), "split_hash": run["split_hash"]}
    write_text(folder / f"{name}.json", json.dumps(facts | {"projects": projects}, indent=1) + "\n")
    write_text(folder / f"{name}.md", card(name, run, len(projects), facts["sha256"], path.stat().st_size))


def half(value: torch.Tensor) -> torch.Tensor:
    """Return the value as a file keeps it: floats in half precision."""
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() else value


def card(name: str, run: Mapping[str, Any], projects: int, sha256: str, size: int) -> str:
    """run.json, and facts of the weights' file, its size in bytes -> Markdown."""
    config, metrics = run["config"], run["metrics"]
    options, source = config["pretraining"], run["image"]["source_size"]
    font_size = config["render"]["font_size"]
    mean = sum(font_size) / len(font_size) if isinstance(font_size, list) else font_size
    accuracy = {
        split: f"{m['accuracy']:.3f} [{m['accuracy_95'][0]:.3f}, {m['accuracy_95'][1]:.3f}]"
        for split, m in metrics.items()
    }
    return CARD.format(
        name=name, model=config["backbone"]["model"], backbone=config["backbone"]["name"], megabytes=size / 1e6,
        pictures=run["steps"] * config["batch_size"], snippets=run["samples"]["train"], projects=projects,
        classes=len(run["classes"]), data=config["data"].get("set", config["data"]["kind"]), split=run["split_hash"],
        excluded=", ".join(f"`data={name}`" for name in options["exclude_eval_projects_of"]) or "none",
        shape=config["input_shape"], em=mean * config["input_shape"] / source[0],
        highlights=", ".join(f"`{word}`" for word in options["highlights"]),
        val=accuracy["val"], val_n=metrics["val"]["n"], test=accuracy["test"], test_n=metrics["test"]["n"],
        seed=config["seed"], date=date.today(), sha256=sha256, command=command_of(run), lr=run["resolved"]["lr"],
        versions=", ".join(f"{name} {run['versions'][name]}" for name in ("fusion", "torch", "timm")),
    )  # fmt: skip


def command_of(run: Mapping[str, Any]) -> str:
    """Return the command line that gives these weights again, on any machine."""
    processes = run["processes"]  # batch normalisation sees each process's share of a batch alone
    start = f"torchrun --nproc-per-node {processes} -m fusion.train" if processes > 1 else "python -m fusion.train"
    words = [shlex.quote(word) for word in run["overrides"] if not word.startswith(LOCAL)]
    return " ".join([start, *words])
