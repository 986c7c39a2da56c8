"""One verdict for a graph and for a list of documents, with its reason."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pff_stream.pipeline.verdict import verdict
from pff_stream.report.records import Counts, Outcome
from pff_stream.report.totals import Failure, RunTotals, Totals
from tests.warm import started


def totals(violations: int = 0, **outcomes: int) -> Totals:
    """Totals of 100 predictions and of rules by outcome."""
    counts = tuple(outcomes.get(outcome.name.lower(), 0) for outcome in Outcome)
    return Totals(counts, Counts(100, 100 - violations), violations, 0, 0, 0, ())


@pytest.mark.quick
@pytest.mark.parametrize("documents", [1, 2])
@pytest.mark.parametrize(
    ("violations", "outcomes", "fails", "code", "reason"),
    [
        (0, {"satisfied": 2}, False, 0, ""),
        (3, {"violated": 2}, False, 1, "3 violations (--fail-on violations)"),
        (3, {"violated": 1, "failed": 1}, False, 4, "1 rule could not be evaluated"),
        (3, {"violated": 1, "failed": 1, "rejected": 1}, True, 2, "1 of 3 rules could not be read"),
        (3, {"violated": 1, "rejected": 1}, False, 2, "1 of 2 rules could not be read"),
    ],
)
def test_order_and_reason(
    documents: int, violations: int, outcomes: dict[str, int], fails: bool, code: int, reason: str
) -> None:
    """Unreadable rules before what could not be evaluated, that before violations."""
    run = RunTotals.of(totals(violations, **outcomes))
    for _ in range(documents - 1):
        run.add_failed(Failure("d", "broken"))
    judged = verdict(run, on_bad_rule="1%", fail_on_expression="violations")
    expected = 4 if documents > 1 and code in (0, 1) else code
    assert judged.exit_code == expected
    if documents == 1:
        assert judged.reason.startswith(reason)
        assert bool(judged.reason) == bool(code)
    elif code != 2:
        assert judged.reason.startswith("1 of 2 documents")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Two rules, one of which only the names of the graph reject; a good and a bad document."""
    (tmp_path / "rules.tsv").write_text(
        "2\t1\t0.5\tlikes(X,Y) <= knows(X,Y)\n2\t1\t0.5\tlikes(X,c) <= p(X,a, q(X,b)\n"
    )
    (tmp_path / "good.json").write_text('{"id": "a", "knows": "b", "likes": "c"}')
    (tmp_path / "bad.json").write_text("{")
    return tmp_path


