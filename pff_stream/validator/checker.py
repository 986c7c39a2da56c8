"""Checks one document after the other by rules that stay: what it came to, as data.

One for each thread that checks at the same time: its rule table has room to count one graph.
"""

from __future__ import annotations

import mmap
import time
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pff_stream.errors import DocumentError, InputError, RefusedError
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.findings.of_document import findings_of_table
from pff_stream.report._merge import write_results
from pff_stream.report._rows import RuleRows
from pff_stream.report.records import Counts, Reason
from pff_stream.report.totals import Totals
from pff_stream.triples._graph import GraphView
from pff_stream.validator.encoding import DocumentEncoder
from pff_stream.work.found import findings_of_results, ranked_rules
from pff_stream.work.spooled import is_settled, spooled_rules
from pff_stream.work.task import RESULT_BYTES

if TYPE_CHECKING:
    from pff_stream.evaluate.options import EvaluatorOptions
    from pff_stream.findings.catalogue import RuleCatalogue
    from pff_stream.findings.of_document import DocumentFindings, WantedOfDocument
    from pff_stream.findings.packed import PackedFindings
    from pff_stream.notes import Notes
    from pff_stream.report.spooled import MergeOptions, Spooled
    from pff_stream.rules._table import RuleTable
    from pff_stream.rules.file import RuleFile
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.content import Content


class CheckRules(Protocol):
    """Rules to check by, whoever opened them."""

    file: RuleFile
    catalogue: RuleCatalogue

    def table(self) -> RuleTable:
        """The rules as a table, with room to count one graph after the other."""

    def is_table_usable(self, counting: EvaluatorOptions) -> bool:
        """Whether documents can be counted by the table at all."""


class CheckOptions(NamedTuple):
    """What is the same of all documents; can be sent to other processes."""

    reading: EncodeOptions
    semantics: str
    counting: EvaluatorOptions
    merging: MergeOptions
    wanted: WantedOfDocument
    folder: str
    """For temporary files."""
    longest_document: int
    """Bytes of its text."""

    @property
    def told(self) -> tuple[EncodeOptions, MergeOptions]:
        """What a result needs of them."""
        return self.reading, self.merging


class CheckedDocument(Protocol):
    """What one document came to."""

    @property
    def content(self) -> Content:
        """The document; of one that was sent elsewhere only what is known of it here."""

    @property
    def graph(self) -> bytearray | bytes | mmap.mmap:
        """Its triples."""

    @property
    def graph_bytes(self) -> int:
        """Of the triples, as far as they are held."""

    @property
    def totals(self) -> Totals:
        """Rules by outcome."""

    @property
    def found(self) -> PackedFindings | None:
        """What findings are made of."""

    @property
    def n_findings(self) -> int:
        """How many there are of them."""

    @property
    def notes(self) -> Notes:
        """What was noticed."""

    @property
    def seconds(self) -> float:
        """What the check took."""


class Checked(NamedTuple):
    """What one document came to, here."""

    content: Content
    graph: bytearray | bytes | mmap.mmap
    totals: Totals
    found: PackedFindings | None
    notes: Notes
    seconds: float

    @property
    def graph_bytes(self) -> int:
        """Of its triples."""
        return len(self.graph)

    @property
    def n_findings(self) -> int:
        """How many were kept."""
        return 0 if self.found is None else len(self.found.entries)


