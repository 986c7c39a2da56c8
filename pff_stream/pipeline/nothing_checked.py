"""Tells where a run checked nothing, or nothing against names that the graph has, and likely why.

A run that is green since no rule could apply looks like one that is green since all is right. What
is said here is for a graph at its end, or for a manifest of which no document was checked; else a
manifest sums its documents (`work.documents.UNCHECKED`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pff_stream.inputs import GraphInput
from pff_stream.notes import KEPT, Note, NoteKind, Notes, Place
from pff_stream.pipeline.absent_names import (
    Names,
    RuleNames,
    absent_from,
    kinds_differ,
    marked,
    names_of,
)
from pff_stream.pipeline.spelling import has_columns
from pff_stream.pipeline.suspicious import checked_nothing, lacks_names, n_absent
from pff_stream.report.records import VACUOUS_REASONS, Outcome, Reason
from pff_stream.report.totals import Totals
from pff_stream.rules.file import RuleFile
from pff_stream.settings.columns import other_columns
from pff_stream.triples._graph import GraphView
from pff_stream.triples.graph import attach

NOTHING_CHECKED = NoteKind(
    "nothing_checked",
    "rule, and it makes no prediction: nothing was checked",
    "rules, and not one makes a prediction: nothing was checked",
    listed="",
)
NO_DOCUMENT_CHECKED = NoteKind(
    "no_document_checked",
    "document, and no rule makes a prediction for it: nothing was checked",
    "documents, and no rule makes a prediction for any: nothing was checked",
    listed="",
)
ABSENT_NAMES = NoteKind(
    "absent_names",
    "rule cannot apply: the graph does not have its relations or constants",
    "rules cannot apply: the graph does not have their relations or constants",
    listed="",
)
UNKNOWN_HEADS = NoteKind(
    "unknown_heads",
    "violated rule has a head relation that is not in the graph: each prediction is a violation",
    "violated rules have head relations that are not in the graph: each prediction is a violation",
    listed="",
)
SHOWN_NAMES = 3
_SHOWN = 60
"""Characters of a name that are shown."""
_LOOKED_AT = 200
"""Absent names, the most frequent, by which is decided what would fit."""
_SAMPLED_RELATIONS = 1000


def nothing_checked(
    totals: Totals, rules: RuleFile, graph: GraphInput, columns: str | None
) -> Notes:
    """What is to be said of a run over a graph; `columns` are those that its lines were read by.

    They are None where it was not read from lines with columns here.
    """
    notes = Notes()
    kind = None
    if checked_nothing(totals):
        kind = NOTHING_CHECKED
    elif lacks_names(totals):
        kind = ABSENT_NAMES
    unknown_heads = totals.because(Reason.HEAD_RELATION_ABSENT)
    if kind is None and not unknown_heads:
        return notes
    with attach(graph.name, graph.shared.shown) as attached:
        absent = absent_from(attached.view, rules)
        if kind is not None:
            made_none = kind is NOTHING_CHECKED
            count = totals.rules if made_none else n_absent(totals)
            causes = [
                *(_reasons(totals) if made_none else ()),
                *_causes(attached.view, absent, columns),
            ]
            notes.merge(_note(kind, count, causes))
        if unknown_heads:
            heads = _most(absent.heads, _LOOKED_AT)
            is_document = attached.view.mapping.startswith("json")
            names = Names.relations(attached.view, heads)
            causes = _heads(heads, names, shows_nearest=not is_document)
            if causes:
                notes.merge(_note(UNKNOWN_HEADS, unknown_heads, causes))
    return notes


def nothing_checked_in_document(
    n_documents: int, rules: RuleFile, graph: GraphView, document: str
) -> Notes:
    """What is to be said of a run over a manifest none of whose documents is checked, by one."""
    causes = [*_causes(graph, absent_from(graph, rules), None)]
    return _note(NO_DOCUMENT_CHECKED, n_documents, [f"in the document {document}", *causes])


def unknown_heads_of_documents(totals: Totals, rules: RuleFile) -> Notes:
    """What is to be said of a run over a manifest, where the rules alone show what is wrong."""
    found = names_of(rules, lambda name: True, lambda name: False)
    others = found.heads.keys() | found.relations.keys()
    causes = _grouped(
        (name, marked(name, lambda rest: rest if rest in others else None)[0])
        for name in found.heads
    )
    if not causes:
        return Notes()
    return _note(UNKNOWN_HEADS, totals.because(Reason.HEAD_RELATION_ABSENT), causes)


def _reasons(totals: Totals) -> Iterator[str]:
    """Why no rule made a prediction, in one line."""
    found = {reason.text: totals.because(reason) for reason in VACUOUS_REASONS}
    others = (Outcome.FILTERED, Outcome.TOO_LARGE, Outcome.REJECTED)
    found |= {outcome.word: totals.count(outcome) for outcome in others}
    yield ", ".join(f"{count:,} {word}" for word, count in found.items() if count)


def _causes(graph: GraphView, absent: RuleNames, columns: str | None) -> Iterator[str]:
    """Names of the rules beside the nearest of the graph, and what would fit."""
    if not absent.relations and not absent.constants:
        return
    relations = Names.relations(graph, _most(absent.relations, _LOOKED_AT))
    entities = Names.entities(graph, _most(absent.constants, _LOOKED_AT))
    is_swapped = False
    for said, names, counted in (
        ("relation", relations, absent.relations),
        ("constant", entities, absent.constants),
    ):
        chosen = _most(counted, SHOWN_NAMES)
        for name in chosen:
            yield f"{said} {_shown(name)} of the rules{_beside(names.nearest(name))}"
        if names is relations and (hint := _other_columns(graph, absent, columns)):
            is_swapped = True
            yield hint
        if not is_swapped:
            yield from _spellings(said, names, counted)


def _spellings(said: str, names: Names, counted: Counter[str]) -> Iterator[str]:
    """In what the names of the rules are written otherwise, with how many are."""
    looked_at = _most(counted, _LOOKED_AT)
    differing: Counter[str] = Counter()
    for name in looked_at:
        differing.update(names.differences(name)[0])
    for difference, count in differing.most_common():
        of = (
            f"{count:,} of {len(looked_at):,} absent {said}s"
            if len(looked_at) > 1
            else f"the {said}"
        )
        yield f"{of} would fit but for {difference}"
    if not differing and looked_at:
        yield from kinds_differ(looked_at, names)


def _other_columns(graph: GraphView, absent: RuleNames, columns: str | None) -> str:
    """What is said where relations of the rules are entities: the columns are in another order."""
    named = [graph.entity_id(_bytes(name)) for name in _most(absent.relations, _LOOKED_AT)]
    entities = [number for number in named if number >= 0][:SHOWN_NAMES]
    if not entities:
        return ""
    found = [0, 0]
    for relation in range(
        0, graph.n_relations, max(1, -(-graph.n_relations // _SAMPLED_RELATIONS))
    ):
        for of_object in (False, True):
            for entity in entities:
                found[of_object] += next(graph.row(relation, of_object, entity), None) is not None
    place = "object" if found[1] > found[0] else "subject"
    said = (
        f"relations of the rules are {place}s of the graph, whose columns may be in another order"
    )
    if columns is None:
        return said
    return f"{said}: --columns {other_columns(columns, place)}"


def _heads(absent: list[str], names: Names, *, shows_nearest: bool) -> list[str]:
    """Likely causes of unknown heads, each with an example; the nearest name where none is seen.

    That a document does not have a relation is often what it is checked for: no cause is no news.
    """
    found = {name: names.differences(name)[0] for name in absent}
    causes = _grouped(iter(found.items()))
    if not shows_nearest:
        return causes
    unexplained = [name for name in absent if not found[name] and not has_columns(name)]
    for name in unexplained[:SHOWN_NAMES]:
        causes.append(f"{_shown(name)}{_beside(names.nearest(name))}")
    return causes


def _grouped(found: Iterator[tuple[str, list[str]]]) -> list[str]:
    """Each cause once, the most frequent first, with its first name."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for name, causes in found:
        if not causes and has_columns(name):
            causes = ["columns separated by blanks, not by tabs"]
        for cause in causes:
            counts[cause] += 1
            first.setdefault(cause, name)
    return [
        f"{cause}, as in {_shown(first[cause])}" + (f" ({count:,} names)" if count > 1 else "")
        for cause, count in counts.most_common()
    ]


def _most(counted: Counter[str], n: int) -> list[str]:
    """The most frequent names, equal ones by name."""
    return [name for name, _ in sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:n]]


def _note(kind: NoteKind, count: int, said: list[str]) -> Notes:
    places = tuple(Place("", 0, one) for one in said[:KEPT])
    return Notes((Note(kind, count, places),))


def _beside(near: str | None) -> str:
    return "" if near is None else f", nearest in the graph: {_shown(near)}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
