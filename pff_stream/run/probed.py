"""What a probed worker runs: a worker's own set-up, and answers that say who gave them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pff_stream.run import worker

if TYPE_CHECKING:
    from pff_stream.run.pool import Progress

PAUSE_SECONDS = 0.002


def set_up(
    progress: Progress, arguments: worker.WorkerArguments
) -> Callable[[worker.Task], tuple[int, worker.Answer]]:
    """Sets a worker up; its answers carry its process id, and leave others time for a task."""
    answer = worker.set_up(progress, arguments)

    def answered(task: worker.Task) -> tuple[int, worker.Answer]:
        result = answer(task)
        time.sleep(PAUSE_SECONDS)
        return os.getpid(), result

    return answered
