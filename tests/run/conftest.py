"""Counts what the fault tests did to processes and tells it at the end of the session."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Signals that met a living process, by victim, and how often a run gave up."""
    met = Counter[str](
        str(value)
        for report in (
            *terminalreporter.getreports("passed"),
            *terminalreporter.getreports("failed"),
        )
        for name, value in getattr(report, "user_properties", ())
        if name == "fault"
    )
    for what, count in sorted(met.items()):
        terminalreporter.write_line(f"{count:5} {what}")
