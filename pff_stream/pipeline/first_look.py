"""In which order the rules of a run are evaluated, and in how large tasks, by a first look at them.

Where there are few chunks for the workers, one that is heavy on this graph would keep the others
waiting. So workers look at all chunks first, which takes about a millisecond for each. Then the
heaviest come first, and a chunk that is more than a share of all work is divided between bodies. A
body that is more than a share is counted in parts, each by some of its sources; when all of them
are there, somebody writes its results by their sums.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pff_stream.execute.queue import NOT_YET, NotYet
from pff_stream.work.look import Look, Pieces
from pff_stream.work.task import Answer, Part, Task

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile

CHUNKS = 3
"""With more chunks for each worker the order of the file will do."""
LEAST_TRIPLES = 10_000
"""On a smaller graph nothing takes long."""
LOOKS, SHARES, RULE_SHARES = 1, 3, 4
"""Tasks for each worker: looks, and of the work and of the rules at the least."""
MOST_HEADS = 64
"""Rules that are counted together in parts: so many counts are an answer."""
MOST_PARTS = 1 << 12

Missing = Callable[[Iterable[Task]], Iterator[Task]]
"""What of some tasks is not done yet."""
Range = tuple[int, int, float, int]
"""Begin and end of rules of a chunk, their work, and parts that their sources may come to."""


class FirstLook:
    """The tasks of a run: looks, then ranges of rules."""

    def __init__(
        self,
        file: RuleFile,
        workers: int,
        chunks: Sequence[int] | None = None,
        *,
        in_parts: bool = True,
    ) -> None:
        """`chunks` of the file are evaluated; None: all.

        Bodies are counted `in_parts` only where all workers take sources in the same order: either
        all have vectors for many at once, or none.
        """
        self._file = file
        self._workers = workers
        self._chunks = range(len(file.chunks)) if chunks is None else chunks
        self._most_parts = MOST_PARTS if in_parts else 1
        self._left = 0
        self._found: dict[int, Pieces] = {}
        self._sums = _Sums()

    @classmethod
    def wanted(
        cls,
        file: RuleFile,
        workers: int,
        n_triples: int,
        chunks: Sequence[int] | None = None,
        *,
        in_parts: bool = True,
    ) -> FirstLook | None:
        """None where looking would not pay."""
        n_chunks = len(file.chunks) if chunks is None else len(chunks)
        if workers < 2 or n_chunks > CHUNKS * workers or n_triples < LEAST_TRIPLES:
            return None
        return cls(file, workers, chunks, in_parts=in_parts)

    def tasks(self, missing: Missing) -> Iterator[Look | Task | Part | NotYet]:
        """Looks, and when all are answered what is to be evaluated and `missing`."""
        each = max(1, -(-len(self._chunks) // (LOOKS * self._workers)))
        looks = [self._chunks[at : at + each] for at in range(0, len(self._chunks), each)]
        self._left = len(looks)
        for chunks in looks:
            yield Look(tuple(chunks), tuple(map(self._file.place, chunks)))
        while self._left:
            yield NOT_YET
        for task, n_parts in self._ranges(missing):
            if n_parts == 1:
                yield task
            else:
                yield from self._sums.parts(task, n_parts)
            yield from self._sums.ready()
        while self._sums:
            yield NOT_YET
            yield from self._sums.ready()

    def take(self, task: Look | Part, found: Answer | tuple[Pieces, ...]) -> None:
        """Takes what a look has found, or a part has counted; no rule is done by it."""
        if isinstance(task, Part):
            assert isinstance(found, Answer)
            self._sums.take(task, found.counts)
        else:
            assert not isinstance(found, Answer)
            self._left -= 1
            self._found.update(zip(task.chunks, found, strict=False))  # none where nobody could

    def _ranges(self, missing: Missing) -> Iterator[tuple[Task, int]]:
        """All rules, what is heaviest first; chunks that nobody could look at before all."""
        total = sum(sum(pieces.work) for pieces in self._found.values())
        most = total / (SHARES * self._workers)
        counts = self._file.chunks["rules"]
        # What is light may be heavier than it seems: nor has any more than its share of the rules.
        most_rules = sum(int(counts[chunk]) for chunk in self._chunks) // (
            RULE_SHARES * self._workers
        )
        ranges: list[tuple[float, Task]] = []
        n_parts: dict[tuple[int, int, int], int] = {}
        for chunk in self._chunks:
            n_rules = int(counts[chunk])
            pieces = self._found.get(chunk, Pieces((n_rules,), (total,), (1,)))
            place = self._file.place(chunk)
            for start, stop, work, parts in _joined(pieces, most, most_rules):
                parts = min(parts, self._most_parts, int(work / most) + 1) if work > most else 1
                each = MOST_HEADS if parts > 1 else stop - start
                for first in range(start, stop, each):
                    last = min(first + each, stop)
                    n_parts[chunk, first, last] = parts
                    ranges.append((work, Task(chunk, first, last, place)))
        self._found.clear()
        ranges.sort(key=lambda one: -one[0])
        for task in missing(task for _, task in ranges):
            # A range of which some rules are done is not what was looked at.
            yield task, n_parts.get(task[:3], 1)


class _Sums:
    """Bodies that are counted in parts, until all parts of each are there."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int], tuple[Task, set[int], NDArray[np.int64]]] = {}
        self._lost: set[tuple[int, int, int]] = set()
        self._ready: deque[Task] = deque()

    def __bool__(self) -> bool:
        return bool(self._open or self._ready)

    def parts(self, task: Task, n_parts: int) -> Iterator[Part]:
        """All parts of a task."""
        none = np.zeros((task.n_rules, 5), np.int64)
        self._open[task[:3]] = task, set(range(n_parts)), none
        for part in range(n_parts):
            yield Part(task, part, n_parts)

    def take(self, part: Part, counts: bytes) -> None:
        """Adds a part; where one came to nothing, the task is done as if it had no parts."""
        key = part.rules[:3]
        task, left, total = self._open[key]
        left.remove(part.part)
        if counts:
            found = np.frombuffer(counts, np.int64).reshape(total.shape)
            total[:, :3] += found[:, :3]
            total[:, 3:] = found[:, 3:]  # outcome and reason are the same in all
        else:
            self._lost.add(key)
        if not left:
            del self._open[key]
            whole = key in self._lost
            self._ready.append(task if whole else task._replace(counts=total.tobytes()))

    def ready(self) -> Iterator[Task]:
        """Tasks whose parts are all there, each once."""
        while self._ready:
            yield self._ready.popleft()


def _joined(pieces: Pieces, most: float, most_rules: int) -> Iterator[Range]:
    """Neighbours that come to no more than that together."""
    begin, held, parts = 0, 0.0, 1
    last = 0
    for stop, work, in_parts in zip(*pieces, strict=True):
        if held and (held + work > most or stop - begin > most_rules):
            yield begin, last, held, parts
            begin, held = last, 0.0
        parts = 1 if held else in_parts
        held, last = held + work, stop
    if last > begin:
        yield begin, last, held, parts
