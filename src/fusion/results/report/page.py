"""A comparison and its tables -> a page that needs nothing beside it: jinja2 escapes, what is drawn is inlined."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fusion import __version__
from fusion.results.comparison import Comparison
from fusion.results.report.cells import sort_key
from fusion.results.report.head import head_of
from fusion.results.report.sections import sections_of
from fusion.results.table import Table

TITLES = {"results": "Results", "modalities": "Does fusion help?", "labels": "Accuracy by label"}


def html_report(comparison: Comparison, tables: Sequence[Table], notes: Sequence[str] = ()) -> str:
    """Return the page. Its bytes depend on the runs alone, so that two of the same runs do not differ."""
    style, script = _asset("style.css"), _asset("sort.js")
    content: str = _template().render(
        head=head_of(comparison, notes),
        tables=tables,
        titles=TITLES,
        sections=sections_of(comparison),
        style=Markup(style),  # our own file: nothing in it is from a run
        script=Markup(script),
        policy=_policy(script),
        version=__version__,
    )
    return content


def _policy(script: str) -> str:
    """Return a content security policy that lets a browser run this script and fetch nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:"


def _asset(name: str) -> str:
    return (files("fusion.results.report") / name).read_text(encoding="utf-8")


@cache
def _template():  # type: ignore[no-untyped-def]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["sort_key"] = sort_key
    return environment.from_string(_asset("page.html.jinja"))
