"""`python -m fusion.render FILE -o OUT.png`: code -> its screenshot; --sheet: what a model is shown."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from fusion import console
from fusion.config.data import load_data_options
from fusion.config.errors import UserError, did_you_mean
from fusion.config.options import choices_of, parse
from fusion.config.paths import cache_dir
from fusion.config.render import (
    DEFAULT_FONT,
    STYLE,
    Render,
    RenderOptions,
    Size,
    Style,
    check_view,
    load_render_options,
    parse_size,
)
from fusion.files import replacing, write_text
from fusion.languages import BY_EXTENSION
from fusion.screenshots import fonts
from fusion.screenshots.glyphs import metrics
from fusion.screenshots.layout import needed_height
from fusion.screenshots.painter import Painter, count_lines
from fusion.screenshots.renderer import Renderer
from fusion.screenshots.style import Styles, sample_key

HIGHLIGHTS = choices_of(Render.__pydantic_fields__["highlight"])  # type: ignore[attr-defined]
EPILOG = """\
examples:
  python -m fusion.render src/fusion/train.py -o train.png
  python -m fusion.render query.sql -o query.png --theme monokai --font hack --line-numbers true
  python -m fusion.render main.rs -o main.png --tokens main.json
  python -m fusion.render --sheet 24 sheet.png                       # snippets of the small corpus
  python -m fusion.render src/fusion/*.py --sheet 24 sheet.png --look editor
  python -m fusion.render fonts                                      # fonts, and where they come from
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line: an option for each field of a style, as the configuration says it."""
    options = argparse.ArgumentParser(
        "fusion.render", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("files", nargs="*", metavar="FILE", help="code; - reads standard input")
    add("-o", "--out", type=Path, metavar="OUT.png", help="the picture; its folder must exist")
    add("--sheet", nargs=2, metavar=("N", "OUT.png"), help="N pictures in one, in styles drawn at random")
    add("--tokens", type=Path, metavar="OUT.json", help="also write the box of every token")
    add("--look", metavar="NAME", help="draw the style from conf/render/NAME.yaml (default: Carbon's own)")
    add("--size", help="WIDTH, or WIDTHxHEIGHT, in pixels (default: 1360 wide, as high as the code needs)")
    add("--input-shape", type=int, default=320, help="pixels a backbone sees, with --sheet (default: 320)")
    add("--data", default="small", help="conf/data/NAME.yaml for --sheet without files (default: small)")
    add("--seed", type=int, default=0, help="of styles drawn at random (default: 0)")
    add("--highlight", choices=HIGHLIGHTS, help="colours (default: neutral; true goes by the extension)")
    style = options.add_argument_group(
        "style", "one value fixes a field; [a, b] is a range, a longer list is drawn from"
    )
    for name, field in STYLE.items():
        words = "|".join(choices_of(field)) if isinstance(field.default, str) else ""
        default = "" if field.default == "" else f" (Carbon: {field.default})"
        text = f"{field.description}{default}".replace("%", "%%")
        style.add_argument(f"--{name.replace('_', '-')}", metavar=words or "VALUE", help=text)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv == ["fonts"]:
        return list_fonts()
    args = parser().parse_args(argv)
    console.set_up_logging()
    if args.sheet:
        return sheet(args)
    if len(args.files) != 1 or args.out is None:
        raise UserError("Give one FILE and -o OUT.png, or --sheet N OUT.png; --help shows examples.")
    return one_picture(args)


def one_picture(args: argparse.Namespace) -> int:
    """Write the picture of one file and, if asked for, the boxes of its tokens."""
    file = args.files[0]
    text = read(file)
    render = render_options(args, None)
    key = np.array([sample_key(args.seed, 0, file)], np.uint64)
    styles = Styles(render.style)
    style = styles.sample(int(key[0]))
    size, padding = picture_size(style, text, args.size)
    if padding is not None:
        styles = Styles(dataclasses.asdict(style) | {"padding_y": padding})
    painter = Painter(styles, render.highlight, size)
    scene = painter.scene([text], [file], key, [label_of(file)] if render.highlight == "true" else None)
    picture = np.empty((1, size.height, size.width, 3), np.uint8)
    painter.draw(scene, picture)
    painter.degrade(scene, picture)
    save(picture[0], args.out)
    if args.tokens:
        content = {"picture": args.out.name, "width": size.width, "height": size.height}
        content |= {"style": dataclasses.asdict(style), "tokens": painter.tokens(scene, 0, text)}
        with explained(args.tokens):
            write_text(args.tokens, json.dumps(content, ensure_ascii=False, indent=1))
    print(args.out)
    return 0


def picture_size(style: Style, text: str, size: str | None) -> tuple[Size, float | None]:
    """Return the picture's size and, where its height follows the code, padding_y in percent."""
    if size is not None and "x" in size.lower():
        return size_of(size), None
    width = size_of(size or "1360").width
    measured = metrics(style.font, max(1, round(style.font_size * style.scale)))
    around = round(max(style.padding_x, 0) * width / 100)  # the same on all sides
    height = needed_height(style, measured, count_lines(text)) + 2 * around
    height = min(max(height, 8), 8192)
    return Size(width, height), min(100 * around / height, 40.0)


def size_of(given: str) -> Size:
    """Return what --size says. Raises UserError for what is no size of a picture."""
    try:
        return parse_size(given)
    except ValueError as error:
        raise UserError(str(error).replace("source_size=", "--size ")) from None


def sheet(args: argparse.Namespace) -> int:
    """Draw N snippets as a backbone sees them, in one picture."""
    count, out = args.sheet
    if not count.isdigit() or not 1 <= int(count) <= 400:
        raise UserError(f"--sheet {count} must be a number of pictures from 1 to 400, then the file to write.")
    render, size = render_options(args, "carbon"), size_of(args.size or "500")
    check_view(render, size)
    texts, labels = snippets(args, int(count))
    renderer = Renderer(render, size, args.input_shape, args.seed)
    pictures = renderer(texts, [f"{i} {text}" for i, text in enumerate(texts)], 0, labels)
    columns = int(np.ceil(np.sqrt(len(pictures) * 1.5)))
    rows = -(-len(pictures) // columns)
    gap, side = 6, args.input_shape
    page = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (gap + (i // columns) * (side + gap)), (gap + (i % columns) * (side + gap))
        page[top : top + side, left : left + side] = picture
    save(page, Path(out))
    print(out)
    return 0


def snippets(args: argparse.Namespace, count: int) -> tuple[list[str], list[str] | None]:
    """Return texts and labels: of the files given, or else `count` snippets of the corpus."""
    if args.files:
        texts = [read(file) for file in args.files]
        labels = [label_of(file) for file in args.files] if args.highlight == "true" else None
        times = -(-count // len(texts))
        return (texts * times)[:count], (labels * times)[:count] if labels else None
    from fusion.snippets import sources

    table = sources.load(load_data_options(args.data), cache_dir(), console.progress)
    chosen = np.random.default_rng(args.seed).permutation(table.num_rows)[:count]
    rows = table.take(np.sort(chosen))
    return rows["text"].to_pylist(), rows["label"].to_pylist()


def render_options(args: argparse.Namespace, look: str | None) -> Render:
    """Return --look, or `look` where it is not given, changed by the other options; Carbon's own style without either.

    Raises UserError for a value that its option cannot have.
    """
    changes: dict[str, Any] = {"highlight": args.highlight} if args.highlight else {}
    for name, field in STYLE.items():
        if (value := getattr(args, name)) is not None:
            is_word = isinstance(field.default, str) and not value.startswith("[")
            changes[name] = value if is_word else yaml.safe_load(value)
    if look := args.look or look:
        return load_render_options(look, **changes)
    options: Render = parse(RenderOptions, {"scale": 2.0} | changes, "render")  # Carbon exports at 2
    return options


def read(file: str) -> str:
    """Return the text of a path, or of standard input for -; bytes that are not UTF-8 are shown as such."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    return data.decode("utf-8-sig", "replace")


def label_of(file: str) -> str:
    """Return the language that a file's extension stands for. Raises UserError for one that is not known."""
    label = BY_EXTENSION.get(Path(file).suffix.lower())
    if label is None:
        raise UserError(f"--highlight true cannot tell the language of {file!r} from its extension; use neutral.")
    return label


def save(picture: np.ndarray, path: Path) -> None:
    """Write (H, W, 3) uint8 as a PNG, or as what else the extension says."""
    kinds = {end: kind for end, kind in Image.registered_extensions().items() if kind in Image.SAVE}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path} has no extension of a picture{did_you_mean(path.suffix, kinds)}; write OUT.png.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist; make it first.")
    with explained(path), replacing(path) as part:
        Image.fromarray(picture).save(part, kind)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise UserError for a path that cannot be written to, or a kind of picture that cannot hold this one."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written ({reason}); choose another file, a picture as OUT.png.") from error


def list_fonts() -> int:
    """Print every font of the catalogue, one a line: what is here and what would be fetched."""
    print(f"{DEFAULT_FONT:<18} here     comes with matplotlib  Bitstream-Vera")
    for name, row in fonts.catalogue().items():
        here = "here" if fonts.is_here(name) else "to fetch"
        faces = sum(bool(row[face]) for face in fonts.FACES)
        package = f"{row['registry']}:{row['name']}@{row['version']}"
        print(
            f"{name:<18} {here:<8} {package:<42} {row['license']}, {faces} faces, "
            f"{int(row['archive_bytes']) / 1e6:.1f} MB"
        )
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
