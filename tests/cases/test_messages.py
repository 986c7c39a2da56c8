"""Messages that lead to the cause: what was given, which folder is full, which limit is too low."""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path

import pytest

import pff_stream
from pff_stream.errors import InputError
from tests.warm import main, started

TRIPLES = [("a", "r", "b"), ("c", "r", "d"), ("a", "q", "b")]


def command(*arguments: object, **limits: int) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own with these limits."""
    words = [str(one) for one in arguments]
    if not limits:
        return started(words)
    return started(words, limits={getattr(resource, name): limits[name] for name in limits})


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path]:
    """One rule and its triples."""
    rules, triples = tmp_path / "r.tsv", tmp_path / "g.tsv"
    rules.write_text("q(X,Y) <= r(X,Y)\n")
    triples.write_text("".join("\t".join(triple) + "\n" for triple in TRIPLES))
    return rules, triples


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "thread"])
@pytest.mark.parametrize("limit", [10, 12, 14])
def test_few_open_files_are_no_bug(inputs: tuple[Path, Path], method: str, limit: int) -> None:
    """Exit code 3 with the limit, or all goes well."""
    wanted = ("--workers", "2", "--start-method", method, "--fail-on", "none")
    found = command("run", *inputs, *wanted, RLIMIT_NOFILE=limit)
    assert "bug" not in found.stderr
    if found.returncode:
        assert found.returncode == 3
        assert re.search(rf"RLIMIT_NOFILE is {limit}|a limit of {limit} \(ulimit", found.stderr)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "thread"])
def test_the_files_that_are_asked_for_are_enough(inputs: tuple[Path, Path], method: str) -> None:
    """The number in the message, and a few that the test itself has open."""
    wanted = ("--workers", "4", "--start-method", method, "--fail-on", "none")
    found = command("run", *inputs, *wanted, RLIMIT_NOFILE=24)
    assert (found.returncode, "too many" in found.stderr) == (0, False)


def test_a_full_temporary_folder_is_named(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    """Whoever reads it can set TMPDIR."""
    rules, triples = inputs
    rules.write_text("".join(f"q(X,e{i}) <= r(X,A)\n" for i in range(20_000)))
    found = command("run", rules, triples, RLIMIT_FSIZE=100 << 10)
    assert found.returncode == 74
    assert re.search(r"temporary file in /\S+: cannot be written: File too large", found.stderr)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("r(X,A); r(A,Y)", "'r(X,A); r'"),
        ("r(X,A) r(A,Y)", "'r(X,A) r'"),
        ("r(X,A),r(A,Y)", "'r(X,A),r'"),
        ("r(X,A) & r(A,Y)", "'r(X,A) & r'"),
        ("s(A,B), r(X,A);r(A,Y)", "'r(X,A);r'"),
    ],
)
def test_atoms_apart_by_another_mark_are_shown_as_they_were_read(body: str, shown: str) -> None:
    """The head's variable is there, but within a name."""
    [outcome] = pff_stream.validate([f"q(X,Y) <= {body}"], TRIPLES, on_bad_rule="skip")
    assert f"read as one atom of the relation {shown}, expected body atoms apart by ', '" in (
        outcome.reason
    )


def test_rules_with_their_numbers_are_rules() -> None:
    """Texts and tuples may be mixed."""
    rules: list[str | tuple[int, int, float, str]]
    rules = [(2, 1, 0.5, "q(X,Y) <= r(X,Y)"), "r(X,Y) <= q(X,Y)"]
    first, second = pff_stream.validate(rules, TRIPLES)
    assert (first.miner_confidence, first.counts.predictions, first.counts.support) == (0.5, 2, 1)
    assert second.miner_confidence is None


@pytest.mark.parametrize(
    "rule",
    [
        ("q(X,Y) <= r(X,Y)", 2, 1),
        ("q(X,Y) <= r(X,Y)", 2, 1, 0.5),
        (2, 1, 0.5, b"q(X,Y) <= r(X,Y)"),
        (True, 1, 0.5, "q(X,Y) <= r(X,Y)"),
        b"q(X,Y) <= r(X,Y)",
        None,
        ["q(X,Y) <= r(X,Y)"],
        ("x" * 10_000,),
    ],
)
def test_what_is_no_rule_is_named(rule: object) -> None:
    """By its number, shortened, with what may be given."""
    expected = r"rule 1: found .*, expected a text, or a tuple \(predicted, support, confidence"
    with pytest.raises(InputError, match=expected) as caught:
        list(pff_stream.validate([rule], TRIPLES))  # type: ignore[list-item]
    assert len(str(caught.value)) < 400


def test_rules_with_other_separators(capfd: pytest.CaptureFixture[str]) -> None:
    """Each line is rejected, with what would do."""
    case = Path(__file__).parent.parent / "data/cases/08-rule-separators-unclear"
    assert main(["compile", str(case / "r.tsv"), "--check", "--on-bad-rule", "skip"]) == 0
    said = capfd.readouterr()
    assert "6 rules, 0 distinct bodies, 6 rejected" in said.out
    assert said.err.count("read as one atom of the relation") == 3
    assert "6 rule lines could not be read" in said.err and "' <= '" in said.err


def test_a_graph_that_is_not_encoded(inputs: tuple[Path, Path]) -> None:
    """Says what makes an encoded one."""
    rules, triples = inputs
    found = command("compile", rules, "--check", "--graph", triples)
    assert found.returncode == 2
    assert f"{triples}: byte 0" in found.stderr and "`pff-stream encode TRIPLES" in found.stderr
