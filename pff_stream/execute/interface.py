"""The seam of executors: who carries out the tasks of a pool; its queue tells them which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pff_stream.execute.queue import Answer, Task, TaskQueue

if TYPE_CHECKING:
    from pff_stream.execute.job import Job


class FixedCosts(NamedTuple):
    """What a plan knows of an executor's workers beside what a probe of them measures."""

    probe_bytes: int  # about what they take beside this process while they are probed
    probed_workers: int = 2  # more than one where workers share pages
    copied_bytes: int = 0  # pages shared with this process, copied after a probe's few tasks


class Executor(Protocol):
    """A way to have tasks carried out; `EXECUTORS` has one instance of each, without a state."""

    name: str  # the value of `--start-method`
    speed: float  # of a worker, where that of a process on this machine is 1
    shares_memory: bool  # workers are part of this process: what each takes cannot be told apart
    fences_workers: bool  # each worker can be held to its share by a limit of the kernel

    def is_safe_here(self) -> bool:
        """Whether the plan may choose it by itself, in this process as it is."""

    def n_processes(self, workers: int) -> int:
        """How many processes so many workers add to this one on this machine."""

    def costs(self) -> FixedCosts:
        """What it costs as far as constants tell; the rest is measured."""

    def crew(self, job: Job) -> Crew[Any, Any]:
        """The workers of one pool; none is started before there is a task."""


class Crew(Protocol[Task, Answer]):
    """The workers of one pool; `queue` has the tasks, and is told of each what became of it."""

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that there are now on this machine."""

    def dispatch(self, queue: TaskQueue[Task, Answer]) -> None:
        """Gives tasks to workers that can take any."""

    def wait(self, queue: TaskQueue[Task, Answer], seconds: float) -> None:
        """Waits at most so long for news of the workers, and notes them."""

    def retire(self, queue: TaskQueue[Task, Answer] | None) -> bool:
        """Ends one worker, idle or not, for good; False where that cannot be."""

    def close(self, *, kill: bool) -> None:
        """Ends all workers; `kill` does not wait for any."""
