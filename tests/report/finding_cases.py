"""Findings drawn by hypothesis, and a few made by hand, as a run has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from pff_stream.report.found import FoundTotals
from pff_stream.report.streams import KINDS, Finding, FindingReason, Found, Place
from tests.report.cases import names, rule_texts

RANKED_BY = "miner/max/closed"
shares = st.floats(0, 1)
counts = st.integers(0, 2**63 - 1)
raw_names = st.binary(max_size=8).map(lambda name: name.decode("utf-8", "surrogateescape"))
some_names = st.one_of(names, raw_names)
triples = st.tuples(some_names, some_names, some_names)
places = st.none() | st.builds(
    Place, st.sampled_from(["a.json", "b.tsv"]), st.integers(1, 2**40), st.none() | names
)


@st.composite
def reasons(draw: st.DrawFn) -> FindingReason:
    """A rule with its witness, and a place for each triple or for none."""
    witness = tuple(draw(st.lists(triples, max_size=3)))
    where = tuple(draw(st.lists(places, min_size=len(witness), max_size=len(witness))))
    return FindingReason(
        line=draw(counts),
        text=draw(rule_texts),
        witness=witness,
        confidence=draw(shares),
        where=draw(st.sampled_from([(), where])),
    )


@st.composite
def found(draw: st.DrawFn) -> Found:
    """What stands in the place."""
    objects, subjects = (tuple(draw(st.lists(some_names, max_size=3))) for _ in range(2))
    more = st.integers(0, 2**40)
    return Found(objects, len(objects) + draw(more), subjects, len(subjects) + draw(more))


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    """Any finding."""
    of_rules = tuple(draw(st.lists(reasons(), min_size=1, max_size=3)))
    return Finding(
        triple=draw(triples),
        reasons=of_rules,
        document=draw(st.sampled_from(["", "cli-000022"])),
        key=draw(st.from_regex("[0-9a-f]{16}", fullmatch=True)),
        kind=draw(st.sampled_from(KINDS)),
        score=draw(shares),
        ranked_by=RANKED_BY,
        floor=draw(st.none() | shares),
        found=draw(found()),
        where=draw(places),
        reasons_total=len(of_rules) + draw(st.integers(0, 9)),
        message=draw(some_names),
        by_object=draw(st.booleans()),
        new=draw(st.none() | st.booleans()),
    )


def by_hand(*scores: float, document: str = "") -> list[Finding]:
    """A finding for each score, in this order."""
    reason = FindingReason(2, "r(X,Y) <= q(X,Y)", (("a", "q", "b"),), 0.75)
    stands = Found(("c",), 1)
    return [
        Finding(
            triple=("a", "r", f"b{number}"),
            reasons=(replace(reason, where=(Place("g.tsv", 3, None),)),),
            document=document,
            key=f"{number:016x}",
            kind=KINDS[number % 2],
            score=score,
            ranked_by=RANKED_BY,
            found=stands,
            where=Place("g.tsv", 7, None),
            reasons_total=2,
            message=f"expected b{number}, found c",
        )
        for number, score in enumerate(scores)
    ]


def totals_of(written: Sequence[Finding]) -> FoundTotals:
    """What a run says of these."""
    totals = FoundTotals(RANKED_BY, total=len(written), rules_in_force=1, confidence=0.75)
    for finding in written:
        totals.take(finding)
    return totals
