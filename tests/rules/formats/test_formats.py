"""A rule format that a caller brings: what it adds and rejects, and that it is chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from pff_stream.errors import InputError, UsageError
from pff_stream.files.lines import text_lines
from pff_stream.rules._sink import RuleSink
from pff_stream.rules.columns import CONFIDENCE, PREDICTIONS, SUPPORT, MinerColumn
from pff_stream.rules.compile import MIN_ARENA_BYTES
from pff_stream.rules.file import RuleFile
from pff_stream.rules.formats import FORMATS
from pff_stream.rules.formats._readings import Reading
from pff_stream.rules.formats.anyburl import read_rule
from pff_stream.rules.formats.interface import GraphNames, RuleFormat
from pff_stream.rules.rule import MAX_BODY_ATOMS, MAX_NAME_BYTES, Atom, Rule, Variable
from tests.examples import examples
from tests.reference import Rule as ReferenceRule
from tests.rules.compiled import compiled, decoded, decoded_file
from tests.rules.test_compile import random_lines
from tests.strategies import rules as any_rules

X, Y = Variable("X"), Variable("Y")
LIKES = Rule(Atom("likes", X, Y), (Atom("knows", X, Y),))


class Slow(RuleFormat):
    """AnyBURL's lines, read one by one in Python; texts that are not clear are left out."""

    name = "slow"
    default_semantics = "homomorphism"
    columns = (PREDICTIONS, SUPPORT, CONFIDENCE)

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """Whatever there is."""
        return True

    def read(self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None) -> None:
        """Reads a line at a time."""
        for number, line in text_lines(blocks, lambda bad: rules.reject(*bad)):
            *numbers, text = line.split("\t")
            reading = read_rule(text.encode())
            if isinstance(reading, Reading) and not reading.ambiguous:
                kinds = (("predictions", int), ("support", int), ("confidence", float))
                pairs = zip(kinds, numbers, strict=False)
                values = {name: kind(value) for (name, kind), value in pairs}
                rules.add(number, text, reading.rule(), values)
            else:
                rules.reject(number, text, 1, "an unclear text", "a clear one")


class Given(RuleFormat):
    """Hands over what a test gives it, whatever the source holds."""

    name = "given"
    default_semantics = "object-identity"
    columns: tuple[MinerColumn, ...] = (SUPPORT, CONFIDENCE)

    def __init__(self, *calls: tuple[Any, ...]) -> None:
        self.calls = calls

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """Any source of a certain name."""
        return name == "given"

    def read(self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None) -> int:
        """One call for each."""
        for _ in blocks:
            pass
        for method, *arguments in self.calls:
            getattr(rules, method)(*arguments)
        return 0


@pytest.mark.thorough
def test_python_and_compiled_code_write_the_same_rules() -> None:
    """Rules, their order, texts and columns; with runs on disk as without."""
    lines = (line for line in random_lines(6000).splitlines(True) if b"(n)" not in line)
    content = b"".join(line.replace(b"\th", b"\t" + 400 * b"h") for line in lines)
    for options in ({}, {"arena_bytes": MIN_ARENA_BYTES}):
        with (
            compiled(content) as (report, fast),
            compiled(content, formats=(Slow(),), **options) as (slow_report, slow),
        ):
            assert (slow_report.spilled_runs > 0) == bool(options)
            assert (slow.rule_format, slow.semantics) == ("slow", "homomorphism")
            clear = {source: rule for source, rule in decoded_file(fast).items() if not rule[0]}
            found = decoded_file(slow)
            assert list(found.items()) == list(clear.items())
            assert slow_report.rejected == report.rejected + report.ambiguous
            kept = list(found)
            for name in ("predictions", "support", "confidence"):
                left, right = whole_column(slow, name)[kept], whole_column(fast, name)[kept]
                assert np.array_equal(left, right, equal_nan=True) and len(left) > 2000
            assert list(map(texts_of(slow).__getitem__, kept)) == list(
                map(texts_of(fast).__getitem__, kept)
            )


def whole_column(file: RuleFile, name: str) -> npt.NDArray[Any]:
    """A column of the miner, of all rules."""
    (column,) = (each for each in file.columns if each.name == name)
    return np.concatenate([chunk.miner_column(column) for chunk in file.all_source_chunks()])


def texts_of(file: RuleFile) -> list[bytes]:
    """The texts of all rules."""
    return [chunk.text(at) for chunk in file.all_source_chunks() for at in range(len(chunk))]


@given(any_rules())
@examples(40)
def test_any_rule(rule: ReferenceRule) -> None:
    """What is added is what a worker reads."""
    text = str(rule)
    with (
        compiled(text.encode(), formats=(Slow(),)) as (report, slow),
        compiled(text.encode()) as (
            fast_report,
            fast,
        ),
    ):
        if not report.rejected:
            assert decoded_file(slow) == decoded_file(fast)
        assert fast_report.rules == report.rules == 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(Atom("r", X, Y), (Atom("q", X, X),)), "variable Y of the head in no body atom"),
        (Rule(Atom("r", X, Y), ()), "two variables in the head of a rule without a body"),
        (Rule(Atom("r", X, "a"), (Atom("", X, X),)), "the name ''"),
        (Rule(Atom("r", X, "a\tb"), (Atom("q", X, X),)), r"the name 'a\tb'"),
        (Rule(Atom("r", X, "\ud800"), (Atom("q", X, X),)), "the name"),
        (Rule(Atom("r", X, "me_myself_i"), (Atom("q", X, X),)), "the constant me_myself_i"),
        (Rule(Atom("r", X, "a"), (Atom("q", X, "b"),) * (MAX_BODY_ATOMS + 1)), "8,192 body atoms"),
        (Rule(Atom("r", X, "a" * MAX_NAME_BYTES), (Atom("q", X, X),)), "names of 65538 bytes"),
        (
            Rule(Atom("r", X, "a"), tuple(Atom("q", X, Variable(f"{i}")) for i in range(26))),
            "27 variables",
        ),
    ],
    ids=range(9),
)
def test_rules_that_cannot_be_meant_are_rejected(rule: Rule, said: str) -> None:
    """Whatever a format makes of its text."""
    with compiled(b"", source_name="given", formats=(Given(("add", 3, "text", rule)),)) as (
        report,
        file,
    ):
        assert (report.rules, report.rejected) == (1, 1)
        (rejection,) = report.rejections
        assert rejection.line == 3 and said in rejection.found
        assert file.read_source_chunk(0).text(0) == b"text"


