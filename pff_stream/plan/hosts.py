"""The plan of a host of a cluster, made on it: its Dask worker, and the pool beside that.

Two checks. What cannot be reclaimed is held against what the host has, as everywhere, and against
the memory limit of the Dask worker. And Dask compares its own measure with a part of that limit:
the RSS of its process alone, which counts the code that is mapped. The graph is mapped by the
processes beside it, so Dask does not see it. A folder that is memory takes what is put there.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pff_stream.execute.call import Ask, call
from pff_stream.execute.dask_crew import AHEAD
from pff_stream.execute.dask_files import Known, find_file
from pff_stream.execute.dask_host import REPLY_BYTES
from pff_stream.execute.dask_tasks import WorkerFacts, facts_of
from pff_stream.execute.executors import executor_named
from pff_stream.limits.fence import PARENT, read_limits, share_bytes
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import Costs
from pff_stream.plan.probe import probe_pool
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.workload import Build, Workload
from pff_stream.settings.models import ResourceOptions
from pff_stream.words import counted
from planner.formula import given
from planner.machine import Machine
from planner.model import Limit, Phase, Setting, Settings, Term
from planner.mounts import is_memory
from planner.plan import Plan
from planner.probe import WorkerMemory, measure_self
from planner.search import Candidate
from planner.sizes import format_size
from planner.text import table

GROWTH_BYTES = 8 << 20
"""What the logs and profiles of a Dask worker grow to in a run, and the blocks of a file that it is
sent; measured as 4 to 7 MiB."""
REPLIES = 2 * AHEAD
"""Replies at a host: of each call one that is put together or sent, and one that waits."""
SPOOL_BYTES, SPOOL_IN_MEMORY_BYTES = 64 << 20, 16 << 20
"""What a host has found and not sent may come to so much before a new batch is begun, on a disk and
where the folder of the Dask worker is memory."""
DASK = "dask"
"""Kind of the limit that Dask holds a worker to."""
MIB = 1 << 20


class HostRequest(NamedTuple):
    """What a host is asked to plan."""

    workload: Workload
    """The work as this host would do it alone."""
    files: tuple[Known, ...]
    """What workers open: sent to the folder of the Dask worker where this host does not see it."""
    needed: tuple[Known, ...]
    """What this host has to see, or takes no part."""
    answer_bytes: int
    """What the answer of one task comes to, at most."""
    most_tasks: int
    """Tasks of a call, at most."""
    has_spool: bool
    """Whether results are left in a file that is emptied when it has grown."""
    resources: ResourceOptions
    """As they were said to the client."""
    taken_bytes: int = 0
    """What others of this run have planned on the same host."""


class HostPlan(NamedTuple):
    """What a host says: it takes part by these settings, or why it does not."""

    settings: Settings
    share_bytes: int | None
    """What the kernel holds each worker process to; None: nothing."""
    more_bytes: int
    """What it comes to hold beside what it has."""
    text: str
    """The plan, for people."""
    plan: str
    """The same as JSON."""
    refusal: str
    """Why it does not fit, and what would; empty where it does."""
    peak_bytes: int
    spool_bytes: int
    """What is found and not sent may come to so much before it is waited for."""


@dataclass(frozen=True, slots=True)
class _OnHost(Workload):
    """Work of which this host evaluates a part, and sends the answers to where they are merged."""

    inner: Workload
    unit: str
    besides: tuple[Term, ...]
    """What is held beside the worker processes."""

    @property
    def n_tasks(self) -> int:
        """Those of the whole run."""
        return self.inner.n_tasks

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Evaluating alone."""
        evaluate = next(p for p in self.inner.phases(costs, settings) if p.name == "evaluate")
        others = [term for term in evaluate.terms if term.name != PARENT]
        own, *more = self.besides
        return [Phase("evaluate", [own, *others, *more])]

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """As on one host."""
        return self.inner.candidates(counts, methods)

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """As on one host."""
        return self.inner.leanest(workers, method)

    def improved(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """As on one host, where nothing is merged."""
        found = self.inner.improved(chosen, build, budget_bytes)
        settings = {n: value for n, value in found.settings.items() if n != "merge_workers"}
        return Candidate(settings, tuple(build(settings)))

    def notes(self, settings: Settings | None) -> list[str]:
        """As on one host."""
        return self.inner.notes(settings)


class _HostCosts(Costs):
    """Measures workers by a process of its own: what that takes is not the Dask worker's."""

    def _probe(self, method: str) -> WorkerMemory:
        found: WorkerMemory = call(_probed, method, self.folder, method="spawn")
        return found


def _probed(ask: Ask, method: str, folder: str) -> WorkerMemory:
    workers = executor_named(method).costs().probed_workers
    return probe_pool(method, folder, workers, MemoryMeter(Silent()))


def plan_here(request: HostRequest, dask_worker: Any) -> HostPlan:
    """The plan of this host for its part of a run."""
    facts = facts_of(dask_worker)
    gc.collect()
    own_bytes = measure_self().bytes
    in_memory = is_memory(facts.folder)
    spool_bytes = (SPOOL_IN_MEMORY_BYTES if in_memory else SPOOL_BYTES) * request.has_spool
    besides = [_own(own_bytes), _answers(request)]
    if in_memory:
        besides += _in_memory(request, spool_bytes, facts.folder)
    machine = _machine(request, facts)
    resources = request.resources.of_host(facts.threads)
    workload = _OnHost(request.workload, request.workload.unit, tuple(besides))
    costs = _HostCosts(own_bytes, machine.budget_bytes, facts.folder, MemoryMeter(Silent()))
    plan = plan_run(resources, machine, workload, costs, ())
    if not plan.fits and resources.workers is None:
        plan = plan_run(resources.replace(workers=1), machine, workload, costs, ())
    return HostPlan(
        settings=dict(plan.settings),
        share_bytes=share_bytes(plan, resources),
        more_bytes=plan.peak_bytes - own_bytes,
        text=table(plan),
        plan=json.dumps(plan.to_json()),
        refusal=_unseen(request) or _refusal(plan, request, facts),
        peak_bytes=plan.peak_bytes,
        spool_bytes=spool_bytes,
    )


def _own(own_bytes: int) -> Term:
    """The Dask worker itself."""
    worker = given("now", own_bytes) + given("growth", GROWTH_BYTES)
    return Term.of("Dask worker", worker, "measured on it")


def _answers(request: HostRequest) -> Term:
    """Answers on their way."""
    each = given("reply", REPLY_BYTES) + given("answer", request.answer_bytes)
    return Term.of("answers", REPLIES * each, "constants, sizes of the rules", at_most=True)


def _in_memory(request: HostRequest, spool_bytes: int, folder: str) -> list[Term]:
    """What lies in the folder of the Dask worker, which is memory."""
    source = f"{folder} is memory"
    tasks = AHEAD * request.most_tasks * given("answer", request.answer_bytes)
    found = Term.of("results in memory", given("spool", spool_bytes) + tasks, source, at_most=True)
    unseen = sum(known.size_bytes for known in request.files if not find_file(known))
    if not unseen:
        return [found]
    return [found, Term.of("files in memory", given("sent", unseen), source)]


def _unseen(request: HostRequest) -> str:
    """That a file is not seen here that has to be; empty where all are."""
    for known in request.needed:
        if not find_file(known):
            return f"does not see {known.paths[0]} as it is elsewhere: all hosts need to"
    return ""


def _machine(request: HostRequest, facts: WorkerFacts) -> Machine:
    """What this host has for the run, and what the Dask worker is allowed."""
    machine = read_limits(request.resources.of_host(facts.threads))
    if request.taken_bytes:
        taken = f" - {format_size(request.taken_bytes)} of other workers of this run"
        machine = machine.with_limits(
            [
                Limit(one.kind, max(0, one.bytes - request.taken_bytes), one.source + taken)
                for one in machine.limits
            ]
        )
    if not facts.limit_bytes:
        return machine
    told = f"--memory-limit {format_size(facts.limit_bytes)} of the Dask worker"
    return machine.with_limits([*machine.limits, Limit(DASK, facts.limit_bytes, told)])


def _refusal(plan: Plan, request: HostRequest, facts: WorkerFacts) -> str:
    """What it needs, what it has, and what would do; empty where it fits."""
    need, workers = plan.peak_bytes, counted(int(plan.settings["workers"] or 1), "worker process")
    grown = GROWTH_BYTES + _answers(request).bytes
    as_counted = facts.rss_bytes + grown
    left = int(facts.limit_bytes * facts.fraction)
    enough = -(-max(need, int(as_counted / facts.fraction)) // MIB) + 1
    advice = (
        f"start it with --memory-limit {enough}MiB or more, or 0 where a control group holds it"
    )
    if facts.limit_bytes and as_counted > left:
        return (
            f"needs {format_size(as_counted)} as Dask counts it (Dask worker "
            f"{format_size(facts.rss_bytes)} + growth and answers {format_size(grown)}), its "
            f"memory limit {format_size(facts.limit_bytes)} x {facts.fraction:.2f} leaves "
            f"{format_size(left)}; {advice}"
        )
    if plan.fits:
        return ""
    deciding = next((limit for limit in plan.limits if limit.deciding), None)
    largest = sorted(plan.peak_phase.terms, key=lambda term: -term.bytes)
    terms = " + ".join(f"{term.name} {format_size(term.bytes)}" for term in largest[:5])
    text = f"needs {format_size(need)} with {workers} ({terms} ...), found "
    text += f"{format_size(plan.budget_bytes)} ({plan.budget_source})"
    return f"{text}; {advice}" if deciding is not None and deciding.kind == DASK else text
