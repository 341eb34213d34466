"""`python -m fusion.corpus`: build the corpus from pinned packages, audit it, write its card, pin more packages."""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion import console
from fusion.config.data import Packages, load_data_options
from fusion.config.errors import UserError
from fusion.config.paths import DATA_DIR, cache_dir, usable
from fusion.console import progress, set_up_logging
from fusion.languages import named
from fusion.packages.manifest import REGISTRIES, SETS

log = logging.getLogger(__name__)

PARTLY = 3  # exit code: the table was built, without packages that could not be had


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="fusion corpus", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    told = {
        "build": "fetch the packages of a set, cut them and write the snippet table; prints its path",
        "audit": "what leaks between the sides, and what a character n-gram model makes of the split",
        "card": "the data card as Markdown and one PNG",
    }
    for command, text in told.items():
        one = commands.add_parser(command, help=text, description=text)
        one.add_argument("--set", default="small", choices=SETS, dest="subset", help="default: small")
        one.add_argument("--languages", nargs="+", metavar="LANGUAGE", help="only these, by any name they go by")
        one.add_argument("--debian", action="store_true", help="take Debian's packages too (needs apt, or a mirror)")
        one.add_argument("--per-package", type=int, metavar="N", help="most snippets of a package and language")
        one.add_argument("--per-label", type=int, metavar="N", help="most snippets of a language, evenly over projects")
        one.add_argument("--seed", type=int, default=0)
        one.add_argument("--workers", type=int, metavar="N", help="processes that cut; default: one a core")
        if command == "build":
            one.add_argument("--out", type=Path, metavar="FILE", help="write the table there too, .parquet or .arrow")
        if command == "audit":
            one.add_argument("--no-baselines", action="store_true", help="count only, train nothing")
        if command == "card":
            one.add_argument("--out", type=Path, default=Path("corpus-card.md"), metavar="FILE")
    pin = commands.add_parser("pin", help="add packages to the manifest: fetched, hashed, measured")
    pin.add_argument("registry", choices=REGISTRIES)
    pin.add_argument("names", nargs="+", metavar="NAME[==VERSION]")
    pin.add_argument("--set", default="standard", choices=SETS, dest="subset")
    pin.add_argument("--manifest", type=Path, default=DATA_DIR / "manifest.csv")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    set_up_logging()
    if options.command == "pin":
        return pin(options)
    from fusion.snippets.corpus.build import build

    data = data_options(options)
    built = build(data, usable(cache_dir()), progress)
    if options.command == "build":
        build_report(built, options)
    elif options.command == "audit":
        audit(built, options)
    else:
        card(built, data, options)
    return PARTLY if built.report.missing else 0


def data_options(options: argparse.Namespace) -> Packages:
    """Return conf/data/<set>.yaml with the options of the command line. Raises UserError for one that cannot be."""
    changes: dict[str, Any] = {"seed": options.seed}
    for name in ("per_package", "per_label", "workers"):
        if (value := getattr(options, name)) is not None:
            changes[name] = value
    if options.languages:
        changes["languages"] = [named(word).name for word in options.languages]
    if options.debian:
        changes["registries"] = list(REGISTRIES)
    try:
        data = load_data_options(options.subset, **changes)
    except UserError as error:  # as it was typed here: --per-package=0
        typed = re.sub(r"\bdata\.(\w+)=", lambda name: f"--{name[1].replace('_', '-')}=", str(error))
        raise UserError(typed) from error
    assert isinstance(data, Packages)
    return data


def build_report(built: Any, options: argparse.Namespace) -> None:
    from fusion.snippets.snippet import write_table

    log.info("%s", _told(built))
    if options.out:
        write_table(built.table, options.out)
    print(options.out or built.path)


def _told(built: Any) -> str:
    r = built.report
    return (
        f"{r.packages} packages, {r.cut} windows; dropped {r.exact} exact, {r.clashing} under two labels and "
        f"{r.near} near duplicates ({r.near_across} across projects); {len(r.joined)} pair(s) of clones joined; "
        f"table hash {r.split_hash}"
    )


def audit(built: Any, options: argparse.Namespace) -> None:
    from fusion.snippets.corpus import audit as audits

    table = built.table
    print(_told(built))
    for one, other, share in built.report.joined:
        print(f"  {one} and {other} share {share:.0%} of their longer lines: one project")
    _print_labels(audits.by_label(table))
    print("lines: " + ", ".join(f"{band} {count}" for band, count in audits.bands(table).items()))
    print(f"projects on two sides: {audits.straddling(table)}")
    found = audits.overlap(table)
    print(
        f"of {found.judged} validation and test snippets {found.exact} are in train exactly, {found.near} "
        f"({found.share:.3%}) nearly (Jaccard {audits.LIKE} and more)"
    )
    if options.no_baselines:
        return
    print("a linear model over tf-idf of character 1- to 4-grams:")
    for one in audits.baselines(table, options.seed):
        weakest = ", ".join(f"{label} {f1:.2f}" for label, f1 in sorted(one.f1.items(), key=lambda item: item[1])[:5])
        print(
            f"  {one.name:<28} accuracy {one.accuracy:.3f}, macro-F1 {one.macro_f1:.3f}, learnt from {one.learnt}, "
            f"judged on {one.judged}; weakest: {weakest}"
        )


def _print_labels(rows: list[dict[str, Any]]) -> None:
    width = max(len(row["label"]) for row in rows)
    heads = list(rows[0])[1:]
    print(" ".join([" " * width, *(f"{head:>9}" for head in heads)]))
    for row in rows:
        print(" ".join([f"{row['label']:<{width}}", *(f"{row[head]:>9}" for head in heads)]))


def card(built: Any, data: Packages, options: argparse.Namespace) -> None:
    from fusion.files import write_text
    from fusion.packages.manifest import read_manifest
    from fusion.snippets.corpus import card as cards

    packages = [p for p in read_manifest(data.set) if p.registry in data.registries]
    command = f"fusion corpus card --set {options.subset} --seed {options.seed}" + " --debian" * options.debian
    options.out.parent.mkdir(parents=True, exist_ok=True)
    picture = options.out.with_suffix(".png")
    write_text(options.out, cards.markdown(built, packages, command) + f"\n![languages]({picture.name})\n")
    cards.figure(built.table, picture, f"{command}: table {built.report.split_hash}")
    print(options.out)
    print(picture)


def pin(options: argparse.Namespace) -> int:
    """Packages -> lines of the manifest; those that cannot be had are said so, and the rest goes on."""
    from fusion.packages import manifest as packages
    from fusion.snippets.corpus.pin import measure, merged

    lines, failed = packages.read_lines(options.manifest), 0
    for wanted in progress(options.names, "pinning", len(options.names)):
        name, _, version = wanted.partition("==")
        try:
            package = packages.pin(options.registry, name, version or None, usable(cache_dir()))
            new = measure(package, cache_dir(), options.subset)
        except (packages.PackageError, packages.ArchiveError) as error:
            log.warning("left out: %s", error)
            failed += 1
            continue
        held = ", ".join(f"{line.language} {line.snippets}" for line in new) or "nothing that could be cut"
        print(f"{package}: {held}")
        lines = merged(lines, new)
        packages.write_lines(lines, options.manifest)
    return PARTLY if failed else 0


if __name__ == "__main__":
    sys.exit(console.run(main))
