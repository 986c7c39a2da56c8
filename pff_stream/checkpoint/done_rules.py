"""Which rules of a rule file are done, by chunks and ranges of them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile
    from pff_stream.work.task import Task


class DoneRules:
    """A byte for each chunk, and the ranges of those that are done in part."""

    def __init__(self, file: RuleFile) -> None:
        self.n_rules = 0
        """Rules that are done."""
        self._counts: Any = file.chunks["rules"]
        self._whole = bytearray(len(self._counts))
        self._parts: dict[int, list[tuple[int, int]]] = {}

    def is_new(self, task: Task) -> bool:
        """Whether the rules of a task exist, and none of them is done."""
        return all(self._is_new_range(one) for one in task.ranges)

    def add(self, task: Task) -> None:
        """Notes a new task."""
        self.n_rules += task.n_rules
        for one in task.ranges:
            if one.stop - one.start == int(self._counts[one.chunk]):
                self._whole[one.chunk] = 1
            else:
                insort(self._parts.setdefault(one.chunk, []), (one.start, one.stop))

    def missing(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """What of each task is not done."""
        for task in tasks:
            if self._whole[task.chunk]:
                continue
            at = task.start
            for start, stop in self._parts.get(task.chunk, ()):
                if start >= task.stop:
                    break
                if at < start:
                    yield task._replace(start=at, stop=start)
                at = max(at, stop)
            if at < task.stop:
                yield task._replace(start=at)

    def _is_new_range(self, task: Task) -> bool:
        counts = self._counts
        if not (task.chunk < len(counts) and task.start < task.stop <= int(counts[task.chunk])):
            return False
        ranges = self._parts.get(task.chunk, ())
        return not self._whole[task.chunk] and all(
            stop <= task.start or task.stop <= start for start, stop in ranges
        )
