"""`python -m fusion.ocr FILE.png`: pictures of code -> the text in them, with its indentation."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion import console
from fusion.config.errors import UserError

if TYPE_CHECKING:
    from fusion.serving.pictures import SeenPicture

SCHEMA = 1
EXAMPLES = """examples:
  python -m fusion.ocr screenshot.png
  python -m fusion.ocr screenshot.png --overlay read.png      what was read, drawn over the picture
  python -m fusion.ocr --json FOLDER other.jpg                one JSON object a line, in the order given
  xclip -selection clipboard -target image/png -o | python -m fusion.ocr -

exit codes: 0 every picture was read (that there is no code in it is an answer), 1 none was, 2 usage, 3 some were not
"""


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        "fusion ocr", description="Read the code in pictures, with its indentation.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    arguments.add_argument(
        "files", nargs="+", metavar="FILE",
        help="a picture (PNG, JPEG, WebP, GIF, BMP), a folder that is searched for them, or - for standard input",
    )  # fmt: skip
    arguments.add_argument(
        "--json", action="store_true", help="one JSON object a line, with a box and a confidence for each character"
    )
    arguments.add_argument(
        "--overlay", type=Path, metavar="OUT.png", help="draw what was read over the picture; for one file"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is read in each picture; return 3 when some could not be read, 1 when none could."""
    options = parser()
    args = options.parse_args(argv)
    if args.files.count("-") > 1:
        options.error("- is given more than once, but standard input can be read only once")
    if args.overlay is not None:
        if len(args.files) > 1 or (args.files[0] != "-" and Path(args.files[0]).is_dir()):
            options.error("--overlay draws over one picture; give one FILE")
        check_overlay(args.overlay, args.files[0])
    console.set_up_logging()
    from fusion.serving.inputs import read_inputs
    from fusion.serving.overlay import write_overlay

    read = failed = 0
    for item in read_inputs(args.files, pictures_only=True):
        seen = look(item)
        read, failed = read + (seen.item.error is None), failed + (seen.item.error is not None)
        if args.json:
            print(json.dumps(to_dict(seen), allow_nan=False), flush=True)
        else:
            show(seen, heading=len(args.files) > 1 or item.path != args.files[0])
        if args.overlay is not None and seen.picture is not None and seen.transcript is not None:
            write_overlay(seen.picture, seen.transcript, args.overlay)
    if not failed:
        return 0
    return 3 if read else 1


def check_overlay(path: Path, source: str) -> None:
    """Raise UserError for a path that no overlay of this picture can be written to."""
    if path.suffix.lower() != ".png":
        raise UserError(f"--overlay {path} does not end in .png; write OUT.png.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist; make it first.")
    if source != "-" and path.resolve() == Path(source).resolve():
        raise UserError(f"--overlay {path} would replace the picture that is read; write to another file.")


def look(item: Any) -> "SeenPicture":
    """Return what an input shows; what is no picture gets that as its error."""
    from dataclasses import replace

    from fusion.serving.pictures import SeenPicture, see

    if item.picture is not None:
        return see(item)
    if item.error is None and not Path(item.path).is_dir():  # text, or nothing
        error = f"{item.path} is not a picture; give a PNG, JPEG, WebP, GIF or BMP file."
        item = replace(item, status="unreadable", error=error)
    return SeenPicture(item)


def show(seen: "SeenPicture", heading: bool) -> None:
    """Print the text to standard output, and whatever is to be said of it to standard error."""
    item = seen.item
    if item.error is not None:
        print(console.printable(item.error), file=sys.stderr, flush=True)
        return
    name = console.printable("standard input" if item.path == "-" else item.path)
    if heading:
        print(f"==> {name} <==", file=sys.stderr, flush=True)
    if seen.transcript is None:
        print(f"{name}: no pictures in this folder", file=sys.stderr, flush=True)
    elif item.status == "no_code":
        print(f"{name}: no code: {console.printable(seen.reason)}", file=sys.stderr, flush=True)
    if item.status == "ok":
        encoding = sys.stdout.encoding or "utf-8"
        print(item.text.encode(encoding, "replace").decode(encoding), flush=True)


def to_dict(seen: "SeenPicture") -> dict[str, Any]:
    """Return what --json prints; boxes are x0, y0, x1, y1 in pixels of the picture, as it stands upright."""
    transcript = seen.transcript
    lines = [
        {"text": line.text, "number": line.number, "boxes": line.boxes.round(1).tolist(),
         "confidence": line.confidence.round(4).tolist()}
        for line in (transcript.lines if transcript else ())
    ]  # fmt: skip
    return {
        "schema": SCHEMA, "path": seen.item.path, "status": seen.item.status,
        **seen.facts(), "reason": seen.reason,
        "lines": lines, "error": seen.item.error,
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(console.run(main))
