"""Writes the tables of docs/plan-grid.md, each between marks of its name."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "plan-grid.md"
MARKS = "<!-- {name}: begin -->", "<!-- {name}: end -->"


def write_document(name: str, rows: Iterable[str], verdict: str, header: str) -> None:
    """Puts the table between the marks of that name in the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    begin, end = (mark.format(name=name) for mark in MARKS)
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    machine = f"Linux {platform.release()}, Python {platform.python_version()}. {verdict}"
    table = "\n".join([header, *rows])
    DOCUMENT.write_text(f"{before}{begin}\n{machine}\n\n{table}\n{end}{after}", encoding="utf-8")
