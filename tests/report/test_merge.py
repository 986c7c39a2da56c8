"""The merge, held byte for byte against a formatter that uses `json` and a sort."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import OutputError
from pff_stream.report._merge import iterate, merge_bytes, write_results
from pff_stream.report.formats._lines import OutcomeLines, RuleLines, ViolationLines
from pff_stream.report.formats._metrics import MetricLines
from pff_stream.report.formats.lines import BUFFER_BYTES
from pff_stream.report.formats.metrics import HEADER
from pff_stream.report.records import ExampleIds, Outcome, Reason, Record
from pff_stream.report.spooled import MergeOptions
from pff_stream.report.streams import MinerValues
from tests.report.by_hand import Collected, case_of, satisfied, violated, write
from tests.report.cases import Case, Line, cases, expected, source_chunks, stored


@given(
    case=cases(),
    assignment=st.lists(st.integers(0, 6), min_size=1, max_size=12),
    chunk_rules=st.integers(1, 5),
    options=st.builds(
        MergeOptions,
        unseen=st.sampled_from((0, 0, 5, 2**60)),
        max_violations=st.sampled_from((0, 1, 3, 10**6)),
        window_bytes=st.sampled_from((56, 57, 64, 100, 1000, 32768)),
        fan_in=st.sampled_from((2, 3, 128)),
    ),
    buffer_bytes=st.sampled_from((64, 65, 200, 1 << 18)),
)
def test_equals_slow_formatter(
    case: Case,
    assignment: list[int],
    chunk_rules: int,
    options: MergeOptions,
    buffer_bytes: int,
) -> None:
    """Files and totals are the plain formatter's, whatever the runs, windows and buffers."""
    want = expected(case, options.unseen, options.max_violations)
    violations, rules, outcomes, metrics = (Collected() for _ in range(4))
    with stored(case, assignment, chunk_rules) as there:
        totals = write_results(
            there.spooled,
            [
                ViolationLines(violations, buffer_bytes),
                RuleLines(rules, buffer_bytes),
                OutcomeLines(outcomes, buffer_bytes),
                MetricLines(metrics, buffer_bytes),
            ],
            options,
        )
    assert violations.data == want.violations
    assert rules.data == want.rules
    assert outcomes.data == want.outcomes
    assert HEADER.encode() + metrics.data == want.metrics
    assert totals.outcomes == want.counts
    assert want.totals == (
        totals.predictions,
        totals.support,
        totals.violations,
        totals.violations_written,
        totals.cut_by_max_examples,
        totals.cut_by_max_violations,
    )
    assert [(rule.violations, rule.line) for rule in totals.worst] == want.worst
    texts = {line.line: line.text for line in case.lines}
    assert all(rule.text == texts[rule.line] for rule in totals.worst)


@given(case=cases(), max_violations=st.sampled_from((0, 2, 10**6)), fan_in=st.sampled_from((2, 9)))
def test_iterates_same_outcomes(case: Case, max_violations: int, fan_in: int) -> None:
    """The iterator yields what the files say, rule by rule, as objects."""
    want = expected(case, 5, max_violations)
    options = MergeOptions(unseen=5, max_violations=max_violations, fan_in=fan_in)
    with stored(case, (0, 1, 2)) as there:
        found = list(iterate(there.spooled, options))
    assert [(each.line, each.text) for each in found] == [
        (line.line, line.text) for line in case.lines
    ]
    assert [[(v.head, v.witness) for v in each.examples] for each in found] == want.heads
    assert [each.miner_confidence for each in found] == [
        line.mined.confidence for line in case.lines
    ]
    reasons = [
        f"{each.line}\t{each.outcome.word}\t"
        + each.reason.translate({9: r"\t", 10: r"\n", 13: r"\r"})
        for each in found
    ]
    assert "".join(line + "\n" for line in reasons).encode() == want.outcomes
    rules = [
        f"{each.predictions}\t{each.support}\t{each.confidence or 0.0}\t{each.text}\n"
        for each in found
        if each.outcome.evaluated
    ]
    assert "".join(rules).encode() == want.rules


def test_rule_in_parts_of_different_runs() -> None:
    """A rule that was split over runs is put together in the order of its parts."""
    parts = [violated(0, 9, 2), violated(0, 9, 3, part=1), violated(0, 9, 1, part=2)]
    totals, data = write(case_of(parts), parts[1:2], parts[0:1], parts[2:])
    assert data.count(b"\n") == totals.violations_written == 6
    assert (totals.violations, totals.cut_by_max_examples) == (9, 3)


def test_caps_are_counted() -> None:
    """What either cap leaves out is counted, and the violations stay exact."""
    records = [violated(0, 10, 4), violated(1, 3, 3), violated(2, 5, 4)]
    totals, data = write(case_of(records), records, max_violations=6)
    assert data.count(b'"rule":1,') == 4
    assert data.count(b'"rule":2,') == 2
    assert (totals.violations, totals.violations_written) == (18, 6)
    assert (totals.cut_by_max_examples, totals.cut_by_max_violations) == (7, 5)


def test_nothing_is_cut_where_nothing_is_written() -> None:
    """Without a destination for violations no cap is said to have cut them."""
    records = [violated(0, 4, 4)]
    with stored(case_of(records)) as there:
        totals = write_results(there.spooled)
    assert (totals.violations_written, totals.cut_by_max_violations) == (0, 0)


