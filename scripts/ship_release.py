"""A run of experiment=release -> the model that fusion ships, with its card: src/fusion/weights/release.

python scripts/ship_release.py RUN

The card's figures are of the run's test split: projects that nothing was learnt from or chosen by.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fusion import console
from fusion.config.errors import UserError
from fusion.files import replacing_folder, sha256_of
from fusion.results.by_length import of_lengths
from fusion.results.calibration_table import LENGTHS, by_calibration
from fusion.results.fusions import SITUATIONS
from fusion.results.record import read_run
from fusion.results.statistics import project_interval
from fusion.weights import FOLDER

MOST_BYTES = 15_000_000  # of the folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a completed run")
    parser.add_argument("--to", type=Path, default=FOLDER / "release", help="where to put it (default: the package)")
    args = parser.parse_args()
    console.set_up_logging()
    run = read_run(args.run)
    if run.get("status") != "completed":
        raise UserError(f"{args.run} is {run.get('status', 'just begun')}; give the folder of a completed run.")
    with replacing_folder(args.to) as part:
        shutil.copytree(args.run / "model", part, dirs_exist_ok=True)
        (part / "README.md").write_text("\n".join([*card(args.run, run), ""]), encoding="utf-8")
        size = sum(path.stat().st_size for path in part.iterdir())
        if size > MOST_BYTES:
            raise UserError(f"The model has {size / 1e6:.1f} MB, and {MOST_BYTES / 1e6:.0f} are the most.")
    print(f"{args.to}: {size / 1e6:.1f} MB")
    return 0


def card(folder: Path, run: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the card."""
    test = pq.read_table(folder / "predictions.parquet").filter(pc.field("split") == "test")
    right, groups = pc.equal(test["label"], test["predicted"]).to_numpy(), np.array(test["group"].to_pylist())
    size = sum(path.stat().st_size for path in (folder / "model").iterdir())
    samples, timings = run["samples"], run["timings"]
    yield from ("# release: what a piece of code is, from its text, its screenshot, or both", "")
    yield f"{len(run['classes'])} labels, {size / 1e6:.1f} MB, {run['parameters']:,} weights. `fusion predict FILE` and"
    yield from (
        "`fusion.load()` answer with it. Texts are told by `text=nano`; pictures by what is read in them, which of",
    )
    yield from ("its words are coloured, and how they look, fused by `fusion=stacking`.", "")
    yield from ("| | |", "|---|---|")
    drawn = 1 / run["config"]["picture_share"]
    yield f"| trained on | {samples['train']:,} snippets, one in {drawn:.0f} with a picture |"
    yield f"| fitted and judged on | {samples['val']:,} and {samples['test']:,} snippets of other projects |"
    registries = ", ".join(run["config"]["data"]["registries"])
    yield f"| corpus | `data=standard` of {registries}, with Other; split {run['split_hash']} |"
    command = " ".join(word for word in run["overrides"] if not word.startswith("runs="))  # a place of one machine
    yield f"| command | `python -m fusion.train {command}` |"
    yield f"| seed, date | {run['seed']}, {run['started'][:10]} |"
    yield f"| minutes | {timings['total_seconds'] / 60:.0f} on 2-core x86 CPU |"
    yield f"| sha256 of model.safetensors | {sha256_of(folder / 'model' / 'model.safetensors')} |"
    yield from ("| licence | MIT, as fusion is; the packages learnt from are under their own |", "", "## Accuracy", "")
    yield "In brackets 95 % intervals over projects. Texts, best guess among all labels:"
    yield from ("", "| | n | accuracy |", "|---|---:|---|")
    yield _row("all", right, groups)
    for name, chosen in of_lengths(test["lines"].to_numpy(), LENGTHS):
        yield _row(name, right[chosen], groups[chosen])
    sources, labels = np.array(test["source"].to_pylist()), np.array(test["label"].to_pylist())
    for source in sorted(set(sources)):
        yield _row(f"from {source}", right[sources == source], groups[sources == source])
    yield from ("", *_situations(folder), "", "## By label", "", "| | n | accuracy |", "|---|---:|---|")
    for label in sorted(set(labels)):
        yield _row(label, right[labels == label], groups[labels == label])
    yield from ("", "## Calibration", "", *_calibration(folder, run), "", *LIMITS)


def _row(name: str, right: np.ndarray, groups: np.ndarray) -> str:
    low, high = project_interval(right, groups) if len(right) else (0.0, 0.0)
    return f"| {name} | {len(right):,} | {right.mean():.3f} [{low:.3f}, {high:.3f}] |"


def _situations(folder: Path) -> Iterator[str]:
    """Yield the accuracy of each modality in each situation."""
    told: pa.Table = pq.read_table(folder / "answers.parquet").filter(pc.field("split") == "test")
    answers = {"all": "all together", "text": "the text", "read": "what was read", "colours": "read, with colours",
               "image": "how it looks"}  # fmt: skip
    yield from (f"Pictures (drawn as editors do, {len(set(told['id'].to_pylist())):,} snippets), by what is given:", "")
    yield "| | " + " | ".join(answers.values()) + " |"
    yield "|---|" + "---|" * len(answers)
    for name, words in SITUATIONS.items():
        of_situation = told.filter(pc.field("situation") == name)
        cells = []
        for answer in answers:
            rows = of_situation.filter(pc.field("answer") == answer)
            right = pc.equal(rows["label"], rows["predicted"]).to_numpy()
            cells.append(f"{right.mean():.3f}" if len(right) else "–")
        yield f"| {words} | " + " | ".join(cells) + " |"


def _calibration(folder: Path, run: dict[str, Any]) -> Iterator[str]:
    table = by_calibration({folder: run})
    columns = ["Lines", "n", "ECE", "Answered, high", "Right, high", "Answered, medium", "Right, medium", "Set 95 %"]
    yield "Of texts; high_confidence aims at 95 % right answers, medium_confidence at 85 %:"
    yield from ("", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|")
    for row in table.rows:
        yield "| " + " | ".join(row[name] for name in columns) + " |"


LIMITS = (
    "## Limits", "",
    "- Projects of a registry it was not trained on may be harder: docs/text_branch.md holds registries out.",
    "- Snippets of one or two lines often do not show their language; ask for `high_confidence`.",
    "- A programming language that is no label is called by a similar one more often than `Other`.",
    "- Pictures were drawn, not photographed; docs/reading.md says what is read badly.",
)  # fmt: skip


if __name__ == "__main__":
    sys.exit(console.run(main))
