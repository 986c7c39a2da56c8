"""Results that are missing, doubled or damaged end in an error, never in other results."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import PffStreamError
from pff_stream.report._merge import write_results
from pff_stream.report.formats._lines import ViolationLines
from pff_stream.report.formats.lines import BUFFER_BYTES
from pff_stream.report.records import Counts, ExampleIds, Outcome, Record
from tests.report.by_hand import Collected, case_of, satisfied, violated, write
from tests.report.cases import Case, Line, cases, flip, stored


def test_missing_rule() -> None:
    """A rule without result is an error that names it, first, last or in between."""
    records = [satisfied(i) for i in range(5)]
    for gone in range(5):
        rest = records[:gone] + records[gone + 1 :]
        with pytest.raises(
            PffStreamError, match=rf"number {gone} \(line {gone + 1}\) has no result"
        ):
            write(case_of(records), rest[:2], rest[2:])


def test_doubled_rule() -> None:
    """A rule with two results is an error, in two runs or in one."""
    records = [satisfied(i) for i in range(5)]
    for twice in range(4):
        with pytest.raises(PffStreamError, match="part 0 where part 1"):
            write(case_of(records), records, [records[twice]])
    with pytest.raises(PffStreamError, match="out of order"):
        write(case_of(records), [*records[:3], *records[2:]])


def test_result_of_no_rule() -> None:
    """A result behind the last rule, or one for a rule that was rejected, is an error."""
    records = [satisfied(i) for i in range(4)]
    case = case_of(records[:3])
    with pytest.raises(PffStreamError, match="not in the source"):
        write(case, records)
    rejected = replace(case, lines=(*case.lines[:1], Line(2, "x", rejected="bad"), *case.lines[2:]))
    with pytest.raises(PffStreamError, match="number 1 is there twice"):
        write(rejected, records[:3])


def test_gap_between_parts() -> None:
    """A missing part is an error."""
    parts = [violated(0, 9, 2), violated(0, 9, 1, part=2)]
    with pytest.raises(PffStreamError, match="part 2 where part 1"):
        write(case_of(parts), parts)


def test_chunks_out_of_order() -> None:
    """Source chunks that do not follow each other are an error."""
    records = [satisfied(i) for i in range(6)]
    with stored(case_of(records)) as there, pytest.raises(PffStreamError, match="begins at"):
        write_results(replace(there.spooled, chunks=there.chunks[::-1]))


def test_outcome_against_counts() -> None:
    """Counts that contradict the outcome are damage."""
    records = [Record(0, Outcome.SATISFIED, counts=Counts(2, 1))]
    with pytest.raises(PffStreamError, match="outcome 0 of rule number 0 with 2 predictions"):
        write(case_of(records), records)


def test_ids_outside_the_graph() -> None:
    """An example with an id that the graph does not have is damage, in the head and the witness."""
    for subject, triple in ((1, (0, 0, 0)), (-2, (0, 0, 0)), (0, (0, 1, 0)), (0, (0, 0, -1))):
        record = replace(violated(0, 1), n_atoms=1, examples=(ExampleIds(subject, 0, (triple,)),))
        with pytest.raises(PffStreamError, match="examples of rule number 0"):
            write(case_of([record]), [record])


@given(case=cases(max_lines=4), data=st.data())
def test_damaged_spool_is_found(case: Case, data: st.DataObject) -> None:
    """Any changed bit of a spool ends in an error, never in other results or a crash."""
    with stored(case, (0,)) as there:
        spool = os.pread(there.files[0], 1 << 20, 0)
        if not spool:
            return
        at = data.draw(st.integers(0, len(spool) - 1))
        os.pwrite(there.files[0], flip(spool, at), 0)
        with pytest.raises(PffStreamError):
            write_results(there.spooled, [ViolationLines(Collected(), BUFFER_BYTES)])


def test_truncated_spool() -> None:
    """A spool that lost its end is an error that names the byte."""
    records = [violated(0, 5, 3)]
    with stored(case_of(records)) as there:
        os.ftruncate(there.files[0], 60)
        with pytest.raises(PffStreamError, match="byte 0: found the end of the file"):
            write_results(there.spooled)


def test_record_over_the_bound() -> None:
    """A record longer than `max_record_bytes` is taken for damage, up to it for good."""
    records = [violated(0, 50, 50)]
    with pytest.raises(PffStreamError, match="a payload of 420 bytes"):
        write(case_of(records), records, max_record_bytes=475)
    totals, _ = write(case_of(records), records, max_record_bytes=476, window_bytes=100)
    assert totals.violations_written == 50
