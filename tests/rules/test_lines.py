"""From text to rule lines: encodings, columns, numbers, rejected lines and the policy on them."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import InputError, UsageError
from pff_stream.rules.compile import RuleOptions, compile_rules
from pff_stream.rules.given import lines_of
from pff_stream.settings.policy import allowed_share
from tests.examples import examples
from tests.rules.compiled import compiled, compiled_bytes, decoded_file

RULE = b"h(X,c) <= r(X,A)"
LINE = b"10\t5\t0.5\t" + RULE


def rejection(line: bytes) -> tuple[int, str, str]:
    """Column, what was found and what was expected of the second line of a source."""
    with compiled(RULE + b"\n" + line + b"\n" + RULE) as (report, _):
        assert report.rules == 3
        (only,) = report.rejections
        assert only.line == 2
        return only.column, only.found, only.expected


def test_columns_become_columns() -> None:
    """Correct predictions and confidence are kept to the last bit, and absent ones said to be."""
    content = b"7\t3\t0.42857142857142855\th(X,a) <= r(X,A)\nh(X,b) <= r(X,A)\n"
    with compiled(content) as (report, file):
        chunk = file.read_chunk(0)
        source = file.read_source_chunk(0)
    assert (report.rules, report.bodies, report.chunks) == (2, 1, 1)
    assert chunk.miner_support.tolist() == [3, -1]
    assert chunk.miner_confidence[0] == source.miner_confidence[0] == 0.42857142857142855
    assert math.isnan(chunk.miner_confidence[1])
    assert math.isnan(source.miner_confidence[1])
    assert source.lines.tolist() == [1, 2]
    assert [source.text(0), source.text(1)] == [b"h(X,a) <= r(X,A)", b"h(X,b) <= r(X,A)"]


@given(st.floats(0, allow_nan=False, allow_infinity=False))
def test_confidence_reads_back_equal(value: float) -> None:
    """Every spelling of a double that Python writes reads back as that double."""
    with compiled(b"1\t1\t" + repr(value).encode() + b"\t" + RULE) as (report, file):
        assert report.rejected == 0
        assert file.read_chunk(0).miner_confidence[0] == value


def test_lines_that_are_no_rules_are_skipped_but_counted() -> None:
    """BOM, comments, blank lines and CR are no part of a rule; line numbers count all lines."""
    content = b"\xef\xbb\xbf# comment\r\n\r\n" + LINE + b"\r\n  \n#x\n" + RULE + b"\n\n" + RULE
    with compiled(content) as (report, file):
        source = file.read_source_chunk(0)
        assert (report.rules, report.rejected) == (3, 0)
        assert source.lines.tolist() == [3, 6, 8]
        assert [source.text(i) for i in range(3)] == [RULE] * 3


def test_bom_before_a_rule() -> None:
    """A BOM at the start of the file is no part of its first rule, wherever blocks end."""
    content = b"\xef\xbb\xbf" + RULE
    for cut in range(5):
        with compiled([content[:cut], content[cut:]]) as (report, file):
            assert report.rejected == 0
            assert file.read_source_chunk(0).text(0) == RULE


def test_stripped_zero_rules_get_their_space_back() -> None:
    """The kept text of a zero rule ends in ` <= ` whether its line did or not."""
    with compiled(b"h(X,c) <=\r\nh(X,d) <= \n1\t1\t1.0\th(X,e) <=") as (report, file):
        source = file.read_source_chunk(0)
        assert report.rejected == 0
        assert [source.text(i) for i in range(3)] == [
            b"h(X,c) <= ",
            b"h(X,d) <= ",
            b"h(X,e) <= ",
        ]


@given(st.lists(st.integers(0, 400), max_size=12))
@examples(60)
def test_blocks_may_end_anywhere(cuts: list[int]) -> None:
    """The rule file is the same however the text is cut into blocks."""
    content = (
        b"\xef\xbb\xbf# c\n" + LINE + b"\r\n\r\nh(X,d) <=\n3\t2\t.5\tn\xc3\xa9(X,Y) <= r(Y,X)\n"
    )
    content += b"bad\n" + b"h(X,a, b) <= r(X,A)"
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    blocks = [content[a:b] for a, b in pairwise(edges)]
    assert compiled_bytes(blocks) == compiled_bytes(content)


@pytest.mark.parametrize(
    ("line", "column", "found", "expected"),
    [
        (b"1\t" + RULE, 3, "2 columns", "4 columns"),
        (b"1\t1\t" + RULE, 5, "3 columns", "4 columns"),
        (LINE + b"\t9", len(LINE) + 2, "a fifth column", "4 columns"),
        (LINE + b"\t9\t9", len(LINE) + 2, "a fifth column", "4 columns"),
        (b"x\t1\t0.5\t" + RULE, 1, "'x'", "whole number"),
        (b"1\t-1\t0.5\t" + RULE, 3, "'-1'", "whole number"),
        (b"1\t1.0\t0.5\t" + RULE, 3, "'1.0'", "whole number"),
        (b"1\t\t0.5\t" + RULE, 3, "''", "whole number"),
        (b"1\t12345678901234567890\t0.5\t" + RULE, 3, "'12345678901234567890'", "whole number"),
        (b"1\t1\t0." + b"3" * 62 + b"\t" + RULE, 5, "...'", "a number of at most 63 characters"),
        (b"1\t1\tnan\t" + RULE, 5, "'nan'", "a number"),
        (b"1\t1\t1e999\t" + RULE, 5, "'1e999'", "a number"),
        (b"1\t1\t0.5e\t" + RULE, 5, "'0.5e'", "a number"),
        (b"1\t1\t1.2.3\t" + RULE, 5, "'1.2.3'", "a number"),
        (b"1\t1\t.\t" + RULE, 5, "'.'", "a number"),
        (b"1\t1\t0.5\th(X,Y) <= r(X,A)", 13, "variable Y", "in the body"),
        (b"h(X,\xff) <= r(X,A)", 5, "byte 0xff, not UTF-8", "UTF-8"),
        (b"n\xc3\xa9(X,\xed\xa0\x80) <= r(X,A)", 6, "byte 0xed, not UTF-8", "UTF-8"),
        (b"h(X,a\xc3", 6, "byte 0xc3, not UTF-8", "UTF-8"),
        (b"h(X,a\x00b) <= r(X,A)", 6, "a NUL character", "UTF-8"),
        (b"h(X,Y) <=  r(X Y)", 11, "' r(X Y)'", "a body atom"),
        (b"\t\t\t", 1, "''", "whole number"),
    ],
)
def test_unreadable_lines_are_rejected_with_their_place(
    line: bytes, column: int, found: str, expected: str
) -> None:
    """Each kind of unreadable line gives line, column, what was found and what was expected."""
    actual_column, actual_found, actual_expected = rejection(line)
    assert (actual_column, found in actual_found) == (column, True), actual_found
    assert expected in actual_expected


@pytest.mark.parametrize("length", [65536, 65537, 65539, 70000, 400000])
def test_lines_of_any_length_take_no_more_memory(length: int) -> None:
    """A line over 64 KiB is rejected as a whole, its beginning kept; the next one is read."""
    long = b"h(X,a) <= r(X," + b"d" * (length - 15) + b")"
    assert len(long) == length
    content = RULE + b"\n" + long + b"\n" + RULE
    for blocks in ([content], [content[i : i + 1000] for i in range(0, len(content), 1000)]):
        with compiled(blocks) as (report, file):
            source = file.read_source_chunk(0)
            assert (report.rules, report.rejected) == (3, int(length > 65536))
            assert source.text(1) == (long[:256] if length > 65536 else long)
            assert source.text(2) == RULE


def test_rejected_lines_keep_line_text_and_reason() -> None:
    """The source chunk tells what was rejected and why; ordinals count rejected rules too."""
    content = RULE + b"\n\nnot a rule\n" + b"h(X,d) <= r(X,A)\n" + b"a\xffb\n"
    with compiled(content) as (report, file):
        source = file.read_source_chunk(0)
        assert (report.rules, report.rejected, file.rejected) == (4, 2, 2)
        assert source.lines.tolist() == [1, 3, 4, 5]
        assert source.text(1) == b"not a rule"
        assert source.reason(1).startswith("column 11: found 'not a rule' without ' <= ', expected")
        assert source.reason(0) == source.reason(2) == ""
        assert source.text(3).decode() == "a\ufffdb"
        assert sorted(decoded_file(file)) == [0, 2]


def test_first_twenty_rejections_are_reported() -> None:
    """The report lists 20 rejected lines and counts the rest."""
    with compiled(b"bad\n" * 50) as (report, _):
        assert report.rejected == 50
        assert [rejection.line for rejection in report.rejections] == list(range(1, 21))


@pytest.mark.parametrize(
    ("policy", "bad", "accepted"),
    [
        ("fail", 0, True),
        ("fail", 1, False),
        ("skip", 100, True),
        ("1%", 1, True),
        ("1%", 2, False),
        ("2.5%", 2, True),
        ("29%", 29, True),
        ("0%", 1, False),
        ("100%", 100, True),
    ],
)
def test_policy_on_bad_rules(policy: str, bad: int, accepted: bool) -> None:
    """Of 100 lines so many may be rejected; else nothing is written and the first are shown."""
    content = b"bad\n" * bad + (RULE + b"\n") * (100 - bad)
    destination = io.BytesIO()

    def run() -> None:
        options = RuleOptions(on_bad_rule=policy)
        compile_rules([content], destination, source_name="r.tsv", options=options)

    if accepted:
        run()
        assert destination.getvalue()
        return
    with pytest.raises(
        InputError, match=rf"r.tsv: {bad} of 100 rule lines[^\n]*\n  line 1, column 4"
    ):
        run()
    assert not destination.getvalue()


@pytest.mark.parametrize("policy", ["", "1", "x%", "-1%", "101%", "nan%", "%", "Skip"])
def test_wrong_policies_are_usage_errors(policy: str) -> None:
    """Anything but fail, skip and P% is refused by name."""
    with pytest.raises(UsageError, match="--on-bad-rule"):
        allowed_share(policy)


def test_rule_strings_make_blocks() -> None:
    """A list of rules is compiled as lines; what cannot be a line is refused by its number."""
    rules = ["h(X,a) <= r(X,A)", "né(X,c) <= "] * 5000
    with compiled(list(lines_of(rules))) as (report, file):
        assert (report.rules, report.rejected) == (10_000, 0)
        assert file.read_source_chunk(1).text(1807) == "né(X,c) <= ".encode()
    assert list(lines_of([])) == []
    with pytest.raises(InputError, match="rule 2: found a line end"):
        list(lines_of(["a", "b\nc"]))
    with pytest.raises(InputError, match="rule 1: .*expected text"):
        list(lines_of(["\ud800"]))
