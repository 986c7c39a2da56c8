"""A command line in this process, with an engine that computes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pff_stream.cli import main as cli
from tests.cli.fake_engine import FakeEngine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine that computes nothing, in a clean environment."""
    for name in os.environ:
        if name.startswith("PFF_STREAM_"):
            monkeypatch.delenv(name)
    return FakeEngine()


@dataclass
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(engine: FakeEngine, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs one command line in this process."""

    def run(*arguments: str) -> Ended:
        code = cli.main(arguments, engine)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run
