"""Parquet of findings, metrics and outcomes: the same columns as the tables that Python gets.

A row group is written when it has so many rows, or values of so many bytes; what is held does not
grow with the results but for the footer, in which each row group stands. pyarrow is imported when
the first of them begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pff_stream.errors import UsageError
from pff_stream.files.arrow_library import (
    HELD_BYTES,
    NUMPY_HELD_BYTES,
    has_arrow,
    import_arrow,
)
from pff_stream.report.formats.interface import ResultWriter
from pff_stream.report.formats.tables import (
    Columns,
    DocumentMetricColumns,
    FindingColumns,
    OutcomeColumns,
    batch_of,
)
from planner.formula import given
from planner.model import Term

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import Finding, OutputSizes, RuleMetric, RunHeader
    from pff_stream.report.summary import Summary

ROW_GROUP_ROWS, ROW_GROUP_BYTES = 1 << 15, 8 << 20
"""A row group has so many rows, or values of so many bytes, where that comes first."""
MOST_ROW_GROUPS = 500
"""Rows behind so many row groups are not written, and counted in the file's metadata."""
_BATCH_ROWS, _BATCH_BYTES = 256, 1 << 20
_ROW_OBJECTS_BYTES = 12 << 10
"""A row as objects of Python, beside its texts."""
_VALUE_BYTES = 8
"""Of a value, beside its text."""
_COPIES_OF_BATCH, _COPIES_OF_GROUP = 3, 3
"""As texts, as objects and as columns; as batches, as pages and packed."""
_FOOTER_BYTES = 2 << 10
"""Of a column in a row group, in the library and as it is written (1.7 KiB measured)."""
LEFT_OUT = "pff_stream.rows_left_out"


