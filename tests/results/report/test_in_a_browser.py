"""The page in the system's Chromium, opened from disk: nothing is asked for, nothing sticks out, tables sort."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.results.report.report_runs import HOSTILE, compared, sweep

from fusion.results.leaderboard import leaderboard
from fusion.results.report.page import html_report
from fusion.results.table import Table

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CELLS = ["10", "9.5 ± 0.1", "", "12,345", "+0.5 [0, 1]", "word", "<0.001"]
UP = ["<0.001", "+0.5 [0, 1]", "9.5 ± 0.1", "10", "12,345", "word", ""]
DOWN = ["12,345", "10", "9.5 ± 0.1", "+0.5 [0, 1]", "<0.001", "word", ""]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium is installed; apt-get install chromium brings one, or set CHROMIUM to its path")
    with playwright.sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sweep whose labels are hostile, with a second table to sort."""
    folder = tmp_path_factory.mktemp("report")
    comparison = compared(sweep(folder / "runs", [*HOSTILE, *(f"label {n}" for n in range(20))]))
    rows = [{"Value": cell, "Place": str(place), "Long": "x" * 300} for place, cell in enumerate(CELLS)]
    small = Table("small", ("Place", "Value", "Long"), rows, ("Place", "Value"))
    path = folder / "report.html"
    path.write_text(html_report(comparison, [leaderboard(comparison), small], ["a note"]), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, report: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page at a width and in a scheme; at the end it has complained of nothing and asked for nothing."""
    width, scheme = getattr(request, "param", (1440, "light"))
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told, asked = list[str](), list[str]()
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    yield page
    page.close()
    assert told == [] and [url for url in asked if not url.startswith("data:")] == [report.as_uri()]


SIZES = [(width, scheme) for width in (360, 1440) for scheme in ("light", "dark")]


@pytest.mark.parametrize("opened", SIZES, indirect=True)
def test_every_figure_is_seen_and_the_page_does_not_scroll_sideways(opened: Any) -> None:
    opened.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for all_columns in (False, True):
        if all_columns:
            opened.locator(".all input").first.check()
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    charts = opened.locator("svg.chart")
    assert charts.count() == 12
    for chart in charts.all():
        box = chart.bounding_box()
        assert chart.is_visible() and box["width"] > 100 and box["height"] > 100
    for card in opened.locator(".card").all():
        box = card.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= opened.viewport_size["width"]


@pytest.mark.parametrize("opened", SIZES, indirect=True)
def test_text_stands_out_from_what_is_behind_it(opened: Any) -> None:
    of = """(name) => { const style = getComputedStyle(document.documentElement).getPropertyValue('--' + name);
      const [r, g, b] = style.trim().match(/\\w\\w/g).map((hex) => { const x = parseInt(hex, 16) / 255;
        return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b; }"""
    card = opened.evaluate(of, "card")
    wanted = {"ink": 7.0, "soft": 4.5, "accent": 4.5} | {f"c{n}": 2.4 for n in range(8)} | {"better": 3, "worse": 3}
    for name, least in wanted.items():
        light, dark = sorted((opened.evaluate(of, name), card), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, name


def test_columns_are_two_where_there_is_room(opened: Any) -> None:
    at = [opened.locator(f"#figure-{key}").bounding_box() for key in ("curve-loss", "curve-accuracy")]
    assert at[0]["y"] == at[1]["y"] and at[0]["x"] < at[1]["x"]
    opened.set_viewport_size({"width": 360, "height": 900})
    at = [opened.locator(f"#figure-{key}").bounding_box() for key in ("curve-loss", "curve-accuracy")]
    assert at[0]["x"] == at[1]["x"] and at[0]["y"] < at[1]["y"]


def values(page: Any) -> list[str]:
    return [cell.strip() for cell in page.locator("#table-2 tbody td:nth-child(2)").all_text_contents()]


def test_a_click_on_a_header_sorts(opened: Any) -> None:
    header = opened.locator("#table-2 th:nth-child(2)")
    assert values(opened) == CELLS and header.get_attribute("aria-sort") == "none"
    header.click()
    assert values(opened) == UP and header.get_attribute("aria-sort") == "ascending"
    header.click()
    assert values(opened) == DOWN and header.get_attribute("aria-sort") == "descending"
    opened.locator("#table-2 th:nth-child(1)").click()
    assert values(opened) == CELLS and header.get_attribute("aria-sort") == "none"


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_sorts_too(key: str, opened: Any) -> None:
    opened.locator("#table-2 .scroll").focus()
    for _ in range(2):
        opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.textContent") == "Value"
    opened.keyboard.press(key)
    assert values(opened) == UP
    opened.keyboard.press(key)
    assert values(opened) == DOWN
