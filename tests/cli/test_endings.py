"""How the command ends in processes of its own: signals, closed streams, full disks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.test_main import ROOT

SCRIPT = """
import os, signal, sys, time
from pff_stream.cli.engine import Engine
from pff_stream.cli.main import main
class Result:
    exit_code = 0
    is_judged = True
    lines = ["done"]
    findings = None
    memory_lines = ()
def work():
    try:
        {body}
    finally:
        sys.stderr.write("cleaned\\n")
class OneTask(Engine):
    def run(self, settings, observer):
        work()
        return Result
sys.exit(main(["run", "r", "t", *sys.argv[1:]], OneTask()))
"""

WAIT = 'sys.stderr.write("ready\\n"); sys.stderr.flush(); time.sleep(99)'

FLOOD = """
        while True:
            sys.stdout.write("x" * 1000)"""


def heed_interrupts() -> None:
    """Tests in the background of a shell ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def started(body: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, its engine's work being `body`."""
    script = SCRIPT.replace("{body}", body)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    options["preexec_fn"] = heed_interrupts
    return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, **options)


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_signals(number: signal.Signals, code: int, message: str) -> None:
    """Ctrl-C and SIGTERM run the clean-up, say one line and end with their code."""
    with started(WAIT) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err == f"cleaned\npff-stream: error: {message}\n"


@pytest.mark.parametrize("moment", ["import", "start"])
def test_interrupt_before_the_command_is_set_up(moment: str) -> None:
    """Ctrl-C while the command is imported, or before it handles errors: the same line and code."""
    script = f"""
import importlib.abc, os, sys, time
from pff_stream.__main__ import main
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pff_stream.cli.main" and "import" == "{moment}":
            wait()
def wait():
    sys.stderr.write("ready\\n"); sys.stderr.flush(); time.sleep(99)
class Environment(dict):
    def get(self, name, default=None):
        if name == "_PFF_STREAM_COMPLETE":  # the first that the command asks
            wait()
        return super().get(name, default)
if "{moment}" == "start":
    os.environ = Environment(os.environ)
sys.meta_path.insert(0, Slow())
sys.exit(main())
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, cwd=ROOT, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "pff-stream: error: interrupted\n")


def test_second_sigterm_ends_at_once() -> None:
    """A clean-up that hangs is ended by a second SIGTERM."""
    with started(WAIT + '\n    finally:\n        sys.stderr.write("slow\\n"); time.sleep(99)\n'
                 "    try:\n        pass") as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == "slow\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_forked_child_dies_of_sigterm() -> None:
    """A forked process does not run its parent's clean-up when it gets SIGTERM."""
    body = (
        "child = os.fork()\n"
        "        if child == 0:\n"
        "            time.sleep(99)\n"
        "        time.sleep(0.2); os.kill(child, signal.SIGTERM)\n"
        "        sys.stdout.write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))"
    )
    with started(body) as process:
        out, err = process.communicate(timeout=60)
    said = "-15done\nPassed (--fail-on violations)\n"
    assert (process.returncode, out, err) == (0, said, "cleaned\n")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "body",
    [
        FLOOD,
        FLOOD.replace("while True:", "for _ in range(99999):"),
        """
        try:
            while True:
                sys.stdout.buffer.write(b"x" * 1000)
        except OSError as error:
            from pff_stream.errors import OutputError
            raise OutputError("violations") from error""",
        """
        while True:
            os.write(1, b"x" * 1000)""",
    ],
)
def test_closed_output_is_quiet(body: str) -> None:
    """When the reader of standard output goes away, the command ends with 141 and says nothing."""
    with started(body) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(timeout=60)
    assert (process.returncode, err) == (141, "cleaned\n")


def test_output_closed_before_the_summary() -> None:
    """A reader that is gone before anything was printed is the same."""
    read, write = os.pipe()
    os.close(read)
    with started("pass", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "cleaned\n")


@pytest.mark.thorough
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("body", ["pass", 'sys.stdout.write("text")'])
def test_full_disk_under_standard_output(body: str) -> None:
    """Standard output that cannot be written ends with 74 and says so."""
    with open("/dev/full", "w") as full, started(body, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 74
    assert re.fullmatch(r"cleaned\npff-stream: error: .*No space left on device\n", err)


def test_closed_standard_error_changes_nothing() -> None:
    """Talk that nobody can read does not change how the command ends."""
    read, write = os.pipe()
    os.close(read)
    body = "from pff_stream.errors import InputError; raise InputError('x')"
    script = SCRIPT.replace("{body}", body).replace('sys.stderr.write("cleaned\\n")', "pass")
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stderr=write, stdout=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stdout) == (2, b"")
