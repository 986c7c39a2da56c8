"""Results read back from a folder: what was written, or an error that says where it is not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.report._merge import write_results
from pff_stream.report.document_list import ListedDocument
from pff_stream.report.folder import DOCUMENT_LIST, FOLDER_FILES, SUMMARY, TASKS
from pff_stream.report.formats import WRITERS
from pff_stream.report.formats.findings import as_json
from pff_stream.report.formats.metrics import HEADER
from pff_stream.report.outputs import (
    found_outputs,
    merged_outputs,
    opened,
    report_outputs,
    write_reports,
)
from pff_stream.report.read_back import FinishedRun
from pff_stream.report.result_lines import MAX_LINE_BYTES
from pff_stream.report.spooled import MergeOptions
from pff_stream.report.streams import Finding, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.settings.models import OutputOptions
from tests.examples import examples
from tests.report.by_hand import case_of, satisfied, violated
from tests.report.cases import Case, cases, stored
from tests.report.finding_cases import by_hand, findings, totals_of

MERGE = MergeOptions()
METRICS = "metrics.tsv"
FINDINGS = "findings.jsonl"


def summary_of(totals: RunTotals, **inputs: str) -> Summary:
    """A summary with these totals."""
    return Summary(totals, "object-identity", {"unseen": 0}, inputs, {"exit_code": 1, "lines": []})


def written(
    folder: Path, case: Case, found: Sequence[Finding] = (), options: MergeOptions = MERGE
) -> Totals:
    """Merges a case into a folder, and writes findings, as a run does; returns its totals."""
    folder.mkdir(parents=True)
    header = RunHeader("object-identity", {}, {})
    asked = OutputOptions(out=os.fspath(folder))
    with (
        stored(case, (0, 1)) as there,
        opened(merged_outputs(asked), header) as writers,
        opened(found_outputs(asked), header) as found_writers,
    ):
        formatters = [writer.formatter for writer in writers]
        totals = write_results(there.spooled, formatters, options)
        run = RunTotals.of(totals)
        run.findings = totals_of(found)
        for writer in found_writers:
            for finding in found:
                writer.finding(finding)
            writer.end(summary_of(run))
    (folder / SUMMARY).write_bytes(summary_of(run).to_bytes())
    return totals


def reported(folder: Path, target: Path) -> list[bytes]:
    """The files of results again, each made as a report of the folder."""
    target.mkdir(exist_ok=True)
    asked = [f"{writer.name}={target / writer.name}" for writer in WRITERS]
    run = FinishedRun.of_folder(os.fspath(folder))
    write_reports(run, report_outputs(asked), Silent())
    return [(target / writer.name).read_bytes() for writer in WRITERS]


@examples(60)
@given(case=cases(), unseen=st.sampled_from((0, 5)), found=st.lists(findings(), max_size=4))
def test_written_again_from_objects(
    case: Case,
    unseen: int,
    found: list[Finding],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Lines that compiled code wrote, read back and written by the same writers: the same bytes."""
    place = tmp_path_factory.mktemp("case")
    found = [replace(one, document="") for one in sorted(found, key=lambda one: -one.score)]
    written(place / "results", case, found, MergeOptions(unseen=unseen))
    again = reported(place / "results", place)
    assert again == [(place / "results" / name).read_bytes() for name in FOLDER_FILES]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with the results of four rules, and four findings."""
    records = [satisfied(0, 3), violated(1, 4, 3), violated(2, 2, 1), satisfied(3)]
    written(tmp_path / "results", case_of(records), by_hand(1.0, 0.5, 0.5, 0.25))
    return tmp_path / "results"


def cut(text: str) -> str:
    """The end of the last line is gone."""
    return text[:-1]


def without_last_line(text: str) -> str:
    """A line is missing."""
    return "".join(text.splitlines(keepends=True)[:-1])


def last_line_twice(text: str) -> str:
    """A line is doubled."""
    return text + text.splitlines(keepends=True)[-1]


def other(before: str, after: str) -> Callable[[str], str]:
    """Something else stands there, once."""

    def change(text: str) -> str:
        assert before in text
        return text.replace(before, after, 1)

    return change


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (METRICS, cut, "metrics.tsv:5: found a line that is cut, expected a whole one"),
        (METRICS, without_last_line, "metrics.tsv:4: found rules by outcome .* by summary.json"),
        (METRICS, last_line_twice, "metrics.tsv:6: found line 4 of the rules, expected one aft"),
        (METRICS, lambda text: "", "metrics.tsv:0: found an empty file, expected the names of"),
        (METRICS, other("line\t", "lines\t"), "metrics.tsv:1: found 'lines.*expected the names"),
        (METRICS, other("2\tviolated", "1\tviolated"), "metrics.tsv:3: found line 1 of"),
        (
            METRICS,
            other("violated", "viol"),
            r"metrics.tsv:3: found '2\\tviol\\t.* expected a rule",
        ),
        (METRICS, other("3\tviolated", "3\tfailed"), "metrics.tsv:4: .* expected a rule with its"),
        (
            METRICS,
            other("3\tviolated", "3\tvacuous"),
            "metrics.tsv:4: .* counts of a rule that",
        ),
        (METRICS, other("\t6\t2\t4", "\t6\t6\t0"), "metrics.tsv:3: found '2"),
        (METRICS, other("\t6\t2\t4\t0\t4", "\t6\t6\t0\t0\t0"), "metrics.tsv:3: found 6 pred"),
        (METRICS, other("\t6\t2\t4\t0\t4", "\t6\t2\t4\t5\t4"), "metrics.tsv:3: .* 5 unknown"),
        (METRICS, other("\t6\t2", "\t6\t7"), "metrics.tsv:3: found '2"),
        (METRICS, other("\t6\t2", "\t6\t-2"), "metrics.tsv:3: found '2"),
        (METRICS, other("\t6\t2", "\t\t2"), "metrics.tsv:3: found '2"),
        (METRICS, other("\t6\t2", "\t6 2"), "metrics.tsv:3: found '2"),
        (METRICS, other("0.33", "nan33"), "metrics.tsv:3: found '2"),
        (METRICS, other("0.33", "1.33"), "metrics.tsv:3: found '2"),
        (FINDINGS, cut, "findings.jsonl:4: found a line that is cut, expected a whole one"),
        (FINDINGS, without_last_line, "findings.jsonl:3: found 2 conflict and 1 absent, expected"),
        (FINDINGS, last_line_twice, "findings.jsonl:5: .* expected 2 conflict and 2 absent by su"),
        (FINDINGS, other("0.25", "0.75"), "findings.jsonl:4: found score 0.75, expected 0.5 or"),
        (FINDINGS, other('"r","b0"]', '"r"]'), "findings.jsonl:1: found .* expected a finding as"),
        (FINDINGS, other("null", "NaN"), "findings.jsonl:1: found .* expected a finding as a run"),
        (FINDINGS, other("{", "[" * 100_000), "findings.jsonl:1: found '\\[\\[\\[.*"),
        (FINDINGS, other("{", "{" + " " * MAX_LINE_BYTES), "a line of 1 MiB or more"),
        (FINDINGS, other('"document":""', '"document":"a"'), "found document '', expected a fin"),
        (SUMMARY, other("miner/max/closed", "exact/max/closed"), "findings.jsonl:1: found a find"),
        (SUMMARY, other("{", "["), "summary.json: found no summary that this version wrote"),
        (SUMMARY, other('"format_version": 2', '"format_version": 1'), "format version 1, exp"),
        (SUMMARY, other('"violated": 2', '"violated": 1'), "metrics.tsv:5: found rules by outcome"),
    ],
)
def test_damaged_results(
    name: str, damage: Callable[[str], str], message: str, results: Path, tmp_path: Path
) -> None:
    """What was cut or altered is an error that names file and line, never another report."""
    path = results / name
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=message):
        reported(results, tmp_path)
    assert not [entry for entry in tmp_path.iterdir() if entry.is_file()], "nothing is left behind"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change(
    data: st.DataObject, results: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever a few bytes become, the end is an error of the input, or a report."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(results, folder / "r")
    path = folder / "r" / data.draw(st.sampled_from([*FOLDER_FILES, SUMMARY]))
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    put = data.draw(st.sampled_from([b"", b"-", b"9" * 400, b"1e999", b"Infinity", b"[", b"\xff"]))
    content[at : at + data.draw(st.integers(0, 3))] = put
    path.write_bytes(content)
    with suppress(InputError):
        reported(folder / "r", folder)


def test_no_results(results: Path, tmp_path: Path) -> None:
    """A folder without results, without one of the files, or with an unfinished run is named."""
    with pytest.raises(InputError, match=f"{tmp_path}/no: found no results of a run there"):
        FinishedRun.of_folder(os.fspath(tmp_path / "no"))
    (results / FINDINGS).unlink()
    with pytest.raises(InputError, match="found no findings.jsonl in the results"):
        reported(results, tmp_path)
    (results / ".unfinished").mkdir()
    (results / ".unfinished" / "settings.json").touch()
    with pytest.raises(InputError, match=f"not finished; `pff-stream run --resume {results}`"):
        FinishedRun.of_folder(os.fspath(results))


@pytest.fixture
def listed(results: Path, tmp_path: Path) -> Path:
    """A folder of a manifest: two documents of the same results, one that failed between them."""
    folder = tmp_path / "listed"
    totals = RunTotals()
    lines = list[str]()
    for name in ("a", "b", "c"):
        if name == "b":
            one = ListedDocument(name, None, "no", folder=f"{TASKS}/{name}")
            totals.failed += 1
        else:
            shutil.copytree(results, folder / TASKS / name)
            rules = FinishedRun.of_folder(os.fspath(results)).summary.totals.rules
            totals.add(rules)
            one = ListedDocument(name, rules, "", "00", f"{TASKS}/{name}")
        lines.append(one.to_line().decode())
    (folder / DOCUMENT_LIST).write_text("".join(lines))
    found = [*by_hand(0.5, document="a"), *by_hand(0.75, 0.5, document="c")]
    (folder / FINDINGS).write_text("".join(f"{json.dumps(as_json(one))}\n" for one in found))
    totals.findings = totals_of(found)
    (folder / SUMMARY).write_bytes(summary_of(totals, manifest="00").to_bytes())
    return folder


def test_documents_in_order(results: Path, listed: Path, tmp_path: Path) -> None:
    """Of each document its metrics and findings, then itself, in the order of the list."""
    run = FinishedRun.of_folder(os.fspath(listed))
    found = [(d.document(), list(d.metrics()), list(d.findings())) for d in run.documents()]
    assert [(document.name, document.outcome) for document, _, _ in found] == [
        ("a", "violated"),
        ("b", "failed"),
        ("c", "violated"),
    ]
    assert found[1][0].reason == "no"
    assert found[1][1:] == ([], [])
    assert [len(metrics) for _, metrics, _ in found] == [4, 0, 4]
    assert [[one.score for one in findings] for _, _, findings in found] == [[0.5], [], [0.75, 0.5]]
    one = found[0][0]
    assert (one.violated_rules, one.counts, one.violations) == (2, (14, 8, 0), 6)
    found_again, *again = reported(listed, tmp_path)
    assert list(map(json.loads, found_again.splitlines())) == [
        json.loads(line) for line in (listed / FINDINGS).read_bytes().splitlines()
    ]
    names = [name for name in FOLDER_FILES if name != FINDINGS]
    once = [(results / name).read_bytes() for name in names]
    header = HEADER.encode()
    for name, found_again, of_one in zip(names, again, once, strict=True):
        begin = header if name == METRICS else b""
        assert found_again == begin + 2 * of_one.removeprefix(begin)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_last_line, "documents.jsonl:2: found 2 documents, expected 3 by summary.json"),
        (
            other("tasks/c", "tasks/../../x"),
            "documents.jsonl:3: found .* expected a document",
        ),
        (
            other("tasks/c", "tasks/.."),
            "documents.jsonl:3: found .* expected a document",
        ),
        (other("tasks/c", "tasks/gone"), "tasks/gone: found no results of a run there"),
        (
            other('"support": 8', '"support": 7'),
            r"documents.jsonl:1: found counts \(14, 7, 0\), expected",
        ),
        (
            other('"support": 8', '"support": true'),
            "documents.jsonl:1: found .* expected a docum",
        ),
    ],
)
def test_damaged_list(
    damage: Callable[[str], str], message: str, listed: Path, tmp_path: Path
) -> None:
    """A list of documents that was altered is an error with its line; it leads nowhere else."""
    path = listed / DOCUMENT_LIST
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=message):
        reported(listed, tmp_path)


def test_only_what_is_wanted_is_read(results: Path, tmp_path: Path) -> None:
    """A writer that wants no findings is made without their file."""
    (results / FINDINGS).unlink()
    outputs = report_outputs([f"rules={tmp_path / 'r'}"])
    write_reports(FinishedRun.of_folder(os.fspath(results)), outputs, Silent())
    assert (tmp_path / "r").read_bytes() == (results / "rules.tsv").read_bytes()
