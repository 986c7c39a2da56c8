"""From settings to inputs that are open and planned: rules compiled, documents known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from pff_stream.files.sources import known_bytes
from pff_stream.files.temporary import room_on_disk, working_folder
from pff_stream.findings.confidence import ranked_by, ranking_of
from pff_stream.inputs import GraphInput, TriplesGiven, open_graph, open_rules
from pff_stream.limits.fence import phase_held
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Observer, Tick
from pff_stream.pipeline.cut import Basis, Documents, Ready, timed
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.costs import measure_costs
from pff_stream.plan.preparation import COMPILE, ENCODE, Preparation
from pff_stream.report.folder import PART, STATE
from pff_stream.rules.asked import asked_relations
from pff_stream.rules.shard import Shard
from pff_stream.settings.commands import RunSettings
from planner.model import Setting
from planner.plan import Plan
from planner.probe import measure_self

if TYPE_CHECKING:
    from pff_stream.checkpoint.parts import Part
    from pff_stream.findings.baseline import Baseline, BaselineLines
    from pff_stream.pipeline.by_document import Listed
    from pff_stream.pipeline.cluster import Cluster
    from pff_stream.pipeline.one_graph import OneGraph
    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.given import RulesGiven
    from pff_stream.rules.share import CompileShare
    from pff_stream.settings.models import ResourceOptions


CLIENT_BYTES = 44 << 20
"""What this process comes to hold as the client of a cluster: `distributed`, its buffers, replies
on their way to files. Measured as 33 to 40 MiB."""


def rules_held(
    share: CompileShare, resources: ResourceOptions, rules: RulesGiven | None
) -> AbstractContextManager[None]:
    """Holds this process to its share while it compiles.

    What a caller's own rules allocate is none of ours.
    """
    return nullcontext() if rules is not None else phase_held(share.bytes, resources)


@contextmanager
def prepared(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
    parts: Sequence[Part] = (),
) -> Iterator[Ready]:
    """Compiles, encodes and plans; given rules and triples stand in for paths, parts are joined."""
    inputs, reading, resources = settings.inputs, settings.reading, settings.resources
    out, seconds = settings.output.out, dict[str, float]()
    folder = working_folder(out)
    meter = MemoryMeter(observer)
    meter.begin(COMPILE, quick=True, alone=True)
    with ExitStack() as stack:
        budget = stack.enter_context(MemoryBudget(settings.clustering.of_this_host(resources)))
        machine = budget.machine
        preparation = Preparation(inputs, rules, triples, resources)
        parent_bytes = measure_costs(machine.budget_bytes, folder, meter).parent_bytes
        share = preparation.agree(machine, parent_bytes)
        observer.phase(COMPILE, known_bytes([inputs.rules] if rules is None else [rules]), "bytes")
        with rules_held(share, resources, rules), timed(seconds, COMPILE):
            opened = stack.enter_context(
                open_rules(inputs.rules, reading, folder, share, rules, meter.tick)
            )
        before = preparation.compiled(opened, parent_bytes)
        relations = asked_relations(settings.evaluation.relation, opened.file)
        documents: Documents
        baseline = None
        if inputs.manifest is not None:
            earlier = _baseline_lines(settings, opened.file)
            documents = _list_of(settings, parts)(inputs.manifest, earlier, folder, stack)
        else:
            made = _way_of(parts)
            observer.phase(ENCODE, known_bytes(triples or inputs.triples), "bytes")
            meter.begin(ENCODE, quick=True, alone=True)
            parent_bytes = measure_self().bytes
            encoder_bytes = preparation.encoder_bytes(machine, parent_bytes)
            preparation.note_bound(reading, encoder_bytes, observer)
            with timed(seconds, ENCODE):
                graph = stack.enter_context(
                    _graph(settings, triples, folder, encoder_bytes, meter.tick)
                )
            documents = made(graph)
            if documents.is_in_files:
                meter.drop_marks()
            before += preparation.encoded(documents.encode_terms(), parent_bytes)
            baseline = _baseline(settings, opened.file, graph.document)
        meter.begin("plan")
        costs = measure_costs(machine.budget_bytes, folder, meter)
        if settings.clustering.cluster is not None:
            costs.parent_bytes += CLIENT_BYTES
        basis = Basis(settings, budget, opened, folder, out or folder, costs, before)
        plan = _planned(documents, basis, machine.budget_bytes)
        cluster = stack.enter_context(_joined(settings, observer))
        if cluster is not None and plan.fits:
            cluster.plan(documents.host_work(settings, opened))
        yield Ready(
            settings, budget, folder, opened, documents, plan, meter, baseline, seconds, relations,
            cluster, _began(settings, parts),
        )  # fmt: skip


def _joined(settings: RunSettings, observer: Observer) -> AbstractContextManager[Cluster | None]:
    """The cluster that evaluates. Its client has threads: it comes behind the plan of this host.

    Before, and when it is closed again, workers can be started here by fork.
    """
    if settings.clustering.cluster is None:
        return nullcontext()
    from pff_stream.pipeline.cluster import joined

    return joined(settings, observer)


def _list_of(settings: RunSettings, parts: Sequence[Part]) -> Callable[..., Listed]:
    """What makes a list of the documents of a manifest, all or a part."""
    from pff_stream.pipeline.by_document import Listed

    if parts:
        from pff_stream.pipeline.joined_documents import JoinedList

        return partial(JoinedList, parts)
    if settings.sharding.is_part:
        from pff_stream.pipeline.part_by_document import PartOfList

        return partial(PartOfList, Shard.of(settings.sharding.shard))
    return Listed


def _way_of(parts: Sequence[Part]) -> Callable[[GraphInput], OneGraph]:
    """What makes a list of documents of a graph; it is imported before anything is measured."""
    from pff_stream.pipeline.one_graph import OneGraph

    if not parts:
        return OneGraph
    from pff_stream.pipeline.joined_rules import JoinedGraph

    return partial(JoinedGraph, parts=parts)


def _began(settings: RunSettings, parts: Sequence[Part]) -> tuple[str, str] | None:
    """Where what the run was begun with is kept; None: it begins now."""
    if parts:
        return parts[0].folder, PART
    resumed = settings.output.resume
    return None if resumed is None else (resumed, STATE)


def _planned(documents: Documents, basis: Basis, budget_bytes: int) -> Plan:
    """The plan; making it is held to the budget."""
    # A probe's workers, as far as they are threads, are in it.
    with phase_held(budget_bytes, basis.settings.resources, threads=2):
        return _with_disk(documents.plan(basis), basis.settings, basis.folder)


def _with_disk(plan: Plan, settings: RunSettings, folder: str) -> Plan:
    """The plan with what findings may take of the disk, where they are looked for."""
    if not settings.finds:
        return plan
    room, source = room_on_disk(folder, settings.resources.max_disk_bytes)
    told = {"findings_disk_bytes": room, "findings_disk_bytes_source": source}
    return replace(plan, machine={**plan.machine, **cast("dict[str, Setting]", told)})


def _graph(
    settings: RunSettings,
    triples: TriplesGiven | None,
    folder: str,
    encoder_bytes: int,
    tick: Tick,
) -> AbstractContextManager[GraphInput]:
    """The graph, encoded; where findings stand is looked up in the texts, which are read again."""
    resources = settings.resources
    return open_graph(
        settings.inputs.triples if triples is None else triples,
        settings.reading,
        folder,
        encoder_bytes,
        resources=resources,
        tick=tick,
        copy_bytes=resources.max_disk_bytes if settings.finds else None,
    )


def _baseline(settings: RunSettings, file: RuleFile, document: str) -> Baseline | None:
    """The findings to compare with, read: before costs are measured, which they are part of."""
    lines = _baseline_lines(settings, file)
    if lines is None:
        return None
    from pff_stream.findings.baseline import baseline_of_graph

    return baseline_of_graph(lines, document)


def _baseline_lines(settings: RunSettings, file: RuleFile) -> BaselineLines | None:
    """The findings of an earlier run, to be read; None where there are none to compare with."""
    options, evaluation = settings.findings, settings.evaluation
    if settings.inputs.baseline is None or options.floor is None:
        return None
    from pff_stream.findings.baseline import BaselineLines

    kind = ranking_of(evaluation.confidence, file).kind
    ranked = ranked_by(kind, options.score, evaluation.assumption)
    return BaselineLines(settings.inputs.baseline, ranked, options.floor)
