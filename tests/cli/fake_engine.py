"""An engine for the command line that computes nothing, and remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from pff_stream.cli.engine import Engine
from pff_stream.pipeline.conclude import Result
from pff_stream.report.totals import RunTotals
from planner.model import Phase, Term
from planner.plan import Plan

MIB = 1 << 20


def small_plan(budget_bytes: int = 8 * MIB) -> Plan:
    """A plan of five MiB."""
    phase = Phase("évaluer", [Term("all", 5 * MIB)])
    return Plan([phase], budget_bytes, "--budget", suggestions=["--workers 2"])


class FakeEngine(Engine):
    """Remembers the settings that it was called with, and does as told."""

    def __init__(self) -> None:
        self.settings: Any = None
        self.plan = small_plan()
        self.result = Result(0, "", ["satisfied 1", "violated 0"], RunTotals(), [])
        self.work: Callable[[], None] = lambda: None

    def make_plan(self, settings: object, observer: object) -> Plan:
        """Plans."""
        self.settings = settings
        self.work()
        return self.plan

    def run(self, settings: object, observer: object) -> Result:
        """Runs."""
        self.settings = settings
        self.work()
        return self.result

    def compile_rules(self, settings: object, observer: object) -> list[str]:
        """Compiles."""
        self.settings = settings
        return ["3 rules"]

    def encode_triples(self, settings: object, observer: object) -> list[str]:
        """Encodes."""
        self.settings = settings
        return ["5 triples"]

    def print_triples(self, settings: object, stream: BinaryIO) -> None:
        """Writes triples."""
        self.settings = settings
        stream.write("a\tb\té\n".encode())
