"""The parent's view of one worker process: tasks out, replies in, and never a wait for either."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic

from pff_stream.execute.launch import Child
from pff_stream.execute.messages import FOLLOWED, HEADER, TASK, framed, unpickled
from pff_stream.execute.queue import Item, Task
from pff_stream.execute.worker_main import BEGUN_WORD, PROGRESS_WORD

AHEAD_BYTES = 32 * 1024
"""A task is sent ahead of need only if its pickle is at most so long."""
_READ_BYTES = 256 * 1024
"""Taken in at once at most."""
_FIRST_BYTES = 8 * 1024
"""Room for what comes as a rule: more is asked for only where there is more."""


class Worker(Generic[Task]):
    """What is sent to a worker, what has come from it, and what it owes."""

    def __init__(self, slot: int, child: Child, words: memoryview, first: bytes) -> None:
        self.slot = slot
        self.child = child
        self.words = words
        """Its part of the shared page."""
        self.in_flight: deque[Item[Task]] = deque()
        """Sent and not answered: tasks that are done, the one at work, and those ahead."""
        self.ready = False
        """Whether it is set up."""
        self.quick = False
        """Whether its last task was over soon."""
        self.answered = 0
        self.outbox: deque[memoryview] = deque([memoryview(first)] if first else [])
        """What the channel has not taken yet."""
        self.awaited = False
        """Whether its crew is told when the channel takes more."""
        self.still_since = 0.0
        """When it was last seen to move, by the clock of its crew."""
        self._inbox = bytearray()
        self._moved_bytes = 0
        self._mark = (0, 0, 0)

    @property
    def at_work(self) -> bool:
        """Whether it owes anything: an answer, or its set-up."""
        return bool(self.in_flight) or not self.ready

    @property
    def n_begun(self) -> int:
        """How many tasks in flight are begun: the last of them is at work, others are done."""
        return int(self.words[BEGUN_WORD]) - self.answered

    def moved(self) -> bool:
        """Whether anything about it differs from the last time that this was asked."""
        before = self._mark
        self._mark = (self.words[PROGRESS_WORD], self.words[BEGUN_WORD], self._moved_bytes)
        return self._mark != before

    def send(self, items: Sequence[Item[Task]]) -> None:
        """Sends it tasks in one message, which are in flight from here on."""
        kinds = [FOLLOWED] * (len(items) - 1) + [TASK]
        message = b"".join(
            framed(kind, _payload(item)) for kind, item in zip(kinds, items, strict=True)
        )
        for item in items:
            item.payload = None
        self.outbox.append(memoryview(message))
        self.in_flight.extend(items)
        self.flush()

    def flush(self) -> None:
        """Sends as much as the channel takes."""
        try:
            while self.outbox:
                sent = self.child.channel.send(self.outbox[0])
                self._moved_bytes += sent
                if sent < len(self.outbox[0]):
                    self.outbox[0] = self.outbox[0][sent:]
                else:
                    self.outbox.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.outbox.clear()  # it is dead, as the next `receive` tells

    def receive(self) -> bool:
        """Takes in some of what has come; False where nothing will come any more."""
        try:
            data = self.child.channel.recv(_FIRST_BYTES)
            if len(data) == _FIRST_BYTES:
                self._inbox += data
                self._moved_bytes += len(data)
                data = self.child.channel.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._moved_bytes += len(data)
        self._inbox += data
        return bool(data)

    def next_reply(self) -> tuple[int, float, Any] | None:
        """The next reply that is there as a whole: its kind, seconds, and what was pickled."""
        if len(self._inbox) < HEADER.size:
            return None
        kind, seconds, size = HEADER.unpack_from(self._inbox)
        end = HEADER.size + size
        if len(self._inbox) < end:
            return None
        with memoryview(self._inbox) as view, view[HEADER.size : end] as body:
            value = unpickled(body) if size else None
        del self._inbox[:end]
        return kind, seconds, value


def is_small(item: Item[Any]) -> bool:
    """Whether a task may be sent ahead."""
    return len(_payload(item)) <= AHEAD_BYTES


def _payload(item: Item[Any]) -> bytes:
    if item.payload is None:
        item.payload = pickle.dumps(item.task, 5)
    return item.payload
