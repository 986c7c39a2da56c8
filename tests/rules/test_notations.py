"""Rules in another miner's notation: they read back as the same, and what cannot be is told."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pff_stream.notes import NOT_CONVERTED
from pff_stream.rules.convert import Converted
from pff_stream.rules.notations import NOTATIONS, NotConvertedError, known, read_plainly
from pff_stream.rules.rule import Atom, Different, Rule, Variable
from tests.rules.compiled import compiled, decoded_file
from tests.rules.formats.amie_counts import content, counted, graph_of_lines, source_columns

DATA = Path(__file__).parents[1] / "data"
X, Y, A, B = (Variable(name) for name in "XYAB")
OPEN = Rule(Atom("h", X, "c"), (Atom("r", X, Y),))
ANYBURL_LINE = re.compile(
    r"(?:[0-9]+\t[0-9]+\t[0-9.e-]+\t)?[^\t\n]+\([^\t\n]+,[^\t\n]+\) <= [^\t\n]*\n"
)


def convert(text: bytes, notation: str, **options: object) -> tuple[list[str], Converted]:
    """All lines, and how it went."""
    with compiled(text, **options) as (_, file):
        converted = Converted(file, "rules", notation)
        return [line.decode() for line in converted.lines()], converted


@pytest.mark.parametrize(
    ("rule", "anyburl", "amie"),
    [
        (
            Rule(Atom("h", X, Y), (Atom("q", A, Y), Atom("r", X, A))),
            "h(X,Y) <= r(X,A), q(A,Y)",
            "?c  q  ?b  ?a  r  ?c   => ?a  h  ?b",
        ),
        (
            Rule(Atom("h", "c", X), (Atom("q", A, "d"), Atom("r", A, X))),
            "h(c,Y) <= r(A,Y), q(A,d)",
            "?c  q  d  ?c  r  ?b   => c  h  ?b",
        ),
        (
            Rule(Atom("h", A, A), (Atom("r", A, B), Atom("r", B, B))),
            "h(X,me_myself_i) <= r(X,A), r(A,me_myself_i)",
            "?a  r  ?c  ?c  r  ?c   => ?a  h  ?a",
        ),
        (Rule(Atom("h", X, "cc"), ()), "h(X,cc) <= ", "AMIE has no rules without a body"),
        (
            Rule(Atom("h", A, A), (), over_objects=True),
            "h(me_myself_i,Y) <= ",
            "AMIE has no rules without a body",
        ),
        (
            Rule(Atom("h", X, "DE"), (Atom("r", X, "A"),)),
            "the constant 'A' would be a variable",
            "?a  r  A   => ?a  h  DE",
        ),
        (
            Rule(Atom("h", X, "?x"), (Atom("r", X, Y),)),
            "h(X,?x) <= r(X,A)",
            "the constant '?x' would be a variable",
        ),
        (
            Rule(Atom("h", X, "c"), (Atom("r", X, Y), Atom("s", "a", "b"))),
            "h(X,c) <= r(X,A), s(a,b)",
            "AMIE has no atoms without a variable, as s(a,b)",
        ),
        (
            replace(OPEN, filters=(Different(Y, "c"), Different(X, Y))),
            "AnyBURL has no inequalities",
            "?c!=c ?a!=?c ?a  r  ?c   => ?a  h  c",
        ),
        (
            Rule(Atom("h", X, "a), r(X,b"), (Atom("r", X, Y),)),
            "h(X,a), r(X,b) <= r(X,A)",
            "?a  r  ?c   => ?a  h  a), r(X,b",
        ),
        (
            Rule(Atom("h", X, "c"), (Atom("r", X, "a), r(X,b"),)),
            "h(X,c) <= r(X,a), r(X,b) would be read as another rule",
            "?a  r  a), r(X,b   => ?a  h  c",
        ),
        (
            Rule(Atom("h", X, "c"), (Atom("r", X, "a  b"),)),
            "h(X,c) <= r(X,a  b)",
            "?a  r  a  b   => ?a  h  c would be unclear: found 2 readings",
        ),
    ],
)  # fmt: skip
def test_a_rule_in_both_notations(rule: Rule, anyburl: str, amie: str) -> None:
    """What is written reads back as the same rule; else it is said why it is not written."""
    for name, expected in (("anyburl", anyburl), ("amie", amie)):
        notation = NOTATIONS[name]
        try:
            line = notation.line(rule, {})
        except NotConvertedError as error:
            assert str(error).startswith(expected)
        else:
            text = line.split("\t")[0]
            assert text == expected
            assert isinstance(read_plainly(notation.format, text.encode()), Rule)


def test_many_variables() -> None:
    """As many as a rule can have, in heads of every form."""
    variables = [Variable(f"v{n}") for n in range(26)]
    body = tuple(Atom("r", a, b) for a, b in pairwise(variables))
    for head in (
        Atom("h", variables[0], variables[-1]),
        Atom("h", variables[3], "cc"),
        Atom("h", "cc", variables[3]),
        Atom("h", variables[9], variables[9]),
        Atom("h", "cc", "dd"),
    ):
        assert NOTATIONS["anyburl"].line(Rule(head, body), {}).startswith("h(")
        if isinstance(head.subject, Variable) or isinstance(head.object, Variable):
            assert "   => " in NOTATIONS["amie"].line(Rule(head, body), {})


def test_values() -> None:
    """Counts that are not known are -1 in AMIE's columns; AnyBURL needs all three."""
    rule = Rule(Atom("h", X, Y), (Atom("r", X, Y),))
    some = known(
        {"predictions": 8, "support": 2, "confidence": float("nan"), "pca_predictions": -1}
    )
    assert some == {"predictions": 8, "support": 2}
    assert NOTATIONS["amie"].line(rule, some).split("\t")[1:] == ["-1", "-1", "-1", "2", "8", "-1"]
    assert NOTATIONS["anyburl"].line(rule, some) == "h(X,Y) <= r(X,Y)"
    some = {**some, "confidence": 0.25}
    assert NOTATIONS["anyburl"].line(rule, some) == "8\t2\t0.25\th(X,Y) <= r(X,Y)"


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["umls", "nations", "edge"])
def test_there_and_back(name: str) -> None:
    """AnyBURL's own rules through AMIE's notation: the same rules, counts and columns."""
    text = b"".join(content(DATA / name / "rules.tsv.gz").splitlines(True)[:400])
    lines, converted = convert(text, "amie")
    assert converted.n_converted == 400 and converted.meaning == "--semantics object-identity"
    back, _ = convert("".join(lines).encode(), "anyburl", on_bad_rule="fail")
    with compiled(text) as (_, file), compiled("".join(back).encode()) as (_, again):
        assert source_columns(file)[1] == source_columns(again)[1]
        plain = {at for at, rule in decoded_file(file).items() if not rule[0]}
        assert plain
        for source in plain:
            # Atoms may come in another order; here they are chains, which are written as such.
            assert decoded_file(again)[source] == decoded_file(file)[source]


