"""Runs -> the table of a source: each row with the source's figure and ours, or the command that fills it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fusion.config.paths import CONF_DIR
from fusion.console import printable
from fusion.results.record import IGNORED_IN_FINGERPRINT, outcome
from fusion.results.schema import part
from fusion.results.table import (
    Table,
    format_fraction,
    format_interval,
    format_minutes,
    format_path,
    format_size,
    format_weights,
)  # fmt: skip

ASKED = ("Original Input Shape", "Training Input Shape", "Source Image Size", "LR", "Epochs", "Batch Size")
REACHED = ("Accuracy 95 %", "Weights", "Highlight", "n", "Minutes", "Seed", "Split")
COLUMNS = (
    "Model", *ASKED, "Accuracy", "F1 Score Weighted", "Source Accuracy", "Source F1", "Remark", *REACHED,
    "Changed", "Status", "Run or Command",
)  # fmt: skip
SHOWN = (*COLUMNS[: COLUMNS.index("Remark") + 1], "Highlight", "Changed", "Status", "Run or Command")
NEUTRAL = ("row", "sweep", *IGNORED_IN_FINGERPRINT)  # options that do not change a row
DATA = {  # what the sources' own figures were measured on
    "rakuten": "pictures of products in 27 classes",
    "heig": "239 validation pictures of C++, Python and Haskell, with tiles of one picture on both sides of the split",
    "notebook": "576 photographs, cars or not, that also chose the model",
}
NOTE = (
    "Accuracy and F1 Score Weighted are ours, on the data of the run; Source Accuracy and Source F1 are the source's "
    "own, on {}. The data differ, so the two cannot be compared with each other; what can be compared is how the "
    "rows differ among themselves. ? is a cell the source left empty."
)


@dataclass(frozen=True)
class ReferenceRow:
    """One row of a source's table: conf/row/NAME.yaml."""

    name: str
    config: dict[str, Any]  # the file: input_shape, source_size, lr, epochs, batch_size
    source: dict[str, Any]  # its row.source: number, model, original_input_shape, accuracy, f1_weighted, ...

    @property
    def backbone(self) -> str:
        """Return the name of conf/backbone that the row trains."""
        return next(
            choice["override /backbone"] for choice in self.config["defaults"] if "override /backbone" in choice
        )

    def asked(self) -> dict[str, str]:
        """Return the source's own values for the columns of ASKED; what a file leaves to the defaults is '?'."""
        get = self.config.get
        shapes = (self.source["original_input_shape"], get("input_shape"), get("source_size"))
        sizes = {name: format_size(shape) for name, shape in zip(ASKED[:3], shapes, strict=True)}
        numbers = {"LR": get("lr"), "Epochs": get("epochs"), "Batch Size": get("batch_size")}
        return sizes | {name: "?" if value is None else f"{value:g}" for name, value in numbers.items()}

    def remark(self) -> str:
        """Return what a reader must know of the row: it enlarges pictures, is impossible, or was withdrawn."""
        shape, size = self.config.get("input_shape"), self.config.get("source_size")
        remarks = []
        if isinstance(shape, int) and isinstance(size, int) and size < shape:
            remarks.append(f"upscales {size} to {shape}")
        if own := self.source.get("own_input_shape"):
            remarks.append(f"cannot be: the input shape of {self.source['model']} is {format_size(own)}")
        return "; ".join([*remarks, *self.source.get("says", ())])


def reference_rows(source: str) -> list[ReferenceRow]:
    """rakuten -> the rows conf/row/rakuten_*.yaml, in the order of the source."""
    rows = []
    for path in (CONF_DIR / "row").glob(f"{source}_*.yaml"):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows.append(ReferenceRow(path.stem, config, config["row"]["source"]))
    return sorted(rows, key=lambda row: row.source["number"])


def beside_reference(source: str, runs: Mapping[Path, dict[str, Any]], root: Path | None = None) -> Table:
    """Runs by folder -> the rows of a source in its order: one line for each run of a row, or how to train it."""
    lines = []
    for row in reference_rows(source):
        own = _latest({folder: run for folder, run in runs.items() if _is_of(run, row)})
        lines += [_line(row, folder, run, root) for folder, run in own.items()] or [_empty(row)]
    return Table(source, COLUMNS, lines, SHOWN, (NOTE.format(DATA[source]),))


