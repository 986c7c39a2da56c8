"""In which order the rules of a run are evaluated, and in how large tasks, by a first look at them.

Where there are few chunks for the workers, one that is heavy on this graph would keep the others
waiting. So workers look at all chunks first, which takes a part of a millisecond for each. Then the
heaviest come first, and a chunk that is more than a share of all work is divided between bodies. A
body that is more than a share is counted in parts, each by some of its sources; when all of them
are there, somebody writes its results by their sums. Where many workers are through in no time, it
is messages that take it: what is light is divided into few tasks, large ones first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pff_stream.execute.queue import NOT_YET, Alone, NotYet
from pff_stream.work.look import COLUMNS, Look, Pieces, rows_of
from pff_stream.work.task import Answer, Part, Task, join_tasks

if TYPE_CHECKING:
    from pff_stream.rules.chunk_reader import Place
    from pff_stream.rules.file import RuleFile

CHUNKS = 3
"""With more chunks for each worker the order of the file will do."""
LEAST_TRIPLES = 10_000
"""On a smaller graph nothing takes long."""
LOOKS, SHARES, LONG_ROUNDS = 1, 3, 6
"""Tasks for each worker: looks, and of the work and of what is light at the least."""
LONG_WORK, BATCHED_WORKERS = 3e7, 16
"""More work than this for each worker, some tenth of a second, is dealt out in single tasks, and so
is what fewer workers do: there it takes next to nothing to send a task."""
ROUNDS = (0.6, 0.25, 0.15)
"""Of less work each worker is sent so much in one task, then so much, and so on."""
MOST_HEADS = 64
"""Rules that are counted together in parts: so many counts are an answer."""
MOST_PARTS = 1 << 12

_Light = tuple[float, list[tuple[int, int, int]]]
Missing = Callable[[Iterable[Task]], Iterator[Task]]
"""What of some tasks is not done yet."""


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
        self._places: dict[int, Place] = {}
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

    def tasks(self, missing: Missing) -> Iterator[Look | Task | Alone[Task] | Part | NotYet]:
        """Looks, and when all are answered what is to be evaluated and `missing`."""
        each = max(1, -(-len(self._chunks) // (LOOKS * self._workers)))
        looks = [self._chunks[at : at + each] for at in range(0, len(self._chunks), each)]
        self._left = len(looks)
        for chunks in looks:
            found = tuple(map(self._file.place, chunks))
            self._places.update(zip(chunks, found, strict=True))
            yield Look(tuple(chunks), found)
        while self._left:
            yield NOT_YET
        for one in self._divided(missing):
            if isinstance(one, (Task, Alone)):
                yield one
            else:
                yield from self._sums.parts(*one)
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

    def _divided(self, missing: Missing) -> Iterator[Task | Alone[Task] | tuple[Task, int]]:
        """All rules: chunks that nobody could look at, heavy bodies, then what is light."""
        counts = self._file.chunks["rules"]
        places = self._places
        unknown = [chunk for chunk in self._chunks if chunk not in self._found]
        yield from missing(Task(one, 0, int(counts[one]), places[one]) for one in unknown)
        line = _Line(self._found)
        self._found.clear()
        most = line.total / (SHARES * self._workers)
        for chunk, start, stop, work, parts in line.heavy(most):
            n_parts = min(parts, self._most_parts, int(work / most) + 1)
            each = MOST_HEADS if n_parts > 1 else stop - start
            for first in range(start, stop, each):
                whole = Task(chunk, first, min(first + each, stop), places[chunk])
                for task in missing((whole,)):
                    # A range of which some rules are done is not what was looked at.
                    yield (task, n_parts) if task == whole and n_parts > 1 else task
        is_long = line.total > LONG_WORK * self._workers or self._workers < BATCHED_WORKERS
        rounds = (1.0,) * LONG_ROUNDS if is_long else ROUNDS
        shares = [one for one in rounds for _ in range(self._workers)]
        light = line.light(most, shares, by_work=is_long)
        for _, ranges in sorted(light, key=lambda one: -one[0]) if is_long else light:
            tasks = tuple(missing(Task(*ends, places[ends[0]]) for ends in ranges))
            if is_long:
                yield from tasks
            elif tasks:
                yield Alone(join_tasks(tasks))


class _Line:
    """Pieces of all chunks, one behind the other."""

    def __init__(self, found: Mapping[int, Pieces]) -> None:
        rows = rows_of(found.values())
        n_pieces = [len(one.table) // (8 * COLUMNS) for one in found.values()]
        self._chunk = np.repeat(np.fromiter(found, np.int64), n_pieces)
        self._stop = rows[:, 0].astype(np.int64)
        self._start = np.roll(self._stop, 1)
        self._start[np.diff(self._chunk, prepend=-1) != 0] = 0
        self._work, self._weight, self._parts = rows[:, 1], rows[:, 2], rows[:, 3]
        self.total = float(self._work.sum())

    def heavy(self, most: float) -> Iterator[tuple[int, int, int, float, int]]:
        """What is more than that, the heaviest first: chunk, rules, work, and parts at most."""
        places = np.flatnonzero(self._work > most)
        for at in places[np.argsort(-self._work[places], kind="stable")]:
            ends = int(self._chunk[at]), int(self._start[at]), int(self._stop[at])
            yield *ends, float(self._work[at]), int(self._parts[at])

    def light(self, most: float, shares: Sequence[float], *, by_work: bool) -> Iterator[_Light]:
        """All else: where it goes by work each range by itself, else those of each share together.

        With the work of the range, or the first of the share.
        """
        at = np.flatnonzero(self._work <= most)
        if not len(at):
            return
        weight = self._weight[at]
        if by_work:  # what is light may be heavier than it seems: rules count as much
            rules = self._stop[at] - self._start[at]
            weight = self._work[at] / self._work[at].sum() + rules / rules.sum()
        ends = np.add.accumulate(np.asarray(shares)) * (weight.sum() / sum(shares))
        share = np.searchsorted(ends[:-1], np.add.accumulate(weight) - weight / 2, "right")
        is_new = (np.diff(at) != 1) | (np.diff(self._chunk[at]) != 0) | (np.diff(share) != 0)
        first = np.concatenate(([0], np.flatnonzero(is_new) + 1))
        last = np.append(first[1:], len(at)) - 1
        number = np.arange(len(first)) if by_work else share[first]
        columns = self._chunk[at[first]], self._start[at[first]], self._stop[at[last]]
        ranges = zip(*(column.tolist() for column in columns), strict=True)
        works = np.add.reduceat(self._work[at], first).tolist()
        told = zip(number.tolist(), works, ranges, strict=True)
        for _, group in groupby(told, itemgetter(0)):
            together = list(group)
            yield together[0][1], [one for _, _, one in together]


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
