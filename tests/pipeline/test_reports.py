"""Reports that a run is asked for, from the command line to the file, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pff_stream.checkpoint.state import as_kept
from pff_stream.errors import KEPT, OutputError, PffStreamError, UsageError
from pff_stream.pipeline.passing import with_results
from pff_stream.report.folder import FOLDER_FILES
from pff_stream.report.formats import FORMS
from pff_stream.report.outputs import check_reports, report_outputs
from pff_stream.report.records import RECORD
from pff_stream.settings.commands import ReportSettings, RunSettings
from pff_stream.settings.models import OutputOptions
from tests.warm import started


def command(folder: Path, *words: object, code: int, **environment: str) -> str:
    """What `pff-stream` says when it works in `folder`; it must end with `code`."""
    done = started([str(one) for one in words], folder=folder, environment=environment)
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
    findings = (inputs / "r" / "findings.jsonl").read_text()
    assert json.loads(findings)["triple"] == ["bob", "knows", "cy"]
    assert {(inputs / name).read_text() for name in "aceg"} == {rules}
    assert (inputs / "b.jsonl").read_text() == (inputs / "f.jsonl").read_text() == findings
    assert (inputs / "d.jsonl").read_text() == findings
    assert said == rules


@pytest.mark.thorough
def test_all_forms_at_once(inputs: Path) -> None:
    """Each has the bytes that are made of the finished run, too."""
    for library in ("jinja2", "pyarrow"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    (inputs / "m.yaml").write_text("tasks:\n- one: triples.tsv\n- two: gone.tsv\n")
    of_manifest = ("run", "--manifest", "m.yaml", "--rules", "rules.tsv")
    for words, code in ((GIVEN, 1), (of_manifest, 4)):
        asked = {n: [f"--report={form.name}={n}-{form.name}" for form in FORMS] for n in "ab"}
        command(inputs, *words, "--out", "r", *asked["a"], code=code)
        command(inputs, "report", "r", *asked["b"], code=0)
        for form in FORMS:
            a, b = ((inputs / f"{n}-{form.name}").read_bytes() for n in "ab")
            assert a and a == b, form.name


@pytest.mark.thorough
def test_of_a_manifest_without_a_folder(inputs: Path) -> None:
    """The same bytes as with a folder of results, and none is left, nor said to be kept."""
    (inputs / "m.yaml").write_text("tasks:\n- one: triples.tsv\n- two: gone.tsv\n")
    (inputs / "temporary").mkdir()
    given = ("run", "--manifest", "m.yaml", "--rules", "rules.tsv")
    command(inputs, *given, "--out", "r", "--report", "a.md", "--report", "metrics=b", code=4)
    asked = ("--report", "c.md", "--report", "metrics=d")
    said = command(inputs, *given, *asked, code=4, TMPDIR=str(inputs / "temporary"))
    assert (inputs / "a.md").read_bytes() == (inputs / "c.md").read_bytes()
    assert (inputs / "b").read_bytes() == (inputs / "d").read_bytes()
    assert "results:" not in said and not list((inputs / "temporary").iterdir())
    bad = RunSettings.of(rules="r", manifest="m", report=("rules=x",))
    with pytest.raises(PffStreamError) as problem, with_results(bad) as kept:
        folder = Path(str(kept.output.out))
        assert folder.is_dir()
        error = PffStreamError("killed")
        error.add_note(f"{KEPT}: go on")
        raise error
    assert problem.value.__notes__ == [] and not folder.exists()


@pytest.mark.thorough
def test_violations_by_rule_where_they_are_asked_for(inputs: Path) -> None:
    """The list is written where it is wanted, and nowhere else; reports have findings."""
    asked = ("--out", "r", "--violations", "v", "--report", "w.jsonl")
    command(inputs, *GIVEN, *asked, code=1)
    assert json.loads((inputs / "v").read_text())["head"] == ["bob", "knows", "cy"]
    assert (inputs / "w.jsonl").read_bytes() == (inputs / "r" / "findings.jsonl").read_bytes()
    of_graph = {"findings.jsonl", "metrics.tsv", "rules.tsv", "outcomes.tsv", "summary.json"}
    assert set(os.listdir(inputs / "r")) == of_graph


@pytest.mark.thorough
def test_results_of_an_earlier_run_are_replaced(inputs: Path) -> None:
    """A folder holds the results of one run: what only an earlier one wrote is gone."""
    (inputs / "m.yaml").write_text("tasks:\n- one: triples.tsv\n")
    of_manifest = ("run", "--manifest", "m.yaml", "--rules", "rules.tsv", "--out", "r")
    listed = ("--out", "r", "--violations", "r/violations.jsonl")
    for words, names in (
        ((*GIVEN, "--out", "r"), set()),
        ((*GIVEN, *listed), {"violations.jsonl"}),
        ((*GIVEN, *listed), {"violations.jsonl"}),
        ((*GIVEN, "--out", "r"), set()),
    ):
        command(inputs, *words, code=1)
        assert set(os.listdir(inputs / "r")) == {*FOLDER_FILES, "summary.json"} | names
    command(inputs, *of_manifest, code=1)
    assert set(os.listdir(inputs / "r")) == {
        "documents.jsonl",
        "findings.jsonl",
        "metrics.tsv",
        "summary.json",
    }
    command(inputs, *GIVEN, "--out", "r", code=1)
    assert set(os.listdir(inputs / "r")) == {*FOLDER_FILES, "summary.json"}


@pytest.mark.thorough
def test_nothing_is_kept_that_is_not_shown(inputs: Path) -> None:
    """Without a list by rule no violation is looked for by rule, kept, or said to be left out."""
    capped = ("--max-examples", "0")
    assert "left out" not in command(inputs, *GIVEN, *capped, "--out", "r", code=1)
    assert "--max-examples left out 1" in command(
        inputs, *GIVEN, *capped, "--violations", "v", code=1
    )
    listed = ("--violations", "v")
    did = {}
    for words in ((), capped, (*capped, *listed), listed):
        command(inputs, *GIVEN, "--out", "r", *words, code=1)
        did[words] = json.loads((inputs / "r" / "summary.json").read_text())
    first, *others = ({n: did[w]["run"][n] for n in ("edges", "spooled_bytes")} for w in did)
    # As much of the graph is looked at, and as much kept, as where violations are only counted.
    assert first == others[0] == others[1]
    rules = did[()]["rules"]
    assert first["spooled_bytes"] == RECORD.size * (rules["total"] - rules["rejected"])
    assert all(others[2][name] > first[name] for name in first)


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
        ("x.txt", r"found x.txt, expected a file whose name ends in one of \.html, \.jsonl, \.md"),
        ("no=x.tsv", "found no=x.tsv, .* one of the names findings, rules, outcomes"),
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
        ("findings", "./a=b.jsonl"),
        ("rules", "-.tsv"),
    ]


def test_outputs_exclude_each_other(tmp_path: Path) -> None:
    """One file has one writer; a folder is none."""
    with pytest.raises(UsageError, match="found - for two outputs"):
        OutputOptions(violations="-", report=("rules=-",))
    with pytest.raises(UsageError, match="found x for two outputs"):
        OutputOptions(report=("rules=x", "outcomes=x"))
    with pytest.raises(OutputError, match="it is a folder"):
        check_reports([f"rules={tmp_path}"], None)
    check_reports(["rules=x"], None, has_findings=False)
    with pytest.raises(UsageError, match="found y, a report of findings, expected another form"):
        check_reports(["rules=x", "findings=y"], None, has_findings=False)
    with pytest.raises(UsageError, match="found no --report FILE"):
        ReportSettings()


def test_reports_are_kept_for_a_resumed_run() -> None:
    """An unfinished run remembers its reports, with paths that hold from any folder."""
    asked = ("x.tsv", "rules=-", "rules=y")
    kept = as_kept(RunSettings.of(rules="r", triples=("t",), report=asked))
    x, y = Path("x.tsv").resolve(), Path("y").resolve()
    assert kept["report"] == [str(x), "rules=-", f"rules={y}"]