class ParquetWriter(ResultWriter, Protocol):
    """Writes one kind of record, in row groups."""

    columns: ClassVar[Columns[Any]]
    n_columns: ClassVar[int]
    """As Parquet counts them: parts of lists and structures apart."""
    most_row_groups: ClassVar[int] = MOST_ROW_GROUPS

    _pa: Any
    _schema: Any
    _file: Any
    _rows: list[tuple[Any, ...]]
    _batches: list[Any]
    _row_bytes: int
    _group_rows: int
    _group_bytes: int
    _groups: int
    _left_out: int

    def __init__(self) -> None:
        """`UsageError` without pyarrow: before anything is computed, and without importing it."""
        if not has_arrow():
            raise UsageError(
                "--report: found no pyarrow, which writes Parquet: "
                "pip install 'pff-stream[parquet]'"
            )

    def terms(self, sizes: OutputSizes) -> list[Term]:
        """The library, a batch of rows, a row group, and the footer."""
        source = "constants of the code"
        batch = _COPIES_OF_BATCH * given("batch", _BATCH_BYTES)
        rows = given("rows", _BATCH_ROWS) * given("row", _ROW_OBJECTS_BYTES)
        n_rows, n_bytes = self.held(sizes)
        if n_rows is not None and n_bytes is not None:
            n_bytes += n_rows * _VALUE_BYTES * self.n_columns
            most_groups = 1 + n_rows // ROW_GROUP_ROWS + n_bytes // ROW_GROUP_BYTES
            groups, n_bytes = min(self.most_row_groups, most_groups), min(ROW_GROUP_BYTES, n_bytes)
        else:
            groups, n_bytes = self.most_row_groups, ROW_GROUP_BYTES
        group = _COPIES_OF_GROUP * given("row_group", n_bytes)
        places = given("row_groups", groups) * given("columns", self.n_columns)
        footer = places * given("each", _FOOTER_BYTES)
        library = given("pyarrow", HELD_BYTES + NUMPY_HELD_BYTES)
        return [
            Term.of("pyarrow", library, source, at_most=True),
            Term.of("batch of rows", batch + rows, source, at_most=True),
            Term.of("row group", group, source, at_most=True),
            Term.of("footer", footer, source, at_most=True),
        ]

    def held(self, sizes: OutputSizes) -> tuple[int | None, int | None]:
        """Rows that there are at most, and bytes of their texts; None: nobody knows."""
        n_rows = sizes.rules * sizes.documents
        return n_rows, None if sizes.text_bytes is None else n_rows * sizes.text_bytes

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Imports the library; the beginning of the file is written."""
        self._pa = import_arrow("--report")
        from pyarrow.parquet import ParquetWriter as Writer

        self._schema = self.columns.schema(self._pa)
        self._file = Writer(_Sink(out), self._schema, compression="zstd")
        self._rows = []
        self._batches = []
        self._row_bytes = self._group_rows = self._group_bytes = 0
        self._groups = self._left_out = 0

    def take(self, record: Any, n_bytes: int) -> None:
        """Adds a row, whose texts have so many bytes."""
        if self._groups == self.most_row_groups:
            self._left_out += 1
            return
        self._rows.append(self.columns.row(record))
        self._row_bytes += n_bytes + _VALUE_BYTES * self.n_columns
        if len(self._rows) == _BATCH_ROWS or self._row_bytes >= _BATCH_BYTES:
            self._end_batch()
        if self._group_rows >= ROW_GROUP_ROWS or self._group_bytes >= ROW_GROUP_BYTES:
            self._end_group()

    def end(self, summary: Summary) -> None:
        """The last row group, and the footer."""
        self._end_batch()
        self._end_group()
        if self._left_out:
            self._file.add_key_value_metadata({LEFT_OUT: str(self._left_out)})
        self._file.close()

    def _end_batch(self) -> None:
        if self._rows:
            self._batches.append(batch_of(self._rows, self._schema, self._pa))
            self._group_rows += len(self._rows)
            self._group_bytes += self._row_bytes
            self._rows, self._row_bytes = [], 0

    def _end_group(self) -> None:
        if self._batches:
            table = self._pa.Table.from_batches(self._batches, self._schema)
            self._file.write_table(table, row_group_size=table.num_rows)
            self._batches = []
            self._group_rows = self._group_bytes = 0
            self._groups += 1


class ParquetFindings(ParquetWriter):
    """A row a finding; its reasons are a list in it."""

    name: ClassVar[str] = "parquet"
    suffix: ClassVar[str] = ".parquet"
    wants: ClassVar[frozenset[str]] = frozenset({"finding"})
    columns: ClassVar[Columns[Any]] = FindingColumns()
    n_columns: ClassVar[int] = 25

    def held(self, sizes: OutputSizes) -> tuple[int | None, int | None]:
        """A row a finding, with texts that its line has, too."""
        if sizes.findings is None:
            return None, None
        n_bytes = sizes.findings_bytes
        if n_bytes is None and sizes.line_bytes is not None:
            n_bytes = sizes.findings * sizes.line_bytes
        return sizes.findings, n_bytes

    def finding(self, finding: Finding) -> None:
        """A row."""
        texts = [finding.message, *finding.triple, *finding.found.objects, *finding.found.subjects]
        for reason in finding.reasons:
            texts.append(reason.text)
            for fact in reason.witness:
                texts += fact
        self.take(finding, sum(map(len, texts)))


class ParquetMetrics(ParquetWriter):
    """A row a rule, with its counts."""

    name: ClassVar[str] = "parquet-metrics"
    suffix: ClassVar[str] = ".parquet"
    wants: ClassVar[frozenset[str]] = frozenset({"metric"})
    columns: ClassVar[Columns[Any]] = DocumentMetricColumns()
    n_columns: ClassVar[int] = 19

    def metric(self, metric: RuleMetric) -> None:
        """A row."""
        self.take(metric, len(metric.document) + len(metric.reason) + len(metric.text))


class ParquetOutcomes(ParquetWriter):
    """A row a rule, with its outcome."""

    name: ClassVar[str] = "parquet-outcomes"
    suffix: ClassVar[str] = ".parquet"
    wants: ClassVar[frozenset[str]] = frozenset({"metric"})
    columns: ClassVar[Columns[Any]] = OutcomeColumns()
    n_columns: ClassVar[int] = 4

    def metric(self, metric: RuleMetric) -> None:
        """A row."""
        self.take(metric, len(metric.document) + len(metric.reason))


class _Sink:
    """What pyarrow writes to: a file that is written from its beginning to its end."""

    def __init__(self, out: ByteSink) -> None:
        self._out = out
        self._place = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Takes the bytes."""
        with memoryview(data) as view:
            self._out.write(view)
            self._place += view.nbytes
            return view.nbytes

    def tell(self) -> int:
        """Bytes that were written."""
        return self._place

    def flush(self) -> None:
        """Nothing is held back here."""

    def close(self) -> None:
        """The file is kept or abandoned by whoever opened it."""
        self.closed = True

    def writable(self) -> bool:
        """It is, and nothing else."""
        return True
