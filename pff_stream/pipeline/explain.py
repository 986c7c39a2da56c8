"""Explains one triple: inputs, plan, the rules that predict it, and what stands in its place.

Two passes over the chunks of the rules: by their heads, which tells how much is to be searched; and
a search in those chunks that have a head for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from pff_stream.errors import RefusedError, UsageError
from pff_stream.evaluate._kernel import BoundSearch, Evaluator
from pff_stream.evaluate.bound import Candidates, NameBytes, Predicted, candidates, predicted
from pff_stream.evaluate.options import COUNTS_ONLY
from pff_stream.files.temporary import working_folder
from pff_stream.inputs import GraphInput, Rules, TriplesGiven, open_graph, open_rules
from pff_stream.limits.fence import hold_tree, threads_held
from pff_stream.notes import say
from pff_stream.observer import Observer
from pff_stream.pipeline.prepare import rules_held
from pff_stream.plan.budget import MemoryBudget
from pff_stream.plan.explain import (
    REASON_ATOM_BYTES,
    REASON_BYTES,
    RESULT_BYTES,
    explain_plan,
)
from pff_stream.plan.preparation import COMPILE, ENCODE, Preparation
from pff_stream.report.explanation import Explanation, Names, Reason
from pff_stream.report.read_findings import read_finding
from pff_stream.report.records import Counts, read_records
from pff_stream.report.result_lines import ResultLines
from pff_stream.report.streams import Found
from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.commands import ExplainSettings
from pff_stream.settings.models import ExplainOptions
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach, verify
from pff_stream.triples.terms import GraphSizes
from pff_stream.words import counted
from planner.probe import measure_self
from planner.sizes import format_size
from planner.text import refusal

if TYPE_CHECKING:
    from pff_stream.rules.given import RulesGiven

SHOWN = 3
"""Names of what stands in the triple's place."""
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
    by_miner: bool = True
    """Whether every rule that could be read has the miner's confidence, within 0..1."""


