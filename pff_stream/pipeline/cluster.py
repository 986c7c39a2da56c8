"""A run over a Dask cluster that somebody else has started: joined, asked, and put to work.

Nothing here finds a cluster, and nothing starts one: `--cluster` says where it is. Evaluation alone
goes to the hosts; inputs are prepared, results merged and findings made on this one.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pff_stream.errors import RefusedError, UsageError
from pff_stream.execute.versions import versions
from pff_stream.files.durable import naming
from pff_stream.observer import Observer
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import ResourceOptions
from planner.sizes import format_size
from planner.watch import TreeWatch

if TYPE_CHECKING:
    from pff_stream.execute.dask_crew import DaskExecutor
    from pff_stream.execute.dask_join import BatchSizes, HostShare
    from pff_stream.execute.dask_link import Link, RemoteWorker
    from pff_stream.execute.files import InputFile
    from pff_stream.pipeline.cut import Work
    from pff_stream.plan.hosts import HostPlan
    from pff_stream.plan.workload import Workload
    from pff_stream.report.records import Json

TCP = "tcp://"
NONE_FITS = "refused: too few workers of the cluster have a plan that fits"


@dataclass(frozen=True, slots=True)
class HostWork:
    """The work of a run as hosts plan it."""

    workload: Workload
    files: tuple[InputFile, ...]
    """What workers open; it is sent where a host does not see it."""
    answer_bytes: int
    """What the answer of one task comes to, at most."""
    batch: tuple[int, int]
    """Tasks of a call, at least and at most."""
    has_spool: bool
    """Whether results are left in one file, which is emptied when it has grown."""
    reads: str | None = None
    """A file that hosts open by its path alone, as each of its kind; None: there is none."""
    writes_to: str | None = None
    """A folder that hosts write results to; None: all results are sent."""


@dataclass(slots=True)
class Cluster:
    """The workers of a cluster, those of them that take part, and why others do not."""

    link: Link
    resources: ResourceOptions
    observer: Observer
    plans: dict[str, HostPlan] = field(default_factory=dict)
    """By the address of the Dask worker."""
    refused: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    _work: HostWork | None = None
    _hosts: dict[str, str] = field(default_factory=dict)
    """What is the same for workers of one host."""
    _taken: dict[str, int] = field(default_factory=dict)
    """What is planned on each host already."""
    held: dict[str, int] = field(default_factory=dict)
    """The most that a worker and the processes beside it were seen to hold, by its address."""

    @property
    def n_workers(self) -> int:
        """Worker processes of all hosts that take part."""
        return sum(int(plan.settings["workers"] or 1) for plan in self.plans.values())

    def check(self) -> None:
        """`UsageError` where a worker is none that could carry out the run at all."""
        workers = self.link.workers()
        if not workers:
            raise RefusedError(f"--cluster {self.link.where}: the cluster has no worker")
        for worker in workers:
            self.names[worker.address] = str(worker)
        wrong = self._differing(workers)
        if wrong:
            raise UsageError("\n".join([f"--cluster {self.link.where}: {wrong[0]}", *wrong[1:]]))

    def plan(self, work: HostWork) -> None:
        """Has each worker make a plan."""
        self._work = work
        for worker in self.link.workers():
            self._plan(worker)

    def agreed(self) -> None:
        """`RefusedError` where no worker takes part, or not each as `--workers` says."""
        lines = [f"{self.names[address]}: {why}" for address, why in sorted(self.refused.items())]
        if not self.plans or (lines and self.resources.workers):
            raise RefusedError("\n  ".join([NONE_FITS, *lines]))
        for line in lines:
            self.observer.note(f"takes no part: {line}")

    def told(self) -> dict[str, Json]:
        """What each host planned and was seen to hold, by its name."""
        return {
            self.names[address]: {
                "planned_peak_bytes": plan.peak_bytes,
                "measured_peak_bytes": self.held.get(address),
            }
            for address, plan in sorted(self.plans.items())
        }

    def memory_lines(self) -> list[str]:
        """The same for people, of those that were measured."""
        return [
            f"  {self.names[address]}: planned {format_size(self.plans[address].peak_bytes)}, "
            f"measured {format_size(held_bytes)}"
            for address, held_bytes in sorted(self.held.items())
        ]

    def leave(self) -> None:
        """Nothing more is asked of it."""
        self.link.close()

    def executor(self, work: Work) -> DaskExecutor:
        """Carries out the tasks of a work on all hosts that take part."""
        from pff_stream.execute.dask_crew import DaskExecutor
        from pff_stream.execute.dask_join import Told

        def share(address: str) -> HostShare:
            return _share((self.names[address], self._hosts[address]), self.plans[address], work)

        def admit(address: str) -> HostShare | None:
            return share(address) if self._admitted(address) else None

        def note_held(address: str, held_bytes: int) -> None:
            self.held[address] = max(held_bytes, self.held.get(address, 0))

        told = Told(self.batch_sizes(), admit, TreeWatch, note=self.observer.note, held=note_held)
        return DaskExecutor(self.link, {address: share(address) for address in self.plans}, told)

    def batch_sizes(self) -> BatchSizes:
        """How many tasks a call has, by the largest host."""
        from pff_stream.execute.dask_join import BatchSizes

        assert self._work is not None  # it is planned
        least, most = self._work.batch
        return BatchSizes(least, most, self._work.workload.n_tasks)

    @property
    def window(self) -> int:
        """Tasks that are drawn and not answered yet, at most."""
        from pff_stream.execute.dask_crew import AHEAD

        return AHEAD * self.batch_sizes().most * max(1, len(self.plans))

    def _plan(self, worker: RemoteWorker) -> bool:
        from pff_stream.execute.dask_files import known_file
        from pff_stream.plan.hosts import HostPlan, HostRequest, plan_here

        work, resources = self._work, self.resources
        assert work is not None
        host = self._hosts[worker.address]
        with marked(work.writes_to) as mark:
            request = HostRequest(
                workload=work.workload,
                files=tuple(known_file(file.name) for file in work.files),
                needed=tuple(known_file(path) for path in (work.reads, mark) if path),
                answer_bytes=work.answer_bytes,
                most_tasks=work.batch[1],
                has_spool=work.has_spool,
                resources=resources,
                taken_bytes=self._taken.get(host, 0),
            )
            answers = self.link.look(plan_here, request, workers=[worker.address])
        plan = answers.get(worker.address)
        if not isinstance(plan, HostPlan):
            self.refused[worker.address] = f"made no plan: {plan or 'it is gone'}"
        elif plan.refusal:
            self.refused[worker.address] = plan.refusal
        else:
            self._taken[host] = self._taken.get(host, 0) + plan.more_bytes
            self.plans[worker.address] = plan
        return worker.address in self.plans

    def _differing(self, workers: list[RemoteWorker]) -> list[str]:
        """Of each worker that has other versions than this process: which."""
        from pff_stream.execute.dask_tasks import Greeting, greet_here

        addresses = [worker.address for worker in workers]
        here, lines = versions(), []
        answers = self.link.look(greet_here, workers=addresses)
        for worker in workers:
            greeting: Any = answers.get(worker.address)
            if isinstance(greeting, Greeting):
                self._hosts[worker.address] = greeting.host
                there = greeting.versions
            else:
                # Another Python may lack this package, or not know what a pickle of it says.
                asked = self.link.look(platform.python_version, workers=[worker.address])
                python = ".".join(str(asked.get(worker.address, "")).split(".")[:2])
                if python in ("", here["python"]):
                    why = greeting or "it does not answer"
                    lines.append(f"{worker}: pff-stream cannot be used there: {why}")
                    continue
                there = {**here, "python": python}
            wrong = [
                f"{name} {there.get(name)}, expected {here[name]} as here"
                for name in here
                if there.get(name) != here[name]
            ]
            if wrong:
                lines.append(f"{worker}: found {'; '.join(wrong)}")
        return lines

    def _admitted(self, address: str) -> bool:
        """Whether a worker that joins while the run is at work takes part."""
        for worker in self.link.workers():
            if worker.address == address:
                self.names[address] = str(worker)
                wrong = self._differing([worker])
                if wrong:
                    self.refused[address] = wrong[0]
                elif self._plan(worker):
                    return True
                self.observer.note(f"takes no part: {self.names[address]}: {self.refused[address]}")
        return False


@contextmanager
def marked(folder: str | None) -> Iterator[str | None]:
    """A file for a moment by which other hosts know a folder, or where it will be made."""
    if folder is None:
        yield None
        return
    while not os.path.isdir(folder):
        folder = os.path.dirname(os.path.abspath(folder))
    with ExitStack() as stack:
        with naming(folder):
            file = stack.enter_context(
                tempfile.NamedTemporaryFile(prefix="pff-stream-", dir=folder, buffering=0)
            )
            file.write(os.urandom(16))
        yield file.name


@contextmanager
def joined(settings: RunSettings, observer: Observer) -> Iterator[Cluster | None]:
    """The cluster that the settings name; None where they name none."""
    where = settings.clustering.cluster
    if where is None:
        yield None
        return
    from pff_stream.execute.dask_link import Link

    with Link(where) as link:
        if is_open(link.address):
            observer.note(
                f"--cluster {link.address}: neither encrypted nor authenticated; whoever reaches "
                "the scheduler runs code on its workers; tls:// is both"
            )
        cluster = Cluster(link, settings.resources, observer)
        cluster.check()
        yield cluster


def is_open(where: str) -> bool:
    """Whether an address is of a plain connection to another host."""
    if not where.startswith(TCP):
        return False
    name = where.removeprefix(TCP).rsplit(":", 1)[0].strip("[]")
    try:
        return not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name != "localhost"


def _share(names: tuple[str, str], plan: HostPlan, work: Work) -> HostShare:
    from pff_stream.execute.dask_join import HostShare
    from pff_stream.execute.executors import executor_of

    workers = int(plan.settings["workers"] or 1)
    return HostShare(
        name=names[0],
        host=names[1],
        workers=workers,
        method=executor_of(plan.settings).name,
        arguments=work.arguments_on(plan.settings, plan.share_bytes),
        spool_bytes=plan.spool_bytes,
    )
