"""One process that runs again and again holds no more than before: see profiling/repeated.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from profiling.repeated import Held, ways

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
USUAL = ("fork", "manifest by threads", "run")
"""Of some kinds; the others take minutes."""


def check(way: str, calls: int, warm_up: int) -> None:
    """Runs it in a process of its own."""
    command = [sys.executable, "-m", "profiling.repeated", f"--calls={calls}"]
    done = subprocess.run(
        [*command, f"--warm-up={warm_up}", way], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"| {way} ")


@pytest.mark.thorough
@pytest.mark.parametrize("way", USUAL)
def test_nothing_grows(way: str) -> None:
    """Descriptors, mappings, threads, children, files and memory, over 12 calls."""
    check(way, 12, 8)


@pytest.mark.slow
@pytest.mark.parametrize("way", ways())
def test_nothing_grows_in_a_thousand_calls(way: str) -> None:
    """The same in the long run, for every way."""
    check(way, 1000, 20)


@pytest.mark.quick
def test_growth_is_found() -> None:
    """Two descriptors, five mappings or a mebibyte more are told; what jitters is not."""
    before = Held(5, 300, 1, 0, 0, 3, 20 << 20)
    assert before.grown(before, 30) == []
    assert before.grown(Held(5, 304, 1, 0, 0, 3, (20 << 20) + 400_000), 30) == []
    after = Held(7, 305, 1, 0, 0, 3, 21 << 20)
    assert [one.split(":")[0] for one in before.grown(after, 30)] == [
        "descriptors", "mappings", "memory_bytes",
    ]  # fmt: skip
