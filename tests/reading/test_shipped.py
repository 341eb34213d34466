"""The weights that are shipped: drawn code comes back nearly to the character, and what is no code is said to be none."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fusion.config.render import DEFAULT_FONT, Size, load_render_options
from fusion.reading.reader import read_picture
from fusion.screenshots.renderer import Renderer
from fusion.weights import shipped_weights

TEXT = (
    "import sys\n\n\ndef main(arguments: list[str]) -> int:\n    for name in arguments:\n"
    "        if not name.startswith('--'):\n            print(f\"{name}: {len(name) / 2:.1f}\")\n"
    "    return 0 if arguments else 1\n\n\nsys.exit(main(sys.argv[1:]))"
)


def drawn(**style: object) -> np.ndarray:
    """Return a picture of TEXT, 640 × 400 pixels at scale 1."""
    plain = {"font": DEFAULT_FONT, "font_size": 14, "line_height": 140, "degradation": "none", "marked": "none"}
    frame = {"window": "mac", "title": "", "height": "full", "padding_x": 3, "padding_y": 3, "scroll_x": 0,
             "scroll_y": 0, "shift_x": 0, "shift_y": 0, "scale": 1.0, "line_numbers": False}  # fmt: skip
    render = load_render_options("carbon", highlight="true", **(plain | frame | style))
    scale = float(str((frame | style)["scale"]))
    renderer = Renderer(render, Size(round(640 * scale), round(400 * scale)), 64, 0)
    scene = renderer.scene([TEXT], ["x"], None, ["Python"])
    picture = np.empty((1, renderer.size.height, renderer.size.width, 3), np.uint8)
    renderer.painter.draw(scene, picture)
    renderer.painter.degrade(scene, picture)
    return picture[0]


def wrong(read: str) -> int:
    """Return in how many characters lines differ from those of TEXT."""
    lines, truth = read.split("\n"), TEXT.split("\n")
    if len(lines) != len(truth):
        return len(TEXT)
    return sum(
        sum(a != b for a, b in zip(x.ljust(80), y.ljust(80), strict=False)) for x, y in zip(lines, truth, strict=True)
    )


@pytest.mark.parametrize("theme", ["monokai", "vs", "solarized-dark", "github-dark"])
@pytest.mark.parametrize("style", [{}, {"line_numbers": True, "first_line": 96}, {"scale": 2.0}, {"font_size": 11}])
def test_drawn_code_comes_back(theme: str, style: dict[str, object]) -> None:
    transcript = read_picture(drawn(theme=theme, **style))
    assert wrong(transcript.text) <= 0.03 * len(TEXT), transcript.text
    numbers = [line.number for line in transcript.lines]
    assert numbers == ([*range(96, 107)] if "line_numbers" in style else [None] * 11)
    assert transcript.is_code and transcript.facts()["confidence"] > 0.85


@pytest.mark.parametrize("damage", ["jpeg", "blur", "rescale"])
def test_damaged_code_comes_back(damage: str) -> None:
    transcript = read_picture(drawn(theme="monokai", degradation=damage, jpeg_quality=50, blur=0.6, rescale=75))
    assert wrong(transcript.text) <= 0.06 * len(TEXT), transcript.text


def photograph() -> np.ndarray:
    """Return soft spots of colour, as far from text as a landscape is."""
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC))


def chart() -> np.ndarray:
    """Return bars and a curve."""
    canvas = Image.new("RGB", (640, 480), "white")
    pen = ImageDraw.Draw(canvas)
    for bar in range(8):
        pen.rectangle((60 + 70 * bar, 420 - 40 * bar, 100 + 70 * bar, 420), fill=(40, 90, 200))
    pen.line([(x, 240 + int(100 * np.sin(x / 50))) for x in range(40, 620)], fill=(200, 30, 30), width=3)
    return np.asarray(canvas)


def labelled_chart() -> np.ndarray:
    """Return a curve with the title, the numbers and the frame that matplotlib gives it."""
    from matplotlib.figure import Figure

    figure, file = Figure(), io.BytesIO()
    axes = figure.subplots()
    axes.plot(np.random.default_rng(0).random(50))
    axes.set_title("accuracy")
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("picture", [photograph(), chart(), labelled_chart(), np.full((480, 640, 3), 30, np.uint8)])
def test_pictures_without_code_are_said_to_be_that(picture: np.ndarray) -> None:
    transcript = read_picture(picture)
    assert not transcript.is_code and transcript.reason


def test_the_weights_are_small_and_have_a_card() -> None:
    path, facts = shipped_weights("reader")
    assert path.stat().st_size <= 3_000_000 and path.with_suffix(".md").is_file() and facts["projects"]


def test_the_command_prints_what_stands_in_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "code.png"
    Image.fromarray(drawn(theme="monokai")).save(path)
    call = [sys.executable, "-m", "fusion.ocr", str(path)]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert wrong(result.stdout.rstrip("\n")) <= 0.03 * len(TEXT), result.stdout
    answer = json.loads(subprocess.run([*call, "--json"], capture_output=True, text=True, check=True).stdout)
    assert [line["text"] for line in answer["lines"]] == result.stdout.rstrip("\n").split("\n")
