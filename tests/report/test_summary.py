"""The summary as JSON and as text."""

from __future__ import annotations

import json

import pytest

from pff_stream.report.records import Counts, Outcome
from pff_stream.report.summary import (
    Summary,
    cap_lines,
    failure_lines,
    summary_lines,
    visible,
    worst_lines,
)
from pff_stream.report.totals import Failure, RunTotals, Totals, WorstRule


def totals(**changes: object) -> Totals:
    """Totals of ten rules, two of them violated."""
    fields: dict[str, object] = {
        "outcomes": (1, 2, 3, 0, 0, 0, 4),
        "counts": Counts(1000, 766),
        "violations": 234,
        "violations_written": 20,
        "cut_by_max_examples": 0,
        "cut_by_max_violations": 0,
        "worst": (WorstRule(9, "h(X,Y) <= r(X,Y)", 900, 233), WorstRule(12, "short", 5, 1)),
    }
    return Totals(**{**fields, **changes})  # type: ignore[arg-type]


def summary(**changes: object) -> Summary:
    """A summary with a bit of everything."""
    fields: dict[str, object] = {
        "totals": RunTotals.of(totals()),
        "semantics": "object-identity",
        "settings": {"unseen": 5, "max_violations": 10},
        "inputs": {"règles.tsv": "00ff"},
        "run": {"seconds": {"evaluate": 0.5}},
    }
    return Summary(**{**fields, **changes})  # type: ignore[arg-type]


def test_json_document() -> None:
    """The document has the keys of the format, in their order, and all that may differ last."""
    text = summary().to_bytes().decode()
    document = json.loads(text)
    assert list(document) == [
        "format_version",
        "documents",
        "rules",
        "reasons",
        "predictions",
        "support",
        "unknown",
        "violations",
        "violations_written",
        "truncated",
        "findings",
        "notes",
        "semantics",
        "settings",
        "inputs",
        "run",
    ]
    assert document["format_version"] == 2
    became = {"violated": 1, "satisfied": 0, "unchecked": 0, "failed": 0}
    assert document["documents"] == {"total": 1, **became}
    assert document["rules"] == {
        "total": 10,
        "satisfied": 1,
        "violated": 2,
        "vacuous": 3,
        "filtered": 0,
        "too-large": 0,
        "failed": 0,
        "rejected": 4,
    }
    assert document["rules"]["total"] == sum(document["rules"][each.word] for each in Outcome)
    assert document["truncated"] == {"max_examples": False, "max_violations": False}
    assert "règles.tsv" in text
    assert text.endswith("}\n")


def test_json_is_deterministic() -> None:
    """The same summary gives the same bytes, and `run` alone may change them."""
    one, other = summary(), summary(run={"seconds": {"evaluate": 0.7}})
    assert one.to_bytes() == summary().to_bytes()
    first, second = json.loads(one.to_bytes()), json.loads(other.to_bytes())
    assert first.pop("run") != second.pop("run")
    assert first == second


def test_labels_of_a_manifest() -> None:
    """What a manifest says of itself is copied."""
    document = json.loads(summary(labels={"execution_id": "a", "sequence": [1]}).to_bytes())
    assert (document["execution_id"], document["sequence"]) == ("a", [1])


def test_caps_in_json() -> None:
    """Each cap that cut something has its flag."""
    cut = totals(cut_by_max_examples=3, cut_by_max_violations=1)
    document = json.loads(summary(totals=RunTotals.of(cut)).to_bytes())
    assert document["truncated"] == {"max_examples": True, "max_violations": True}


def test_no_number_that_json_lacks() -> None:
    """NaN and infinity are refused."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        summary(run={"seconds": float("nan")}).to_bytes()


def test_text() -> None:
    """The text gives the counts and the worst rules."""
    run = RunTotals.of(totals())
    assert [*summary_lines(run, "homomorphism"), *worst_lines(run.rules)] == [
        "10 rules (homomorphism): 1 satisfied, 2 violated, 3 vacuous, 4 rejected",
        "1,000 predictions, 766 of them in the graph, 234 violations",
        "",
        "violated rules, most violations first:",
        "violations  line  rule",
        "       233     9  h(X,Y) <= r(X,Y)",
        "         1    12  short",
    ]


def test_text_of_nothing() -> None:
    """A run without rules says so, in one form."""
    none = Totals((0,) * 7, Counts(), 0, 0, 0, 0, ())
    assert list(summary_lines(RunTotals.of(none), "homomorphism")) == [
        "0 rules (homomorphism)",
        "0 predictions, 0 of them in the graph, 0 violations",
    ]


def test_more_violated_rules_than_shown() -> None:
    """The title says of how many the worst are the worst."""
    many = totals(outcomes=(0, 1234, 0, 0, 0, 0, 0))
    title = "the 2 of 1,234 violated rules with the most violations:"
    assert title in list(worst_lines(many))


def test_caps_in_text() -> None:
    """Each cap that cut something is announced with what it left out."""
    cut = totals(cut_by_max_examples=1, cut_by_max_violations=30)
    assert list(cap_lines(cut)) == [
        "--max-examples left out 1 violation (counted, without example)",
        "--max-violations left out 30 examples after the first 20",
    ]
    assert set(cap_lines(cut)) <= set(summary_lines(RunTotals.of(cut), "homomorphism"))


def test_documents_in_text() -> None:
    """A list of documents is summed up; what failed is named, the first of it."""
    run = RunTotals.of(totals())
    run.add(totals(violations=0))
    for number in range(12):
        run.add_failed(Failure(f"d{number}", "it is\tbroken"))
    assert list(summary_lines(run, "homomorphism", lists_documents=True)) == [
        "14 documents: 1 violated, 1 satisfied, 12 failed",
        (
            "20 checks of a rule on a document (homomorphism): 2 satisfied, 4 violated, "
            "6 vacuous, 8 rejected"
        ),
        "2,000 predictions, 1,532 of them in the graph, 234 violations",
    ]
    lines = list(failure_lines(run))
    assert lines[0] == r"failed: d0: it is\tbroken"
    assert lines[-1] == "failed: 2 more"
    assert len(lines) == 11
    assert run.rules.worst == ()


def test_visible_text() -> None:
    """Terminal codes in a rule are shown, not obeyed; a very long text is cut."""
    assert visible("h(X,é) <= 🐘") == "h(X,é) <= 🐘"
    assert visible("a\x1b[31m\udc80b") == r"a\x1b[31m\udc80b"
    assert len(visible("x" * 10_000)) == 500
