"""Standard output as a destination: closed, full, not ready."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest


def run_on_stdout(stdout: int, code: str) -> subprocess.CompletedProcess[str]:
    """Runs a line that has `out`, the standard output's writer, with that standard output."""
    start = "from pff_stream.files.writers import StandardOutput; out = StandardOutput(); "
    return subprocess.run(
        [sys.executable, "-c", start + code],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )


def test_closed_standard_output() -> None:
    """A reader that went away is a `BrokenPipeError`, which nobody here turns into another."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run_on_stdout(writing, "out.write(memoryview(b'x'))")
    os.close(writing)
    assert "BrokenPipeError" in done.stderr
    assert "OutputError" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_full_standard_output() -> None:
    """A standard output that takes nothing is named."""
    full = os.open("/dev/full", os.O_WRONLY)
    done = run_on_stdout(full, "out.write(memoryview(b'x'))")
    os.close(full)
    assert "OutputError: standard output: cannot be written: No space left" in done.stderr


def test_non_blocking_standard_output() -> None:
    """A pipe that somebody made non-blocking is waited for, and standard output stays open."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 1 << 16):
            found.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    code = "import os; out.write(memoryview(bytes(1 << 20))); out.commit(); os.fstat(1)"
    done = run_on_stdout(writing, code)
    os.close(writing)
    reader.join()
    os.close(reading)
    assert done.stderr == ""
    assert b"".join(found) == bytes(1 << 20)
