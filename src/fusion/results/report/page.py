"""A comparison and its tables -> a page that needs nothing beside it: jinja2 escapes, what is drawn is inlined."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from fusion import __version__
from fusion.results.comparison import Comparison
from fusion.results.report.cells import sort_key
from fusion.results.report.head import head_of
from fusion.results.report.sections import body_of
from fusion.results.table import Table

SWATCHES = (  # the marker of each row in a legend, in the order of drawing.MARKERS
    "M10 6a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "M10.5 2.5h7v7h-7z", "M14 1.5l4.5 8h-9z", "M14 1l5 5-5 5-5-5z",
    "M14 10.5l4.5-8h-9z", "M12.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "M11.2 1.5L14 4.3l2.8-2.8 1.7 1.7L15.7 6l2.8 2.8-1.7 1.7L14 7.7l-2.8 2.8-1.7-1.7L12.3 6 9.5 3.2z",
    "M9.5 6l8-4.5v9z",
)  # fmt: skip
TITLES = {"results": "Results", "modalities": "Does fusion help?", "labels": "Accuracy by label"}
LONG = 32  # characters of a cell that may be broken into lines


def html_report(comparison: Comparison, tables: Sequence[Table], notes: Sequence[str] = ()) -> str:
    """Return the page. Its bytes depend on the runs alone, so that two of the same runs do not differ."""
    style, script = _asset("style.css"), _asset("sort.js")
    content: str = _template().render(
        head=head_of(comparison, notes),
        tables=tables,
        titles=TITLES,
        swatches=SWATCHES,
        long=LONG,
        body=body_of(comparison),
        style=style,
        script=script,
        policy=_policy(script),
        version=__version__,
    )
    return content


def _policy(script: str) -> str:
    """Return a content security policy that lets a browser run this script and fetch nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _asset(name: str) -> str:
    return (files("fusion.results.report") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["sort_key"] = sort_key
    return environment.from_string(_asset("page.html.jinja"))
