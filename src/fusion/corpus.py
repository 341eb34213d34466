"""`python -m fusion.corpus`: build the corpus from pinned packages, audit it, write its card, pin more packages."""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion import console
from fusion.config.data import REGISTRIES, Packages, load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import DATA_DIR, cache_dir, usable
from fusion.console import progress, set_up_logging
from fusion.languages import find_language
from fusion.packages.manifest import SETS

if TYPE_CHECKING:
    from fusion.snippets.corpus.build import Built

log = logging.getLogger(__name__)

PARTLY = 3  # exit code: the table was built, without packages that could not be had


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="fusion corpus", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    help_of = {
        "build": "fetch the packages of a set, cut them and write the snippet table; prints its path",
        "audit": "print what leaks between the splits, and what a character n-gram model scores on them",
        "card": "write the data card as Markdown, and one PNG",
    }
    for name, text in help_of.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--set", default="small", choices=SETS, dest="subset", help="default: small")
        command.add_argument("--languages", nargs="+", metavar="LANGUAGE", help="only these, by any name they go by")
        command.add_argument("--debian", action="store_true", help="take Debian's packages too; needs apt or a mirror")
        command.add_argument("--per-package", type=int, metavar="N", help="most snippets of a package and language")
        command.add_argument("--per-label", type=int, metavar="N", help="most of a language, evenly over projects")
        command.add_argument("--other", type=int, metavar="N", help="most snippets of the label Other; default: none")
        languages = "languages that count as Other"
        command.add_argument("--other-languages", nargs="+", metavar="LANGUAGE", help=languages)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--workers", type=int, metavar="N", help="processes that cut; default: one a core")
        if name == "build":
            command.add_argument("--out", type=Path, metavar="FILE", help="a .parquet or .arrow file for the table")
        if name == "audit":
            command.add_argument("--no-baselines", action="store_true", help="count only, train nothing")
        if name == "card":
            command.add_argument("--out", type=Path, default=Path("corpus-card.md"), metavar="FILE")
    pin_command = commands.add_parser("pin", help="add packages to the manifest: fetched, hashed, measured")
    pin_command.add_argument("registry", choices=REGISTRIES)
    pin_command.add_argument("names", nargs="+", metavar="NAME[==VERSION]")
    pin_command.add_argument("--set", default="standard", choices=SETS, dest="subset")
    pin_command.add_argument("--manifest", type=Path, default=DATA_DIR / "manifest.csv")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one of the commands; 3 where packages are missing."""
    args = parser().parse_args(argv)
    set_up_logging()
    if args.command == "pin":
        return pin(args)
    from fusion.snippets.corpus.build import build

    data = data_options(args)
    built = build(data, usable(cache_dir()), progress)
    if args.command == "build":
        print_path(built, args)
    elif args.command == "audit":
        print_audit(built, data, args)
    else:
        write_card(built, data, args)
    return PARTLY if built.report.missing else 0


def data_options(args: argparse.Namespace) -> Packages:
    """Return conf/data/<set>.yaml with the options of the command line. Raises UserError for one that cannot be."""
    changes: dict[str, Any] = {"seed": args.seed}
    for name in ("per_package", "per_label", "other", "workers"):
        if (value := getattr(args, name)) is not None:
            changes[name] = value
    for name in ("languages", "other_languages"):
        if given := getattr(args, name):
            changes[name] = [find_language(language).name for language in given]
    if args.debian:
        changes["registries"] = list(REGISTRIES)
    try:
        data = load_data_options(args.subset, **changes)
    except UserError as error:  # as it was typed here: --per-package=0
        typed = re.sub(r"\bdata\.(\w+)=", lambda name: f"--{name[1].replace('_', '-')}=", str(error))
        raise UserError(typed.replace(", or null", "")) from error
    assert isinstance(data, Packages)
    return data


def print_path(built: "Built", args: argparse.Namespace) -> None:
    """Print where the table lies; writes it to --out first."""
    from fusion.snippets.snippet import write_table

    log.info("%s", _summary(built))
    if args.out:
        write_table(built.table, args.out)
    print(args.out or built.path)


def _summary(built: "Built") -> str:
    r = built.report
    return (
        f"{r.packages} packages, {r.cut} windows; dropped {r.exact} exact, {r.clashing} under two labels and "
        f"{r.near} near duplicates ({r.near_across} across projects); {len(r.joined)} pair(s) of clones joined; "
        f"table hash {r.split_hash}"
    )


def print_audit(built: "Built", data: Packages, args: argparse.Namespace) -> None:
    """Print what was joined, how the labels lie in the splits, what leaks, and the scores of the baselines."""
    from fusion.snippets.corpus import audit
    from fusion.snippets.corpus.disputed import disputed

    table = built.table
    print(_summary(built))
    for first, second, share in built.report.joined:
        print(f"  {first} and {second} share {share:.0%} of their longer lines: one project")
    _print_rows(audit.by_label(table))
    print("what kind of code it is, by the folders it lies in:")
    _print_rows(audit.by_kind(table))
    print(f"windows that do not show their language (here data.doubtful={data.doubtful}):")
    _print_rows([{"label": label, **built.report.doubtful[label]} for label in sorted(built.report.doubtful)])
    if kinds := audit.other_kinds(table):
        print("what Other is made of:")
        _print_rows(kinds)
    print("lines: " + ", ".join(f"{lines} {count}" for lines, count in audit.by_length(table).items()))
    print(f"projects in two splits: {audit.straddling(table)}")
    overlap = audit.overlap(table)
    print(
        f"of {overlap.evaluated} validation and test snippets {overlap.exact} are in train exactly, {overlap.near} "
        f"({overlap.share:.3%}) nearly (Jaccard {audit.LEAK} and more)"
    )
    if args.no_baselines:
        return
    print("snippets whose label models of other projects dispute, and what they are taken for:")
    drawn = audit.sample(table, args.seed)
    labels, projects = drawn.table["label"].to_pylist(), drawn.table["group"].to_pylist()
    for label, found in disputed(drawn.counts, labels, projects, args.seed).items():
        others = ", ".join(f"{other} {n}" for other, n in found.taken_for)
        share = found.disputed / found.snippets
        print(f"  {label:<14} {found.disputed:>5} of {found.snippets:>5} ({share:.0%}) {others}")
    print("a linear model over tf-idf of character 1- to 4-grams:")
    for score in audit.baselines(drawn, args.seed):
        weakest = ", ".join(f"{label} {f1:.2f}" for label, f1 in sorted(score.f1.items(), key=lambda item: item[1])[:5])
        print(
            f"  {score.name:<28} accuracy {score.accuracy:.3f}, macro-F1 {score.macro_f1:.3f}, trained on "
            f"{score.trained_on}, evaluated on {score.evaluated_on}; weakest: {weakest}"
        )


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows that begin with a label, as a table."""
    width = max((len(row["label"]) for row in rows), default=0)
    heads = list(rows[0])[1:] if rows else []
    print(" ".join([" " * width, *(f"{head:>9}" for head in heads)]))  # a longer one is as wide as it is
    for row in rows:
        print(" ".join([f"{row['label']:<{width}}", *(f"{row[head]:>{max(9, len(head))}}" for head in heads)]))


