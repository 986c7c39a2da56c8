"""Reports that a run is asked for, from the command line to the file, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pff_stream.checkpoint.state import as_kept
from pff_stream.errors import OutputError, UsageError
from pff_stream.report.outputs import check_reports, report_outputs
from pff_stream.settings.commands import ReportSettings, RunSettings
from pff_stream.settings.models import OutputOptions


def command(folder: Path, *words: object, code: int) -> str:
    """What `pff-stream` says when it works in `folder`; it must end with `code`."""
    line = [sys.executable, "-m", "pff_stream", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder with a rule that is violated once, and triples."""
    (tmp_path / "rules.tsv").write_text("2\t1\t0.5\tknows(X,Y) <= likes(X,Y)\n")
    (tmp_path / "triples.tsv").write_text("ana\tlikes\tbob\nbob\tlikes\tcy\nana\tknows\tbob\n")
    return tmp_path


GIVEN = ("run", "rules.tsv", "triples.tsv")


@pytest.mark.thorough
def test_the_same_bytes_in_every_way(inputs: Path) -> None:
    """With a folder, without, of a finished run, and to standard output."""
    command(inputs, *GIVEN, "--out", "r", "--report", "rules=a", "--report", "b.jsonl", code=1)
    command(inputs, *GIVEN, "--report", "rules=c", "--report", "d.jsonl", code=1)
    command(inputs, "report", "r", "--report", "rules=e", "--report", "f.jsonl", code=0)
    command(inputs, "run", "--resume", "r", "--report", "rules=g", code=1)
    said = command(inputs, "report", "r", "--report", "rules=-", code=0)
    rules = (inputs / "r" / "rules.tsv").read_text()
    violations = (inputs / "r" / "violations.jsonl").read_text()
    assert {(inputs / name).read_text() for name in "aceg"} == {rules}
    assert {(inputs / f"{name}.jsonl").read_text() for name in "bdf"} == {violations}
    assert said == rules


@pytest.mark.thorough
def test_violations_may_go_elsewhere(inputs: Path) -> None:
    """A report has them where the folder has not; of that folder it cannot be made again."""
    asked = ("--out", "r", "--violations", "v", "--report", "w.jsonl")
    command(inputs, *GIVEN, *asked, code=1)
    assert (inputs / "w.jsonl").read_bytes() == (inputs / "v").read_bytes()
    assert not (inputs / "r" / "violations.jsonl").exists()
    said = command(inputs, "report", "r", "--report", "x.jsonl", code=2)
    assert "found no violations.jsonl in the results, which the report needs" in said
    assert not (inputs / "x.jsonl").exists()


@pytest.mark.thorough
def test_a_budget_without_room(inputs: Path) -> None:
    """A report that does not fit is refused, and nothing is written."""
    command(inputs, *GIVEN, "--out", "r", code=1)
    said = command(inputs, "report", "r", "--report", "x.tsv", "--budget", "8MiB", code=3)
    assert "refused: these reports need" in said
    assert not (inputs / "x.tsv").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("x.txt", r"found x.txt, expected a file whose name ends in one of \.jsonl, \.tsv, or"),
        ("no=x.tsv", "found no=x.tsv, .* one of the names violations, rules, outcomes"),
        ("r/x.tsv", "found r/x.tsv in the folder of results, expected it elsewhere"),
        ("rules=r/x", "found r/x in the folder of results"),
    ],
)
def test_what_cannot_be_meant(asked: str, message: str) -> None:
    """A form that there is not, and a file among the results, are refused beforehand."""
    with pytest.raises(UsageError, match=f"--report: {message}"):
        check_reports([asked], "r")


def test_names_and_suffixes() -> None:
    """A name that stands before `=` is stronger than a suffix; a path may hold `=`."""
    found = report_outputs(["x.tsv", "outcomes=x.jsonl", "./a=b.jsonl", "-.tsv"])
    assert [(one.writer.name, one.path) for one in found] == [
        ("rules", "x.tsv"),
        ("outcomes", "x.jsonl"),
        ("violations", "./a=b.jsonl"),
        ("rules", "-.tsv"),
    ]


def test_outputs_exclude_each_other(tmp_path: Path) -> None:
    """One file has one writer; a folder is none; over a manifest reports need a folder."""
    with pytest.raises(UsageError, match="found - for two outputs"):
        OutputOptions(violations="-", report=("rules=-",))
    with pytest.raises(UsageError, match="found x for two outputs"):
        OutputOptions(report=("rules=x", "outcomes=x"))
    with pytest.raises(OutputError, match="it is a folder"):
        check_reports([f"rules={tmp_path}"], None)
    with pytest.raises(UsageError, match="expected --out DIR besides"):
        RunSettings.of(rules="r", manifest="m", report=("rules=x",))
    with pytest.raises(UsageError, match="found no --report FILE"):
        ReportSettings()


def test_reports_are_kept_for_a_resumed_run() -> None:
    """An unfinished run remembers its reports, with paths that hold from any folder."""
    asked = ("x.tsv", "rules=-", "rules=y")
    kept = as_kept(RunSettings.of(rules="r", triples=("t",), report=asked))
    x, y = Path("x.tsv").resolve(), Path("y").resolve()
    assert kept["report"] == [str(x), "rules=-", f"rules={y}"]
