"""Measure readers of pictures of code against each other, on the same pictures, whose texts are known.

DIR is a folder that browser_pictures.py made. For each reader: the share of characters that are wrong, with white space
and without; the share of lines with the right indentation; processor milliseconds a picture, one thread; and, with
--model, what a trained model makes of the text that was read and of the text that stands there; of a model that sees
pictures too, also of the read text with its picture. Intervals are of 95 %, and
drawn over projects. A reader that is not there is named and left out.

  python scripts/bench_ocr.py pictures/page pictures/editor
  python scripts/bench_ocr.py pictures/page --by size scale --model runs/nano/RUN
  python scripts/bench_ocr.py pictures/page --reader rapidocr,tesseract --json > rivals.json
  python scripts/bench_ocr.py pictures/page --reader fusion --earlier rivals.json   # rivals are slow: read them once

Whoever wants the rivals needs the extra [rivals] and, for tesseract, its program (apt-get install tesseract-ocr).
"""

import argparse
import json
import logging
import os
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusion import console
from fusion.config.errors import UserError, did_you_mean
from ocr_language import ANSWERS, classify
from ocr_metrics import character_error, indented_rightly, ratio_interval, tidy
from ocr_readers import READERS, Missing, Reader

log = logging.getLogger("bench_ocr")
Row = dict[str, Any]  # one picture read by one reader
SMALL = 12  # pixels an em; more is expected of a reader from here on
ERRORS = ("character_error", "without_white_space")
LANGUAGE = {
    "language_truth": "language from truth %", "language_read": "from read %", "language_lost": "lost, points",
    "language_both": "from read and picture %", "picture_adds": "the picture adds, points",
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    console.set_up_logging()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pictures = [picture for folder in args.folders for picture in listed(folder)[: args.limit]]
    for field in args.by:
        if field not in pictures[0]:
            hint = did_you_mean(field, pictures[0])
            raise UserError(f"--by={field} is not known{hint}; it is one of {', '.join(pictures[0])}.")
    readers, missing = available(args.readers)
    rows = [row for name, reader in readers.items() for row in read_all(name, reader, pictures, args.crop)]
    for file in args.earlier:
        rows += recalled(file, pictures, {row["reader"] for row in rows})
    names = list(dict.fromkeys(row["reader"] for row in rows))
    if args.model:
        rows, labels = classify(rows, args.model)
        log.info("the model answers with one of the %d labels that it and the pictures share", len(labels))
    tables = [summary(rows, field, names) for field in ["kind", *args.by]]
    if args.json:
        print(json.dumps({"missing": missing, "tables": tables, "pictures": rows}, indent=1, ensure_ascii=False))
        return 0
    for table in tables:
        print(as_text(table), end="\n\n")
    for name, why in missing.items():
        print(f"{name} is missing: {why}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders that browser_pictures.py made")
    top.add_argument(
        "--reader", dest="readers", default=",".join(READERS), type=lambda words: words.split(","), metavar="NAME,NAME",
        help=f"some of {', '.join(READERS)} (default: all)",
    )  # fmt: skip
    top.add_argument(
        "--earlier", nargs="+", default=[], type=Path, metavar="FILE",
        help="what --json printed for other readers of these pictures; put beside it",
    )  # fmt: skip
    top.add_argument("--by", nargs="+", default=[], metavar="FIELD", help="a table more for each, such as font_size")
    top.add_argument("--model", type=Path, metavar="RUN", help="a trained run with a text branch")
    top.add_argument("--limit", type=int, metavar="N", help="at most so many pictures of each folder")
    top.add_argument("--crop", action="store_true", help="cut the code out first: reading without finding")
    top.add_argument("--json", action="store_true", help="for programs: every picture with what was read, and tables")
    return top


def listed(folder: Path) -> list[Row]:
    """Return what truth.json says of each picture of a folder. Raises UserError for a folder without one."""
    path = folder / "truth.json"
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); scripts/browser_pictures.py --out DIR makes one.") from error
    if not facts["pictures"]:
        raise UserError(f"{path} lists no pictures; make some with scripts/browser_pictures.py.")
    return [
        picture | {
            "path": str(folder / picture["file"]),
            "size": f"under {SMALL} px" if picture["font_size"] < SMALL else f"from {SMALL} px",
        }
        for picture in facts["pictures"]
    ]  # fmt: skip


def available(names: Sequence[str]) -> tuple[dict[str, Reader], dict[str, str]]:
    """Return the readers that can be had, and why the others cannot. Raises UserError for an unknown name."""
    readers, missing = dict[str, Reader](), dict[str, str]()
    for name in names:
        if name not in READERS:
            hint = did_you_mean(name, READERS)
            raise UserError(f"--reader={name} is not known{hint}; it is one of {', '.join(READERS)}.")
        try:
            readers[name] = READERS[name]()
        except Missing as why:
            missing[name] = str(why)
            log.warning("%s is left out: %s", name, why)
    if not readers:
        raise UserError(f"There is no reader to measure: {'; '.join(f'{k}: {v}' for k, v in missing.items())}.")
    return readers, missing


def read_all(name: str, reader: Reader, pictures: list[Row], crop: bool) -> list[Row]:
    """Return a row for each picture: what the reader made of it, and its figures."""
    rows = []
    reader(pixels(pictures[0], crop))  # compiles and loads what it needs
    for picture in console.progress(pictures, f"{name} reads", len(pictures)):
        image, clock, error = pixels(picture, crop), processor_seconds(), ""
        try:
            read = reader(image)
        except Exception as failure:  # a reader that fails has read nothing; the others go on
            read, error = "", f"{type(failure).__name__}: {failure}"
            log.warning("%s failed on %s: %s", name, picture["path"], error)
        milliseconds = 1000 * (processor_seconds() - clock)
        rows.append(picture | figures(picture, read) | {"reader": name, "ms": milliseconds, "error": error})
    return rows


