"""What a person at the terminal sees: log lines on stderr, progress bars, errors in one sentence."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fusion.config.errors import UserError

QUIET = (
    "pytorch_lightning",
    "lightning",
    "lightning_fabric",
    "transformers",
    "timm",
    "huggingface_hub",
    "matplotlib",
    "PIL",
    "urllib3",
    "fsspec",
)


def set_up_logging(file: Path | None = None) -> None:
    """Log to stderr and, with every detail, to a file, such as run.log. Replaces what was set up before."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setLevel(logging.INFO)
    stderr.setFormatter(logging.Formatter("%(message)s"))
    root.addHandler(stderr)
    if file is not None:
        handler = logging.FileHandler(file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("fusion").setLevel(logging.DEBUG)  # of fusion itself the file gets everything
    logging.captureWarnings(True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    if file is None or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def progress(items: Iterable[Any], title: str, total: int) -> Iterable[Any]:
    """Return the same items, with a progress bar on a terminal, else after one log line. total: 0 where unknown."""
    if not sys.stderr.isatty():
        logging.getLogger(__name__).info("%s%s", title, f" ({total})" if total else "")
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=title, total=total or None, console=Console(stderr=True), transient=True)


def printable(text: str) -> str:
    """Return untrusted text as one line for a terminal: control and direction characters as escapes such as \\x1b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived. No Exception, so that no `except Exception` stops it on its way out."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def _stop(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # the second time it ends at once
    raise Stopped(number)


def run(main: Callable[[], int | None]) -> int:
    """Run a command; return its exit code: 0 ok, 1 an error the user can fix, 130 SIGINT, 143 SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        return main() or 0
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `fusion compare runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Stopped as stopped:
        print(f"stopped by {stopped}", file=sys.stderr)
        return stopped.exit_code
