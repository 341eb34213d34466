"""A pretrained backbone -> the files that backbone.weights=code loads: half-precision weights, facts, card.

mobilenetv2_code.safetensors   the backbone without its classifier, fp16
mobilenetv2_code.json          sha256, and the projects that were learnt from
mobilenetv2_code.md            the card
"""

import json
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from fusion.files import replacing, sha256_of, write_text

HERE = ("runs=", "name=", "data.path=", "pretraining.resume=")  # overrides that say nothing to anybody else

CARD = """\
# {name}: weights of fusion's own domain

`{model}` without its classifier, {megabytes:.1f} MB in half precision, taught to tell the language of small pictures of
code. Load them with `backbone={backbone} backbone.weights=code`.

| | |
|---|---|
| trained on | {pictures:,} pictures, none twice, of {snippets:,} snippets of {projects} projects, {classes} labels |
| corpus | `data={data}`, split {split}, its training side; without projects that {spared} validate or test on |
| pictures | {shape}×{shape} pixels, text of about {em:.0f} pixels an em, colours drawn from {highlights} |
| validation | accuracy {val} on {val_n:,} snippets of other projects, `neutral` colours |
| test | accuracy {test} on {test_n:,} snippets of other projects, `neutral` colours |
| seed, date | {seed}, {date} |
| sha256 | {sha256} |
| licence | MIT, as fusion is; the packages learnt from are those of `data/manifest.csv`, under their licences |

Made by `{command}`, lr {lr:.2g}; {versions}. The projects learnt from are listed in `{name}.json`: figures on a corpus
whose test side holds one of them flatter, and a run on such a corpus says so.
"""


def write_weights(backbone: nn.Module, run: dict[str, Any], projects: list[str], folder: Path) -> None:
    """A backbone, the run.json that tells how it came about, the projects learnt from -> the three files."""
    config = run["config"]
    name = f"{config['backbone']['name']}_code"
    folder.mkdir(parents=True, exist_ok=True)
    halves = {key: _half(value) for key, value in backbone.state_dict().items()}
    with replacing(folder / f"{name}.safetensors") as part:
        save_file(halves, part)
    path = folder / f"{name}.safetensors"
    facts = {"model": config["backbone"]["model"], "sha256": sha256_of(path), "split_hash": run["split_hash"]}
    write_text(folder / f"{name}.json", json.dumps(facts | {"projects": projects}, indent=1) + "\n")
    write_text(folder / f"{name}.md", card(name, run, len(projects), facts["sha256"], path.stat().st_size))


def _half(value: torch.Tensor) -> torch.Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if value.is_floating_point() else value


def card(name: str, run: dict[str, Any], projects: int, sha256: str, size: int) -> str:
    """run.json and what is known of the file -> Markdown."""
    config, metrics = run["config"], run["metrics"]
    wanted, source = config["pretraining"], run["image"]["source_size"]
    sizes = config["render"]["font_size"]
    em = (sum(sizes) / len(sizes) if isinstance(sizes, list) else sizes) * config["input_shape"] / source[0]
    sides = {
        side: f"{m['accuracy']:.3f} [{m['accuracy_95'][0]:.3f}, {m['accuracy_95'][1]:.3f}]"
        for side, m in metrics.items()
    }
    told = [shlex.quote(word) for word in run["overrides"] if not word.startswith(HERE)]
    several = run["processes"] > 1  # batch normalisation sees each process's share of a batch alone
    begun = f"torchrun --nproc-per-node {run['processes']} -m fusion.train" if several else "python -m fusion.train"
    versions = ", ".join(f"{name} {run['versions'][name]}" for name in ("fusion", "torch", "timm"))
    return CARD.format(
        name=name, model=config["backbone"]["model"], backbone=config["backbone"]["name"], megabytes=size / 1e6,
        pictures=run["steps"] * config["batch_size"], snippets=run["samples"]["train"], projects=projects,
        classes=len(run["classes"]), data=config["data"].get("set", config["data"]["kind"]), split=run["split_hash"],
        spared=", ".join(f"`data={name}`" for name in wanted["spare"]) or "none", shape=config["input_shape"], em=em,
        highlights=", ".join(f"`{word}`" for word in wanted["highlights"]), val=sides["val"], test=sides["test"],
        val_n=metrics["val"]["n"], test_n=metrics["test"]["n"], seed=config["seed"], date=date.today(), sha256=sha256,
        command=" ".join([begun, *told]), lr=config["lr"], versions=versions,
    )  # fmt: skip