def recalled(path: Path, pictures: list[Row], readers: set[str]) -> list[Row]:
    """Return the rows of an earlier run, of other readers. Raises UserError where it lacks some of the pictures."""
    rows = [row for row in json.loads(path.read_text(encoding="utf-8"))["pictures"] if row["reader"] not in readers]
    of = {(row["reader"], Path(row["path"]).resolve()): row for row in rows}
    asked = [Path(picture["path"]).resolve() for picture in pictures]
    names = list(dict.fromkeys(row["reader"] for row in rows))
    if lost := next((place for name in names for place in asked if (name, place) not in of), None):
        raise UserError(f"--earlier={path} knows nothing of {lost}; run it again on all these pictures.")
    both = [(of[name, place], picture) for name in names for place, picture in zip(asked, pictures, strict=True)]
    return [row | picture | figures(picture, row["read"]) for row, picture in both]


def pixels(picture: Row, crop: bool) -> np.ndarray:
    """Return the picture (H, W, 3) uint8, or the part of it with all its code."""
    with Image.open(picture["path"]) as file:
        image = file.convert("RGB")
    if crop:
        boxes, margin = np.array(picture["boxes"]), 6  # pixels
        low, high = boxes[:, :2].min(0) - margin, boxes[:, 2:].max(0) + margin
        low, high = np.maximum(low, 0).astype(int), np.minimum(high, image.size).astype(int)
        image = image.crop((*low.tolist(), *high.tolist()))
    return np.asarray(image)


def processor_seconds() -> float:
    """Return the time that this process, its threads and the processes it has waited for took on a processor."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def figures(picture: Row, read: str) -> Row:
    """Return how well a text was read: errors as shares, lines as counts."""
    several = picture.get("blocks", 1) > 1
    truth, read = tidy(picture["text"], several), tidy(read, several)
    indented, lines = indented_rightly(truth, read)
    return {
        "read": read, "character_error": character_error(truth, read), "indented": indented, "code_lines": lines,
        "without_white_space": character_error(truth, read, white_space=False),
    }  # fmt: skip


def summary(rows: list[Row], field: str, readers: list[str]) -> dict[str, Any]:
    """Return means and intervals for each value of a field and each reader."""
    parts: dict[Any, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        parts[row[field]][row["reader"]].append(row)
    lines = []
    for value in sorted(parts, key=lambda value: (str(type(value)), value)):
        first = parts[value][readers[0]]
        for name in readers:
            some = parts[value][name]
            lines.append({field: value, "reader": name, "pictures": len(some)} | means(some))
            if name != readers[0]:
                lines[-1] |= against(first, some, readers[0])
    return {"by": field, "rows": lines}


def means(rows: list[Row]) -> Row:
    """Return the figures of one reader over some pictures, each with its interval."""
    groups, ones = [row["group"] for row in rows], np.ones(len(rows))

    def share(above: Any, below: Any = ones) -> Row:
        top, bottom = np.array(above, float), np.array(below, float)
        return {"mean": float(top.sum() / max(bottom.sum(), 1e-9)), "interval": ratio_interval(top, bottom, groups)}

    found: Row = {name: share([row[name] for row in rows]) for name in ERRORS}
    found["median_error"] = float(np.median([row["character_error"] for row in rows]))
    found["indentation"] = share([row["indented"] for row in rows], [row["code_lines"] for row in rows])
    found["ms"] = float(np.median([row["ms"] for row in rows]))
    of_truth, *others = [[row[key] == row["label"] for row in rows] for key in ANSWERS if key in rows[0]] or [[]]
    if of_truth:
        found["language_truth"], found["language_read"] = share(of_truth), share(others[0])
        found["language_lost"] = share(np.subtract(of_truth, others[0], dtype=float))
    if len(others) == 2:
        found["language_both"] = share(others[1])
        found["picture_adds"] = share(np.subtract(others[1], others[0], dtype=float))
    return found


def against(first: list[Row], other: list[Row], name: str) -> Row:
    """Return how much more of the characters a reader gets wrong than the first one, picture by picture."""
    more = np.array([b["character_error"] - a["character_error"] for a, b in zip(first, other, strict=True)])
    interval = ratio_interval(more, np.ones(len(more)), [row["group"] for row in first])
    return {f"errors_more_than_{name}": {"mean": float(more.mean()), "interval": interval}}


def as_text(table: dict[str, Any]) -> str:
    """Return a table for people; figures in per cent, intervals in brackets."""
    field, rows = table["by"], table["rows"]
    heads = ["characters wrong %", "median %", "no white space %", "indentation right %", "ms"]
    asked = [key for key in LANGUAGE if any(key in row for row in rows)]  # an earlier run may have had another model
    heads += [LANGUAGE[key] for key in asked]
    lines = [[field, "reader", "n", *heads]]
    for row in rows:
        cells = [percent(row["character_error"]), f"{100 * row['median_error']:.2f}"]
        cells += [percent(row["without_white_space"]), percent(row["indentation"]), f"{row['ms']:.0f}"]
        cells += [percent(row[key]) if key in row else "-" for key in asked]
        lines.append([str(row[field]), row["reader"], str(row["pictures"]), *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def percent(figure: Row) -> str:
    low, high = figure["interval"]
    return f"{100 * figure['mean']:.2f} ({100 * low:.2f} to {100 * high:.2f})"


if __name__ == "__main__":
    sys.exit(console.run(main))
