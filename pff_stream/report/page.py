"""What pages of HTML are made with: Jinja2, which escapes every name, and one style for all."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pff_stream.errors import UsageError
from pff_stream.report.summary import visible

if TYPE_CHECKING:
    from jinja2 import Environment

PAGES = Path(__file__).parent / "formats" / "page"


def check_templates() -> None:
    """`UsageError` without Jinja2: before anything is computed, and without importing it."""
    if find_spec("jinja2") is None:
        raise UsageError(
            "--report: found no jinja2, which makes reports in HTML: "
            "pip install 'pff-stream[report]'"
        )


def templates(folder: Path = PAGES) -> Environment:
    """Those of a folder; what a page shows of a name is `name|plain`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    made.filters["plain"] = visible
    made.filters["n"] = "{:,}".format
    return made


def safe(text: str) -> str:
    """What is HTML already, by our own hand."""
    from markupsafe import Markup

    return Markup(text)


def style() -> str:
    """The style of all pages."""
    return safe((PAGES / "page.css").read_text(encoding="utf-8"))
