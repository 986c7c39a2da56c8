"""One task's work: a range of a chunk's rules against the graph, results as sorted runs of records.

Most rules go straight to the compiled evaluator. A rule whose text has several readings is settled
first by the names of this graph (format notes, section "Rule text"), and evaluated as a small chunk
of its own; one that stays unsettled is written as rejected, with the readings that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pff_stream.errors import InputError
from pff_stream.evaluate._kernel import rejected_record
from pff_stream.rules._format import FLAG_AMBIGUOUS, FLAG_BLANKS, FLAG_UNSETTLED

if TYPE_CHECKING:
    from pff_stream.evaluate._blocks import BlockEvaluator
    from pff_stream.evaluate._kernel import Evaluator
    from pff_stream.rules.chunk import RuleChunk
    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.rule import Lookup, Rule
    from pff_stream.triples._graph import GraphView


_LOOKED_AT = 64
"""Rules with blanks that say whether a graph has such names."""

Flush = Callable[[memoryview], object]


def evaluate_rules(
    evaluator: Evaluator,
    graph: GraphView,
    chunk: RuleChunk,
    start: int,
    stop: int,
    flush: Flush,
    counts: NDArray[np.int64] | None = None,
) -> None:
    """Evaluates rules `start` to `stop` (places in the chunk) and hands each run to `flush`.

    Every rule of the range is in exactly one run; a run is sorted by source ordinal. `counts` are
    theirs, where they are counted already.
    """
    doubtful = doubtful_flags(graph)
    evaluator.evaluate(chunk, start, stop, flush, doubtful, counts)
    _evaluate_doubtful(evaluator, graph, (chunk, start, stop), doubtful, flush)


def evaluate_together(
    evaluator: BlockEvaluator,
    graph: GraphView,
    ranges: Sequence[tuple[RuleChunk, int, int]],
    flush: Flush,
) -> None:
    """The same for ranges of several chunks, in the order that reads least of the graph."""
    doubtful = doubtful_flags(graph)
    evaluator.evaluate_together(ranges, flush, doubtful)
    for taken in ranges:
        _evaluate_doubtful(evaluator, graph, taken, doubtful, flush)


def doubtful_flags(graph: GraphView) -> int:
    """The flags of rules that the names of this graph have to settle."""
    flags = FLAG_UNSETTLED
    if not graph.well_nested:
        flags |= FLAG_AMBIGUOUS
    if graph.has_blanks:
        flags |= FLAG_BLANKS
    return flags


def blanks_are_names(file: RuleFile, graph: GraphView) -> bool:
    """Whether the graph has the names that have blanks around them in the rules.

    The first rules that are met are looked at.
    """
    from pff_stream.rules.formats import named

    rule_format = named(file.rule_format)
    if not graph.has_blanks or rule_format is None:
        return False
    left = _LOOKED_AT
    for index in range(len(file.chunks)):
        chunk = file.read_chunk(index)
        for rule in np.flatnonzero(chunk.flags & FLAG_BLANKS)[:left]:
            text = chunk.text(int(rule))
            plain = rule_format.settle(text, lambda name: False, lambda name: False)
            if plain == rule_format.settle(text, *_names_of(graph)):
                return False
            left -= 1
        if not left:
            break
    return True


def _names_of(graph: GraphView) -> tuple[Lookup, Lookup]:
    """Whether it has an entity, and a relation."""
    return (
        lambda name: graph.entity_id(name) >= 0,
        lambda name: graph.relation_id(name) >= 0,
    )


def _evaluate_doubtful(
    evaluator: Evaluator,
    graph: GraphView,
    taken: tuple[RuleChunk, int, int],
    doubtful: int,
    flush: Flush,
) -> None:
    chunk, start, stop = taken
    flags = chunk.flags[start:stop]
    if flags.any():
        open_rules = np.flatnonzero(flags & doubtful) + start
        if len(open_rules):
            _evaluate_open(evaluator, graph, chunk, open_rules, flush)


def _evaluate_open(
    evaluator: Evaluator,
    graph: GraphView,
    chunk: RuleChunk,
    rules: NDArray[np.int64],
    flush: Flush,
) -> None:
    small, unread = settled(graph, chunk, rules)
    if small is not None:
        evaluator.evaluate(small, 0, small.n_rules, flush, 0)
    if unread:
        flush(memoryview(b"".join(rejected_record(*one) for one in unread)))


def settled(
    graph: GraphView, chunk: RuleChunk, rules: NDArray[np.int64]
) -> tuple[RuleChunk | None, list[tuple[int, bytes]]]:
    """Rules of several readings as the names of this graph settle them: a small chunk of their own.

    None where none is settled; and of those that stay unsettled the source ordinals, with reasons.
    """
    # Imported only where a text is met that needs it: most runs never do.
    from pff_stream.rules.chunk import build_chunk
    from pff_stream.rules.formats import named
    from pff_stream.rules.rule import Rejected

    rule_format = named(chunk.rule_format)
    if rule_format is None:
        raise InputError(
            f"{chunk.origin}: found rule texts of the format {chunk.rule_format!r}, "
            "expected one that is known here"
        )
    found: list[Rule] = []
    places: list[int] = []
    unread: list[tuple[int, bytes]] = []
    for rule in rules[np.argsort(chunk.sources[rules])]:
        result = rule_format.settle(chunk.text(int(rule)), *_names_of(graph))
        if isinstance(result, Rejected):
            unread.append((int(chunk.sources[rule]), str(result).encode()))
        else:
            found.append(result)
            places.append(int(rule))
    if not found:
        return None, unread
    small = build_chunk(
        found,
        sources=[int(source) for source in chunk.sources[places]],
        miner_support=[int(support) for support in chunk.miner_support[places]],
        miner_confidence=[float(value) for value in chunk.miner_confidence[places]],
    )
    return small, unread
