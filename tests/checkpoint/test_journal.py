"""The journal of a run: what was written is read back, whatever a crash tore off or changed."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from pff_stream.checkpoint.journal import RECORD, Journal, JournalReader
from pff_stream.work.task import Run, Task, split_task

DONE = [
    (Task(0, 0, 100), (Run(0, 10, 1), Run(10, 20, 2))),
    (Task(1, 0, 50), (Run(30, 5, 3),)),
    (Task(0, 100, 200), (Run(35, 7, 4), Run(50, 9, 5), Run(60, 1, 6))),
]

TOGETHER = [
    (Task(0, 0, 9, more=(Task(1, 2, 5), Task(2, 0, 7))), (Run(0, 10, 1), Run(10, 20, 2))),
    (Task(3, 0, 50), (Run(30, 5, 3),)),
    (Task(4, 0, 1, more=(Task(0, 9, 12),)), (Run(35, 7, 4),)),
]


def written(path: Path, tasks: Iterable[tuple[Task, tuple[Run, ...]]] = DONE) -> bytes:
    """The bytes of a journal of some tasks, with the room behind them."""
    with path.open("w+b") as file, (path.parent / "spool").open("w+b") as spool:
        journal = Journal(file.fileno(), spool.fileno(), 0, 4)
        for task, runs in tasks:
            journal.add(task, runs)
        journal.flush()
    return path.read_bytes()


def read(path: Path) -> tuple[list[tuple[Task, tuple[Run, ...]]], int]:
    """The tasks of a journal and how many bytes are cut."""
    with path.open("rb") as file:
        reader = JournalReader(file.fileno())
        found = [(done.task, done.runs) for done in reader]
        return found, reader.cut_bytes


def test_journal_reads_what_was_written(tmp_path: Path) -> None:
    """All tasks come back, and the room behind them is no damage."""
    data = written(tmp_path / "journal")
    assert len(data) > 8 * RECORD.size, "room is taken beforehand"
    assert read(tmp_path / "journal") == (DONE, 0)


def test_journal_cut_at_every_byte(tmp_path: Path) -> None:
    """A task counts with all its runs or not at all; what is cut is told."""
    path = tmp_path / "journal"
    data = written(path)
    ends = [RECORD.size * n for n in (1, 3, 4, 7)]
    for length in range(RECORD.size, 7 * RECORD.size + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends) - 1
        cut = len(data[:length].rstrip(b"\0")) - ends[whole]
        assert read(path) == (DONE[:whole], max(0, cut)), length


def test_journal_with_one_byte_changed(tmp_path: Path) -> None:
    """The record with the wrong byte and all behind it are cut, never believed."""
    path = tmp_path / "journal"
    data = written(path)
    for at in range(RECORD.size, 7 * RECORD.size):
        changed = bytearray(data)
        changed[at] ^= 0x40
        path.write_bytes(changed)
        found, cut = read(path)
        assert found == DONE[: len(found)] and len(found) < 3, at
        assert cut > 0


def test_journal_of_tasks_of_several_ranges(tmp_path: Path) -> None:
    """All ranges of a task come back with its runs, or none of them does."""
    path = tmp_path / "journal"
    data = written(path, TOGETHER)
    assert read(path) == (TOGETHER, 0)
    ends = [RECORD.size * n for n in (1, 5, 6, 8)]
    for length in range(RECORD.size, ends[-1] + 1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends) - 1
        assert read(path)[0] == TOGETHER[:whole], length


def test_ranges_of_a_task_are_halved() -> None:
    """Down to the single rule; no rule is lost."""
    whole = TOGETHER[0][0]
    assert whole.n_rules == 19 and [one.more for one in whole.ranges] == [(), (), ()]
    singles = []
    left = [whole]
    while left:
        task = left.pop()
        parts = split_task(task)
        assert not parts or sum(part.n_rules for part in parts) == task.n_rules
        left += parts
        singles += [] if parts else [task[:3]]
    assert sorted(singles) == sorted(
        (one.chunk, rule, rule + 1) for one in whole.ranges for rule in range(one.start, one.stop)
    )


def test_journal_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    """What is added after a cut stands behind the last whole task."""
    path = tmp_path / "journal"
    data = written(path)
    path.write_bytes(data[: 6 * RECORD.size + 7])
    with path.open("r+b") as file, (tmp_path / "spool").open("r+b") as spool:
        reader = JournalReader(file.fileno())
        assert len(list(reader)) == 2
        reader.cut()
        journal = Journal(file.fileno(), spool.fileno(), reader.place, 4)
        journal.add(*DONE[2])
        journal.flush()
    assert read(path) == (DONE, 0)


def test_records_are_forty_bytes() -> None:
    """The format that docs/formats.md tells."""
    assert RECORD.size == 40
    assert struct.calcsize("<IIIIIQIII") == 40
