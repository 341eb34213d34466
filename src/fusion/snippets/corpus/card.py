"""Built corpus -> its data card: Markdown, and one figure."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from fusion.files import replacing
from fusion.packages.manifest import Package
from fusion.snippets.corpus.audit import by_label, by_length, other_kinds
from fusion.snippets.corpus.build import Built
from fusion.snippets.snippet import SPLITS

INTENT = """\
Short pieces of source code with the language they are written in, for training and comparing classifiers. They are
cut on this machine from pinned packages of public registries; nobody's code is redistributed with fusion.
Licences are as the packages declare them, not audited. Personal data is not looked for; author lines in comments
may remain. Java, Kotlin, Swift and Objective-C come mostly from mobile plugins, Lua partly from one game platform,
hardware languages from processor cores: a model can learn the domain instead of the language, so judge it on sources
of your own as well.
"""


def markdown(built: Built, packages: Sequence[Package], command: str) -> str:
    """Built, the packages asked for, the command that made the card -> the card as Markdown."""
    table, report = built.table, built.report
    sections = [
        "# Data card", INTENT, f"Made by `{command}`. Table hash `{report.split_hash}`, {table.num_rows} snippets of "
        f"{len(set(table['group'].to_pylist()))} projects in {report.packages} packages.",
        "## Languages", table_of_labels(table), *_other(table), "## Length", _lengths(table),
        "## Dropped and joined", _dropped(built),
        "## Licences, as declared", _licences(table), "## Packages", _packages(packages, built),
    ]  # fmt: skip
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def table_of_labels(table: pa.Table) -> str:
    """Return projects, snippets, lines and splits of each language as a Markdown table."""
    rows = [
        [row["label"], row["projects"], row["snippets"], row["lines"], *(row[name] for name in SPLITS)]
        for row in by_label(table)
    ]
    total = ["all", len(set(table["group"].to_pylist())), *(sum(row[i] for row in rows) for i in range(2, 7))]
    return _grid(["language", "projects", "snippets", "lines", *SPLITS], [*rows, total])


def _other(table: pa.Table) -> list[str]:
    """Return the section on what Other is made of; nothing for a table without it."""
    rows = other_kinds(table)
    head = ["kind", "projects or variants", "snippets", *SPLITS]
    return ["## What Other is made of", _grid(head, [list(row.values()) for row in rows])] if rows else []


def _grid(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---" if i == 0 else "---:" for i in range(len(head))], *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _lengths(table: pa.Table) -> str:
    return _grid(["lines", "snippets"], list(by_length(table).items()))


def _dropped(built: Built) -> str:
    r = built.report
    lines = [
        f"- {r.cut} windows were cut; {r.exact} were the same as another apart from white space, {r.clashing} texts "
        f"stood under two labels, {r.near} were near-duplicates ({r.near_across} of another project's).",
        *(f"- {a} and {b} are one project: they share {share:.0%} of their lines." for a, b, share in r.joined),
        *(f"- {label} is left out: {projects} project(s), three are needed." for label, projects in r.left_out.items()),
        *(f"- Left out: {reason}" for reason in r.missing.values()),
    ]  # fmt: skip
    return "\n".join(lines)


def _licences(table: pa.Table) -> str:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    grouped = table.group_by("license").aggregate([("group", "count_distinct"), ("id", "count")]).to_pylist()
    for row in grouped:
        name = row["license"] or "not declared in the archive"
        counts[name][0] += row["group_count_distinct"]
        counts[name][1] += row["id_count"]
    rows = sorted(([name, *both] for name, both in counts.items()), key=lambda row: (-int(str(row[2])), str(row[0])))
    return _grid(["licence", "projects", "snippets"], rows)


def _packages(packages: Sequence[Package], built: Built) -> str:
    rows = [
        [p.registry, p.name, p.version, p.license, ", ".join(p.languages), f"`{p.sha256[:12]}`"]
        for p in packages
        if f"{p.registry} {p.name}" not in built.report.missing
    ]
    return _grid(["registry", "package", "version", "licence", "languages", "sha256"], rows)


def figure(table: pa.Table, path: Path, caption: str) -> None:
    """Draw the snippets and projects of each language, as one PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = sorted(by_label(table), key=lambda row: row["snippets"])
    names = [row["label"] for row in rows]
    chart, (left, right) = plt.subplots(1, 2, figsize=(9, 1 + 0.2 * len(rows)), sharey=True, layout="constrained")
    start = [0] * len(rows)
    for split, colour in zip(SPLITS, ("#3b6ea5", "#8fb4d9", "#d98f3b"), strict=True):
        counts = [row[split] for row in rows]
        left.barh(names, counts, left=start, color=colour, label=split, height=0.75)
        start = [a + b for a, b in zip(start, counts, strict=True)]
    right.barh(names, [row["projects"] for row in rows], color="#6b6b6b", height=0.75)
    left.set_xlabel("snippets")
    right.set_xlabel("projects")
    left.legend(loc="lower right", frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(axis="y", labelsize=8)
    chart.suptitle(caption, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        chart.savefig(part, dpi=110, format="png", metadata={"Software": "fusion"})
    plt.close(chart)
