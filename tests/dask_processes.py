"""A Dask cluster over loopback, of the processes that a user starts: a scheduler and workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.execute.pool_processes import is_gone

ROOT = Path(__file__).parent.parent
START_SECONDS = 120.0
IDLE = "10 minutes"
_AS_ANOTHER_HOST = (
    *("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"),
    *("--kill-child", "sh", "-c"),
)
"""Sees other processes and other files than this host."""


class Elsewhere(NamedTuple):
    """What a host of its own has for a worker."""

    hidden: Path
    """A folder that is empty there."""
    disk: str | None = None
    """Size of a memory that its local directory lies in; None: it is the disk of here."""


def can_be_elsewhere() -> bool:
    """Whether a process can be started here as if on another host."""
    try:
        return not subprocess.run([*_AS_ANOTHER_HOST, ":"], capture_output=True).returncode
    except OSError:
        return False


class DaskWorker(NamedTuple):
    """A worker as it was started, with a nanny or without."""

    process: subprocess.Popen[bytes]
    log: Path
    folder: Path
    """Its local directory."""
    has_nanny: bool

    def pids(self) -> list[int]:
        """Of the process and of all that it started, that are there."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children(recursive=True)
            return [self.process.pid, *(one.pid for one in found if not is_gone(one.pid))]
        return []

    def pool(self) -> list[int]:
        """Of the product's own processes beside the Dask worker."""
        found = []
        for pid in self.pids()[1:]:
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"serve_forks" in words:
                    found.append(pid)
        return found

    def dask_worker(self) -> int:
        """The process that is the Dask worker, with a nanny or without."""
        for pid in self.pids():
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                is_worker = b"spawn_main" in words if self.has_nanny else b"--no-nanny" in words
                if is_worker and b"unshare" not in words:
                    return pid
        raise AssertionError("there is no Dask worker")

    def kept(self) -> list[str]:
        """Folders of runs that are there."""
        seen = self.folder
        with suppress(AssertionError):
            seen = Path(f"/proc/{self.dask_worker()}/root{self.folder}")  # as it is mounted there
        return [str(path) for path in seen.rglob("pff-stream-*")]


def _group(leader: int) -> list[int]:
    """Processes of a group, but the trackers of `multiprocessing`: these end behind the others.

    A tracker that is killed leaves the semaphores of a nanny in shared memory.
    """
    found = []
    for one in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(one.pid) == leader and "resource_tracker" not in " ".join(one.cmdline()):
                found.append(one.pid)
    return found


class DaskProcesses:
    """A scheduler, and workers as they are asked for; all are gone at the end."""

    def __init__(self, folder: Path, protocol: str = "tcp", **faults: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / "scheduler.json"
        self._environment = {
            **os.environ,
            "FAULTS_OF_A_TEST": json.dumps(faults),
            "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
        }
        self._all: list[subprocess.Popen[bytes]] = []
        self.workers: list[DaskWorker] = []
        more: tuple[str, ...] = ("--host", f"{protocol}://127.0.0.1", "--port", "0")
        more += ("--protocol", protocol, "--scheduler-file", str(self.file))
        # Where the tests are killed, it ends by itself, and the workers with it.
        self.scheduler, _ = self._start("scheduler", *more, "--idle-timeout", IDLE)
        try:
            self._until(lambda: bool(self._told()))
        except BaseException:
            self.__exit__()
            raise
        self.address = self._told()

    def __enter__(self) -> DaskProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._all:
            for pid in _group(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(10)

    def add(
        self,
        *options: str,
        nanny: bool = False,
        threads: int = 1,
        path: str = "",
        elsewhere: Elsewhere | None = None,
    ) -> DaskWorker:
        """A worker more, which is registered when this returns.

        `path` comes before others where it imports from.
        """
        name = f"w{len(self.workers)}"
        folder = self.folder / name
        process, log = self._start(
            "worker",
            *("--scheduler-file", str(self.file), "--name", name, "--nthreads", str(threads)),
            *("--host", "127.0.0.1", "--local-directory", str(folder)),
            *(["--nanny"] if nanny else ["--no-nanny"]),
            *options,
            path=path,
            before=_as_elsewhere(folder, elsewhere),
        )
        worker = DaskWorker(process, log, folder, nanny)
        self.workers.append(worker)
        self._until(lambda: b"Registered to" in log.read_bytes(), log)
        return worker

    def _start(
        self, what: str, *options: str, path: str = "", before: tuple[str, ...] = ()
    ) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.folder / f"{what}-{len(self._all)}.log"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", "dask", what, "--no-dashboard", *options],
                env={**self._environment, "PYTHONPATH": f"{path}{os.pathsep * bool(path)}{ROOT}"},
                cwd=path or ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._all.append(process)
        return process, log

    def _told(self) -> str:
        """The address of the scheduler; empty while its file is not there, or not written."""
        with suppress(OSError, ValueError):
            return str(json.loads(self.file.read_text())["address"])
        return ""

    def _until(self, holds: Callable[[], bool], log: Path | None = None) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not holds():
            if time.monotonic() > deadline or any(one.poll() is not None for one in self._all):
                said = "" if log is None else log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"the cluster did not start: {said}")
            time.sleep(0.05)


def _as_elsewhere(folder: Path, host: Elsewhere | None) -> tuple[str, ...]:
    """What begins a command that runs as on another host."""
    if host is None:
        return ()
    folder.mkdir()
    # Where its nanny's semaphores lie: all processes end at once, who would remove them, too.
    mounts = ["mount -t tmpfs none /dev/shm", f"mount -t tmpfs none '{host.hidden}'"]
    if host.disk is not None:
        mounts.append(f"mount -t tmpfs -o size={host.disk} none '{folder}'")
    return (*_AS_ANOTHER_HOST, " && ".join([*mounts, 'exec "$0" "$@"']))
