"""Findings and rules of `pff_stream.run` as tables, whose batches are made when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream.report.formats.tables import FindingColumns, MetricColumns, stream_of
from pff_stream.report.records import Counts, Outcome
from pff_stream.report.streams import Finding, FindingReason, Found, Place, RuleMetric

pa = pytest.importorskip("pyarrow", reason="tables need the extra parquet")
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def result(data: Path) -> Iterator[Any]:
    """UMLS with 30 findings, in a folder of its own."""
    folder = data / "umls"
    with pff_stream.run(
        folder / "rules.tsv.gz", folder / "train.tsv.gz", findings=30, workers=1
    ) as found:
        yield found


def test_metrics_are_the_columns_of_the_file(result: Any) -> None:
    """As `metrics.tsv` has them: names, values, nothing where it has an empty field."""
    with open(Path(result.folder) / "metrics.tsv", encoding="utf-8") as file:
        header, *lines = (line.rstrip("\n").split("\t") for line in file)
    table = pa.table(result.metrics)
    assert table.column_names == header
    assert table.num_rows == len(lines) == len(result.metrics) > 2000
    for row, cells in zip(table.to_pylist(), lines, strict=True):
        found = ["" if value is None else str(value) for value in row.values()]
        assert found == cells
    assert str(table.schema.field("predictions").type) == "int64"
    assert str(table.schema.field("confidence").type) == "double"
    violated = pa.table(result.violated)
    assert violated["line"].to_pylist() == [one.line for one in result.violated]
    assert set(violated["outcome"].to_pylist()) == {"violated"}
    assert pa.table(result.metrics[3:5])["line"].to_pylist() == [4, 5]


def test_findings_with_their_reasons(result: Any) -> None:
    """One row a finding; reasons and witnesses are lists in it."""
    rows = pa.table(result.findings).to_pylist()
    assert len(rows) == 30
    for row, finding in zip(rows, result.findings, strict=True):
        assert (row["subject"], row["relation"], row["object"]) == finding.triple
        assert (row["key"], row["score"], row["kind"]) == (finding.key, finding.score, finding.kind)
        assert (row["file"], row["line"], row["pointer"]) == tuple(finding.where or [None] * 3)
        assert (row["found_objects"], row["message"]) == ([*finding.found.objects], finding.message)
        for told, reason in zip(row["reasons"], finding.reasons, strict=True):
            assert (told["rule"], told["rule_text"]) == (reason.line, reason.text)
            assert told["rank_confidence"] == reason.confidence
            assert [tuple(one.values()) for one in told["witness"]] == [*reason.witness]


@pytest.mark.parametrize("module", ["polars", "pandas"])
@pytest.mark.parametrize("name", ["metrics", "findings"])
def test_in_other_libraries(result: Any, name: str, module: str) -> None:
    """A constructor is enough."""
    records = getattr(result, name)
    expected = pa.table(records)
    library = pytest.importorskip(module)
    make = getattr(library.DataFrame, "from_arrow", library.DataFrame)  # of pandas from 3 on
    frame = make(records)
    assert list(frame.columns) == expected.column_names
    assert list(frame["line"]) == expected["line"].to_pylist()


def test_rules_come_back(result: Any, tmp_path: Path) -> None:
    """Exact counts become the miner's columns of the same rules."""
    counted = result.metrics[:50]
    table = pa.table(counted)
    wanted = table.filter(pa.compute.is_valid(table["confidence"]))
    assert wanted.num_rows > 10
    report = pff_stream.compile(wanted, tmp_path / "a.pffr")
    assert (report.rules, report.rejected) == (wanted.num_rows, 0)


def test_all_fields() -> None:
    """Whatever a record may have, also names that are no text."""
    reason = FindingReason(3, "p(X,Y) <= q(X,Y)", (("a", "q", "b\udcff"),), 0.5)
    finding = Finding(
        ("a\udcff", "p", "ö"), (reason,), "d", "0" * 16, "absent", 0.5, "exact/max/closed", 0.1,
        Found(("x",), 7, ("y", "z"), 2), Place("f.json", 9, "/a/0"), 1, "expected ö", new=True,
    )  # fmt: skip
    row = pa.table(Streamed(stream_of([finding], FindingColumns()))).to_pylist()[0]
    assert row == {
        "key": "0" * 16, "document": "d", "subject": "a\N{REPLACEMENT CHARACTER}", "relation": "p",
        "object": "ö", "kind": "absent", "score": 0.5, "ranked_by": "exact/max/closed",
        "floor": 0.1, "new": True, "file": "f.json", "line": 9, "pointer": "/a/0",
        "found_objects": ["x"], "found_objects_total": 7, "found_subjects": ["y", "z"],
        "found_subjects_total": 2, "reasons_total": 1, "message": "expected ö",
        "reasons": [
            {
                "rule": 3, "rule_text": reason.text, "rank_confidence": 0.5,
                "witness": [
                    {"subject": "a", "relation": "q", "object": "b\N{REPLACEMENT CHARACTER}"}
                ],
            }
        ],
    }  # fmt: skip
    rejected = RuleMetric(1, Outcome.REJECTED, "column 1", text="\udcfe")
    satisfied = RuleMetric(2, Outcome.SATISFIED, "", Counts(2, 2, 0), 1.0, "r", violations=0)
    table = pa.table(Streamed(stream_of([rejected, satisfied], MetricColumns())))
    assert table["rule"].to_pylist() == ["\N{REPLACEMENT CHARACTER}", "r"]
    assert table["support"].to_pylist() == [None, 2]
    assert pa.table(Streamed(stream_of([], MetricColumns()))).num_rows == 0


def test_batch_by_batch(result: Any) -> None:
    """Only what is asked for is read; a run without findings has an empty table."""
    reader = pa.RecordBatchReader.from_stream(result.metrics)
    assert 0 < reader.read_next_batch().num_rows < len(result.metrics)
    with pff_stream.run(["p(X,Y) <= q(X,Y)"], [("a", "q", "b")], findings=0) as none:
        assert len(none.findings) == 0 and list(none.findings) == []
        assert pa.table(none.findings).num_rows == 0
        metrics = none.metrics
    with pytest.raises(pa.ArrowException, match="the results are removed"):
        pa.table(metrics)


class Streamed:
    """A stream that was made already."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """It."""
        return self._stream
