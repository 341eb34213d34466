"""The console script: `fusion COMMAND` does what `python -m fusion.COMMAND` does."""

import importlib
import sys

from fusion import __version__, console
from fusion.config.errors import did_you_mean

COMMANDS = {
    "train": "train a classifier, or many of them in a sweep",
    "compare": "show runs in one table",
    "curves": "draw accuracy by lines, and by damage to texts and pictures",
    "predict": "say what files are, with a trained model",
    "ocr": "read the code in pictures, with its indentation",
    "corpus": "build the corpus of real code, check it, describe it",
    "render": "draw a screenshot of code, or a sheet of what a model sees",
    "doctor": "check what this machine has and what is out of reach",
}


def main() -> int:
    """Run the command named first; return its exit code, 2 for a command that does not exist."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print("usage: fusion COMMAND [OPTIONS]\n")
        print("\n".join(f"  {command:9} {summary}" for command, summary in COMMANDS.items()))
        print("\nfusion COMMAND --help explains the options of a command; fusion --version prints the version.")
        return 0
    if name == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        print(
            f"error: There is no command {name!r}{did_you_mean(name, COMMANDS)}; it is one of {', '.join(COMMANDS)}.",
            file=sys.stderr,
        )
        return 2
    sys.argv = [f"fusion {name}", *sys.argv[2:]]
    return console.run(importlib.import_module(f"fusion.{name}").main)


if __name__ == "__main__":
    sys.exit(main())
