"""The rules that predict one triple, in their order, each with a witness; and what stands there.

Of the rules only those chunks are read that have a head for the triple, with both ends bound. Does
not cover: which chunks these are, and the plan (`explain`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pff_stream.errors import RefusedError
from pff_stream.evaluate._kernel import BoundSearch, Evaluator
from pff_stream.evaluate.bound import Candidates, NameBytes, Predicted, candidates, predicted
from pff_stream.evaluate.options import evaluator_options
from pff_stream.findings.confidence import Kind, rank_confidence
from pff_stream.plan.explain import REASON_ATOM_BYTES, REASON_BYTES, RESULT_BYTES
from pff_stream.report.explanation import Explanation, Names, Reason
from pff_stream.report.records import NOTHING_COUNTED, Counts, read_records
from pff_stream.report.spooled import merge_options
from pff_stream.report.streams import Found
from pff_stream.rules.columns import CONFIDENCE, PCA_CONFIDENCE
from pff_stream.settings.models import EvaluationOptions
from pff_stream.triples._graph import GraphView
from pff_stream.words import counted
from planner.sizes import format_size

if TYPE_CHECKING:
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.rules.file import RuleFile, SourceChunk

SHOWN = 3
"""Names of what stands in the triple's place."""


class _Found(NamedTuple):
    """A rule that predicts the triple."""

    source: int
    """Ordinal in the rule file."""
    counts: Counts | None
    """On this graph; None where nothing is counted."""
    witness: bytes


def chunks_of(file: RuleFile, indexes: Iterable[int]) -> Iterator[tuple[int, RuleChunk]]:
    """Chunks one after the other, in one buffer."""
    buffer = bytearray(file.max_chunk_bytes)
    for index in indexes:
        yield index, file.read_chunk(index, buffer)


def text(name: bytes) -> str:
    """A name of the graph or the rules for people."""
    return name.decode("utf-8", "surrogateescape")


class Explainer:
    """Searches the chunks that have a head for the triple."""

    def __init__(
        self,
        file: RuleFile,
        view: GraphView,
        semantics: str,
        kind: Kind,
        evaluation: EvaluationOptions,
    ) -> None:
        """Rules are put in order by this kind of confidence; where it is counted, they are."""
        self._file = file
        self._view = view
        self._kind = kind
        self._merging = merge_options(evaluation, "")
        self._search = BoundSearch(view, semantics)
        self._counter = None
        if kind.is_counted:
            options = evaluator_options(evaluation, examples=False)
            self._counter = Evaluator(
                view, semantics, options, wide=False, buffer_bytes=RESULT_BYTES
            )

    def explain(
        self, names: NameBytes, chunks: list[int], n_unread: int, room_bytes: int
    ) -> Explanation:
        """The explanation, by the rules of these chunks; reasons may take so many bytes."""
        subject, relation, object_ = names
        ends = self._view.entity_id(subject), self._view.entity_id(object_)
        number = self._view.relation_id(relation)
        reasons = self._reasons(names, ends, chunks, room_bytes)
        reasons.sort(key=_rank)
        return Explanation(
            triple=(text(subject), text(relation), text(object_)),
            in_graph=min(*ends, number) >= 0 and self._view.has_triple(ends[0], number, ends[1]),
            ranked_by=self._kind.word,
            reasons=tuple(reasons),
            found=self._found(ends, number),
            not_looked_at=n_unread,
        )

    def _reasons(
        self, names: NameBytes, ends: tuple[int, int], chunks: list[int], room_bytes: int
    ) -> list[Reason]:
        found: list[_Found] = []
        for _, chunk in chunks_of(self._file, chunks):
            parts, _ = candidates(self._view, chunk, names)
            for part in parts:
                found.extend(self._of_part(part, ends))
                held = sum(
                    REASON_BYTES + REASON_ATOM_BYTES * len(one.witness) // 12 for one in found
                )
                if held > room_bytes:
                    raise RefusedError(
                        f"refused: {counted(len(found), 'rule')} and more predict this triple, "
                        f"which takes more than the {format_size(room_bytes)} that the budget "
                        "leaves for them"
                    )
        found.sort(key=lambda one: one.source)
        return list(self._with_texts(found))

    def _of_part(self, part: Candidates, ends: tuple[int, int]) -> Iterator[_Found]:
        for one in predicted(self._search, part, *ends):
            counts = None if self._counter is None else self._counted(self._counter, one)
            yield _Found(int(part.chunk.sources[one.place]), counts, one.witness)

    def _counted(self, counter: Evaluator, one: Predicted) -> Counts:
        handed: list[bytes] = []
        counter.evaluate(
            one.chunk, one.place, one.place + 1, lambda view: handed.append(bytes(view))
        )
        (record,) = read_records(b"".join(handed))
        return record.counts

    def _with_texts(self, found: list[_Found]) -> Iterator[Reason]:
        """Reasons with line and text, which the source chunks have; `found` is by source."""
        at = 0
        buffer = bytearray(self._file.max_source_chunk_bytes)
        ends = np.add.accumulate(self._file.source_chunks["rules"], dtype=np.uint64)
        while at < len(found):
            index = int(np.searchsorted(ends, found[at].source, side="right"))
            chunk = self._file.read_source_chunk(index, buffer)
            while at < len(found) and found[at].source < chunk.first + len(chunk):
                one = found[at]
                place = one.source - chunk.first
                counts = one.counts
                partial = self._merging.partial
                yield Reason(
                    rule=int(chunk.lines[place]),
                    rule_text=text(chunk.text(place)),
                    confidence=self._confidence(chunk, place, counts),
                    violations=None if counts is None else counts.violations(partial=partial),
                    witness=self._named(one.witness),
                )
                at += 1

    def _confidence(self, chunk: SourceChunk, place: int, counts: Counts | None) -> float | None:
        """Of the kind; None where the rule has none, or one outside 0..1."""
        if counts is None:
            column = PCA_CONFIDENCE if self._kind is Kind.MINER_PCA else CONFIDENCE
            stated = float(chunk.miner_column(column)[place])
            return rank_confidence(self._kind, NOTHING_COUNTED, 0, stated, stated)
        if self._kind is Kind.EXACT:
            return self._merging.confidence(counts)
        return self._merging.partial_confidence(counts)

    def _named(self, witness: bytes) -> tuple[Names, ...]:
        rows = np.frombuffer(witness, np.int32).reshape(-1, 3).tolist()
        view = self._view
        return tuple(
            (text(view.entity_name(s)), text(view.relation_name(r)), text(view.entity_name(o)))
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
        return tuple(map(text, nsmallest(SHOWN, names))), total


def _rank(reason: Reason) -> tuple[float, int, bytes, int]:
    """Order of rules: confidence, violations where they were counted, text; then the line.

    Those without a confidence come last.
    """
    words = reason.rule_text.encode("utf-8", "surrogateescape")
    confidence = -1.0 if reason.confidence is None else reason.confidence
    return -confidence, reason.violations or 0, words, reason.rule