def test_ten_worst_with_ties() -> None:
    """The ten rules with the most violations are kept, equal ones by line."""
    sizes = [3, 7, 3, 9, 7, 1, 3, 9, 5, 5, 3, 3, 7, 2]
    records = [violated(i, n) for i, n in enumerate(sizes)]
    totals, _ = write(case_of(records), records)
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))[:10]
    assert [(rule.violations, rule.line - 1) for rule in totals.worst] == [
        (sizes[i], i) for i in order
    ]
    assert [rule.text for rule in totals.worst] == [f"rule {i}" for i in order]


def test_sums_pass_64_bits() -> None:
    """Sums over rules are exact beyond 64 bits."""
    records = [satisfied(i, 2**63 - 1) for i in range(5)]
    totals, _ = write(case_of(records), records)
    assert totals.predictions == totals.support == 5 * (2**63 - 1)


def test_more_runs_than_fan_in() -> None:
    """Hundreds of runs are merged in passes with the same bytes, whatever the windows."""
    records = [violated(i, 5, i % 6) for i in range(700)]
    want = expected(case_of(records)).violations
    for options in ({"fan_in": 128}, {"fan_in": 7, "window_bytes": 64}, {"fan_in": 1000}):
        _, data = write(case_of(records), *([record] for record in records), **options)
        assert data == want


def test_temporary_files_leave_nothing(tmp_path: Path) -> None:
    """The runs of runs lie in the folder that was named, and are gone afterwards."""
    records = [violated(i, 5, 1) for i in range(20)]
    options = MergeOptions(fan_in=2, temporary_dir=os.fspath(tmp_path))
    with stored(case_of(records), range(20)) as there:
        before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
        rules = iterate(there.spooled, options)
        next(rules)
        del rules
        assert list(tmp_path.iterdir()) == []
        assert len(before) == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_unwritable_temporary_folder(tmp_path: Path) -> None:
    """A folder that cannot hold the runs of runs is named."""
    records = [satisfied(i) for i in range(3)]
    options = MergeOptions(fan_in=2, temporary_dir=os.fspath(tmp_path / "missing"))
    with (
        stored(case_of(records), range(3)) as there,
        pytest.raises(OutputError, match="missing"),
    ):
        write_results(there.spooled, (), options)


def test_writer_error_passes_up() -> None:
    """A full disk ends the merge with the writer's own error."""
    records = [violated(i, 5, 5) for i in range(50)]
    lines = [ViolationLines(Collected(room=1000), 300)]
    with stored(case_of(records)) as there, pytest.raises(OutputError, match="No space"):
        write_results(there.spooled, lines)


def test_names_longer_than_buffers() -> None:
    """Texts and names longer than every buffer come out whole."""
    long = 'long "name" ' * 1000
    record = replace(violated(0, 1), examples=(ExampleIds(0, 1, ((0, 0, 1),)),), n_atoms=1)
    case = Case((long, "x" * 5000), (long,), (Line(1, long, (record,)),))
    _, data = write(case, [record], buffer_bytes=64, window_bytes=56)
    assert data == expected(case).violations


def test_reason_of_record_and_of_source() -> None:
    """Reasons come from the source line, the record's text or its number."""
    records = [
        Record(0, Outcome.FAILED, Reason.TEXT, text="a\tb"),
        Record(1, Outcome.FAILED, Reason.NOTHING_MATCHES),
    ]
    lines = (*case_of(records).lines, Line(7, "x", rejected="column 3:\nfound é"))
    outcomes = Collected()
    with stored(Case(("e",), ("r",), lines)) as there:
        write_results(there.spooled, [OutcomeLines(outcomes, BUFFER_BYTES)])
    assert outcomes.data.decode() == (
        "1\tfailed\ta\\tb\n2\tfailed\tnothing matches\n7\trejected\tcolumn 3:\\nfound é\n"
    )


def test_memory_does_not_grow_with_rules() -> None:
    """What a merge allocates is bounded by the fan-in and two tables, for any number of runs."""
    assert merge_bytes(10**9) == merge_bytes(10**6) < merge_bytes(128) + (1 << 18)
    assert merge_bytes(10**9) < 5 << 20


def test_unaligned_columns() -> None:
    """Columns that lie at odd addresses, as they may in a file, are read as any other."""
    mined = MinerValues(70_000, 2**40, 0.25, 0.5, 300, 1.0)
    case = case_of([violated(0, 1, 1), satisfied(1)])
    case = replace(case, lines=tuple(replace(line, mined=mined) for line in case.lines))
    (chunk,) = source_chunks(case.lines)
    odd = replace(
        chunk,
        lines=np.frombuffer(b"x" + chunk.lines.tobytes(), "<u8", offset=1),
        text_ends=np.frombuffer(b"x" + chunk.text_ends.tobytes(), "<u4", offset=1),
        texts=np.frombuffer(bytes(chunk.texts), "u1"),
        miner={
            name: np.frombuffer(b"x" + column.tobytes(), column.dtype, offset=1)
            for name, column in chunk.miner.items()
        },
    )
    violations, metrics = Collected(), Collected()
    with stored(case) as there:
        lines = [ViolationLines(violations, BUFFER_BYTES), MetricLines(metrics, BUFFER_BYTES)]
        write_results(replace(there.spooled, chunks=[odd]), lines)
    assert violations.data == expected(case).violations
    assert HEADER.encode() + metrics.data == expected(case).metrics
