"""The heap without holes: what a forked process allocates is new memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = """
import os, sys
import numpy as np
from pff_stream import _pages

def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

arrays = [np.ones(1500, np.int64) for _ in range(800)]  # 12 KB each, from the heap
del arrays[::2]
if sys.argv[1] == "filled":
    _pages.fill_holes()
before = held()
if os.fork() == 0:
    new = [np.ones(1400, np.int64) for _ in range(300)]  # 3.3 MB, each into a hole if there is one
    print(held() - before, flush=True)
    os._exit(0)
os.wait()
if sys.argv[1] == "filled":
    _pages.open_holes()
    again = [np.ones(1400, np.int64) for _ in range(300)]
    print(held() - before, flush=True)
"""


def grown(way: str) -> list[int]:
    """KiB by which the child grows, and this process when the holes are there again."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, way]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="holes of the GNU C library")
def test_a_forked_process_finds_no_holes() -> None:
    """With holes filled what it takes is new, not copies of shared pages; then they are usable."""
    (open_holes,) = grown("open")
    filled, opened_again = grown("filled")
    assert open_holes < 1000
    assert filled > 3000
    assert opened_again < 1500