def test_amie_as_anyburl_counts_the_same() -> None:
    """With the semantics that the rules had; each line is one of AnyBURL's format."""
    amie = content(DATA / "amie" / "nat-d4.out.gz")
    graph = graph_of_lines(content(DATA / "nations" / "train.tsv.gz"))
    lines, converted = convert(amie, "anyburl")
    assert converted.n_converted == 60 and not len(converted.notes)
    assert converted.meaning == "--semantics homomorphism"
    assert all(map(ANYBURL_LINE.fullmatch, lines))
    wanted = counted(amie, graph)
    with compiled("".join(lines).encode(), on_bad_rule="fail") as (report, file):
        assert report.rule_format == "anyburl"
        assert source_columns(file)[1]["predictions"] == [r.predictions for r in wanted.results]
    again, _ = convert("".join(lines).encode(), "amie", semantics="homomorphism")
    assert counted("".join(again).encode(), graph).results == wanted.results


def test_what_cannot_be_converted_is_told() -> None:
    """How many, where, and why; texts that could not be read or have several readings, too."""
    text = b"""\
?d!=c ?a  r  ?d   => ?a  h  c
?a  r  ?b   => ?a  h  ?b
?a  r  x  y   => ?a  h  z
?a  r  ?c   => ?a  h  ?b
"""
    lines, converted = convert(text, "anyburl", rule_format="amie")
    assert lines == ["h(X,Y) <= r(X,Y)\n"]
    places = converted.notes.first(NOT_CONVERTED)
    assert [(place.source, place.number) for place in places] == [("rules", n) for n in (1, 3, 4)]
    assert [place.reason.split(":")[0] for place in places] == [
        "AnyBURL has no inequalities",
        "found 2 readings",
        "it could not be read",
    ]


def test_namespaces_are_written_out() -> None:
    """AnyBURL and PyClause know no prefixes."""
    namespaces = "".join(f"p{n}:http://e.org/{n}#\n" for n in range(200))
    text = f"?a  p1:r  ?b   => ?a  p199:h  p200:c\n{namespaces}".encode()
    assert convert(text, "anyburl", rule_format="amie")[0] == [
        "<http://e.org/199#h>(X,p200:c) <= <http://e.org/1#r>(X,A)\n"
    ]


# What PyClause's `Loader.write_rules`, its `RuleSet.write` and `get_rules` write.
PYCLAUSE = """\
20\t10\t0.5\tknows(X,Y) <= knows(Y,X)
3000000\t1\t3.33333e-07\tknows(X,Y) <= likes(X,A), near(A,B), knows(B,Y)
3\t1\t0.333333\tknows(X,lisa) <= likes(X,lisa)
3\t1\t0.33333\tknows(lisa,Y) <= likes(A,Y), near(max,A)
25\t20\t0.800000\tknows(X,X) <= likes(X,A)
25\t20\t0.8\tknows(X,me_myself_i) <= likes(X,A)
25\t20\t0.8\tknows(me_myself_i,Y) <= likes(Y,lisa)
5\t5\t1\tknows(X,lisa) <= {}
5\t5\t1\tknows(lisa,Y) <= {}
""".replace("{}", "")


def test_rules_of_pyclause_are_read() -> None:
    """Every rule type that it has, numbers as C++ and Python print them."""
    with compiled(PYCLAUSE.encode(), on_bad_rule="fail") as (report, file):
        assert (report.rule_format, report.rules, report.rejected) == ("anyburl", 9, 0)
        texts, columns = source_columns(file)
        assert texts == [line.split("\t")[3] for line in io.StringIO(PYCLAUSE).read().splitlines()]
        assert columns["confidence"][1] == 3.33333e-07
    lines, _ = convert(PYCLAUSE.encode(), "anyburl")
    assert all(map(ANYBURL_LINE.fullmatch, lines)) and len(lines) == 9
