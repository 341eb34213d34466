"""`python -m fusion.curves`: a run -> its accuracy by lines, and by how much texts and pictures are damaged."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fusion import console
from fusion.config.errors import UserError, did_you_mean
from fusion.files import write_text
from fusion.results.curves import KINDS, summaries, to_table
from fusion.results.table import print_table, to_csv

log = logging.getLogger(__name__)

DESCRIPTION = """Ask a trained model about the test snippets of its run, shortened or damaged more and more, and draw
its accuracy as curves with 95 % bands over projects: curves.png and curves.csv.

Damage to texts is measured on texts, damage to pictures on pictures that are drawn of the snippets and read; a model
that sees pictures is asked about each modality alone, too. An answer counts however unsure it is; where no code could
be read there is none."""
LIMITS = {"text": 2000, "picture": 300}  # snippets of a point; reading a picture takes about 60 ms


def parser() -> argparse.ArgumentParser:
    """Return the options of the command."""
    options = argparse.ArgumentParser(
        "fusion curves", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("run", type=Path, metavar="RUN", help="the folder of a completed run")
    options.add_argument(
        "--of", default=",".join(KINDS), metavar="A,B", help=f"what to change: {', '.join(KINDS)} (default: all)"
    )
    limits = " and ".join(f"{limit} {given}s" for given, limit in LIMITS.items())
    options.add_argument("--limit", type=int, metavar="N", help=f"most snippets of a point (default: {limits})")
    options.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for curves.png and curves.csv (default: RUN/curves)"
    )
    options.add_argument("--seed", type=int, default=0, help="of the sample and of the damage (default: 0)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Print the curves as tables on stdout and where they were written on stderr."""
    args = parser().parse_args(argv)
    kinds = [kind.strip() for kind in args.of.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"--of {kind} is not known{did_you_mean(kind, KINDS)}; it is one of {', '.join(KINDS)}.")
    if not kinds or (args.limit is not None and args.limit < 1) or args.seed < 0:
        raise UserError("--of must name something to change, --limit be 1 or more, and --seed 0 or more.")
    console.set_up_logging()
    import torch

    from fusion.results.plots import robustness
    from fusion.serving.robustness import Trial, load_snippets, measure

    torch.set_num_threads(min(4, torch.get_num_threads()))
    snippets, folder = load_snippets(args.run), args.out or args.run / "curves"
    limits = LIMITS if args.limit is None else dict.fromkeys(LIMITS, args.limit)
    with writing_to(folder):  # which is better known now than after a quarter of an hour
        folder.mkdir(parents=True, exist_ok=True)
    points = list(measure(Trial(args.run, args.seed), snippets, kinds, limits, console.progress))
    with writing_to(folder):
        write_text(folder / "curves.csv", to_csv(to_table(points)))
        robustness(points, folder / "curves.png")
    for table in summaries(points):
        print_table(table)
    log.info("wrote %s and %s", folder / "curves.csv", folder / "curves.png")
    return 0


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Raise UserError for what cannot be written there."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"The curves cannot be written to {folder} ({why}); choose a folder with --out DIR.") from error


if __name__ == "__main__":
    sys.exit(console.run(main))
