"""A validator: what it takes as a document, what it answers, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream import DocumentError, RefusedError, UsageError, Validator

RULES = [
    "speed(X,200) <= code(X,FIBRA200)",
    "speed(X,50) <= code(X,A)",
    "speed(X,Y) <= speed(X,Y)",
    "speed(X,Y) <= plan(A,X), speed(X,Y)",
    "owner(X,Y) <= owns(Y,X)",
]
DOCUMENT = {"id": 1, "plan": {"code": "FIBRA200", "speed": 50}}


@pytest.fixture(scope="module")
def validator() -> Validator:
    """Of a few rules, without confidence."""
    return Validator.from_rules(RULES)


def unplaced(finding: Any) -> Any:
    """A finding without the files of its places, which are those of the input."""

    def moved(place: Any) -> Any:
        return None if place is None else place._replace(file="")

    reasons = tuple(replace(one, where=tuple(map(moved, one.where))) for one in finding.reasons)
    return replace(finding, where=moved(finding.where), reasons=reasons, key="", document="")


def test_a_document(validator: Validator) -> None:
    """Findings with place and message, counts, rules."""
    result = validator.check(DOCUMENT, name="cli-22")
    (finding,) = result.findings
    assert finding.pointer == "/plan/speed"
    assert finding.message == "expected 200, found 50, because code is FIBRA200"
    assert finding.reasons[0].witness == (("1/plan", "code", "FIBRA200"),)
    assert (result.name, result.ok, result.unchecked) == ("cli-22", False, False)
    counts = result.counts
    assert (counts.satisfied, counts.violated, counts.vacuous) == (3, 1, 1)
    assert counts.reasons == {"relation not in the graph": 1}
    assert [rule.line for rule in result.violated] == [1]
    assert [rule.line for rule in result.satisfied] == [2, 3, 4]
    assert json.loads(json.dumps(result.to_dict()))["findings"][0]["key"] == finding.key


@pytest.mark.thorough
def test_as_a_run_has_it(validator: Validator, tmp_path: Path) -> None:
    """The same findings, keys and counts as a run over a file of that text."""
    text = json.dumps(DOCUMENT, indent=1)
    path = tmp_path / "cli-22.json"
    path.write_text(text)
    result = validator.check(text, name="cli-22")
    with pff_stream.run(RULES, path, workers=1) as expected:
        assert [*map(unplaced, result.findings)] == [*map(unplaced, expected.findings)]
        assert [replace(one, document="") for one in result.violated] == list(expected.violated)
        assert [replace(one, document="") for one in result.satisfied] == list(expected.satisfied)


FORMS: list[Any] = [
    DOCUMENT,
    json.dumps(DOCUMENT),
    json.dumps(DOCUMENT).encode(),
    [DOCUMENT],
    [("1/plan", "code", "FIBRA200"), ("1/plan", "speed", "50"), ("1", "plan", "1/plan")],
]


@pytest.mark.parametrize("document", FORMS, ids=["dict", "str", "bytes", "list", "tuples"])
def test_forms(validator: Validator, document: Any) -> None:
    """The same triples in every form."""
    result = validator.check(document)
    assert [one.triple for one in result.findings] == [("1/plan", "speed", "200")]
    assert result.findings[0].document == result.name == "document"


def test_a_path(validator: Validator, tmp_path: Path) -> None:
    """A path is read as a run reads it."""
    path = tmp_path / "a.tsv"
    path.write_text("1\tcode\tFIBRA200\n1\tspeed\t50\n")
    result = validator.check(path)
    assert [one.triple for one in result.findings] == [("1", "speed", "200")]
    assert result.findings[0].where == (str(path), 2, None)


WRONG: list[tuple[Any, str]] = [
    ({"a": {1}}, "document, at /a: found set {1}, expected a value that JSON has"),
    ({"a": [0, {"b/c": float("nan")}]}, "document, at /a/1/b~1c: found nan"),
    ({"a": "\ud800"}, r"document, at /a: found '\ud800', expected text that UTF-8 can write"),
    ({(1, 2): 3}, "document, at the document: found the key tuple (1, 2), expected a text"),
    ([("a", "b")], "document, triple 1: found"),
    ([(1, 2, 3)], "document: among triples 1 to 1"),
    ('{"a":', "document, line 1 (byte 0)"),
    ("", "document, line 1 (byte 0): found an empty file"),
    (b"\xff", "document, line 1 (byte 0): found"),
    (5, "document: found int 5, expected JSON text, a path"),
    (Path("missing.json"), "document: missing.json: "),
]


@pytest.mark.parametrize(("document", "message"), WRONG, ids=[one for _, one in WRONG])
def test_no_document(validator: Validator, document: Any, message: str) -> None:
    """What is no document is an error of that document alone, with its place."""
    with pytest.raises(DocumentError) as error:
        validator.check(document)
    assert str(error.value).startswith(message)
    assert len(validator.check(DOCUMENT).findings) == 1


def test_a_large_document() -> None:
    """A document over `max_document` is refused; the next one is checked."""
    with Validator(RULES, max_document=100) as validator:
        with pytest.raises(DocumentError, match="over 100 bytes"):
            validator.check({"a": "x" * 100})
        assert validator.check(DOCUMENT).counts.violated == 1


def test_too_many_for_the_budget() -> None:
    """What does not fit is refused before it is opened, and the plan says what it takes."""
    with pytest.raises(RefusedError, match="refused: needs"):
        Validator(RULES, budget="1MiB")
    with Validator(RULES, threads=3) as validator:
        assert validator.plan.settings["threads"] == 3
        assert validator.plan.fits


def test_closed() -> None:
    """Nothing is checked any more; results stay."""
    with Validator(RULES) as validator:
        result = validator.check(DOCUMENT)
    with pytest.raises(UsageError, match="closed"):
        validator.check(DOCUMENT)
    assert result.findings[0].pointer == "/plan/speed"
    assert [rule.line for rule in result.violated] == [1]


def test_options() -> None:
    """Those of a run; others are none."""
    rules = [(4, 3, 0.75, RULES[0]), (4, 1, 0.25, RULES[2])]
    with Validator(rules, min_confidence=0.5) as validator:
        result = validator.check(DOCUMENT, findings=0)
        assert (len(result.findings), result.counts.filtered) == (0, 1)
    with pytest.raises(UsageError, match="manifest"):
        Validator(RULES, manifest="a.yaml")
    with pytest.raises(TypeError, match="no option"):
        Validator(RULES, colour="red")
