"""What meddles with runs over a Dask cluster, by the faults of the environment (`faults`)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pff_stream.execute.interface import Crew
from pff_stream.execute.job import Job
from tests.pipeline.faults import FAULTS, set_up


def set_up_elsewhere(progress: Any, arguments: Any) -> Callable[[Any], Any]:
    """The same on a host of a cluster, with the faults of its Dask worker's environment."""
    from pff_stream.rules.file import RuleFile
    from pff_stream.work.rules import set_up as inner_set_up

    faults = json.loads(os.environ[FAULTS])
    rules = RuleFile(arguments.rules.name)
    inner = set_up(progress, inner_set_up, arguments)
    if "kill_host" not in faults:
        return inner

    def answer(task: Any) -> Any:
        for one in getattr(task, "ranges", ()):
            if faults["kill_host"] in rules.read_chunk(one.chunk).sources[one.start : one.stop]:
                # The Dask worker holds the graph open, and its workers are told of it by that.
                os.kill(int(arguments.graph.name.split("/")[2]), signal.SIGKILL)
                time.sleep(60)
        return inner(task)

    return answer


def unseeing(link: Any) -> Any:
    """What places inputs on hosts that see none of them; tells of the bytes that it sends."""
    from pff_stream.execute.dask_files import FileSender

    class Unseeing(FileSender):
        def paths(self, known: Any) -> tuple[str, ...]:
            return ()

        def _send(self, file: Any, worker: str) -> str:
            path = super()._send(file, worker)
            Path(json.loads(os.environ[FAULTS])["unseen"]).write_text(str(self.sent_bytes))
            return path

    return Unseeing(link)


class FaultyElsewhere:
    """A cluster whose worker processes meet faults."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def crew(self, job: Job) -> Crew[Any, Any]:
        """The other's, with a set-up that meddles, and perhaps hosts that see no file of here."""
        if "unseen" in json.loads(os.environ[FAULTS]):
            self._inner.told = replace(self._inner.told, sender=unseeing)
        crew: Crew[Any, Any] = self._inner.crew(replace(job, set_up=set_up_elsewhere))
        return crew
