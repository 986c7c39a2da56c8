"""Reports in Parquet: every row, in row groups of a declared size, in memory that is planned."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import UsageError
from pff_stream.report.formats.parquet import (
    LEFT_OUT,
    ROW_GROUP_BYTES,
    ParquetFindings,
    ParquetMetrics,
    ParquetOutcomes,
    ParquetWriter,
)
from pff_stream.report.outputs import report_outputs
from pff_stream.report.records import Counts, Outcome
from pff_stream.report.streams import Finding, RuleMetric, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals
from tests.examples import examples
from tests.report.finding_cases import findings
from tests.report.test_bounded_reports import Sink

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def written(writer: ParquetWriter, records: list[Any]) -> bytes:
    """The file of these."""
    sink = Sink()
    writer.begin(RunHeader("object-identity", {}, {}), sink)
    for record in records:
        (writer.finding if "finding" in writer.wants else writer.metric)(record)
    writer.end(Summary(RunTotals(), "object-identity", {}, {}, {}))
    return bytes(sink.taken)


def metric(line: int, text: str = "r(X,Y) <= q(X,Y)", document: str = "") -> RuleMetric:
    """A rule that is violated twice."""
    return RuleMetric(line, Outcome.VIOLATED, "", Counts(4, 2), 0.5, text, document)


@examples(25)
@given(given_findings=st.lists(findings(), max_size=5))
def test_findings(given_findings: list[Finding]) -> None:
    """Each is a row, whatever it is; the same findings give the same bytes."""
    data = written(ParquetFindings(), given_findings)
    assert data == written(ParquetFindings(), given_findings)
    rows = pq.read_table(io.BytesIO(data)).to_pylist()
    assert [row["key"] for row in rows] == [one.key for one in given_findings]
    assert [row["new"] for row in rows] == [one.new for one in given_findings]
    witnesses = [[len(reason["witness"]) for reason in row["reasons"]] for row in rows]
    expected = [[len(reason.witness) for reason in one.reasons] for one in given_findings]
    assert witnesses == expected


@pytest.mark.parametrize("form", [ParquetFindings, ParquetMetrics, ParquetOutcomes])
def test_columns(form: type[ParquetWriter]) -> None:
    """Of no rows, too; as many as the plan counts."""
    file = pq.ParquetFile(io.BytesIO(written(form(), [])))
    assert file.metadata.num_rows == 0
    assert file.metadata.num_columns == form.n_columns


def test_rules() -> None:
    """With the document in front."""
    records = [metric(1), metric(2, document="a\udcff")]
    (first, second) = pq.read_table(io.BytesIO(written(ParquetMetrics(), records))).to_pylist()
    assert (first["line"], first["document"], first["predictions"]) == (1, "", 4)
    assert (second["violations"], second["document"], second["rule"]) == (
        0,
        "a\ufffd",
        records[1].text,
    )
    rows = pq.read_table(io.BytesIO(written(ParquetOutcomes(), records))).to_pylist()
    assert rows[0] == {"document": "", "line": 1, "outcome": "violated", "reason": ""}


def test_row_groups() -> None:
    """They end by bytes; of a file with too many of them the rest is left out, and that is said."""
    long = ROW_GROUP_BYTES // 4

    class FewGroups(ParquetMetrics):
        most_row_groups = 2

    file = pq.ParquetFile(
        io.BytesIO(written(FewGroups(), [metric(n, "x" * long) for n in range(1, 12)]))
    )
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [4, 4]
    assert file.metadata.metadata[LEFT_OUT.encode()] == b"3"


def test_names() -> None:
    """A file's suffix says that it is Parquet; a name says of what."""
    asked = ["a.parquet", "findings=b.parquet", "metrics=c.parquet", "parquet-outcomes=d"]
    forms = [type(one.writer) for one in report_outputs(asked)]
    assert forms == [ParquetFindings, ParquetFindings, ParquetMetrics, ParquetOutcomes]
    for wrong in ("rules=x.parquet", "html=x.parquet"):
        with pytest.raises(UsageError, match=f"found {wrong}"):
            report_outputs([wrong])


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line says what to install, before anything is read."""
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UsageError, match=r"found no pyarrow.*pip install 'pff-stream\[parquet\]'"):
        report_outputs(["x.parquet"])
