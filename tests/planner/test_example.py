"""The example of the planner's documentation is a program that does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import planner

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "planner.md").read_text(encoding="utf-8")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program as a file of its own."""
    found = re.search(r"<!-- program: run -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    path = tmp_path / "thumbnails.py"
    path.write_text(found[1], encoding="utf-8")
    return path


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program with nothing of the package on its path but the planner's home."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(program), *arguments],
        capture_output=True, text=True, timeout=60, env=environment,
    )  # fmt: skip


@pytest.mark.thorough
def test_it_plans_and_keeps_to_the_plan(program: Path) -> None:
    """All pictures are made small, and the tree held no more than was planned."""
    done = run(program)
    assert (done.returncode, done.stderr) == (0, "")
    assert "FITS" in done.stdout
    assert re.search(r"^12 thumbnails; planned .*, measured ", done.stdout, re.MULTILINE)


def test_it_refuses(program: Path) -> None:
    """What does not fit is refused as the page shows."""
    done = run(program, "10000000")
    assert done.returncode == 3
    assert re.match(r"refused: needs .*, budget 9\.5 MiB \(--budget 9\.5 MiB\)", done.stdout)
    assert "refused: needs ..., budget 9.5 MiB (--budget 9.5 MiB)" in PAGE


def test_what_the_page_names_is_there() -> None:
    """Every name of the table is public, and the program knows nothing of pff_stream."""
    table = PAGE.partition("## What there is")[2].partition("##")[0]
    named = set(re.findall(r"`([A-Za-z_]+)(?=[(`])", table))
    assert {name for name in named if not hasattr(planner, name)} <= {"reason"} | {
        "peak_bytes", "fits", "table", "to_json", "build",
    }  # fmt: skip
    assert "pff_stream" not in PAGE.partition("```python")[2].partition("```")[0]
