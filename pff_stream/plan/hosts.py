"""The plan of a host of a cluster, made on it: its Dask worker, and the pool beside that.

Two checks. What cannot be reclaimed is held against what the host has, as everywhere. And Dask
compares its own measure with the limit of a worker: RSS, which counts the pages of mapped files. So
the graph is taken off that limit, and the code that is mapped already.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pff_stream.execute.call import Ask, call
from pff_stream.execute.dask_crew import AHEAD
from pff_stream.execute.dask_files import Known
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
DASK = "dask"
"""Kind of the limit that Dask holds a worker to."""
MIB = 1 << 20


class HostRequest(NamedTuple):
    """What a host is asked to plan."""

    workload: Workload
    """The work as this host would do it alone."""
    graph: Known | None
    """The graph that all workers map; None: each task brings its own."""
    answer_bytes: int
    """What the answer of one task comes to, at most."""
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


@dataclass(frozen=True, slots=True)
class _OnHost(Workload):
    """Work of which this host evaluates a part, and sends the answers to where they are merged."""

    inner: Workload
    answer_bytes: int
    unit: str

    @property
    def n_tasks(self) -> int:
        """Those of the whole run."""
        return self.inner.n_tasks

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Evaluating alone."""
        evaluate = next(p for p in self.inner.phases(costs, settings) if p.name == "evaluate")
        worker = given("now", costs.parent_bytes) + given("growth", GROWTH_BYTES)
        each = given("reply", REPLY_BYTES) + given("answer", self.answer_bytes)
        answers = Term.of("answers", REPLIES * each, "constants, sizes of the rules", at_most=True)
        own = Term.of("Dask worker", worker, "measured on it")
        others = [term for term in evaluate.terms if term.name != PARENT]
        return [Phase("evaluate", [own, *others, answers])]

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
    machine = _machine(request, facts, own_bytes)
    resources = request.resources.of_host(facts.threads)
    workload = _OnHost(request.workload, request.answer_bytes, request.workload.unit)
    meter = MemoryMeter(Silent())
    costs = _HostCosts(own_bytes, machine.budget_bytes, facts.folder, meter)
    plan = plan_run(resources, machine, workload, costs, ())
    refusal = ""
    if not plan.fits:
        if resources.workers is None:
            plan = plan_run(resources.replace(workers=1), machine, workload, costs, ())
        refusal = _refusal(plan, request, facts, own_bytes)
    return HostPlan(
        settings=dict(plan.settings),
        share_bytes=share_bytes(plan, resources),
        more_bytes=plan.peak_bytes - own_bytes,
        text=table(plan),
        plan=json.dumps(plan.to_json()),
        refusal=refusal,
    )


def _machine(request: HostRequest, facts: WorkerFacts, own_bytes: int) -> Machine:
    """What this host has for the run, by both checks."""
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
    told = f"--memory-limit {format_size(facts.limit_bytes)} x {facts.fraction:g}"
    besides = _besides(request, facts, own_bytes)
    told += f" - {format_size(besides)} of files in its RSS, the graph included"
    left = max(0, int(facts.limit_bytes * facts.fraction) - besides)
    return machine.with_limits([*machine.limits, Limit(DASK, left, told)])


def _besides(request: HostRequest, facts: WorkerFacts, own_bytes: int) -> int:
    """What Dask counts beside memory that cannot be reclaimed."""
    graph = 0 if request.graph is None else request.graph.size_bytes
    return max(0, facts.rss_bytes - own_bytes) + graph


def _refusal(plan: Plan, request: HostRequest, facts: WorkerFacts, own_bytes: int) -> str:
    """What it needs, what it has, and what would do."""
    need, workers = plan.peak_bytes, counted(int(plan.settings["workers"] or 1), "worker process")
    deciding = next((limit for limit in plan.limits if limit.deciding), None)
    largest = sorted(plan.peak_phase.terms, key=lambda term: -term.bytes)
    terms = " + ".join(f"{term.name} {format_size(term.bytes)}" for term in largest[:5])
    if deciding is None or deciding.kind != DASK:
        text = f"needs {format_size(need)} with {workers} ({terms} ...), found "
        return f"{text}{format_size(plan.budget_bytes)} ({plan.budget_source})"
    besides = _besides(request, facts, own_bytes)
    graph = 0 if request.graph is None else request.graph.size_bytes
    counts = need + besides
    enough = -(-int(counts / facts.fraction) // MIB) + 1
    return (
        f"needs {format_size(counts)} as Dask counts it, with {workers} ({terms} ... + graph "
        f"mapped {format_size(graph)} + code and files {format_size(besides - graph)}), its memory "
        f"limit {format_size(facts.limit_bytes)} x {facts.fraction:.2f} leaves "
        f"{format_size(int(facts.limit_bytes * facts.fraction))}; start it with --memory-limit "
        f"{enough}MiB or more, or 0 where a control group holds it"
    )
