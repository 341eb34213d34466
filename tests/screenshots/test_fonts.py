"""Fonts by name, by path, and those that cannot be had."""

import json
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from fusion.config.errors import UserError
from fusion.config.render import DEFAULT_FONT
from fusion.packages import unreachable
from fusion.screenshots import fonts
from fusion.screenshots.glyphs import metrics

FOLDER = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "fonts" / "ttf"


def test_dejavu_is_always_there_with_four_faces():
    found = fonts.load(DEFAULT_FONT)
    assert len(set(found.faces)) == 4 and len(found.sha256) == 64


def test_the_catalogue_has_more_than_ten_pinned_fonts():
    rows = fonts.catalogue().values()
    assert len(rows) >= 10 and all(len(row["sha256"]) == 64 and row["regular"] and row["license"] for row in rows)


def test_a_path_works_as_a_name_does():
    found = fonts.load(str(FOLDER / "DejaVuSansMono-Bold.ttf"))
    assert found.faces[0] == fonts.load(DEFAULT_FONT).faces[1]
    assert metrics(found.name, 20).advance == pytest.approx(12.04, abs=0.01)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hakc", r"did you mean hack\?"),
        (str(FOLDER / "DejaVuSans.ttf"), "not of fixed width"),
        ("no/such.ttf", "is not known"),
    ],
)
def test_what_is_no_font_for_code_is_refused(name, message):
    with pytest.raises(UserError, match=message):
        fonts.load(name)


def test_a_broken_file_is_refused(tmp_path):
    path = tmp_path / "broken.ttf"
    path.write_bytes(b"not a font")
    with pytest.raises(UserError, match="not a font that can be read"):
        fonts.load(str(path))


@pytest.mark.parametrize(("error", "remembered"), [(fonts.PackageError, False), (fonts.Unreachable, True)])
def test_without_a_network_only_dejavu_is_drawn_with(monkeypatch, cache_folder, caplog, error, remembered):
    tried = []

    def refuse(package, cache):
        tried.append(package.name)
        raise error("no network")

    monkeypatch.setattr(fonts, "fetch", refuse)
    cache_folder.mkdir()
    fonts.load.cache_clear()
    assert fonts.available() == [DEFAULT_FONT]
    assert len(tried) == 1 and "fonts left out" in caplog.text
    assert fonts.available() == [DEFAULT_FONT] and len(tried) == (1 if remembered else 2)
    monkeypatch.setattr(unreachable, "REMEMBER_SECONDS", 0)
    assert fonts.available() == [DEFAULT_FONT] and len(tried) == (2 if remembered else 3)
    with pytest.raises(UserError, match="font=dejavu-sans-mono, which always can"):
        fonts.load("hack")


def test_a_font_asked_for_by_name_is_asked_for_again_and_ends_the_memory(monkeypatch, cache_folder):
    cache_folder.mkdir()
    (cache_folder / "unreachable.json").write_text(json.dumps({"npm": time.time(), "pypi": time.time()}))
    (cache_folder / "hack").write_bytes(b"no archive")
    monkeypatch.setattr(fonts, "fetch", lambda package, cache: cache / package.name.removesuffix("-font"))
    fonts.load.cache_clear()
    with pytest.raises(UserError, match="not a readable archive"):
        fonts.load("hack")
    assert not unreachable.is_unreachable("npm") and unreachable.is_unreachable("pypi")
