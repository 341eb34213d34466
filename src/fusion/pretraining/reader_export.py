"""A trained recognizer -> the files that `fusion ocr` loads: half-precision weights, facts, card.

reader_code.safetensors   every parameter and statistic, fp16
reader_code.json          sha256, and the projects that were learnt from
reader_code.md            the card
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from fusion.files import replacing, sha256_of, write_text
from fusion.pretraining.export import command_of, half
from fusion.reading.recognizer import Recognizer

CARD = """\
# reader: weights that read pictures of code

{megabytes:.1f} MB in half precision, {parameters:,} parameters: which of 257 characters stands in each cell of 8×4
pixels. They are what `fusion ocr` and `backbone=reader` load.

| | |
|---|---|
| trained on | {pictures:,} pictures of {shape}×{shape} pixels, none twice, of {snippets:,} snippets |
| projects | {projects} |
| corpus | `data={data}`, split {split}, its training side; without projects that {excluded} validate or test on |
| validation | {val_accuracy} of the inked cells of other projects' pictures read right, {val_blank} of the blank ones |
| seed, date | {seed}, {date} |
| hours | {hours:.1f} on {processes} process(es) |
| sha256 | {sha256} |
| licence | MIT, as fusion is; the packages learnt from are those of `data/manifest.csv`, under their licences |

Made by `{command}`; {versions}.
"""


def export_reader(net: Recognizer, run: Mapping[str, Any], projects: list[str], folder: Path) -> None:
    """Write the three files. run: the run.json of its training; projects: those it learnt from."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "reader_code.safetensors"
    with replacing(path) as part:
        save_file({key: half(value) for key, value in net.state_dict().items()}, part)
    facts = {"model": "reader", "sha256": sha256_of(path), "split_hash": run["split_hash"], "projects": projects}
    write_text(folder / "reader_code.json", json.dumps(facts, indent=1) + "\n")
    write_text(folder / "reader_code.md", card(run, len(projects), facts["sha256"], path.stat().st_size))


def card(run: Mapping[str, Any], projects: int, sha256: str, size: int) -> str:
    """run.json, and facts of the weights' file, its size in bytes -> Markdown."""
    config, options = run["config"], run["config"]["reader"]
    reached = {f"val_{name.removeprefix('val_')}": f"{value:.3f}" for name, value in run["metrics"]["val"].items()}
    return CARD.format(
        megabytes=size / 1e6, parameters=run["parameters"], pictures=run["steps"] * config["batch_size"],
        shape=config["input_shape"], snippets=run["samples"]["train"], projects=projects,
        data=config["data"].get("set", config["data"]["kind"]), split=run["split_hash"],
        excluded=", ".join(f"`data={name}`" for name in options["exclude_eval_projects_of"]) or "none",
        seed=config["seed"], date=date.today(), hours=run["timings"]["training_seconds"] / 3600,
        processes=run["processes"], sha256=sha256,
        command=command_of(run), versions=", ".join(f"{name} {run['versions'][name]}" for name in ("fusion", "torch")),
        **{"val_accuracy": "?", "val_blank": "?"} | reached,
    )  # fmt: skip
