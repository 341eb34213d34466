"""`python -m fusion.render FILE -o OUT.png`: code -> its screenshot; --sheet: what a model is shown."""

import argparse
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
from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import CONF_DIR, cache_dir
from fusion.files import replacing, write_text
from fusion.languages import BY_EXTENSION
from fusion.screenshots import fonts
from fusion.screenshots.atlas import metrics
from fusion.screenshots.layout import needed_height
from fusion.screenshots.lexing import POLICIES
from fusion.screenshots.painter import Painter, count_lines
from fusion.screenshots.renderer import DEFAULTS, Renderer, parse_size
from fusion.screenshots.style import FIELDS, Styles, sample_key

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
    found = argparse.ArgumentParser(
        "fusion.render",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("files", nargs="*", metavar="FILE", help="code; - reads standard input")
    found.add_argument("-o", "--out", type=Path, metavar="OUT.png", help="the picture; its folder must exist")
    found.add_argument(
        "--sheet", nargs=2, metavar=("N", "OUT.png"), help="N pictures in one, in styles drawn at random"
    )
    found.add_argument("--tokens", type=Path, metavar="OUT.json", help="also write the box of every token")
    found.add_argument(
        "--look", metavar="NAME", help="draw the style from conf/render/NAME.yaml (default: Carbon's own)"
    )
    found.add_argument(
        "--size", help="WIDTH, or WIDTHxHEIGHT, in pixels (default: 1360 wide, as high as the code needs)"
    )
    found.add_argument(
        "--input-shape", type=int, default=320, help="pixels a backbone sees, with --sheet (default: 320)"
    )
    found.add_argument("--data", default="small", help="conf/data/NAME.yaml for --sheet without files (default: small)")
    found.add_argument("--seed", type=int, default=0, help="of styles drawn at random (default: 0)")
    found.add_argument("--highlight", choices=POLICIES, help="colours (default: neutral; true goes by the extension)")
    style = found.add_argument_group("style", "one value fixes a field; [a, b] is a range, a longer list is drawn from")
    for name, field in FIELDS.items():
        words = "|".join(field.metadata["words"]) or None
        default = "" if field.default == "" else f" (Carbon: {field.default})".replace("%", "%%")
        text = field.metadata["help"].replace("%", "%%")
        style.add_argument(f"--{name.replace('_', '-')}", metavar=words or "VALUE", help=text + default)
    return found


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
    return one(args)


def one(args: argparse.Namespace) -> int:
    """One file -> its picture as a file, and the boxes of its tokens if asked for."""
    text = read(args.files[0])
    render = chosen(args) if args.look else {"scale": 2.0} | chosen(args)
    highlight = render.pop("highlight", "neutral")
    styles = Styles({name: value for name, value in render.items() if name not in DEFAULTS})
    key = np.array([sample_key(args.seed, 0, args.files[0])], np.uint64)
    style = styles.one(int(key[0]))
    size, above = fitting(style, text, args.size)
    if above is not None:
        styles = Styles(vars(style) | {"padding_y": above, "line_numbers": style.line_numbers})
    painter = Painter(styles, highlight, size)
    scene = painter.scene([text], [args.files[0]], key, [label_of(args.files[0])] if highlight == "true" else None)
    picture = np.empty((1, size[1], size[0], 3), np.uint8)
    painter.draw(scene, picture)
    painter.wear(scene, picture)
    save(picture[0], args.out)
    if args.tokens:
        content = {"picture": args.out.name, "width": size[0], "height": size[1], "style": vars(style)}
        content["tokens"] = painter.tokens(scene, 0, text)
        with written(args.tokens):
            write_text(args.tokens, json.dumps(content, ensure_ascii=False, indent=1))
    print(args.out)
    return 0


def fitting(style: Any, text: str, size: str | None) -> tuple[tuple[int, int], float | None]:
    """-> picture's (width, height) and, where the height follows the code, padding_y in percent."""
    if size is not None and "x" in size.lower():
        return parse_size(size), None
    width = parse_size(int(size) if size and size.isdigit() else size or 1360)[0]
    measured = metrics(style.font, max(1, round(style.font_size * style.scale)))
    around = round(max(style.padding_x, 0) * width / 100)  # the same on all sides
    height = needed_height(style, measured, count_lines(text)) + 2 * around
    height = min(max(height, 8), 8192)
    return (width, height), min(100 * around / height, 40.0)


def sheet(args: argparse.Namespace) -> int:
    """N snippets -> one picture of N pictures as a backbone sees them."""
    count, out = args.sheet
    if not count.isdigit() or not 1 <= int(count) <= 400:
        raise UserError(f"--sheet {count} must be a number of pictures from 1 to 400, then the file to write.")
    texts, labels = snippets(args, int(count))
    args.look = args.look or "carbon"
    renderer = Renderer(chosen(args), args.size or 500, args.input_shape, args.seed)
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
    """The files given, or else snippets of the corpus, `count` of them spread over its labels."""
    if args.files:
        texts = [read(file) for file in args.files]
        labels = [label_of(file) for file in args.files] if args.highlight == "true" else None
        times = -(-count // len(texts))
        return (texts * times)[:count], (labels * times)[:count] if labels else None
    from fusion.snippets import sources

    table = sources.load(named("data", args.data), cache_dir(), console.progress)
    chosen = np.random.default_rng(args.seed).permutation(table.num_rows)[:count]
    rows = table.take(np.sort(chosen))
    return rows["text"].to_pylist(), rows["label"].to_pylist()


def chosen(args: argparse.Namespace) -> dict[str, Any]:
    """--look and the style's own options -> the render part of a configuration."""
    render = named("render", args.look) if args.look else {}
    for name in FIELDS:
        if (value := getattr(args, name)) is not None:
            words = isinstance(FIELDS[name].default, str) and not value.startswith("[")
            render[name] = value if words else yaml.safe_load(value)
    if args.highlight:
        render["highlight"] = args.highlight
    return render


def named(group: str, name: str) -> dict[str, Any]:
    """conf/GROUP/NAME.yaml and the files of the group it builds on -> one dict."""
    path = CONF_DIR / group / f"{name}.yaml"
    if not path.is_file():
        options = sorted(p.stem for p in (CONF_DIR / group).glob("*.yaml"))
        raise UserError(f"{group}={name} is not known{did_you_mean(name, options)}; it is one of {', '.join(options)}.")
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    merged: dict[str, Any] = {}
    for below in content.pop("defaults", ["_self_"]):
        merged |= content if below == "_self_" else named(group, below)
    return merged


def read(file: str) -> str:
    """A path or - -> its text; bytes that are not UTF-8 are shown as such."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    return data.decode("utf-8-sig", "replace")


def label_of(file: str) -> str:
    label = BY_EXTENSION.get(Path(file).suffix.lower())
    if label is None:
        raise UserError(f"--highlight true cannot tell the language of {file!r} from its extension; use neutral.")
    return label


def save(picture: np.ndarray, path: Path) -> None:
    """(H, W, 3) uint8 -> a PNG, or what else the extension says."""
    kinds = {end: kind for end, kind in Image.registered_extensions().items() if kind in Image.SAVE}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"{path} has no extension of a picture{did_you_mean(path.suffix, kinds)}; write OUT.png.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"The folder {path.absolute().parent} does not exist; make it first.")
    with written(path), replacing(path) as part:
        Image.fromarray(picture).save(part, kind)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """A path that cannot be written to, or a kind of picture that cannot hold this one -> UserError."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written ({reason}); choose another file, a picture as OUT.png.") from error


def list_fonts() -> int:
    """Every font of the catalogue, one a line; what is here and what would be fetched."""
    print(f"{fonts.ALWAYS:<18} here     comes with matplotlib  Bitstream-Vera")
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
