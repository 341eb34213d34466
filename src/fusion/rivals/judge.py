"""A run -> the table of what it and other tools answer to its test snippets."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fusion import __version__
from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import cache_dir, usable
from fusion.results.rivals import Judged, Snippets, rivals_table
from fusion.results.statistics import draw_evenly
from fusion.results.table import Table
from fusion.rivals import node_tools, python_tools
from fusion.rivals.answers import Progress, answers
from fusion.rivals.labels import by_language, translation
from fusion.rivals.own import OwnRun, open_run, same_snippets, texts_of
from fusion.rivals.pictures import Drawn, read_all
from fusion.rivals.rival import Answer, Missing, Opening, Rival, best_labels, first_labels

log = logging.getLogger(__name__)

RIVALS: dict[str, Opening] = {
    "magika": python_tools.magika,
    "guesslang": node_tools.guesslang,
    "highlight.js": node_tools.highlightjs,
    "linguist": node_tools.linguist,
    "pygments": python_tools.pygments,
}
AS_IT_STANDS = "as it stands"


@dataclass(frozen=True)
class Request:
    """What to ask whom."""

    run: Path
    baseline: Path | None = None  # another run on the same snippets
    tools: tuple[str, ...] = tuple(RIVALS)
    limit: int | None = None  # snippets, drawn evenly over projects; None: all
    pictures: int = 0  # of those, how many are drawn and read too
    seed: int = 0


@dataclass(frozen=True)
class Block:
    """Some of the snippets with the text that every tool is asked about."""

    snippets: Snippets
    ids: list[str]
    texts: list[str]
    pictures: Drawn | None = None  # that the texts were read in
    reading: float = 0.0  # milliseconds of a picture


def judge(asked: Request, progress: Progress) -> Table:
    """Return the table. Raises UserError for runs that cannot be asked and for unknown tools."""
    for name in asked.tools:
        if name not in RIVALS:
            raise UserError(
                f"--tools={name} is not known{did_you_mean(name, RIVALS)}; it is some of {', '.join(RIVALS)}."
            )
    run, baseline = open_run(asked.run), open_run(asked.baseline) if asked.baseline else None
    if len(by_language(run.classes)) < 2:
        names = ", ".join(run.classes[:5])
        raise UserError(f"The labels of {asked.run} are no languages ({names}), and other tools know no other labels.")
    folder = usable(cache_dir()) / "rivals"
    whole = _drawn(run, asked.limit, asked.seed, progress)
    read, missing = _read(run, _first(whole, asked.pictures), folder, progress) if asked.pictures else ([], [])
    blocks = [whole, *read]
    judged: list[list[Judged]] = [[_own(run, block)] for block in blocks]
    if baseline is not None:
        for rows, block in zip(judged, blocks, strict=True):
            rows.append(_own(baseline, block))
    for name in asked.tools:
        for rows, of_tool in zip(judged, _ask(name, blocks, run.classes, folder, progress), strict=True):
            rows += of_tool
    table = [(block.snippets, rows) for block, rows in zip(blocks, judged, strict=True)]
    return rivals_table(table, missing)


def _drawn(run: OwnRun, limit: int | None, seed: int, progress: Progress) -> Block:
    rows = draw_evenly(run.answered["group"].to_pylist(), limit, seed)
    table = run.answered.take(rows)
    label, group, lines = (np.array(table[name].to_pylist()) for name in ("label", "group", "lines"))
    ids = table["id"].to_pylist()
    return Block(Snippets(AS_IT_STANDS, label, group, lines), ids, texts_of(run, ids, progress))


def _first(block: Block, count: int) -> Block:
    """Return the first snippets of a block."""
    s = block.snippets
    snippets = Snippets(f"{s.text}, drawn below", s.label[:count], s.group[:count], s.lines[:count])
    return Block(snippets, block.ids[:count], block.texts[:count])


def _read(run: OwnRun, first: Block, folder: Path, progress: Progress) -> tuple[list[Block], list[tuple[str, str]]]:
    """Return snippets that are drawn: as they stand, and as each reader reads them; what is not read, and why."""
    labels = first.snippets.label.tolist()
    drawn, blocks, missing = Drawn(run.record["config"], first.texts, first.ids, labels), [first], []
    for read in read_all(drawn, folder, progress):
        text = f"read by {read.reader}"
        if read.texts is None:
            missing.append((text, read.status))
        else:
            snippets = replace(first.snippets, text=text)
            blocks.append(Block(snippets, first.ids, read.texts, drawn, read.milliseconds))
    return blocks, missing


def _own(run: OwnRun, block: Block) -> Judged:
    """Return what a run answers: as it did when it was tested, or to what was read now."""
    if block.pictures is not None:
        predicted = run.answers(block.texts, block.pictures.__getitem__)
    else:
        predicted = same_snippets(run, block.ids, block.snippets.label.tolist())
    milliseconds = block.reading + run.milliseconds(block.texts)
    return Judged(run.name, __version__, predicted, run.classes, milliseconds, run.megabytes)


def _ask(
    name: str, blocks: Sequence[Block], classes: Collection[str], folder: Path, progress: Progress
) -> list[list[Judged]]:
    """Return for each block what one tool answers; where it cannot, the first has a row that says why."""
    try:
        with RIVALS[name]() as tool:
            found = [answers(tool, block.texts, folder, progress) for block in blocks]
    except Missing as why:
        log.warning("%s is left out: %s", name, why)
        return [[Judged(name, status=str(why))], *([] for _ in blocks[1:])]
    return [_judged(tool, block, of_block, classes) for block, of_block in zip(blocks, found, strict=True)]


def _judged(tool: Rival, block: Block, found: list[Answer], classes: Collection[str]) -> list[Judged]:
    languages = translation(tool.name, classes)
    milliseconds = block.reading + float(np.median([answer.milliseconds for answer in found]))
    predicted = {tool.name: np.array([*first_labels(found, languages)], object)}
    if tool.ranks_all:
        predicted[f"{tool.name}, of {len(classes)} labels"] = np.array([*best_labels(found, languages)], object)
    knows = set(languages.values())
    return [
        Judged(name, tool.version, labels, knows, milliseconds, tool.megabytes) for name, labels in predicted.items()
    ]
