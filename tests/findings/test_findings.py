"""Findings of a graph agree with their definition, ties, floors and repeated lines included."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.observer import Silent
from pff_stream.pipeline.run import run
from pff_stream.settings.commands import RunSettings
from tests.examples import examples
from tests.findings.reference import Asked, Mined, findings
from tests.reference import HOMOMORPHISM, OBJECT_IDENTITY, Rule, Triple, rule_text
from tests.strategies import graphs, rule_sets

CONFIDENCES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])


@st.composite
def asked_for(draw: st.DrawFn) -> Asked:
    """Anything that can be asked for."""
    floor = draw(st.none() | CONFIDENCES)
    return Asked(
        n=draw(st.none() | st.integers(1, 12)),
        floor=floor,
        kind=draw(st.sampled_from(["miner", "exact", "partial"])),
        noisy_or=floor is not None and draw(st.booleans()),
        partial=draw(st.booleans()),
        max_reasons=draw(st.integers(1, 3)),
        semantics=draw(st.sampled_from([OBJECT_IDENTITY, HOMOMORPHISM])),
    )


@st.composite
def mined_lines(draw: st.DrawFn) -> list[Mined]:
    """Rules as a miner writes them, some of them twice."""
    rules: list[Rule] = draw(rule_sets())
    again = draw(st.lists(st.sampled_from(rules), max_size=4))
    lines = draw(st.permutations([*rules, *again]))
    return [Mined(line, rule, draw(CONFIDENCES)) for line, rule in enumerate(lines, 1)]


def written(
    lines: Sequence[Mined], triples: Sequence[Triple], asked: Asked, **settings: Any
) -> list[dict[str, Any]]:
    """What a run writes, without places and messages."""
    with tempfile.TemporaryDirectory() as folder:
        rules, graph, out = (Path(folder) / name for name in ("r.tsv", "t.tsv", "out"))
        rules.write_text(
            "".join(f"9\t9\t{one.confidence!r}\t{rule_text(one.rule)}\n" for one in lines)
        )
        graph.write_text("".join("\t".join(triple) + "\n" for triple in triples))
        options = {"workers": 1, "start_method": "thread"} | settings
        run(
            RunSettings.of(
                rules=str(rules),
                triples=(str(graph),),
                out=str(out),
                findings="all" if asked.n is None else asked.n,
                floor=asked.floor,
                confidence=asked.kind,
                score="noisy-or" if asked.noisy_or else "max",
                assumption="partial" if asked.partial else "closed",
                max_reasons=asked.max_reasons,
                semantics=asked.semantics,
                **options,
            ),
            Silent(),
        )
        lines_found = (out / "findings.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines_found]
    for one in found:
        del one["where"], one["message"]
        for reason in one["reasons"]:
            del reason["where"]
    return found


@pytest.mark.thorough
@examples(30)
@given(mined_lines(), graphs(min_triples=1), asked_for())
def test_findings_are_those_of_the_definition(
    lines: list[Mined], triples: list[Triple], asked: Asked
) -> None:
    """For random graphs and rules, whatever is asked for."""
    assert written(lines, triples, asked) == findings(lines, triples, asked)


@pytest.mark.thorough
@examples(8)
@given(mined_lines(), graphs(min_triples=1), st.data())
def test_neither_rows_nor_rules_decide_the_order(
    lines: list[Mined], triples: list[Triple], data: st.DataObject
) -> None:
    """The triples and the rules in another order give the same keys in the same order."""
    asked = Asked(n=5, kind="exact")
    other_triples = data.draw(st.permutations(triples))
    other_rules = data.draw(st.permutations([one.rule for one in lines]))
    other_lines = [Mined(line, rule, 0.5) for line, rule in enumerate(other_rules, 1)]
    one, other = written(lines, triples, asked), written(other_lines, other_triples, asked)
    assert [found["key"] for found in one] == [found["key"] for found in other]
    assert [found["score"] for found in one] == [found["score"] for found in other]


@pytest.mark.thorough
@examples(8)
@given(mined_lines(), graphs(min_triples=1), st.integers(1, 6))
def test_fewer_findings_are_the_first_of_more(
    lines: list[Mined], triples: list[Triple], n: int
) -> None:
    """The list of N is a prefix of the list of N + 1."""
    fewer = [one["triple"] for one in written(lines, triples, Asked(n=n))]
    more = [one["triple"] for one in written(lines, triples, Asked(n=n + 1))]
    assert more[: len(fewer)] == fewer