def write_card(built: "Built", data: Packages, args: argparse.Namespace) -> None:
    """Write the data card and its figure, and print where they lie."""
    from fusion.files import write_text
    from fusion.packages.manifest import read_manifest
    from fusion.snippets.corpus import card

    packages = [p for p in read_manifest(data.set) if p.registry in data.registries]
    command = f"fusion corpus card --set {args.subset} --seed {args.seed}" + " --debian" * args.debian
    command += f" --other {data.other}" * bool(data.other)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure = args.out.with_suffix(".png")
    write_text(args.out, card.markdown(built, packages, command) + f"\n![languages]({figure.name})\n")
    card.figure(built.table, figure, f"{command}: table {built.report.split_hash}")
    print(args.out)
    print(figure)


def pin(args: argparse.Namespace) -> int:
    """Add packages to the manifest; those that cannot be had are logged, and the rest goes on."""
    from fusion.packages import manifest
    from fusion.packages.errors import PackageError
    from fusion.snippets.corpus.pin import measure, merge_lines

    lines, failed = manifest.read_lines(args.manifest), 0
    for wanted in progress(args.names, "pinning", len(args.names)):
        name, _, version = wanted.partition("==")
        try:
            package = manifest.pin(args.registry, name, version or None, usable(cache_dir()))
            new = measure(package, cache_dir(), args.subset)
        except PackageError as error:
            log.warning("left out: %s", error)
            failed += 1
            continue
        contents = ", ".join(f"{line.language} {line.snippets}" for line in new) or "nothing that could be cut"
        print(f"{package}: {contents}")
        lines = merge_lines(lines, new)
        manifest.write_lines(lines, args.manifest)
    return PARTLY if failed else 0


if __name__ == "__main__":
    sys.exit(console.run(main))