def _is_of(run: dict[str, Any], row: ReferenceRow) -> bool:
    """Tell if a run is of the row: with other options perhaps, but not with another backbone."""
    names = [part(run, "config", group).get("name") for group in ("row", "backbone")]
    return names == [row.name, row.backbone]


def _latest(runs: dict[Path, dict[str, Any]]) -> dict[Path, dict[str, Any]]:
    """Return the last completed run of each configuration and split, or the last at all where none is complete."""
    latest: dict[tuple[Any, ...], Path] = {}
    for folder, run in runs.items():  # oldest first
        split = run.get("split_hash") if run["status"] == "completed" else None
        latest[run.get("fingerprint"), split] = folder
    completed = {fingerprint for fingerprint, split in latest if split is not None}
    shown = [folder for (fingerprint, split), folder in latest.items() if split or fingerprint not in completed]
    return {folder: runs[folder] for folder in shown}


def _line(row: ReferenceRow, folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    values, asked = _cells(folder, run, root), row.asked()
    ours = {name: values[name] for name in ASKED}
    for name, value in ours.items():
        same = value == asked[name] or asked[name] == "?" or value.endswith(f" of {asked[name]}")
        ours[name] = value if same else f"{value} (source: {asked[name]})"
    changed = [word for word in run.get("overrides") or () if word.lstrip("+~").partition("=")[0] not in NEUTRAL]
    reached = {name: values[name] for name in ("Accuracy", "F1 Score Weighted", *REACHED)}
    return _source_cells(row) | ours | reached | {
        "Changed": printable(" ".join(changed)),
        "Status": values["Status"],
        "Run or Command": values["Run"] if run["status"] == "completed" else _command(row),
    }  # fmt: skip


def _cells(folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    """Return what a run was asked and what it reached, in the columns of the source."""
    config, resolved, test = part(run, "config"), part(run, "resolved"), part(run, "metrics", "test")
    facts, lr = part(run, "image"), resolved.get("lr")
    values = {
        "Original Input Shape": format_size(facts.get("original_input_shape")),
        "Training Input Shape": format_size(config.get("input_shape")),
        "Source Image Size": format_size(facts.get("source_size") or config.get("source_size")),
        "LR": "?" if lr is None else f"{lr:g}",
        "Epochs": _epochs(run.get("epochs_trained"), config.get("epochs", "?")),
        "Batch Size": config.get("batch_size", "?"),
        "Accuracy": format_fraction(test.get("accuracy")),
        "F1 Score Weighted": format_fraction(test.get("f1_weighted")),
        "Accuracy 95 %": format_interval(test),
        "Weights": format_weights(run),
        "Highlight": part(config, "render").get("highlight", "?"),
        "n": test.get("n", ""),
        "Minutes": format_minutes(part(run, "timings").get("total_seconds")),
        "Seed": run.get("seed", "?"),
        "Split": str(run.get("split_hash") or "?")[:8],
        "Status": outcome(run),
        "Run": format_path(folder, root),
    }
    return {name: printable(str(value)) for name, value in values.items()}  # names and paths are others' words


def _epochs(trained: Any, asked: Any) -> str:
    return str(asked) if trained in (None, asked) else f"{trained} of {asked}"


def _empty(row: ReferenceRow) -> dict[str, str]:
    """Return the line of a row that was never run."""
    blank = dict.fromkeys(COLUMNS, "")
    return blank | _source_cells(row) | row.asked() | {"Status": "not run", "Run or Command": _command(row)}


def _source_cells(row: ReferenceRow) -> dict[str, str]:
    figures = {"Source Accuracy": row.source["accuracy"], "Source F1": row.source["f1_weighted"]}
    shown = {name: "?" if value is None else f"{value:.3f}".removesuffix("0") for name, value in figures.items()}
    return {"Model": row.source["model"], "Remark": row.remark()} | shown


def _command(row: ReferenceRow) -> str:
    return f"python -m fusion.train row={row.name}"
