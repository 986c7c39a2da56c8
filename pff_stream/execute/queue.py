"""What became of every task: drawn, handed out, given back, answered, suspected, poisoned.

Bookkeeping alone, the same for processes and threads: no process, no clock, no waiting here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")


class NotYet:
    """What a source gives that has nothing yet, and is to be asked again: `NOT_YET`."""


NOT_YET = NotYet()


class Alone(NamedTuple, Generic[Task]):
    """What a source gives of a task that is not to wait in a worker behind another one."""

    task: Task


class Completed(NamedTuple, Generic[Task, Answer]):
    """A task (or a part of one that was split) with its answer."""

    task: Task
    answer: Answer
    seconds: float
    """Wall time in the worker."""


class Poisoned(NamedTuple, Generic[Task]):
    """A task that cannot be split and that its worker dies of, or runs out of memory with."""

    task: Task
    cause: str
    """Such as "killed by SIGKILL", "exit code 1", "no progress for 60 s", "MemoryError"."""


class Drawn:
    """A task as the caller gave it; it is done with when all its parts are consumed."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts = 1


class Item(Generic[Task]):
    """A task, or a part of one, on its way through the workers."""

    __slots__ = ("alone", "deaths", "drawn", "payload", "suspect", "task")

    def __init__(self, task: Task, drawn: Drawn, *, suspect: bool = False) -> None:
        self.task = task
        self.drawn = drawn
        self.alone = False
        """Whether it is sent to nobody who has another."""
        self.suspect = suspect
        """Whether a worker has died of it, or of the task that it is a part of."""
        self.deaths = 0
        self.payload: bytes | None = None
        """Its pickle, from when its size was asked for until it is sent."""


class TaskQueue(Generic[Task, Answer]):
    """All tasks of one `imap_unordered`. At most `window` are drawn and not yet consumed.

    The first death of a task may not be its fault: it is tried again, alone in a worker. The second
    splits it, and from then on one death of a part splits the part, until what cannot be split is
    poisoned; whatever else was in it is answered.
    """

    def __init__(
        self,
        tasks: Iterable[Task | Alone[Task] | NotYet],
        window: int,
        split: Callable[[Task], Sequence[Task]],
    ) -> None:
        self._source = iter(tasks)
        self._window = window
        self._split = split
        self._open = 0
        self._exhausted = False
        self._waiting: deque[Item[Task]] = deque()
        self._suspects: deque[Item[Task]] = deque()
        self._results: deque[tuple[Completed[Task, Answer] | Poisoned[Task], Drawn]] = deque()
        self.paused = False
        """Whether nothing new is drawn; what is drawn already goes its way."""
        self.retried = 0
        """Tries that were repeated, whole or in parts."""

    @property
    def finished(self) -> bool:
        """Whether every task is drawn and consumed."""
        return self._exhausted and not self._open

    @property
    def has_result(self) -> bool:
        """Whether a result waits to be consumed."""
        return bool(self._results)

    @property
    def has_waiting(self) -> bool:
        """Whether an item waits that is drawn already."""
        return bool(self._suspects or self._waiting)

    def has_work(self) -> bool:
        """Whether `take` would give an item; draws a task if the window allows and none waits."""
        return bool(self._suspects or self._waiting) or self._draw()

    def take(self) -> Item[Task] | None:
        """The next item for a worker that has nothing in flight; suspects come first."""
        if self._suspects:
            return self._suspects.popleft()
        return self._waiting.popleft() if self._waiting or self._draw() else None

    def take_ahead(self, fits: Callable[[Item[Task]], bool]) -> Item[Task] | None:
        """The next item for a worker that is still busy: no suspect, and only one that `fits`."""
        if (self._waiting or self._draw()) and fits(self._waiting[0]):
            return self._waiting.popleft()
        return None

    def give_back(self, item: Item[Task]) -> None:
        """Returns an item that was handed out but not begun; it comes next again."""
        (self._suspects if item.suspect else self._waiting).appendleft(item)

    def answered(self, item: Item[Task], answer: Answer, seconds: float) -> None:
        """Notes an answer."""
        self._results.append((Completed(item.task, answer, seconds), item.drawn))

    def answered_in_parts(
        self, item: Item[Task], results: Sequence[Completed[Task, Answer] | Poisoned[Task]]
    ) -> None:
        """Notes all that became of an item that was split, or not, by who carried it out."""
        item.drawn.parts += len(results) - 1
        self._results.extend((result, item.drawn) for result in results)

    def died(self, item: Item[Task], cause: str) -> None:
        """Notes that a worker died of the item, or ran out of memory with it."""
        item.deaths += 1
        item.payload = None
        if not item.suspect:
            item.suspect = True
            self.retried += 1
            self._suspects.append(item)
            return
        parts = self._split(item.task)
        if len(parts) < 2:
            self._results.append((Poisoned(item.task, cause), item.drawn))
            return
        self.retried += 1
        item.drawn.parts += len(parts) - 1
        self._suspects.extendleft(Item(part, item.drawn, suspect=True) for part in reversed(parts))

    def give_up(self, item: Item[Task]) -> None:
        """Notes that an item is not wanted any more, and was not answered."""
        self._results.append((Poisoned(item.task, "given up"), item.drawn))

    def consume(self) -> Completed[Task, Answer] | Poisoned[Task]:
        """The oldest result, which the caller has from now on."""
        result, drawn = self._results.popleft()
        drawn.parts -= 1
        if not drawn.parts:
            self._open -= 1
        return result

    def _draw(self) -> bool:
        """Draws one task, unless it is paused, the window is full, or there is none."""
        if self._exhausted or self.paused or self._open >= self._window:
            return False
        try:
            drawn = next(self._source)
        except StopIteration:
            self._exhausted = True
            return False
        if isinstance(drawn, NotYet):
            return False
        alone = isinstance(drawn, Alone)
        item: Item[Task] = Item(drawn.task if isinstance(drawn, Alone) else drawn, Drawn())
        item.alone = alone
        self._open += 1
        self._waiting.append(item)
        return True