class Checker:
    """Rules with room to count one document; for one thread at a time."""

    def __init__(
        self, rules: CheckRules, options: CheckOptions, progress: memoryview | None = None
    ) -> None:
        """`progress`: a counter of 8 bytes that is moved while documents are counted."""
        self._rules = rules
        self._progress = progress
        self._options = options
        self._table = rules.table() if rules.is_table_usable(options.counting) else None
        self._encoder = DocumentEncoder(options.reading)

    def check(self, content: Content, n: int | None) -> Checked:
        """What the document comes to, with its first `n` findings (None: all).

        `DocumentError` where it is none, or takes more than there is room for.
        """
        started = time.perf_counter()
        try:
            buffer, notes = self._encoder.graph(content)
            graph = GraphView(buffer)
            totals, found = self._found(graph, content.name, n)
            if found is not None and found.entries:
                found = self._encoder.with_spots(content, graph, found)
        except (InputError, RefusedError) as error:
            raise DocumentError(_named(str(error), content.name)) from None
        except MemoryError:
            raise DocumentError(f"{content.name}: found a document that takes more memory than "
                                "there is, expected a smaller one") from None  # fmt: skip
        seconds = time.perf_counter() - started
        return Checked(content, buffer, totals, found, notes, seconds)

    def rows(self, graph: GraphView) -> bytes:
        """What is counted of each rule that has predictions, as `report.sums.ROW`."""
        found = bytearray()
        rows = RuleRows(found.extend)
        if self._table is not None and is_settled(self._rules.file, graph):
            self._counter(graph).count_table(self._table, rows)
            rows.finish_rows()
        else:
            with self._spooled(graph) as spooled:
                write_results(spooled, [rows], self._options.merging)
        return bytes(found)

    def _found(
        self, graph: GraphView, name: str, n: int | None
    ) -> tuple[Totals, PackedFindings | None]:
        if self._table is None or not is_settled(self._rules.file, graph):
            return self._by_results(graph, name, n)
        counter = self._counter(graph)
        outcomes, sums, reasons = counter.count_table(self._table, None, keeps_violated=n != 0)
        counts, rejected = Counts(*sums), self._rules.file.rejected
        totals = Totals(
            outcomes=(*outcomes, 0, 0, rejected),
            counts=counts,
            violations=counts.violations(partial=self._options.counting.partial),
            reasons=tuple(
                each + rejected * (why is Reason.TEXT)
                for each, why in zip(reasons, Reason, strict=True)
            ),
        )
        if n == 0:
            return totals, None
        wanted = self._options.wanted.with_n(n)
        rules = self._table, self._rules.catalogue
        return totals, _packed(findings_of_table(graph, rules, counter, wanted, name))

    def _counter(self, graph: GraphView) -> TableCounter:
        return TableCounter(
            graph,
            self._options.semantics,
            self._options.counting,
            wide=False,
            progress=self._progress,
        )

    def _by_results(
        self, graph: GraphView, name: str, n: int | None
    ) -> tuple[Totals, PackedFindings | None]:
        """By records of all rules: where names of the document settle how rules are read."""
        options, file = self._options, self._rules.file
        if n == 0:
            with self._spooled(graph) as spooled:
                return write_results(spooled, [], options.merging), None
        wanted = options.wanted.with_n(n)
        with ExitStack() as stack:
            ranking, order = stack.enter_context(ranked_rules(wanted))
            spooled = stack.enter_context(self._spooled(graph))
            totals = write_results(spooled, [ranking], options.merging)
            lister = self._evaluator(graph, options.counting.listing())
            counted = file, lister, order
            found = findings_of_results(graph, counted, wanted, name, stack)
            return totals, _packed(found)

    def _spooled(self, graph: GraphView) -> AbstractContextManager[Spooled]:
        evaluator = self._evaluator(graph, self._options.counting)
        return spooled_rules(self._rules.file, graph, evaluator, self._options.folder)

    def _evaluator(self, graph: GraphView, counting: EvaluatorOptions) -> Evaluator:
        return Evaluator(
            graph,
            self._options.semantics,
            counting,
            wide=False,
            buffer_bytes=RESULT_BYTES,
            progress=self._progress,
        )


def _packed(found: DocumentFindings) -> PackedFindings:
    try:
        return found.packed()
    finally:
        found.close()


def _named(message: str, name: str) -> str:
    """The message, with the name of the document in front."""
    return message if message.startswith(name) else f"{name}: {message}"
