"""Reservations: what is alive is seen, what is dead is removed, and a limit says what it lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from planner.machine import read_machine
from planner.reserve import Neighbour, Reservation, less_pending, runtime_folder, tree_bytes
from tests.planner.fake_machine import GIB, MIB, plain_machine

ROOT = Path(__file__).parent.parent.parent

OTHER = """
import sys, time
from planner.reserve import Reservation
with Reservation("x", sys.argv[1]) as mine:
    with mine.alone():
        mine.reserve(int(sys.argv[2]))
    block = bytearray(int(sys.argv[3]))
    print("ready", flush=True)
    sys.stdin.read()
"""


class Another:
    """A run in another process."""

    def __init__(self, folder: Path, planned: int, held: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(folder), str(planned), str(held)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def end(self, number: signal.Signals | None = None) -> None:
        """Ends it, by itself or by a signal."""
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate(timeout=60)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid


def test_two_runs_see_each_other(tmp_path: Path) -> None:
    """A living run is seen with what it plans and holds; one that has ended leaves nothing."""
    folder = tmp_path / "runs"
    other = Another(folder, 300 * MIB, 64 * MIB)
    with Reservation("x", str(folder)) as mine:
        with mine.alone():
            found = mine.neighbours()
            mine.reserve(5)
        assert [(n.pid, n.planned_bytes) for n in found] == [(other.pid, 300 * MIB)]
        assert 64 * MIB < found[0].held_bytes < 128 * MIB
        assert found[0].pending_bytes == 300 * MIB - found[0].held_bytes
        other.end()
        assert mine.neighbours() == []
    assert mine.reason is None
    assert not folder.exists()


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """A file that nobody locks is stale."""
    folder = tmp_path / "runs"
    other = Another(folder, MIB)
    other.end(signal.SIGKILL)
    assert len(list(folder.iterdir())) == 1
    with Reservation("x", str(folder)) as mine:
        assert mine.neighbours() == []
        assert list(folder.iterdir()) == []


def test_a_plan_may_change(tmp_path: Path) -> None:
    """The last figure counts, also a shorter one, and two runs of one process are two."""
    with (
        Reservation("x", str(tmp_path / "f"), lambda pid: 0) as first,
        Reservation("x", str(tmp_path / "f"), lambda pid: 7) as second,
    ):
        first.reserve(123_456)
        first.reserve(99)
        second.reserve(5)
        assert first.neighbours() == [Neighbour(os.getpid(), 5, 0)]
        assert second.neighbours() == [Neighbour(os.getpid(), 99, 7)]
    with pytest.raises(ValueError, match="negative"):
        first.reserve(-1)


def test_a_fork_keeps_the_file(tmp_path: Path) -> None:
    """A forked worker that ends neither removes the file nor lifts the lock."""
    with Reservation("x", str(tmp_path / "f")) as mine:
        mine.reserve(1)
        child = os.fork()
        if child == 0:
            mine.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert [n.planned_bytes for n in Reservation("x", str(tmp_path / "f")).neighbours()] == [1]


def test_a_foreign_folder_is_not_used(tmp_path: Path) -> None:
    """A folder that others may write, or a link, is left alone; the run goes on."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for path in (folder, link):
        with Reservation("x", str(path)) as mine:
            with mine.alone():
                mine.reserve(1)
            assert mine.neighbours() == []
        assert mine.reason is not None
        assert "not a folder of this user alone" in mine.reason
    assert list(folder.iterdir()) == []


def test_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime folder where there is one, else one with the user's number."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder("x") == str(tmp_path / "x")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "absent"))
    assert runtime_folder("x").endswith(f"/x-{os.getuid()}")


def test_the_available_memory_is_lowered(tmp_path: Path) -> None:
    """What neighbours plan and do not hold is taken off that limit alone, and said there."""
    fake = plain_machine(tmp_path)
    machine = read_machine(512 * MIB, 7 * GIB, str(tmp_path), fake.pid)
    assert machine.budget_source == "--budget 7.0 GiB"
    assert less_pending(machine, [Neighbour(9, GIB, 2 * GIB)]) is machine
    lowered = less_pending(machine, [Neighbour(9, 3 * GIB, GIB), Neighbour(12, GIB, 0)])
    assert lowered.budget_bytes == machine.limits[-1].bytes - 3 * GIB
    assert lowered.budget_source.endswith("- 3.0 GiB planned by processes 9, 12 and not held yet")
    assert [x.bytes for x in lowered.limits][:-1] == [x.bytes for x in machine.limits][:-1]
    assert less_pending(machine, [Neighbour(9, 99 * GIB, 0)]).budget_bytes == 0


def test_what_was_free_at_the_reading_counts(tmp_path: Path) -> None:
    """A neighbour that came, or grew, since the machine was read takes all that it plans since."""
    fake = plain_machine(tmp_path)
    machine = read_machine(0, None, str(tmp_path), fake.pid)
    full = machine.budget_bytes
    before = [Neighbour(9, 3 * GIB, GIB)]
    now = [Neighbour(9, 3 * GIB, 2 * GIB), Neighbour(12, GIB, GIB)]
    assert less_pending(machine, now, before).budget_bytes == full - 3 * GIB
    assert less_pending(machine, now, []).budget_bytes == full - 4 * GIB
    assert less_pending(machine, now).budget_bytes == full - GIB


def test_a_tree_that_is_gone_holds_nothing() -> None:
    """The process may have ended since its file was read."""
    assert tree_bytes(2**22 - 1) == 0
