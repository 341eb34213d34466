"""The console script: `fusion <command>` is `python -m fusion.<command>`."""

import importlib
import sys

from fusion import __version__, console
from fusion.config.errors import did_you_mean

COMMANDS = {
    "train": "train one classifier, or a sweep of them",
    "compare": "runs -> one table",
    "predict": "files -> what they are, by a trained run",
    "corpus": "build the corpus of real code, audit it, describe it",
    "render": "code -> its screenshot, or a sheet of what a model sees",
    "doctor": "what this machine has, and what is out of reach",
}


def main() -> int:
    """Exit code of the command; 2 for one that does not exist."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print("usage: fusion COMMAND [OPTIONS]   (fusion COMMAND --help says more)\n")
        print("\n".join(f"  {command:9} {what}" for command, what in COMMANDS.items()))
        return 0
    if name == "--version":
        print(__version__)
        return 0
    if name not in COMMANDS:
        print(
            f"error: no command {name!r}{did_you_mean(name, COMMANDS)}; it is one of {', '.join(COMMANDS)}.",
            file=sys.stderr,
        )
        return 2
    sys.argv = [f"fusion {name}", *sys.argv[2:]]
    return console.run(importlib.import_module(f"fusion.{name}").main)


if __name__ == "__main__":
    sys.exit(main())
