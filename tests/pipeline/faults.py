"""The command as a process of its own that tests meddle with, and what it must not leave behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from pff_stream.cli.engine import Engine
from pff_stream.execute.interface import Crew, Executor
from pff_stream.execute.job import Job
from pff_stream.limits.fence import GROUP_NAME
from pff_stream.limits.guard import Other, ProcReader
from pff_stream.report.blocks import Block
from planner.cgroups import own_groups
from tests.begun import begun
from tests.execute.pool_processes import is_gone, within

ROOT = Path(__file__).parent.parent.parent
RESULTS = ("findings.jsonl", "rules.tsv", "outcomes.tsv", "metrics.tsv")
FAULTS = "FAULTS_OF_A_TEST"
"""Variable that tells the processes of a run how they are meddled with, as JSON."""
N_STOPPED = 2
"""With `stop`, so many tasks stop the worker that is at them."""


class Faulty:
    """An executor whose workers meet faults, and which is another one in all else."""

    def __init__(self, inner: Executor, stall_seconds: float | None) -> None:
        self.name, self.speed = inner.name, inner.speed
        self.shares_memory, self.fences_workers = inner.shares_memory, inner.fences_workers
        self.is_safe_here, self.n_processes = inner.is_safe_here, inner.n_processes
        self.costs = inner.costs
        self._inner = inner
        self._stall_seconds = stall_seconds

    def crew(self, job: Job) -> Crew[Any, Any]:
        """The other's, with a set-up that meddles."""
        return self._inner.crew(
            replace(
                job,
                set_up=set_up,
                arguments=(job.set_up, *job.arguments),
                stall_seconds=self._stall_seconds or job.stall_seconds,
            )
        )


def set_up(progress: Any, inner_set_up: Any, arguments: Any) -> Callable[[Any], Any]:
    """A worker's set-up that can tell of each task, pause before it, stop and die of one rule."""
    from pff_stream.rules.file import RuleFile

    faults = json.loads(os.environ[FAULTS])
    rules = RuleFile(arguments.rules.name)
    inner = inner_set_up(progress, arguments)

    def answer(task: Any) -> Any:
        if not hasattr(task, "chunk"):
            meet_block(task, faults)
            return inner(task)
        if "trace" in faults:
            with open(faults["trace"], "a", encoding="utf-8") as file:
                file.write(f"{time.monotonic()} {os.getpid()} {task.chunk} {task.start}\n")
        time.sleep(faults.get("pause", 0.0))
        if "stop" in faults and _is_among(faults["stop"], N_STOPPED):
            os.kill(os.getpid(), signal.SIGSTOP)
        kill = faults.get("kill_listing" if getattr(arguments, "listed", None) else "kill")
        if kill is not None:
            for one in task.ranges:
                if kill in rules.read_chunk(one.chunk).sources[one.start : one.stop]:
                    os.kill(os.getpid(), signal.SIGKILL)
        return inner(task)

    return answer


def _is_among(path: str, first: int) -> bool:
    """Whether fewer than so many processes have asked before, counted by files of this name."""
    for number in range(first):
        with suppress(FileExistsError):
            os.close(os.open(f"{path}.{number}", os.O_CREAT | os.O_EXCL))
            return True
    return False


def meet_block(task: Any, faults: dict[str, Any]) -> None:
    """Dies of a block of a merge, always or `once`, or stands still before it, and tells of it."""
    if not isinstance(task, Block) or task.number != faults.get("block"):
        return
    once = Path(faults.get("once", os.devnull))
    if "once" in faults and once.exists():
        return
    once.touch()
    if "hold" in faults:
        time.sleep(faults["hold"])
    else:
        os.kill(os.getpid(), signal.SIGKILL)


class SmallTasks:
    """The work of a run in tasks of ranges of at most `size` rules, and the same in all else."""

    def __init__(self, inner: Any, size: int) -> None:
        self._inner = inner
        self._size = size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def tasks(self) -> Iterator[Any]:
        """As many ranges a task as the plan says."""
        from pff_stream.plan.sizes import chunks_together
        from pff_stream.work.task import together

        return together(self._ranges(), chunks_together(self._inner.ready.plan.settings))

    def _ranges(self) -> Iterator[Any]:
        for task in self._inner.tasks():
            for one in task.ranges:
                for start in range(one.start, one.stop, self._size):
                    yield one._replace(start=start, stop=min(start + self._size, one.stop))


class Dwindling:
    """A machine whose memory is gone after it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._inner = ProcReader()

    def available_bytes(self) -> int:
        """Plenty, then nothing."""
        self._looks -= 1
        return 0 if self._looks < 0 else 1 << 40

    def largest(self, count: int, besides: Collection[int]) -> list[Other]:
        """As it is."""
        return self._inner.largest(count, besides)


class FaultyEngine(Engine):
    """The program's own work, with the faults of the environment in it."""

    def run(self, settings: Any, observer: Any) -> Any:
        """Plans and runs; what meddles is put in its place in between."""
        from pff_stream.pipeline.run import run

        begun: list[Any] = []

        def meddle(running: Any) -> None:
            begun.append(running)
            meddled(running)

        try:
            return run(settings, observer, meddle)
        finally:
            path = json.loads(os.environ[FAULTS]).get("calls")
            if path and begun:
                told = {"most": begun[0].elsewhere.link.most_calls, "window": begun[0].work.window}
                Path(path).write_text(json.dumps(told))


