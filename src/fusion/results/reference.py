"""Runs beside the tables of the sources: each row of conf/row with the source's own figure, ours, or how to get it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fusion.config.paths import CONF_DIR
from fusion.console import printable
from fusion.results.leaderboard import cells, format_size
from fusion.results.record import IGNORED_IN_FINGERPRINT, read_run
from fusion.results.table import Table

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
    "own, on {}. The data differ, so read them beside each other, not against each other: what can be compared "
    "is how rows differ among themselves. ? is a cell the source left empty."
)


@dataclass(frozen=True)
class Original:
    """One row of a source's table: conf/row/NAME.yaml."""

    name: str
    config: dict[str, Any]  # the file: input_shape, source_size, lr, epochs, batch_size
    source: dict[str, Any]  # its row.source: number, model, original_input_shape, accuracy, f1_weighted, ...

    @property
    def backbone(self) -> str:
        return next(
            choice["override /backbone"] for choice in self.config["defaults"] if "override /backbone" in choice
        )

    def asked(self) -> dict[str, str]:
        """The source's own words for the columns of ASKED; what a file leaves to the defaults is '?'."""
        get = self.config.get
        plain = {"LR": get("lr"), "Epochs": get("epochs"), "Batch Size": get("batch_size")}
        shapes = (self.source["original_input_shape"], get("input_shape"), get("source_size"))
        found = {name: format_size(shape) for name, shape in zip(ASKED[:3], shapes, strict=True)}
        return found | {name: "?" if value is None else f"{value:g}" for name, value in plain.items()}

    def remark(self) -> str:
        """What a reader must know of the row: it enlarges pictures, it cannot be, the source took it back."""
        shape, size, said = self.config.get("input_shape"), self.config.get("source_size"), []
        if isinstance(shape, int) and isinstance(size, int) and size < shape:
            said.append(f"upscales {size} to {shape}")
        if own := self.source.get("own_input_shape"):
            said.append(f"cannot be: the input shape of {self.source['model']} is {format_size(own)}")
        return "; ".join([*said, *self.source.get("says", ())])


def originals(prefix: str) -> list[Original]:
    """rakuten -> the rows conf/row/rakuten_*.yaml, in the order of the source."""
    found = []
    for path in (CONF_DIR / "row").glob(f"{prefix}_*.yaml"):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(Original(path.stem, config, config["row"]["source"]))
    return sorted(found, key=lambda row: row.source["number"])


def beside_reference(prefix: str, folders: Sequence[Path], root: Path | None = None) -> Table:
    """Run folders -> the source's rows in its order: one line for each run of a row, or the command that fills it."""
    runs = [(folder, read_run(folder)) for folder in folders]
    lines = []
    for row in originals(prefix):
        kept = _latest([(folder, run) for folder, run in runs if _is_of(run, row)])
        lines += [_line(row, *one, root) for one in kept] or [_empty(row)]
    return Table(prefix, COLUMNS, lines, SHOWN, (NOTE.format(DATA[prefix]),))


def _is_of(run: dict[str, Any], row: Original) -> bool:
    """A run of the row, with other options perhaps, but not with another backbone."""
    config = run.get("config") or {}
    named = [(config.get(part) or {}).get("name") for part in ("row", "backbone")]
    return named == [row.name, row.backbone]


def _latest(runs: list[tuple[Path, dict[str, Any]]]) -> list[tuple[Path, dict[str, Any]]]:
    """Of each configuration and split the last completed run, or the last at all."""
    best: dict[tuple[Any, ...], tuple[Path, dict[str, Any]]] = {}
    for folder, run in runs:  # oldest first
        key = (run.get("fingerprint"), run.get("split_hash") if run["status"] == "completed" else None)
        best[key] = folder, run
    done = {fingerprint for fingerprint, split in best if split is not None}
    return [one for (fingerprint, split), one in best.items() if split is not None or fingerprint not in done]


def _line(row: Original, folder: Path, run: dict[str, Any], root: Path | None) -> dict[str, str]:
    values = cells(folder, run, root)
    asked = row.asked()
    ours = {name: values[name].removesuffix(" (upscaled)") for name in ASKED}
    for name, said in ours.items():
        same = said == asked[name] or asked[name] == "?" or said.endswith(f" of {asked[name]}")
        ours[name] = said if same else f"{said} (source: {asked[name]})"
    changed = [word for word in run.get("overrides") or () if word.lstrip("+~").partition("=")[0] not in NEUTRAL]
    filled = run["status"] == "completed"
    reached = {name: values[name] for name in ("Accuracy", "F1 Score Weighted", *REACHED)}
    return _source(row) | ours | {name: printable(text) for name, text in reached.items()} | {
        "Changed": printable(" ".join(changed)),
        "Status": values["Status"],
        "Run or Command": values["Run"] if filled else _command(row),
    }  # fmt: skip


def _empty(row: Original) -> dict[str, str]:
    blank = dict.fromkeys(COLUMNS, "")
    return blank | _source(row) | row.asked() | {"Status": "not run", "Run or Command": _command(row)}


def _source(row: Original) -> dict[str, str]:
    figures = {"Source Accuracy": row.source["accuracy"], "Source F1": row.source["f1_weighted"]}
    said = {name: "?" if value is None else f"{value:.3f}".removesuffix("0") for name, value in figures.items()}
    return {"Model": row.source["model"], "Remark": row.remark()} | said


def _command(row: Original) -> str:
    return f"python -m fusion.train row={row.name}"
