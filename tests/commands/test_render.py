"""The command: one picture, a sheet, token boxes, fonts."""

import json

import numpy as np
import pytest
from PIL import Image

from fusion.config.errors import UserError
from fusion.config.render import STYLE, load_render_options
from fusion.render import main, parser, render_options

CODE = 'def greet(name):\n\tprint(f"Hello, {name}!")  # politely\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "greet.py"
    path.write_text(CODE, encoding="utf-8")
    return path


def test_a_file_becomes_a_picture_as_carbon_makes_them(file, tmp_path, capsys):
    out = tmp_path / "x.png"
    assert main([str(file), "-o", str(out)]) == 0
    picture = np.asarray(Image.open(out))
    assert picture.shape[1] == 1360 and 300 < picture.shape[0] < 600
    assert picture[0, 0].tolist() == [0xAB, 0xB8, 0xC3] and capsys.readouterr().out.strip() == str(out)
    assert list(tmp_path.glob(".*")) == []


def test_a_style_field_can_be_fixed(file, tmp_path):
    sizes = {}
    for name, options in {"a": [], "b": ["--theme", "vs", "--font-size", "20", "--size", "300x200"]}.items():
        assert main([str(file), "-o", str(tmp_path / f"{name}.png"), *options]) == 0
        sizes[name] = Image.open(tmp_path / f"{name}.png").size
    assert sizes["b"] == (300, 200) and sizes["a"][0] == 1360


def test_token_boxes_cover_the_ink_of_their_token(file, tmp_path):
    out, tokens = tmp_path / "x.png", tmp_path / "x.json"
    main([str(file), "-o", str(out), "--tokens", str(tokens), "--theme", "vs"])
    picture, content = np.asarray(Image.open(out)), json.loads(tokens.read_text(encoding="utf-8"))
    assert (content["width"], content["height"]) == (picture.shape[1], picture.shape[0])
    found = {token["token"]: token for token in content["tokens"]}
    assert found["def"]["class"] == "Name" and found["greet"]["class"] == "Name.Function"
    for token in content["tokens"]:
        assert CODE[token["start"] :].startswith(token["token"])
        x0, y0, x1, y1 = token["box"]
        assert (picture[y0:y1, x0:x1] != 255).any(), token
    below_last_line = max(token["box"][3] for token in content["tokens"])
    inside = picture[below_last_line : below_last_line + 4, 200:900]
    assert (inside == 255).all()


def test_a_sheet_holds_so_many_pictures(file, tmp_path):
    out = tmp_path / "sheet.png"
    options = ["--font", "dejavu-sans-mono", "--input-shape", "40", "--size", "100"]
    assert main([str(file), "--sheet", "6", str(out), *options]) == 0
    assert Image.open(out).size == (3 * 46 + 6, 2 * 46 + 6)


def test_fonts_are_listed_one_a_line(capsys):
    assert main(["fonts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        len(lines) > 10
        and lines[0].startswith("dejavu-sans-mono")
        and all("to fetch" in x or "here" in x for x in lines)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Give one FILE and -o OUT.png"),
        (["no-such-file", "-o", "x.png"], "cannot be read"),
        (["FILE", "-o", "x.pg"], r"did you mean \.png\?"),
        (["FILE", "-o", "no/such/folder/x.png"], "does not exist"),
        (["FILE", "-o", "taken.png"], r"taken\.png cannot be written \(Is a directory\)"),
        (["FILE", "-o", "x.png", "--tokens", "taken.png"], r"taken\.png cannot be written"),
        (["FILE", "-o", "x.psd"], "no extension of a picture"),
        (["FILE", "-o", "x.blp"], r"x\.blp cannot be written"),
        (["FILE", "-o", "x.xbm"], r"x\.xbm cannot be written \(cannot write mode RGB"),
        (["FILE", "-o", "x.png", "--look", "carbn"], r"did you mean carbon\?"),
        (["FILE", "--sheet", "many", "x.png"], "from 1 to 400"),
        (["FILE", "-o", "x.png", "--theme", "monokay"], r"did you mean monokai\?"),
        (["FILE", "-o", "x.png", "--size", "2"], "--size 2 must be one number or WIDTHxHEIGHT, each from 8 to 8192"),
        (["FILE", "-o", "x.png", "--font-size", "2"], "font_size=2 must be a whole number from 4 to 72"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(options, message, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(UserError, match=message):
        main([str(file) if option == "FILE" else option for option in options])


def test_every_style_field_has_an_option_with_the_help_of_the_configuration():
    text = " ".join(parser().format_help().split())
    for name, field in STYLE.items():
        assert f"--{name.replace('_', '-')} " in text and field.description.split(";")[0] in text


def test_a_look_is_the_file_of_conf_render_with_what_else_is_given(tmp_path):
    args = parser().parse_args(
        ["--look", "editor", "--theme", "vs", "--line-height", "[110, 120]", "--highlight", "none"]
    )
    render = render_options(args, "carbon")
    expected = load_render_options("editor", theme="vs", line_height=[110, 120], highlight="none")
    assert render == expected and render_options(parser().parse_args([]), "plain") == load_render_options("plain")
    assert render_options(parser().parse_args([]), None).style == {"scale": 2.0}