@pytest.mark.thorough
def test_the_largest_rules_are_taken() -> None:
    """As many atoms, names and characters as there may be, in every window of the way."""

    def rule(number: int) -> Rule:
        if number % 2:
            name = f"{number:05}" + "n" * 32_000
            return Rule(Atom("r", X, name), (Atom("q", X, "m" + name),))
        body = tuple(Atom(f"{i % 10}", X, f"{i:06}") for i in range(MAX_BODY_ATOMS - 1))
        return Rule(Atom("r", X, "c"), (*body, Atom("0", X, f"{number}")))

    calls = [("add", number, "t" * 65536, rule(number)) for number in range(1, 61)]
    with compiled(
        b"", source_name="given", formats=(Given(*calls),), arena_bytes=MIN_ARENA_BYTES
    ) as (
        report,
        file,
    ):
        assert (report.rules, report.rejected, report.spilled_runs > 1) == (60, 0, True)
        found = decoded_file(file)
        assert all(found[number - 1] == decoded(rule(number)) for number in range(1, 61))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"support": -1}, "support -1"),
        ({"confidence": math.nan}, "confidence nan"),
        ({"confidence": math.inf}, "confidence inf"),
        ({"support": 1 << 63}, "support 9223372036854775808"),
    ],
)
def test_values_that_no_column_holds_are_rejected(values: dict[str, float], said: str) -> None:
    """They are the miner's, and may be anything."""
    with compiled(b"", source_name="given", formats=(Given(("add", 1, "t", LIKES, values)),)) as (
        report,
        _,
    ):
        assert [rejection.found for rejection in report.rejections] == [said]


def test_texts_and_reasons_are_lines() -> None:
    """A text that no report can show as one line is rejected, and kept without what breaks it."""
    calls = [
        ("add", 1, "two\nlines", LIKES),
        ("add", 2, "a\ttab", LIKES),
        ("add", 5, "x" * 65537, LIKES),
        ("reject", 6, "bad\0one\ntwo \ud800", 3, "nothing", "something"),
        ("add", 7, "good é", LIKES, {"support": None, "confidence": 0.25}),
    ]
    with compiled(b"", source_name="given", formats=(Given(*calls),)) as (report, file):
        assert (report.rules, report.rejected) == (5, 4)
        chunk = file.read_source_chunk(0)
        assert chunk.lines.tolist() == [1, 2, 5, 6, 7]
        assert chunk.text(0) == "two\ufffdlines".encode() and chunk.text(4) == "good é".encode()
        assert chunk.reason(3) == "column 3: found nothing, expected something"
        assert report.columns == {"support": 0, "confidence": 1}
        assert chunk.miner_confidence[4] == 0.25


@pytest.mark.parametrize(
    "calls",
    [
        [("add", 2, "t", LIKES), ("add", 2, "t", LIKES)],
        [("add", 0, "t", LIKES)],
        [("reject", 3, "t", 1, "a", "b"), ("reject", 2, "t", 1, "a", "b")],
        [("add", 1, "t", LIKES, {"lift": 1.0})],
    ],
)
def test_mistakes_of_a_format_are_errors(calls: list[tuple[Any, ...]]) -> None:
    """Lines that do not rise, and columns that it does not have."""
    with pytest.raises(ValueError, match="lines must rise|column 'lift'"):
        with compiled(b"", source_name="given", formats=(Given(*calls),)):
            pass


def test_the_first_format_that_matches() -> None:
    """Or the one that is asked for; it is told the name and the beginning of the source."""
    seen: list[tuple[str, bytes]] = []

    class Asked(Given):
        """Remembers."""

        name = "asked"

        def matches(self, name: str, first_bytes: bytes) -> bool:
            """Never."""
            seen.append((name, first_bytes))
            return False

    formats = (Asked(), Slow(), *FORMATS)
    content = b"h(X,c) <= r(X,A)\n"
    with compiled([content[:3], content[3:]], formats=formats) as (report, _):
        assert report.rule_format == "slow" and report.rules == 1
    assert seen == [("rules.tsv", content)]
    with compiled(content, formats=formats, rule_format="anyburl") as (report, _):
        assert report.rule_format == "anyburl"
    with pytest.raises(
        UsageError, match="--rule-format 'x': expected one of auto, asked, slow, amie"
    ):
        with compiled(content, formats=formats, rule_format="x"):
            pass
    with pytest.raises(InputError, match=r"rules.tsv: found b'h\(X,c\).*', expected rules"):
        with compiled(content, formats=(Asked(),)):
            pass


def test_too_many_columns() -> None:
    """A rule file has room for sixteen."""

    class Many(Given):
        """One more."""

        columns = tuple(MinerColumn(f"c{i}", "<i8", "triples", "") for i in range(17))

    with (
        pytest.raises(ValueError, match="17 columns"),
        compiled(b"", source_name="given", formats=(Many(),)),
    ):
        pass