def command(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """One command line as a process."""
    return started([str(one) for one in words], folder=folder)


def last_said(ended: subprocess.CompletedProcess[str]) -> str:
    """The last line of standard error, or else of standard output."""
    return (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-1]


@pytest.mark.thorough
@pytest.mark.parametrize("documents", [["good"], ["good", "bad"]])
@pytest.mark.parametrize("folder", [(), ("--out", "out")])
@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_rules_that_a_graph_rejects(
    inputs: Path, documents: list[str], folder: tuple[str, ...], quiet: tuple[str, ...]
) -> None:
    """More unreadable rules than are allowed end a run with 2, whatever else failed."""
    (inputs / "m.yaml").write_text("tasks:\n" + "".join(f"  - {d}: {d}.json\n" for d in documents))
    options = ("--on-bad-rule", "1%", *folder, *quiet)
    ended = command(inputs, "run", "--manifest", "m.yaml", "--rules", "rules.tsv", *options)
    assert ended.returncode == 2
    assert last_said(ended) == (
        "pff-stream: error: exit code 2: 1 of 2 rules could not be read, "
        "more than --on-bad-rule 1% allows"
    )
    alone = command(inputs, "run", "rules.tsv", "good.json", "--on-bad-rule", "1%", *quiet)
    assert (alone.returncode, last_said(alone)) == (2, last_said(ended))


@pytest.mark.quick
def test_failed_documents_come_before_violations(inputs: Path) -> None:
    """A document that could not be evaluated ends a run with 4, violations of others or not."""
    (inputs / "m.yaml").write_text("tasks:\n  - bad: bad.json\n  - good: good.json\n")
    ended = command(
        inputs, "run", "--manifest", "m.yaml", "--rules", "rules.tsv", "--on-bad-rule", "skip"
    )
    assert ended.returncode == 4
    assert last_said(ended).endswith("exit code 4: 1 of 2 documents could not be evaluated")


@pytest.mark.thorough
def test_one_form_of_summary(inputs: Path) -> None:
    """A graph and a manifest of that one document have the same keys and counts of rules."""
    (inputs / "rules.tsv").write_text("likes(X,Y) <= knows(X,Y)\n")
    (inputs / "m.yaml").write_text("tasks:\n  - good: good.json\n")
    assert command(inputs, "run", "rules.tsv", "good.json", "--out", "one").returncode == 1
    many = command(inputs, "run", "--manifest", "m.yaml", "--rules", "rules.tsv", "--out", "many")
    assert many.returncode == 1
    one, other = (
        json.loads((inputs / name / "summary.json").read_text()) for name in ("one", "many")
    )
    labels = {"execution_id", "sequence"}
    assert set(one) == set(other) - labels
    for key in set(one) - {"run", "inputs", "findings", "violations_written"}:
        assert one[key] == other[key], key
    assert set(one["inputs"]) == {"rules", "triples"}
    assert set(other["inputs"]) == {"rules", "manifest"}
    assert one["run"]["reason"] == other["run"]["reason"] == ("1 violation (--fail-on violations)")
    again = command(inputs, "run", "--resume", "many")
    assert again.returncode == 1
    assert many.stdout.endswith(again.stdout)  # the findings were shown when it ended


@pytest.mark.thorough
def test_the_verdict_is_the_last_line(inputs: Path) -> None:
    """Also with --quiet where it is not 0; the conditions that are met are named."""
    mined = "2\t1\t0.5\tlikes(X,Y) <= "
    (inputs / "rules.tsv").write_text(f"{mined}knows(X,Y)\n{mined}likes(X,Y)\n")
    good = ("run", "rules.tsv", "good.json")
    failed = "Failed: 1 violation (--fail-on violations)"
    assert last_said(command(inputs, *good)) == failed
    quiet = command(inputs, *good, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, failed + "\n", "")
    several = command(inputs, *good, "--fail-on", "count>5, rate>40%, count>0")
    assert several.returncode == 1
    assert last_said(several) == (
        "Failed: 1 violation of 2 decided predictions (--fail-on rate>40%), "
        "1 violation (--fail-on count>0)"
    )
    passed = command(inputs, *good, "--fail-on", "count>5,rate>50%")
    assert (passed.returncode, last_said(passed)) == (0, "Passed (--fail-on count>5,rate>50%)")
    quiet = command(inputs, *good, "--fail-on", "none", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    to_stderr = command(inputs, *good, "--violations", "-")
    assert last_said(to_stderr) == failed
    assert len(to_stderr.stdout.splitlines()) == 1


@pytest.mark.thorough
def test_nothing_checked(inputs: Path) -> None:
    """No prediction at all ends with 1 where that is asked for, whatever else is."""
    (inputs / "rules.tsv").write_text("likes(X,Y) <= hates(X,Y)\n")
    good = ("run", "rules.tsv", "good.json", "--fail-on")
    assert command(inputs, *good, "violations").returncode == 0
    ended = command(inputs, *good, "violations,nothing-checked")
    assert ended.returncode == 1
    said = ended.stdout.splitlines()[-1]
    assert said == "Failed: no rule had a prediction (--fail-on nothing-checked)"
    assert "nothing was checked" in ended.stderr


@pytest.mark.thorough
def test_a_finished_run_is_judged_again(inputs: Path) -> None:
    """`--resume` may name other conditions; without any the verdict is that of the run."""
    (inputs / "rules.tsv").write_text("likes(X,Y) <= knows(X,Y)\n")
    assert command(inputs, "run", "rules.tsv", "good.json", "--out", "r").returncode == 1
    again = command(inputs, "run", "--resume", "r")
    assert last_said(again) == "Failed: 1 violation (--fail-on violations)"
    other = command(inputs, "run", "--resume", "r", "--fail-on", "count>1")
    assert (other.returncode, last_said(other)) == (0, "Passed (--fail-on count>1)")
    new = command(inputs, "run", "--resume", "r", "--fail-on", "new")
    assert new.returncode == 2
    assert "--fail-on: found new, but the run had no --baseline" in new.stderr
    command(inputs, "run", "rules.tsv", "good.json", "--out", "none", "--findings", "0")
    score = command(inputs, "run", "--resume", "none", "--fail-on", "score>=0.1")
    assert score.returncode == 2
    assert "found score>=0.1, but the run had no findings" in score.stderr


@pytest.mark.thorough
def test_new_needs_a_baseline(inputs: Path) -> None:
    """It is checked before anything is evaluated."""
    ended = command(inputs, "run", "rules.tsv", "good.json", "--fail-on", "violations,new>3")
    assert ended.returncode == 2
    assert "--fail-on: found violations,new>3 without --baseline FILE" in ended.stderr


@pytest.mark.thorough
def test_scores(inputs: Path) -> None:
    """The best finding's; they need findings."""
    (inputs / "rules.tsv").write_text("2\t1\t0.5\tlikes(X,Y) <= knows(X,Y)\n")
    good = ("run", "rules.tsv", "good.json", "--fail-on")
    ended = command(inputs, *good, "score>=0.5")
    assert ended.returncode == 1
    assert last_said(ended) == "Failed: a finding of score 0.5 (--fail-on score>=0.5)"
    assert command(inputs, *good, "score>=0.51").returncode == 0
    refused = command(inputs, *good, "score>=0.5", "--findings", "0")
    assert refused.returncode == 2
    assert "in a run that looks for no findings" in refused.stderr
