"""`python -m fusion.predict`: files, pictures of code and a trained run -> what each of them is."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion import console
from fusion.config.errors import UserError

if TYPE_CHECKING:
    from fusion.serving.prediction import Prediction

EXAMPLES = """examples:
  python -m fusion.predict --run runs/train/20260101-120000-abcdef src/main.c
  python -m fusion.predict --run RUN --json FILE...      one JSON object a line, in the order given
  python -m fusion.predict --run RUN screenshot.png      the code is read in the picture
  python -m fusion.predict --run RUN FOLDER              what lies in it and below, but for hidden and binary files
  python -m fusion.predict --run RUN --set 0.95 FILE     also the labels that it is one of, with that probability
  cat FILE | python -m fusion.predict --run RUN -        a text or a picture

exit codes: 0 every file was answered (abstaining is an answer), 1 nothing could be done, 3 some were not
"""


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        "fusion predict", description="Say what files and pictures of code are, with a trained model.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    arguments.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a text or a picture (PNG, JPEG, WebP, GIF, BMP), told by what is in it; a folder; - for standard input",
    )
    run = "the folder of a completed run, or what fusion export wrote (default: the model that fusion ships)"
    arguments.add_argument("--run", type=Path, metavar="RUN_DIR", help=run)
    arguments.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments.add_argument(
        "--mode", choices=("high_confidence", "medium_confidence", "best_guess"), default="medium_confidence",
        help="how often answers must be right, else the label is unknown: 95 %%, 85 %% (default), or however often",
    )  # fmt: skip
    arguments.add_argument("--labels", default="", metavar="A,B", help="answer with one of these labels only")
    held = "also give the labels that hold the right one with this probability, such as 0.95"
    arguments.add_argument("--set", type=float, metavar="LEVEL", help=held)
    arguments.add_argument("--top", type=int, default=5, metavar="K", help="how many labels --json lists (default 5)")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Print one answer a file; return 3 when some files could not be read."""
    args = parser().parse_args(argv)
    if args.files.count("-") > 1:
        raise UserError("- is given more than once, but standard input can be read only once; leave one of them.")
    console.set_up_logging()
    from fusion.serving.inputs import read_inputs
    from fusion.serving.predictor import Predictor
    from fusion.weights import shipped_model

    labels = [label.strip() for label in args.labels.split(",") if label.strip()]
    predictor = Predictor(args.run or shipped_model(), args.mode, labels, args.top, args.set)
    if (torch := sys.modules.get("torch")) is not None:  # an exported model does without
        torch.set_num_threads(min(4, torch.get_num_threads()))
    failed = False
    for answer in predictor.predict(read_inputs(args.files)):
        failed |= answer.error is not None
        if args.json:
            print(json.dumps(answer.to_dict(), allow_nan=False), flush=True)
        elif answer.error:
            print(f"{answer.path}: {console.printable(answer.error)}", file=sys.stderr)
        else:
            print(console.printable(f"{answer.path}: {in_words(answer)}"), flush=True)
    return 3 if failed else 0


def in_words(answer: "Prediction") -> str:
    """Return the answer about what was read: the label and its score, or what is known where none is given."""
    guess = f", perhaps {answer.raw['label']}" if answer.raw and answer.decision == "abstained" else ""
    guess = ", no code in any language it knows" if answer.reason == "not_code" else guess
    score = f" ({answer.score:.2f})" if answer.score is not None else ""
    if answer.status == "no_code":
        return f"{answer.label}{score}, no code: {answer.input['reading']['reason']}"
    read = f", lines read in the picture: {answer.input['lines']}" if answer.input["kind"] == "picture" else ""
    one_of = f"; {100 * answer.set['level']:g} % set: {', '.join(answer.set['labels'])}" if answer.set else ""
    return f"{answer.label}{guess}{score}{read}{one_of}"


if __name__ == "__main__":
    sys.exit(console.run(main))
