"""`validate_rules` by a validator: the same outcomes as by a run, made when they are asked for."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from pff_stream import InputError, UsageError, validate_rules
from pff_stream.validator.outcomes import OpenValidators
from pff_stream.validator.result import Made

RULES = ["likes(X,tea) <= likes(X,A)", "knows(X,Y) <= knows(Y,X)", "knows(X,Y) <= knows(X,Y)"]
TRIPLES = [("ana", "knows", "bo"), ("cy", "knows", "ana"), ("cy", "likes", "cake")]


def test_sequences_as_lists() -> None:
    """Length, index, slice, equality."""
    violated, satisfied = validate_rules(RULES, TRIPLES)
    assert isinstance(violated, Made)
    whole = list(violated)
    assert [one.line for one in whole] == [1, 2]
    assert (len(violated), violated[-1]) == (2, whole[1])
    assert violated[:1] == whole[:1]
    assert violated == whole and whole == violated and violated != whole[:1]
    heads = [example.head for example in violated[1].examples]
    assert heads == [("ana", "knows", "cy"), ("bo", "knows", "ana")]
    assert [one.line for one in satisfied] == [3]
    with pytest.raises(IndexError):
        violated[2]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options",
    [{}, {"max_examples": 2}, {"max_violations": 60}, {"assumption": "partial", "unseen": 3}],
    ids=str,
)
def test_the_same_as_a_run(options: dict[str, Any], data: Path) -> None:
    """Counts, confidences, examples in their order, with both bounds on examples."""
    rules = data / "umls" / "rules.tsv.gz"
    with gzip.open(data / "umls" / "train.tsv.gz", "rt", encoding="utf-8") as file:
        triples = [tuple(line.rstrip("\n").split("\t")) for line in list(file)[:400]]
    by_validator = validate_rules(rules, triples, **options)  # type: ignore[arg-type]
    by_run = validate_rules(rules, triples, workers=1, **options)  # type: ignore[arg-type]
    assert isinstance(by_validator[0], Made) and isinstance(by_run[0], list)
    assert by_validator[0] == by_run[0] and by_validator[1] == by_run[1]


def test_a_document() -> None:
    """A dict is one document; what its names leave open is a run's."""
    violated, _ = validate_rules(RULES, {"id": "cy", "likes": "cake"})
    assert [one.examples[0].head for one in violated] == [("cy", "likes", "tea")]


@pytest.mark.thorough
def test_rules_stay_open_while_the_file_is_the_same(tmp_path: Path) -> None:
    """One validator for a file and its options; another when it was written again; few in all."""
    kept = OpenValidators(2)
    path = tmp_path / "rules.tsv"
    path.write_text(RULES[0] + "\n")
    first = kept.of(str(path), {})
    assert kept.of(str(path), {}) is first
    other = kept.of(str(path), {"unseen": 1})
    assert other is not first
    path.write_text(RULES[1] + "\n")
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    third = kept.of(str(path), {})
    assert third.check([("a", "knows", "b")]).counts.violated == 1
    assert third not in (first, other)
    with pytest.raises(UsageError, match="closed"):
        first.check([])
    assert kept.of(str(path), {"unseen": 1}) is not other


WRONG: list[tuple[Any, Any, dict[str, Any]]] = [
    (RULES, [], {}),
    (RULES, [("a", "b")], {}),
    (RULES, "missing.tsv", {}),
    ("missing.tsv", TRIPLES, {}),
    (["nonsense"], TRIPLES, {}),
    (RULES, TRIPLES, {"manifest": "m.yaml"}),
    (RULES, TRIPLES, {"min_confidence": 7}),
]


@pytest.mark.thorough
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_errors_of_a_run(wrong: tuple[Any, Any, dict[str, Any]]) -> None:
    """What is wrong is said in the words of a run."""
    rules, triples, options = wrong
    said = []
    for more in (options, options | {"workers": 1}):
        with pytest.raises((InputError, UsageError)) as error:
            validate_rules(rules, triples, **more)
        said.append(str(error.value))
    assert said[0] == said[1]
