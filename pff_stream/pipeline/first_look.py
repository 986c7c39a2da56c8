"""In which order the rules of a run are evaluated, and in how large tasks, by a first look at them.

Where there are few chunks for the workers, one that is heavy on this graph would keep the others
waiting. So workers look at all chunks first, which takes about a millisecond for each. Then the
heaviest come first, and a chunk that is more than a share of all work is divided between bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pff_stream.execute.queue import NOT_YET, NotYet
from pff_stream.rules.file import RuleFile
from pff_stream.work.look import Look, Pieces
from pff_stream.work.task import Task

CHUNKS = 3
"""With more chunks for each worker the order of the file will do."""
LEAST_TRIPLES = 10_000
"""On a smaller graph nothing takes long."""
LOOKS, SHARES = 2, 2
"""Tasks for each worker: looks, and of the work at the least."""

Missing = Callable[[Iterable[Task]], Iterator[Task]]
"""What of some tasks is not done yet."""


class FirstLook:
    """The tasks of a run: looks, then ranges of rules."""

    def __init__(self, file: RuleFile, workers: int) -> None:
        self._file = file
        self._workers = workers
        self._left = 0
        self._found: dict[int, Pieces] = {}

    @classmethod
    def wanted(cls, file: RuleFile, workers: int, n_triples: int) -> FirstLook | None:
        """None where looking would not pay."""
        n_chunks = len(file.chunks)
        if workers < 2 or n_chunks > CHUNKS * workers or n_triples < LEAST_TRIPLES:
            return None
        return cls(file, workers)

    def tasks(self, missing: Missing) -> Iterator[Look | Task | NotYet]:
        """Looks, and when all are answered what is to be evaluated and `missing`."""
        n_chunks = len(self._file.chunks)
        each = max(1, -(-n_chunks // (LOOKS * self._workers)))
        firsts = range(0, n_chunks, each)
        self._left = len(firsts)
        for first in firsts:
            stop = min(n_chunks, first + each)
            yield Look(first, tuple(map(self._file.place, range(first, stop))))
        while self._left:
            yield NOT_YET
        yield from missing(self._ranges())

    def take(self, look: Look, found: tuple[Pieces, ...]) -> int:
        """Takes what a look has found; no rule is done by it."""
        self._left -= 1
        self._found.update(enumerate(found, look.first))
        return 0

    def _ranges(self) -> list[Task]:
        """All rules, what is heaviest first; chunks that nobody could look at before all."""
        total = sum(sum(pieces.work) for pieces in self._found.values())
        most = total / (SHARES * self._workers)
        ranges: list[tuple[float, Task]] = []
        for chunk, n_rules in enumerate(self._file.chunks["rules"].tolist()):
            place = self._file.place(chunk)
            pieces = self._found.get(chunk, Pieces((n_rules,), (total,)))
            for start, stop, work in _joined(pieces, most):
                ranges.append((work, Task(chunk, start, stop, place)))
        ranges.sort(key=lambda one: -one[0])
        return [task for _, task in ranges]


def _joined(pieces: Pieces, most: float) -> Iterator[tuple[int, int, float]]:
    """Begin, end and work of neighbours that come to no more than that together."""
    begin, held = 0, 0.0
    last = 0
    for stop, work in zip(*pieces, strict=True):
        if held and held + work > most:
            yield begin, last, held
            begin, held = last, 0.0
        held, last = held + work, stop
    if last > begin:
        yield begin, last, held