def explain(
    settings: ExplainSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Explanation:
    """All rules that predict the triple; given rules and triples stand in for the paths.

    Raises `RefusedError` where the plan does not fit, `UsageError` where a name is not known.
    """
    inputs, reading, resources = settings.inputs, settings.reading, settings.resources
    folder = working_folder(None)
    with ExitStack() as stack:
        budget = stack.enter_context(MemoryBudget(resources))
        machine = budget.machine
        preparation = Preparation(inputs, rules, triples, resources)
        parent_bytes = measure_self().bytes
        share = preparation.agree(machine, parent_bytes)
        observer.phase(COMPILE, None)
        with rules_held(share, resources, rules):
            opened = stack.enter_context(open_rules(inputs.rules, reading, folder, share, rules))
        before = preparation.compiled(opened, parent_bytes)
        observer.phase(ENCODE, None, "triples")
        parent_bytes = measure_self().bytes
        graph = stack.enter_context(
            open_graph(
                inputs.triples if triples is None else triples,
                reading,
                folder,
                preparation.encoder_bytes(machine, parent_bytes),
                resources=resources,
            )
        )
        if graph.encoded is not None:
            from pff_stream.pipeline.one_graph import encode_terms

            before += preparation.encoded(encode_terms(graph), parent_bytes)
        parent_bytes = measure_self().bytes
        sizes = _graph_sizes(graph), RuleSizes.of(opened.file)
        first = explain_plan(machine, before, parent_bytes, sizes)
        if not first.fits:
            raise RefusedError(refusal(first))
        observer.phase("explain", None)
        if graph.opened is not None:
            large = first.peak_bytes + graph.total_bytes > machine.budget_bytes
            verify(graph.name, graph.opened.path, drops=large)
        say(opened.beside(graph).notes)
        view = stack.enter_context(attach(graph.name)).view
        names = _name_bytes(wanted(settings.explain))
        scan = _scan(opened, view, names)
        _check_names(view, names, scan)
        plan = budget.agree(
            lambda _resources, now, _fixed: explain_plan(
                now,
                before,
                parent_bytes,
                sizes,
                reasons_bytes=scan.reasons_bytes,
                counts=not scan.by_miner,
            ),
            {"rules": opened.source_hash.hex(), "triples": graph.input_hash.hex()},
        )
        if not plan.fits:
            raise RefusedError(refusal(plan))
        hold_tree(plan.budget_bytes)
        semantics = reading.semantics or opened.file.semantics
        with threads_held(plan, resources):
            room = int(plan.settings["reasons_bytes"] or 0)
            explained = _Explainer(opened, view, semantics, names, scan).explain(room)
        for file in (opened.opened, graph.opened):
            if file is not None:
                file.check()
        return explained


def _graph_sizes(graph: GraphInput) -> GraphSizes:
    return GraphSizes(graph.total_bytes, graph.in_memory, graph.n_entities, graph.n_relations)


def wanted(asked: ExplainOptions) -> Names:
    """The triple that was asked for, or that of the finding; `UsageError` where there is none."""
    if asked.triple is not None:
        return asked.triple
    assert asked.findings_file is not None  # checked by the settings
    lines = ResultLines(asked.findings_file)
    for text in lines:
        finding = read_finding(lines, text)
        if finding.key == asked.key:
            return finding.triple
    raise UsageError(
        f"--key: found {asked.key}, which {asked.findings_file} has not, expected the key of one "
        f"of its {counted(lines.number, 'finding')}"
    )


def _name_bytes(triple: Names) -> NameBytes:
    subject, relation, object_ = (name.encode("utf-8", "surrogateescape") for name in triple)
    return subject, relation, object_


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _scan(rules: Rules, view: GraphView, names: NameBytes) -> _Scan:
    scan = _Scan(n_unread=rules.file.rejected)
    for index, chunk in _chunks(rules.file, range(len(rules.file.chunks))):
        confidence = chunk.miner_confidence
        scan.by_miner &= bool((confidence <= 1).all())
        parts, n_unread = candidates(view, chunk, names)
        scan.n_unread += n_unread
        for part in parts:
            scan.named |= part.named
            scan.reasons_bytes += REASON_BYTES * len(part.places) + REASON_ATOM_BYTES * part.n_atoms
        if any(len(part.places) for part in parts):
            scan.chunks.append(index)
    return scan


def _chunks(file: RuleFile, indexes: range | list[int]) -> Iterator[tuple[int, RuleChunk]]:
    """Chunks one after the other, in one buffer."""
    buffer = bytearray(file.max_chunk_bytes)
    for index in indexes:
        yield index, file.read_chunk(index, buffer)


def _check_names(view: GraphView, names: NameBytes, scan: _Scan) -> None:
    """UsageError where a name is neither in the graph nor in the head of a rule of the relation."""
    for place, kind in ((1, "relation"), (0, "entity"), (2, "entity")):
        name = names[place]
        is_there = view.relation_id(name) if place == 1 else view.entity_id(name)
        if is_there >= 0 or place in scan.named:
            continue
        near = _nearest(view, name, of_relation=place == 1)
        hint = f"; the nearest: {', '.join(near)}" if near else ""
        raise UsageError(
            f"--triple: found the {kind} {_text(name)!r}, which neither the triples nor the heads "
            f"of rules have, expected one that they have{hint}"
        )


def _nearest(view: GraphView, name: bytes, *, of_relation: bool) -> list[str]:
    """The names of the graph that are most like a wrong one; best first."""
    from difflib import get_close_matches

    n = view.n_relations if of_relation else view.n_entities
    named = view.relation_name if of_relation else view.entity_name
    known = (_text(named(one)) for one in range(min(n, _MOST_NAMES)))
    best: list[str] = []
    while window := list(islice(known, _WINDOW_NAMES)):
        best = get_close_matches(_text(name), [*best, *window], SHOWN)
    return best


class _Explainer:
    """Searches the chunks that have a head for the triple."""

    def __init__(
        self, rules: Rules, view: GraphView, semantics: str, names: NameBytes, scan: _Scan
    ) -> None:
        self._file = rules.file
        self._view = view
        self._names = names
        self._scan = scan
        self._search = BoundSearch(view, semantics)
        self._counter = None
        if not scan.by_miner:
            self._counter = Evaluator(
                view, semantics, COUNTS_ONLY, wide=False, buffer_bytes=RESULT_BYTES
            )

    def explain(self, room_bytes: int) -> Explanation:
        """The explanation, whose reasons may take so many bytes."""
        subject, relation, object_ = self._names
        ends = self._view.entity_id(subject), self._view.entity_id(object_)
        number = self._view.relation_id(relation)
        reasons = self._reasons(ends, room_bytes)
        reasons.sort(key=_rank)
        return Explanation(
            triple=(_text(subject), _text(relation), _text(object_)),
            in_graph=min(*ends, number) >= 0 and self._view.has_triple(ends[0], number, ends[1]),
            ranked_by="miner" if self._scan.by_miner else "exact",
            reasons=tuple(reasons),
            found=self._found(ends, number),
            not_looked_at=self._scan.n_unread,
        )

    def _reasons(self, ends: tuple[int, int], room_bytes: int) -> list[Reason]:
        found: list[tuple[int, float | None, int | None, bytes]] = []
        for _, chunk in _chunks(self._file, self._scan.chunks):
            parts, _ = candidates(self._view, chunk, self._names)
            for part in parts:
                found.extend(self._of_part(part, ends))
                held = sum(REASON_BYTES + REASON_ATOM_BYTES * len(one[3]) // 12 for one in found)
                if held > room_bytes:
                    raise RefusedError(
                        f"refused: {counted(len(found), 'rule')} and more predict this triple, "
                        f"which takes more than the {format_size(room_bytes)} that the budget "
                        "leaves for them"
                    )
        found.sort(key=lambda one: one[0])
        return list(self._with_texts(found))

    def _of_part(
        self, part: Candidates, ends: tuple[int, int]
    ) -> Iterator[tuple[int, float | None, int | None, bytes]]:
        for one in predicted(self._search, part, *ends):
            confidence: float | None = float(part.chunk.miner_confidence[one.place])
            violations = None
            if self._counter is not None:
                counts = self._counted(self._counter, one)
                confidence = counts.support / counts.predictions if counts.predictions else None
                violations = counts.predictions - counts.support
            yield int(part.chunk.sources[one.place]), confidence, violations, one.witness

    def _counted(self, counter: Evaluator, one: Predicted) -> Counts:
        handed: list[bytes] = []
        counter.evaluate(
            one.chunk, one.place, one.place + 1, lambda view: handed.append(bytes(view))
        )
        (record,) = read_records(b"".join(handed))
        return record.counts

    def _with_texts(
        self, found: list[tuple[int, float | None, int | None, bytes]]
    ) -> Iterator[Reason]:
        """Reasons with line and text, which the source chunks have; `found` is by source."""
        at = 0
        buffer = bytearray(self._file.max_source_chunk_bytes)
        ends = np.cumsum(self._file.source_chunks["rules"], dtype=np.uint64)
        while at < len(found):
            index = int(np.searchsorted(ends, found[at][0], side="right"))
            chunk = self._file.read_source_chunk(index, buffer)
            while at < len(found) and found[at][0] < chunk.first + len(chunk):
                source, confidence, violations, witness = found[at]
                place = source - chunk.first
                yield Reason(
                    rule=int(chunk.lines[place]),
                    rule_text=_text(chunk.text(place)),
                    confidence=confidence,
                    violations=violations,
                    witness=self._named(witness),
                )
                at += 1

    def _named(self, witness: bytes) -> tuple[Names, ...]:
        rows = np.frombuffer(witness, np.int32).reshape(-1, 3).tolist()
        view = self._view
        return tuple(
            (_text(view.entity_name(s)), _text(view.relation_name(r)), _text(view.entity_name(o)))
            for s, r, o in rows
        )

    def _found(self, ends: tuple[int, int], relation: int) -> Found:
        objects, n_objects = self._first(relation, False, ends[0])
        subjects, n_subjects = self._first(relation, True, ends[1])
        return Found(objects, n_objects, subjects, n_subjects)

    def _first(self, relation: int, of_object: bool, entity: int) -> tuple[tuple[str, ...], int]:
        """The first names of a row, by their bytes, and how many there are."""
        if relation < 0 or entity < 0:
            return (), 0
        total = sum(1 for _ in self._view.row(relation, of_object, entity))
        names = map(self._view.entity_name, self._view.row(relation, of_object, entity))
        return tuple(map(_text, nsmallest(SHOWN, names))), total


def _rank(reason: Reason) -> tuple[float, int, bytes, int]:
    """Order of rules: confidence, violations where they were counted, text; then the line."""
    text = reason.rule_text.encode("utf-8", "surrogateescape")
    return -(reason.confidence or 0.0), reason.violations or 0, text, reason.rule
