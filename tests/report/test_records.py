"""The record format: what is packed is read back, and damage is found."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import PffStreamError
from pff_stream.report._merge import write_results
from pff_stream.report._runs import header_bytes
from pff_stream.report.records import (
    EXAMPLES,
    RECORD,
    RUN,
    Counts,
    ExampleIds,
    Outcome,
    Reason,
    Record,
    RuleOutcome,
    pack_record,
    read_records,
)
from tests.report.by_hand import case_of
from tests.report.cases import WORDS, Case, cases, stored


@given(case=cases())
def test_records_read_back(case: Case) -> None:
    """Reading a run gives the records that were packed."""
    records = [record for line in case.lines for record in line.records]
    assert list(read_records(b"".join(map(pack_record, records)))) == records


@given(case=cases(max_lines=3), data=st.data())
def test_truncated_run(case: Case, data: st.DataObject) -> None:
    """A run that ends within a record is an error, not a shorter run."""
    whole = b"".join(pack_record(record) for line in case.lines for record in line.records)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [0]
    for record in read_records(whole):
        ends.append(ends[-1] + len(pack_record(record)))
    if cut in ends:
        assert b"".join(map(pack_record, read_records(whole[:cut]))) == whole[:cut]
    else:
        with pytest.raises(PffStreamError, match="damaged results: byte"):
            list(read_records(whole[:cut]))


def test_layout_of_a_record() -> None:
    """The bytes of a record are those of the format, version 2."""
    record = Record(
        5,
        Outcome.VIOLATED,
        counts=Counts(9, 2, 4),
        facts=7,
        part=1,
        n_atoms=1,
        relation=b"r",
        subject=b"su",
        object=b"o",
        examples=(ExampleIds(-1, 3, ((4, 0, 3),)),),
    )
    assert pack_record(record) == (
        bytes([5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 44, 0, 0, 0])
        + bytes([1, 0, 3, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0])
        + bytes([9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0])
        + bytes([1, 0, 0, 0, 255, 255, 255, 255, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0])
        + b"rsuo"
        + bytes([255, 255, 255, 255, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0])
    )
    assert (RECORD.size, EXAMPLES.size, RUN.size) == (56, 20, 24)
    assert header_bytes() == RECORD.size, "compiled code has as many counts"


def test_another_number_of_counts() -> None:
    """A record with more or fewer counts than this version has is damage, for either reader."""
    data = bytearray(pack_record(Record(0, Outcome.VACUOUS)))
    data[18] += 1
    with pytest.raises(PffStreamError, match="byte 0: found 4 counts, expected 3"):
        list(read_records(bytes(data)))
    with stored(case_of([Record(0, Outcome.VACUOUS)])) as there:
        os.pwrite(there.files[0], data, 0)
        with pytest.raises(PffStreamError, match="byte 0: found 4 counts, expected 3"):
            write_results(there.spooled)


def test_words() -> None:
    """Outcomes are printed with the words of the formats, reasons with a text each."""
    assert tuple(outcome.word for outcome in Outcome) == WORDS
    assert [outcome.evaluated for outcome in Outcome] == [True] * 3 + [False] * 4
    silent = [reason for reason in Reason if not reason.text]
    assert silent == [Reason.NONE, Reason.TEXT]


def test_unknown_outcome() -> None:
    """An outcome that does not exist is damage."""
    data = bytearray(pack_record(Record(0, Outcome.SATISFIED)))
    data[16] = 7
    with pytest.raises(PffStreamError, match="byte 0: 7 is not a valid Outcome"):
        list(read_records(bytes(data)))


def test_violations_of_an_outcome() -> None:
    """Violations are counted from the predictions, whatever examples are kept."""
    outcome = RuleOutcome(1, "h(X,Y) <= ", Outcome.VIOLATED, "", Counts(9, 2), 2 / 9, None, ())
    assert (outcome.predictions, outcome.support, outcome.violations) == (9, 2, 7)


def test_partial_completeness() -> None:
    """Unknown predictions are no violations where the assumption is partial completeness."""
    counts = Counts(9, 2, 4)
    assert (counts.violations(partial=False), counts.violations(partial=True)) == (7, 3)
    assert (counts.partial_confidence(), counts.partial_confidence(5)) == (2 / 5, 2 / 10)
    assert Counts(4, 0, 4).partial_confidence() is None
    outcome = RuleOutcome(
        1, "h(X,Y) <= ", Outcome.VIOLATED, "", counts, 2 / 9, None, (), partial=True
    )
    assert (outcome.unknown, outcome.violations) == (4, 3)


def test_import_is_light() -> None:
    """A worker can import the format without numpy, json or logging."""
    code = (
        "import sys, pff_stream.report.records; "
        "print(*sorted({'numpy', 'json', 'logging', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")
