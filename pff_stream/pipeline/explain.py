"""Explains one triple: inputs, plan, the rules that predict it, and what stands in its place.

Two passes over the chunks of the rules: by their heads, which tells how much is to be searched; and
a search in those chunks that have a head for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import RefusedError, UsageError
from pff_stream.evaluate.bound import NameBytes, candidates
from pff_stream.files.sources import known_bytes
from pff_stream.files.temporary import working_folder
from pff_stream.findings.confidence import ranking_of
from pff_stream.inputs import GraphInput, Rules, TriplesGiven, open_graph, open_rules
from pff_stream.limits.fence import hold_tree, threads_held
from pff_stream.notes import say
from pff_stream.observer import Observer, advancing
from pff_stream.pipeline.explainer import SHOWN, Explainer, chunks_of, text
from pff_stream.pipeline.prepare import rules_held
from pff_stream.pipeline.ranked import ranking_notes
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.explain import REASON_ATOM_BYTES, REASON_BYTES, explain_plan
from pff_stream.plan.preparation import COMPILE, ENCODE, Preparation
from pff_stream.report.explanation import Explanation, Names
from pff_stream.report.read_findings import read_finding
from pff_stream.report.result_lines import ResultLines
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import ExplainSettings
from pff_stream.settings.manifest import read_manifest
from pff_stream.settings.models import EvaluationOptions, ExplainOptions, Inputs
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach, verify
from pff_stream.triples.terms import GraphSizes
from pff_stream.words import counted
from planner.model import Phase
from planner.probe import measure_self
from planner.text import refusal

if TYPE_CHECKING:
    from pff_stream.rules.given import RulesGiven

_WINDOW_NAMES, _MOST_NAMES = 4096, 200_000
"""Names that are held beside a wrong one at once, and in all."""


@dataclass(slots=True)
class _Scan:
    """What the heads of all rules tell."""

    chunks: list[int] = field(default_factory=list)
    """Chunks with a rule whose head can be the triple."""
    reasons_bytes: int = 0
    """What the reasons come to, if each of those rules is one."""
    named: set[int] = field(default_factory=set)
    """Places in the triple whose name some head has."""
    n_unread: int = 0


class Asked(NamedTuple):
    """What is to be explained."""

    triple: Names
    document: str
    """Its name in the manifest; empty where there is none."""
    inputs: Inputs
    """The rules, and the triples of the graph or of that document."""
    ranked_by: str = ""
    """Of the finding, as it says; empty where a triple was asked for."""

    def evaluation(self, asked: EvaluationOptions) -> EvaluationOptions:
        """How rules are counted: as asked for, else as the run did that had the finding."""
        if not self.ranked_by:
            return asked
        confidence, _, assumption = self.ranked_by.split("/")
        told = {"confidence": asked.confidence or confidence, "assumption": assumption}
        return EvaluationOptions.of(**asked.values() | told)


def explain(
    settings: ExplainSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Explanation:
    """All rules that predict the triple; given rules and triples stand in for the paths.

    Raises `RefusedError` where the plan does not fit, `UsageError` where a name is not known.
    """
    asked = asked_of(settings.explain, settings.inputs)
    with _opened(asked.inputs, settings, observer, rules, triples) as opened:
        observer.phase("explain", None)
        explained = _explained(opened, asked, settings)
        for file in (opened.rules.opened, opened.graph.opened):
            if file is not None:
                file.check()
        return replace(explained, document=asked.document or opened.graph.document)


class _Opened(NamedTuple):
    """Rules and triples, and what is known of their memory."""

    rules: Rules
    graph: GraphInput
    budget: MemoryBudget
    before: list[Phase]
    """The phases that are over."""
    parent_bytes: int
    sizes: tuple[GraphSizes, RuleSizes]


@contextmanager
def _opened(
    inputs: Inputs,
    settings: ExplainSettings,
    observer: Observer,
    rules: RulesGiven | None,
    triples: TriplesGiven | None,
) -> Iterator[_Opened]:
    reading, resources = settings.reading, settings.resources
    folder = working_folder(None)
    with ExitStack() as stack:
        budget = stack.enter_context(MemoryBudget(resources))
        preparation = Preparation(inputs, rules, triples, resources)
        parent_bytes = measure_self().bytes
        share = preparation.agree(budget.machine, parent_bytes)
        observer.phase(COMPILE, known_bytes([inputs.rules] if rules is None else [rules]), "bytes")
        tick = advancing(observer)
        with rules_held(share, resources, rules):
            opened = stack.enter_context(
                open_rules(inputs.rules, reading, folder, share, rules, tick)
            )
        before = preparation.compiled(opened, parent_bytes)
        given = inputs.triples if triples is None else triples
        observer.phase(ENCODE, known_bytes(given), "bytes")
        parent_bytes = measure_self().bytes
        graph = stack.enter_context(
            open_graph(
                given,
                reading,
                folder,
                preparation.encoder_bytes(budget.machine, parent_bytes),
                resources=resources,
                tick=tick,
            )
        )
        if graph.encoded is not None:
            from pff_stream.pipeline.one_graph import encode_terms

            before += preparation.encoded(encode_terms(graph), parent_bytes)
        sizes = _graph_sizes(graph), RuleSizes.of(opened.file)
        yield _Opened(opened, graph, budget, before, measure_self().bytes, sizes)


def _explained(opened: _Opened, asked: Asked, settings: ExplainSettings) -> Explanation:
    rules, graph, budget, before, parent_bytes, sizes = opened
    machine, evaluation = budget.machine, asked.evaluation(settings.evaluation)
    first = explain_plan(machine, before, parent_bytes, sizes)
    if not first.fits:
        raise RefusedError(refusal(first))
    if graph.opened is not None:
        large = first.peak_bytes + graph.total_bytes > machine.budget_bytes
        verify(graph.name, graph.opened.path, drops=large)
    say(rules.beside(graph).notes)
    ranking = ranking_of(evaluation.confidence, rules.file)
    say(ranking_notes(ranking, of_documents=graph.of_documents))
    with attach(graph.name) as attached:
        view, names = attached.view, _name_bytes(asked.triple)
        scan = _scan(rules, view, names)
        _check_names(view, names, scan)
        plan = budget.agree(
            lambda _resources, now, _fixed: explain_plan(
                now,
                before,
                parent_bytes,
                sizes,
                reasons_bytes=scan.reasons_bytes,
                counts=ranking.kind.is_counted,
            ),
            {"rules": rules.source_hash.hex(), "triples": graph.input_hash.hex()},
        )
        if not plan.fits:
            raise RefusedError(refusal(plan))
        hold_tree(plan.budget_bytes)
        semantics = settings.reading.semantics or rules.file.semantics
        with threads_held(plan, settings.resources):
            room = int(plan.settings["reasons_bytes"] or 0)
            explainer = Explainer(rules.file, view, semantics, ranking.kind, evaluation)
            return explainer.explain(names, scan.chunks, scan.n_unread, room)


def _graph_sizes(graph: GraphInput) -> GraphSizes:
    return GraphSizes(graph.total_bytes, graph.in_memory, graph.n_entities, graph.n_relations)


def asked_of(asked: ExplainOptions, inputs: Inputs) -> Asked:
    """The triple that was asked for, or that of the finding, and where it is looked for.

    `UsageError` where there is no such finding, or no such document.
    """
    triple, document, ranked_by = asked.triple, asked.document_name, ""
    if triple is None:
        triple, of_finding, ranked_by = _finding(asked)
        if document is not None and document != of_finding:
            raise UsageError(
                f"--document: found {document}, but the finding {asked.key} is of "
                f"{of_finding or 'a graph'}"
            )
        document = of_finding
    if inputs.manifest is None:
        return Asked(triple, "", inputs, ranked_by)
    inputs = _document(inputs, inputs.manifest, document)
    return Asked(triple, document or "", inputs, ranked_by)


def _finding(asked: ExplainOptions) -> tuple[Names, str, str]:
    """The triple of the finding of a key, its document, and what it is ranked by."""
    assert asked.findings_file is not None  # checked by the settings
    lines = ResultLines(asked.findings_file)
    for line in lines:
        finding = read_finding(lines, line)
        if finding.key == asked.key:
            return finding.triple, finding.document, finding.ranked_by
    raise UsageError(
        f"--key: found {asked.key}, which {asked.findings_file} has not, expected the key of one "
        f"of its {counted(lines.number, 'finding')}"
    )


def _document(inputs: Inputs, path: str, name: str | None) -> Inputs:
    """The inputs with the document of this name in place of the manifest."""
    manifest = read_manifest(path)
    if name is None:
        raise UsageError(
            f"--document: found none, expected the name of one of the "
            f"{counted(manifest.n_documents, 'document')} of {path}"
        )
    found = [one.path for one in manifest.documents() if one.name == name]
    if len(found) > 1:
        raise UsageError(f"--document: found {name}, which {len(found):,} documents are named")
    if not found:
        near = _nearest(name, (one.name for one in manifest.documents()))
        raise UsageError(
            f"--document: found {name}, expected the name of a document of {path}{_hint(near)}"
        )
    return Inputs(rules=inputs.rules, triples=(found[0],))


def _name_bytes(triple: Names) -> NameBytes:
    subject, relation, object_ = (name.encode("utf-8", "surrogateescape") for name in triple)
    return subject, relation, object_


def _scan(rules: Rules, view: GraphView, names: NameBytes) -> _Scan:
    scan = _Scan(n_unread=rules.file.rejected)
    for index, chunk in chunks_of(rules.file, range(len(rules.file.chunks))):
        parts, n_unread = candidates(view, chunk, names)
        scan.n_unread += n_unread
        for part in parts:
            scan.named |= part.named
            scan.reasons_bytes += REASON_BYTES * len(part.places) + REASON_ATOM_BYTES * part.n_atoms
        if any(len(part.places) for part in parts):
            scan.chunks.append(index)
    return scan


def _check_names(view: GraphView, names: NameBytes, scan: _Scan) -> None:
    """UsageError where a name is neither in the graph nor in the head of a rule of the relation."""
    for place, kind in ((1, "relation"), (0, "entity"), (2, "entity")):
        name = names[place]
        is_there = view.relation_id(name) if place == 1 else view.entity_id(name)
        if is_there >= 0 or place in scan.named:
            continue
        n = view.n_relations if place == 1 else view.n_entities
        named = view.relation_name if place == 1 else view.entity_name
        near = _nearest(text(name), (text(named(one)) for one in range(n)))
        raise UsageError(
            f"--triple: found the {kind} {text(name)!r}, which neither the triples nor the heads "
            f"of rules have, expected one that they have{_hint(near)}"
        )


def _hint(near: list[str]) -> str:
    return f"; the nearest: {', '.join(near)}" if near else ""


def _nearest(name: str, known: Iterator[str]) -> list[str]:
    """Those that are most like a wrong name; best first."""
    from difflib import get_close_matches

    known = islice(known, _MOST_NAMES)
    best: list[str] = []
    while window := list(islice(known, _WINDOW_NAMES)):
        best = get_close_matches(name, [*best, *window], SHOWN)
    return best
