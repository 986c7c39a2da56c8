"""Findings and rules of a run as tables: streams of Arrow, made batch by batch from their records.

What a table has is what `findings.jsonl` and `metrics.tsv` have, in columns with types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pff_stream.files.arrow_library import import_arrow
from pff_stream.report.formats.metrics import COLUMNS, counted_values
from pff_stream.report.streams import Finding, RuleMetric

Item_contra = TypeVar("Item_contra", contravariant=True)
_ROWS = 512
"""Records of a batch."""


class Columns(Protocol, Generic[Item_contra]):
    """The columns of one kind of record."""

    def schema(self, pa: Any) -> Any:
        """Names and types; `pa` is the module pyarrow."""

    def row(self, record: Item_contra) -> tuple[Any, ...]:
        """The values of one record, in the order of the schema."""


class MetricColumns(NamedTuple):
    """Those of `metrics.tsv`; no value where it has an empty field."""

    def schema(self, pa: Any) -> Any:
        """Counts are whole numbers, confidences are not."""
        return pa.schema([(name, _metric_type(pa, name)) for name in COLUMNS])

    def row(self, record: RuleMetric) -> tuple[Any, ...]:
        """One rule."""
        return (
            record.line,
            record.outcome.word,
            _text(record.reason),
            *counted_values(record),
            *record.miner,
            _text(record.text),
        )


class OutcomeColumns(NamedTuple):
    """Those of `outcomes.tsv`, and the document."""

    def schema(self, pa: Any) -> Any:
        """The line of the rule, and words."""
        text = pa.string()
        names = ("document", text), ("line", pa.int64()), ("outcome", text), ("reason", text)
        return pa.schema([*names])

    def row(self, record: RuleMetric) -> tuple[Any, ...]:
        """One rule."""
        return _text(record.document), record.line, record.outcome.word, _text(record.reason)


class DocumentMetricColumns(NamedTuple):
    """Those of `metrics.tsv`, and the document: the rules of several are in one table."""

    def schema(self, pa: Any) -> Any:
        """The document comes first."""
        document = pa.field("document", pa.string())
        return MetricColumns().schema(pa).insert(0, document)

    def row(self, record: RuleMetric) -> tuple[Any, ...]:
        """One rule on one document, or on all of them."""
        return _text(record.document), *MetricColumns().row(record)


class FindingColumns(NamedTuple):
    """Those of `findings.jsonl`: a finding is a row, its reasons are a list in it."""

    def schema(self, pa: Any) -> Any:
        """A triple is three columns, a place as well."""
        text, number, share = pa.string(), pa.int64(), pa.float64()
        triple = [("subject", text), ("relation", text), ("object", text)]
        reason = [
            ("rule", number),
            ("rule_text", text),
            ("rank_confidence", share),
            ("witness", pa.list_(pa.struct(triple))),
        ]
        return pa.schema(
            [
                ("key", text),
                ("document", text),
                *triple,
                ("kind", text),
                ("score", share),
                ("ranked_by", text),
                ("floor", share),
                ("new", pa.bool_()),
                ("file", text),
                ("line", number),
                ("pointer", text),
                ("found_objects", pa.list_(text)),
                ("found_objects_total", number),
                ("found_subjects", pa.list_(text)),
                ("found_subjects_total", number),
                ("reasons_total", number),
                ("reasons", pa.list_(pa.struct(reason))),
                ("message", text),
            ]
        )

    def row(self, record: Finding) -> tuple[Any, ...]:
        """One finding."""
        where, found = record.where, record.found
        reasons = [
            {
                "rule": reason.line,
                "rule_text": _text(reason.text),
                "rank_confidence": reason.confidence,
                "witness": [
                    dict(zip(("subject", "relation", "object"), map(_text, names), strict=True))
                    for names in reason.witness
                ],
            }
            for reason in record.reasons
        ]
        return (
            record.key,
            _text(record.document),
            *map(_text, record.triple),
            record.kind,
            record.score,
            record.ranked_by,
            record.floor,
            record.new,
            *((None,) * 3 if where is None else (_text(where.file), where.line, where.pointer)),
            [*map(_text, found.objects)],
            found.objects_total,
            [*map(_text, found.subjects)],
            found.subjects_total,
            record.reasons_total,
            reasons,
            _text(record.message),
        )


def stream_of(
    records: Iterable[Item_contra],
    columns: Columns[Item_contra],
    requested_schema: object | None = None,
) -> object:
    """A stream of the C interface of Arrow; a batch is made when it is asked for.

    `UsageError` where there is no pyarrow.
    """
    pa = import_arrow("results as a table")
    schema = columns.schema(pa)

    def batches() -> Iterator[Any]:
        remaining = iter(records)
        while rows := [columns.row(record) for record in islice(remaining, _ROWS)]:
            yield batch_of(rows, schema, pa)

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    stream: object = reader.__arrow_c_stream__(requested_schema)
    return stream


def batch_of(rows: Sequence[tuple[Any, ...]], schema: Any, pa: Any) -> Any:
    """A batch of Arrow of at least one row, each as a `Columns` makes it."""
    values = zip(*rows, strict=True)
    arrays = [pa.array(one, kind) for one, kind in zip(values, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _metric_type(pa: Any, name: str) -> Any:
    if name in ("outcome", "reason", "rule"):
        return pa.string()
    return pa.float64() if name.endswith(("confidence", "coverage")) else pa.int64()


def _text(text: str) -> str:
    """As UTF-8 has it: what was no text in a file is no text in a table."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
