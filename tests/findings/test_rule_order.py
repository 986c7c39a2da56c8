"""The order of rules is the same, whether all rules are sorted or the first of them are kept."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.findings._ranked_rows import RankedRows, take_rows
from pff_stream.findings.confidence import Kind, rank_key
from pff_stream.findings.order import RankedRule
from pff_stream.findings.rule_order import RuleOrder
from pff_stream.report._merge import write_results
from pff_stream.report.records import Counts, Outcome, Record
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.streams import NOTHING_MINED
from pff_stream.rules.source_chunk import SourceChunk
from tests.examples import examples
from tests.report.cases import Line, source_chunks, store_runs
from tests.report.layout import graph_of_names

CONFIDENCES = (0.25, 0.5, 0.5000000001, 1.0)
TEXTS = st.text("abc", min_size=1, max_size=3) | st.text("xyz", min_size=90, max_size=400)


def lines_of(rules: Sequence[tuple[str, float, bool]]) -> list[Line]:
    """Rules with confidences of the miner, violated or not; rules of one text have one count."""
    lines = []
    for source, (text, confidence, is_violated) in enumerate(rules):
        n = zlib.crc32(text.encode()) % 3 + 1
        counts = Counts(n + 2, 2) if is_violated else Counts(2, 2)
        outcome = Outcome.VIOLATED if is_violated else Outcome.SATISFIED
        record = Record(source, outcome, counts=counts, facts=4, head_relation=0)
        mined = NOTHING_MINED._replace(confidence=confidence)
        lines.append(Line(source + 1, text, (record,), mined=mined))
    return lines


class Rows:
    """Takes rows as they come, in pieces, and tells who writes them what is enough by then."""

    def __init__(self, order: RuleOrder) -> None:
        self._order = order
        self._left = b""
        self.lines = RankedRows(self, 600, order.kind)

    def write(self, view: memoryview, /) -> None:
        """Takes those that are there as a whole."""
        rows = self._left + bytes(view)
        self._left = rows[take_rows(self._order.formatter, rows) :]
        self.lines.enough = self._order.enough

    def end(self) -> None:
        """Comes behind all rules."""
        assert not self._left
        self._order.end(self.lines.left_out)


def order_of(
    lines: Sequence[Line], kind: Kind, limit: int | None, *, by_rows: bool = False
) -> list[bytes]:
    """All entries; `by_rows`: another one goes over the rules, and writes them down."""
    graph = graph_of_names(("e",), ("r",))
    chunks = [
        SourceChunk(
            one.first,
            one.lines,
            np.frombuffer(one.texts, np.uint8),
            one.text_ends,
            one.rejected,
            np.frombuffer(one.reasons, np.uint8),
            one.miner,
        )
        for one in source_chunks(lines)
    ]
    runs = [[record for line in lines for record in line.records]]
    with store_runs(runs) as (files, packed), tempfile.TemporaryDirectory() as folder:
        order = RuleOrder(kind, None, limit, folder, lambda: chunks)
        spooled = Spooled(graph, files, packed, chunks)
        if by_rows:
            rows = Rows(order)
            write_results(spooled, [rows.lines], MergeOptions())
            rows.end()
        else:
            write_results(spooled, [order.formatter], MergeOptions())
        found = list(order)
        order.close()
    return found


@examples(60)
@given(
    st.lists(
        st.tuples(TEXTS, st.sampled_from(CONFIDENCES), st.sampled_from([True, True, False])),
        max_size=40,
    ),
    st.sampled_from([Kind.MINER, Kind.EXACT]),
)
def test_first_rules_and_then_all(rules: list[tuple[str, float, bool]], kind: Kind) -> None:
    """More rules than are kept, texts that repeat, and one that is longer than all others."""
    lines = lines_of(rules)
    expected = order_of(lines, kind, None)
    assert order_of(lines, kind, 1) == expected
    assert order_of(lines, kind, 1, by_rows=True) == expected
    assert order_of(lines, kind, None, by_rows=True) == expected


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [Kind.MINER, Kind.EXACT])
@pytest.mark.parametrize("repeats", [False, True])
def test_of_very_many(kind: Kind, repeats: bool) -> None:
    """Notes go to a file and come back; a line far behind may have the text of a first one."""
    rules = [(f"rule {i * 7919 % 6000}", 0.25 + i % 5 / 8, i % 3 > 0) for i in range(6000)]
    if repeats:
        rules.append((rules[9][0], 0.1, True))
    lines = lines_of(rules)
    found = order_of(lines, kind, 10)
    assert found == order_of(lines, kind, None)
    assert found == order_of(lines, kind, 10, by_rows=True)
    assert len(found) == sum(is_violated for *_, is_violated in rules)


def test_order_is_that_of_the_definition() -> None:
    """Confidence, violations, text."""
    rules = [(f"rule {i * 31 % 200}", CONFIDENCES[i % 4], True) for i in range(200)]
    ranked = [RankedRule.unpacked(entry) for entry in order_of(lines_of(rules), Kind.MINER, 2)]
    keys = [rank_key(one.confidence, one.violations, one.text, one.source) for one in ranked]
    assert keys == sorted(keys)
    assert {one.text.decode() for one in ranked} == {text for text, *_ in rules}