def meddled(running: Any) -> None:
    """Gives a run that is about to begin what the faults ask for."""
    faults = json.loads(os.environ[FAULTS])
    running.executor = Faulty(running.executor, faults.get("stall"))
    if running.elsewhere is not None and faults.get("elsewhere"):
        from tests.pipeline.dask_faults import FaultyElsewhere

        running.elsewhere = FaultyElsewhere(running.elsewhere)
    if "rules" in faults:
        running.work = SmallTasks(running.work, faults["rules"])
    if "short" in faults:
        running.ready.meter.guard.reader = Dwindling(faults["short"])
    kept = getattr(running.work, "kept", None)
    if kept is not None:
        kept.journal.sync_seconds = faults.get("sync", kept.journal.sync_seconds)


def main() -> int:
    """The command with the faults of the environment."""
    from pff_stream.cli.main import main as command

    return command(engine=FaultyEngine())


def interpreter(
    words: list[str], environment: dict[str, str], before: Callable[[], None] | None
) -> subprocess.Popen[bytes]:
    """The command in a new interpreter."""

    def begin() -> None:
        # A series in the background of a shell ignores it, and so would all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if before is not None:
            before()

    code = "import sys; from tests.pipeline.faults import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=begin,
    )


class Running:
    """A run in a session and with a temporary folder of its own."""

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        limits: Mapping[int, int] | None = None,
        before: Callable[[], None] | None = None,
        anew: bool = False,
        **faults: float | str,
    ) -> None:
        """`limits` are set before it begins.

        `anew`: in a new interpreter; so it is where something is called `before` that begins.
        """
        self.temporary = folder / "temporary"
        self.runtime = folder / "runtime"
        self.runtime.mkdir(exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            # Reservations have names: those of the dead go at the next start.
            "XDG_RUNTIME_DIR": str(self.runtime),
            FAULTS: json.dumps(faults),
        }
        words = [str(argument) for argument in arguments]
        self.process: Any
        if anew or before is not None:
            self.process = interpreter(words, environment, before)
        else:
            self.process = begun("tests.pipeline.faults", words, environment, limits)
        self.pid = self.process.pid

    def children(self) -> list[int]:
        """Process ids of all descendants."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid).children(recursive=True)
            return [child.pid for child in found if not is_gone(child.pid)]
        return []

    def kind(self, pid: int) -> str:
        """What a process of the run is, as far as its command line tells."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            words = b""
        if pid == self.pid:
            return "parent"
        return "fork server" if b"serve_forks" in words else "worker or encoder"

    def send(self, number: int, pids: list[int]) -> int:
        """Sends a signal to processes, as far as they are still there; to how many."""
        sent = 0
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                sent += 1
        return sent

    def end(self, seconds: float = 120.0) -> tuple[int, str]:
        """Waits for the end; exit code and what stood on standard error; nothing may be left."""
        try:
            _, said = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert within(3.0, lambda: not self._session()), "a process is left"
        assert list(self.temporary.iterdir()) == [], "a temporary file is left"
        if self.process.returncode != -signal.SIGKILL:
            assert not self.control_groups(), "a control group is left"
        if os.path.isdir("/dev/shm"):
            assert not [name for name in os.listdir("/dev/shm") if f"-{self.pid}-" in name]
        return self.process.returncode, said.decode()

    def control_groups(self) -> list[str]:
        """Folders of the control groups that the run made for itself and that are there."""
        bases = [group.directory for group in own_groups("memory")]
        found = [f"{base}/{GROUP_NAME}-{self.pid}" for base in bases]
        return list(filter(os.path.isdir, found))

    def kill(self) -> None:
        """Ends everything that the run started."""
        self.send(signal.SIGKILL, [self.pid, *self._session()])
        self.process.wait(10)

    def _session(self) -> list[int]:
        found = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            with suppress(OSError):
                if os.getsid(pid) == self.pid and not is_gone(pid):
                    found.append(pid)
        return found


class Start(NamedTuple):
    """That a worker began a task, as it told."""

    seconds: float
    """By the machine's clock, the same in all processes."""
    pid: int
    task: tuple[int, int]


def starts(trace: Path) -> list[Start]:
    """All that the workers of a run have begun so far, in order; for runs with `trace`."""
    whole = trace.read_text().rpartition("\n")[0] if trace.exists() else ""
    rows = (line.split() for line in whole.splitlines())
    return [Start(float(at), int(pid), (int(chunk), int(first))) for at, pid, chunk, first in rows]


def digest(folder: Path) -> str:
    """One hash of all result files that must be the same bytes."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in RESULTS)).hexdigest()


def is_finished(folder: Path) -> bool:
    """Whether a folder holds results and nothing else."""
    names = set(os.listdir(folder)) if folder.exists() else set()
    return names == {*RESULTS, "summary.json"}
