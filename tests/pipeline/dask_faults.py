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
    """What places inputs on hosts that see none of them; tells of the bytes that it sends.

    With `damage` a byte of the first block is another when it comes.
    """
    from pff_stream.execute.dask_files import FileSender

    faults = json.loads(os.environ[FAULTS])

    class Unseeing(FileSender):
        def paths(self, known: Any) -> tuple[str, ...]:
            return ()

        def put(self, data: bytes, place: tuple[str, int, int], worker: str) -> None:
            if "damage" in faults and not self.sent_bytes:
                data = damaged(data)
            super().put(data, place, worker)
            Path(faults["unseen"]).write_text(str(self.sent_bytes + len(data)))

    return Unseeing(link)


def damaged(data: bytes) -> bytes:
    """The same with another byte in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


class Damaging:
    """A link on which replies of tasks come altered, then cut, then as they are."""

    def __init__(self, inner: Any, told: str) -> None:
        """`told`: a file that has a letter more for each reply that came so."""
        self._inner, self._told = inner, told
        self._meets: list[Callable[[bytes, bytes, int], tuple[bytes, bytes, int]]] = [
            lambda body, content, crc32: (body, damaged(content), crc32),
            lambda body, content, crc32: (body, content[:-1], crc32),
            lambda body, content, crc32: (damaged(body), content, crc32),
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def call(self, function: Any, *arguments: Any, worker: str) -> Any:
        """What is asked for tasks may have another answer."""
        made = self._inner.call(function, *arguments, worker=worker)
        if function.__name__ == "answer_batch" and self._meets:
            meets, result = self._meets.pop(), made.result

            def met() -> tuple[bytes, bytes, int]:
                with open(self._told, "a", encoding="ascii") as file:
                    file.write("x")
                return meets(*result())

            made.result = met
        return made


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
        damage = json.loads(os.environ[FAULTS]).get("damage")
        if damage is not None:
            self._inner.link = Damaging(self._inner.link, damage)
        spool = json.loads(os.environ[FAULTS]).get("spool")
        if spool is not None:
            for address, share in self._inner.shares.items():
                self._inner.shares[address] = share._replace(spool_bytes=spool)
        crew: Crew[Any, Any] = self._inner.crew(replace(job, set_up=set_up_elsewhere))
        return crew
