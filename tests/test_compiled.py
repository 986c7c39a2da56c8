"""In a checkout Python finds the source before what is installed: that is said, with a way out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pff_stream.compiled import not_compiled
from tests.newcomer import ROOT

CALLS = ("pff_stream.run('a', 'b')", "pff_stream.Validator('a')", "pff_stream.compile('a', 'b')")


def test_what_is_compiled_is_taken_for_it() -> None:
    """Nothing is said of the package that the tests run with."""
    assert not_compiled() is None


@pytest.mark.thorough
def test_source_alone(tmp_path: Path) -> None:
    """A call names the folder and the way out, and so does the command, with 2."""
    for package in ("pff_stream", "planner"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)

    def said(*words: str) -> tuple[int, str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        line = [sys.executable, *words]
        done = subprocess.run(
            line, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
        )
        return done.returncode, done.stderr.splitlines()[-1]

    told = f"{tmp_path / 'pff_stream'} is the source of pff-stream, not compiled"
    for call in CALLS:
        code, last = said("-c", f"import pff_stream; {call}")
        assert code == 1 and last.startswith(f"ImportError: {told}"), last
    (tmp_path / "rules").touch()
    code, last = said("-m", "pff_stream", "run", "rules", "rules")
    assert code == 2 and last.startswith(f"pff-stream: error: {told}"), last
