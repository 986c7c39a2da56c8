"""The Python interface: the outcomes of the command, one by one, from files and from objects."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

import pff_stream
from pff_stream import InputError, RefusedError, UsageError, validate, validate_rules

RULES = ["knows(X,Y) <= knows(Y,X)", "likes(X,tea) <= likes(X,A)", "knows(X,Y) <= owns(X,Y)"]
TRIPLES = [
    ("ana", "knows", "bo"),
    ("bo", "knows", "ana"),
    ("cy", "knows", "ana"),
    ("cy", "likes", "cake"),
]


def test_outcomes_of_lists() -> None:
    """Rules as texts, triples as tuples: outcomes in source order, with examples and witnesses."""
    first, second, third = validate(RULES, TRIPLES)
    assert (first.line, first.outcome.word, first.predictions, first.support) == (
        1,
        "violated",
        3,
        2,
    )
    assert first.confidence == pytest.approx(2 / 3)
    assert first.examples[0].head == ("ana", "knows", "cy")
    assert first.examples[0].witness == (("cy", "knows", "ana"),)
    assert second.outcome.word == "violated"
    assert second.examples[0].head == ("cy", "likes", "tea")
    assert (third.outcome.word, third.reason) == ("vacuous", "relation not in the graph")


@pytest.mark.thorough
def test_two_lists_for_the_original_service() -> None:
    """`validate_rules` gives the violated and the satisfied rules."""
    violated, satisfied = validate_rules([*RULES, "knows(X,Y) <= knows(X,Y)"], TRIPLES, workers=1)
    assert [outcome.line for outcome in violated] == [1, 2]
    assert [outcome.line for outcome in satisfied] == [4]


@pytest.mark.thorough
@pytest.mark.parametrize("ordered", [True, False])
def test_files_and_objects_give_the_same(ordered: bool, data: Path) -> None:
    """From files or objects, in order or as finished: the same outcomes."""
    folder = data / "edge"
    rules, triples = folder / "rules.tsv.gz", folder / "train.tsv"
    from_files = list(validate(rules, triples, ordered=ordered, max_examples=3))
    if not ordered:
        from_files.sort(key=lambda outcome: outcome.line)
    with gzip.open(rules, "rt", encoding="utf-8") as file:
        texts = [line.rstrip("\n") for line in file]
    tuples = [tuple(line.split("\t")) for line in triples.read_text(encoding="utf-8").splitlines()]
    from_objects = list(validate(texts, tuples, max_examples=3))  # type: ignore[arg-type]
    assert from_files == from_objects
    assert len(from_files) == 5753


@pytest.mark.thorough
def test_rejected_rules_are_outcomes() -> None:
    """A rule that cannot be read is one of the outcomes, in both orders."""
    rules = ["no rule", *RULES]
    for ordered in (True, False):
        outcomes = list(validate(rules, TRIPLES, ordered=ordered, on_bad_rule="skip"))
        rejected = [outcome for outcome in outcomes if outcome.outcome.word == "rejected"]
        assert [(outcome.line, outcome.text) for outcome in rejected] == [(1, "no rule")]
        assert "column" in rejected[0].reason
        assert len(outcomes) == 4


@pytest.mark.thorough
def test_closing_early_ends_the_workers(data: Path) -> None:
    """A consumer that stops leaves no worker behind."""
    import psutil

    folder = data / "umls"
    outcomes = validate(folder / "rules.tsv.gz", folder / "train.tsv.gz", ordered=False)
    next(outcomes)
    assert psutil.Process().children()
    outcomes.close()
    assert not [
        child
        for child in psutil.Process().children()
        if "resource_tracker" not in "".join(child.cmdline())
    ]


@pytest.mark.thorough
def test_errors_keep_their_types(tmp_path: Path) -> None:
    """What ends the command is raised, each with its exit code."""
    with pytest.raises(InputError):
        list(validate(tmp_path / "none.tsv", TRIPLES))
    with pytest.raises(RefusedError):
        list(validate(RULES, TRIPLES, budget_bytes=1 << 20))
    with pytest.raises(UsageError):
        validate(RULES, TRIPLES, out="somewhere")
    assert (InputError.exit_code, RefusedError.exit_code, UsageError.exit_code) == (2, 3, 2)


def test_importing_the_package_is_light() -> None:
    """`import pff_stream` imports no numpy, click, msgpack, psutil or yaml."""
    code = (
        "import sys, pff_stream; pff_stream.InputError; "
        "heavy = ('numpy', 'click', 'msgpack', 'psutil', 'yaml', 'json'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
    assert "validate" in dir(pff_stream)
