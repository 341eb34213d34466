"""Name or path -> font files: four faces of a fixed-width font.

DejaVu Sans Mono comes with matplotlib and is always there; the others are pinned packages of data/fonts.csv,
fetched once and verified as the corpus is; a path to a TTF, OTF or WOFF file works as a name does.
"""

import csv
import hashlib
import importlib.util
import io
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from PIL import ImageFont

from fusion.config.errors import UserError, did_you_mean
from fusion.config.paths import DATA_DIR, cache_dir, usable
from fusion.config.render import DEFAULT_FONT
from fusion.packages.archives import members
from fusion.packages.errors import PackageError, Unreachable
from fusion.packages.manifest import Package, archive_path, fetch
from fusion.packages.unreachable import forget, is_unreachable, remember

log = logging.getLogger(__name__)

FACES = ("regular", "bold", "italic", "bold_italic")
SUFFIXES = (".ttf", ".otf", ".woff", ".ttc")


@dataclass(frozen=True)
class Font:
    """A font's faces in the order of FACES; in place of one that it lacks, the regular one's bytes."""

    name: str
    faces: tuple[bytes, bytes, bytes, bytes]

    @cached_property
    def sha256(self) -> str:
        """Return 64 hex digits that tell all four faces."""
        return hashlib.sha256(b"".join(hashlib.sha256(face).digest() for face in self.faces)).hexdigest()

    def at(self, face: int, pixels: int) -> ImageFont.FreeTypeFont:
        """Return one face at a size in pixels per em; without ligatures or kerning."""
        return ImageFont.truetype(io.BytesIO(self.faces[face]), pixels, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[str, str]]:
    """Return the rows of data/fonts.csv by font name."""
    path = DATA_DIR / "fonts.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["font"]: row for row in csv.DictReader(file)}


def names() -> list[str]:
    """Return the names of all fonts that can be asked for."""
    return [DEFAULT_FONT, *catalogue()]


@lru_cache(maxsize=64)
def load(name: str) -> Font:
    """Name of the catalogue, or path -> Font. Raises UserError for one that is not known or cannot be had."""
    if name == DEFAULT_FONT:
        return _from_matplotlib()
    if name in catalogue():
        return _from_package(catalogue()[name])
    path = Path(name).expanduser()
    if path.suffix.lower() in SUFFIXES and path.is_file():
        return _checked(Font(name, (path.read_bytes(),) * 4))
    raise UserError(
        f"Font {name!r} is not known{did_you_mean(name, names())}; it is the path of a "
        f"{', '.join(SUFFIXES)} file or one of {', '.join(names())}."
    )


def is_here(name: str) -> bool:
    """Return whether a font of the catalogue lies in the cache."""
    return _archive(_package(catalogue()[name])).is_file()


def available() -> list[str]:
    """Return the names of all fonts that are here or can be fetched; log those that are left out.

    After one that cannot be fetched no other of its registry is tried, so that without a network this takes one
    timeout; a registry that could not be reached is remembered, so that the next run takes none.
    """
    fonts, missing, lost = [DEFAULT_FONT], list[str](), set[str]()
    for name, row in catalogue().items():
        registry, here = row["registry"], is_here(name)
        if not here and (registry in lost or is_unreachable(registry)):
            missing.append(name)
            continue
        try:
            if not here:
                log.info("fetching font %s (%.1f MB)", name, int(row["archive_bytes"]) / 1e6)
            load(name)
            fonts.append(name)
        except UserError as error:
            missing.append(name)
            lost.add(registry)
            log.info("%s", error)
    if missing:
        listed = ", ".join(missing)
        log.warning("fonts left out, for they cannot be fetched: %s; render.font=%s tries again", listed, missing[0])
    return fonts


def _archive(package: Package) -> Path:
    """Return where a package's archive lies, or would lie."""
    return archive_path(package, cache_dir())


def _fetched(package: Package) -> Path:
    """Return the path of a package's archive, fetched if need be; remember whether its registry could be reached."""
    if _archive(package).is_file():
        return fetch(package, cache_dir())
    try:
        path = fetch(package, usable(cache_dir()))
    except Unreachable:
        remember(package.registry)
        raise
    forget(package.registry)
    return path


def _from_matplotlib() -> Font:
    """Return DejaVu Sans Mono."""
    spec = importlib.util.find_spec("matplotlib")  # found, not imported: that alone takes a second
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    a, b, c, d = ((folder / f"DejaVuSansMono{s}.ttf").read_bytes() for s in ("", "-Bold", "-Oblique", "-BoldOblique"))
    return Font(DEFAULT_FONT, (a, b, c, d))


def _package(row: dict[str, str]) -> Package:
    """Return the pinned package of a row of the catalogue."""
    size = int(row["archive_bytes"])
    return Package(row["registry"], row["name"], row["version"], row["sha256"], size, row["license"], ())


def _from_package(row: dict[str, str]) -> Font:
    """Return a font of the catalogue. Raises UserError for one that cannot be had."""
    wanted = {row[face]: face for face in FACES if row[face]}
    faces: dict[str, bytes] = {}
    try:
        for path, data in members(_fetched(_package(row))):
            if path in wanted:
                faces[wanted[path]] = data
            if len(faces) == len(wanted):
                break
    except PackageError as error:
        raise UserError(
            f"Font {row['font']!r} cannot be had ({error}); use font={DEFAULT_FONT}, which always can."
        ) from error
    a, b, c, d = (faces.get(face, faces["regular"]) for face in FACES)
    return Font(row["font"], (a, b, c, d))


def _checked(font: Font) -> Font:
    """Return the same font. Raises UserError if it cannot be opened, or is not of fixed width."""
    try:
        face = font.at(0, 1000)
    except OSError as error:
        raise UserError(
            f"{font.name} is not a font that can be read ({error}); give a TTF, OTF or WOFF file."
        ) from error
    if abs(face.getlength("i") - face.getlength("M")) > 10:  # hinting may move a thousandth
        raise UserError(
            f"{font.name} is not of fixed width, so code would not line up; use one of {', '.join(names())}."
        )
    return font
