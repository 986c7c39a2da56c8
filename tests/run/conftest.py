"""Counts what the fault tests did to processes and tells it at the end of the session."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many signals met a living process, by signal and victim."""
    met = Counter[str](
        str(value)
        for report in (
            *terminalreporter.getreports("passed"),
            *terminalreporter.getreports("failed"),
        )
        for name, value in getattr(report, "user_properties", ())
        if name == "met"
    )
    if met:
        terminalreporter.write_line(f"signals that met a living process: {met.total()}")
        for what, count in sorted(met.items()):
            terminalreporter.write_line(f"  {count:5} {what}")
