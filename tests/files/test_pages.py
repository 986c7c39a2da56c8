"""The heap without holes: what a forked process allocates is new memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, sys
import numpy as np
from pff_stream.files import _pages

def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))

def arrays(count, length):  # some 12 KB each, from the heap
    return [np.ones(length, np.int64) for _ in range(count)]

def objects(count, length):  # 128 bytes each, from the interpreter's pools
    return [bytes(80) for _ in range(count * 96)]

way, make = sys.argv[1], globals()[sys.argv[2]]
held_open = make(800, 1500)
del held_open[::2]
if way == "filled":
    _pages.fill_holes()
before = held()
if os.fork() == 0:
    new = make(300, 1400)  # over 3 MB, each into a hole if there is one
    print(held() - before, flush=True)
    os._exit(0)
os.wait()
if way == "filled":
    _pages.open_holes()
    again = make(300, 1400)
    print(held() - before, flush=True)
"""


def grown(way: str, kind: str) -> list[int]:
    """KiB by which the child grows, and this process when the holes are there again."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, way, kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.thorough
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="holes of the GNU C library")
@pytest.mark.parametrize("kind", ["arrays", "objects"])
def test_a_forked_process_finds_no_holes(kind: str) -> None:
    """With holes filled what it takes is new, not copies of shared pages; then they are usable."""
    (open_holes,) = grown("open", kind)
    filled, opened_again = grown("filled", kind)
    assert open_holes < 1000
    assert filled > 3000
    assert opened_again < 1500
