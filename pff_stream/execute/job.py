"""What the workers of one pool are told: the job that they do, whoever carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pff_stream.execute.carrier import Carrier
from pff_stream.words import counted

STALL_SECONDS = 60.0
SET_UP_STALL_SECONDS = 60.0
"""A worker that sets up, imports included, may stand still for so long at least."""
CLOSE_SECONDS = 0.5
"""How long idle workers may take to end by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job of the workers of one pool, and how many they are.

    Raises `ValueError` where there is no worker, or no time for it to move in.
    """

    set_up: Callable[..., Callable[[Any], Any]]
    """`set_up(progress, *arguments)` runs once in each worker and returns the function that answers
    a task, or a part of one. It is importable, except under fork and thread."""
    arguments: tuple[object, ...] = ()
    """Picklable, except under fork and thread."""
    workers: int
    preload: tuple[str, ...] = ()
    """Names of modules that a fork server imports."""
    stall_seconds: float = STALL_SECONDS
    """A worker at work whose counter of `progress` stands still for so long is given up."""
    tasks_together: int = 1
    """Quick tasks that one message may be of; answers may wait until the last of them is done. 0:
    one, and a worker has no other one waiting."""
    carrier: Carrier | None = None
    """Takes results from other hosts to this one; None: the job stays on this host."""
    starts_together: bool = False
    """Whether no worker process gets a second message before all are set up, so that what they hold
    together does not depend on who was first."""

    def __post_init__(self) -> None:
        if self.workers < 1 or self.stall_seconds <= 0:
            raise ValueError(
                f"{counted(self.workers, 'worker')}, stall after {self.stall_seconds} s"
            )

    @property
    def wait_seconds(self) -> float:
        """The longest wait without a look at the counters."""
        return self.stall_seconds / 4

    def stall_limit(self, *, is_set_up: bool) -> float:
        """How long a worker may stand still."""
        return self.stall_seconds if is_set_up else max(self.stall_seconds, SET_UP_STALL_SECONDS)
