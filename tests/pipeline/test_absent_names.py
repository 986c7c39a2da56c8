"""Names that a graph does not have: which ones, and how many of its own are looked at for them."""

from __future__ import annotations

from pff_stream.pipeline.absent_names import MOST_NAMES, MOST_READ, Names, absent_from
from pff_stream.rules.file import RuleFile
from tests.graphs import graph_of
from tests.rules.compiled import compiled

GRAPH = graph_of([("a", "r", "b"), ("b", "r", "c")])


def absent(text: bytes) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Heads, relations and constants that the graph does not have, with their numbers."""
    with compiled(text, chunk_rules=2) as (_, file):
        assert isinstance(file, RuleFile)
        found = absent_from(GRAPH, file)
    return dict(found.heads), dict(found.relations), dict(found.constants)


def test_absent_names_are_counted() -> None:
    """Relations of heads and bodies apart; constants of heads are no part of it."""
    text = (
        b"q(X,z) <= r(X,a)\nq(X,Y) <= r(X,Y)\nr(X,Y) <= s(X,A), s(A,Y)\nr(X,Y) <= r(X,Y), r(X,y)\n"
    )
    assert absent(text) == ({"q": 2}, {"s": 2}, {"y": 1})
    assert absent(b"r(X,Y) <= r(Y,X)\n") == ({}, {}, {})


def test_what_is_read_of_a_large_graph_is_bounded() -> None:
    """A sample of the names, whatever their number; what is written in a known way is found."""
    asked: list[int] = []

    def name(number: int) -> bytes:
        asked.append(number)
        return b"http://x.org/%d" % number

    def number(name: bytes) -> int:
        begin, _, end = name.rpartition(b"/")
        return int(end) if begin == b"http://x.org" and end.isdigit() else -1

    names = Names(10**9, name, number, ["ex:999999998", "zzz"])
    assert len(asked) <= MOST_READ + MOST_NAMES
    assert names.nearest("ex:999999998") == "http://x.org/999999998"
    assert names.differences("ex:999999998")[0] == ["prefixes and whole IRIs"]
    assert names.differences("zzz") == ([], None)
    assert names.nearest("zzz") in names.sample
