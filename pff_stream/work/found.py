"""Findings of the documents of a manifest, as a worker makes them: a file of lines for each.

By the rule table where the document was counted with it, else by the results of its rules. The
parent takes the files in the order of the manifest.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.execute.files import InputFile
from pff_stream.findings._ranking import Ranking
from pff_stream.findings._sorted import Sorter
from pff_stream.findings.baselines import BaselineFile, DocumentBaseline
from pff_stream.findings.catalogue import RuleCatalogue
from pff_stream.findings.of_document import (
    SORT_BYTES,
    DocumentFindings,
    WantedOfDocument,
    findings_of_table,
)
from pff_stream.findings.order import ChosenRules
from pff_stream.findings.places import PlaceSources
from pff_stream.findings.terms import batches
from pff_stream.findings.where import Places
from pff_stream.notes import Notes
from pff_stream.report.found import FoundTotals
from pff_stream.rules._table import RuleTable
from pff_stream.rules.file import RuleFile
from pff_stream.triples.options import EncodeOptions
from pff_stream.work.answered_files import FoundFile
from pff_stream.work.rules import ListedRules
from pff_stream.work.task import Listed

if TYPE_CHECKING:
    from pff_stream.findings._joined import Joined
    from pff_stream.settings.manifest import Document
    from pff_stream.triples._graph import GraphView


class FindingsArguments(NamedTuple):
    """What a worker is told once of the findings that are wanted."""

    wanted: WantedOfDocument
    begin: str | None
    """How the names of the files begin that documents' findings go to; None: nowhere."""
    catalogue: InputFile | None
    """What is told of the rules of the table; None: there is no table."""
    earlier: BaselineFile | None
    """The findings of an earlier run; None: there are none to compare with."""


class FoundAnswer(NamedTuple):
    """What was found in a document."""

    crc32: int
    """Of the file of its lines, if there is one."""
    totals: FoundTotals
    """Of its first findings, each with the best reason alone."""
    notes: Notes


class OneDocument(NamedTuple):
    """A document whose findings are looked for."""

    number: int
    document: Document
    graph: GraphView
    input_hash: bytes


class DocumentFinder:
    """Finds in one document after the other, and writes what it found to files."""

    def __init__(
        self,
        told: FindingsArguments,
        rules: RuleFile,
        evaluator: tuple[str, EvaluatorOptions, int],
        reading: EncodeOptions,
    ) -> None:
        """`evaluator` is the semantics, what rules are counted by, and its result buffer."""
        self._wanted, self._begin = told.wanted, told.begin
        self._rules = rules
        self._semantics, options, self._buffer_bytes = evaluator
        self._options = options.listing()
        self._reading = reading
        self._catalogue = None if told.catalogue is None else open_catalogue(told.catalogue.name)
        self._earlier = None if told.earlier is None else DocumentBaseline(told.earlier)

    def close(self) -> None:
        """Closes what it compares with."""
        if self._earlier is not None:
            self._earlier.close()

    def by_table(self, one: OneDocument, table: RuleTable, counter: TableCounter) -> FoundAnswer:
        """The findings of a document that was counted with the table, noting what is violated."""
        assert self._catalogue is not None
        rules = table, self._catalogue
        found = findings_of_table(one.graph, rules, counter, self._wanted, one.document.name)
        return self._write(one, found)

    def ranked(self) -> AbstractContextManager[tuple[Ranking, Sorter]]:
        """What puts rules in order while their results are merged, and that order."""
        return ranked_rules(self._wanted)

    def by_results(self, one: OneDocument, ranking: Ranking, order: Sorter) -> FoundAnswer:
        """The findings of a document whose violated rules are in order."""
        evaluator = Evaluator(
            one.graph,
            self._semantics,
            self._options,
            wide=False,
            buffer_bytes=self._buffer_bytes,
        )
        with ExitStack() as stack:
            by_results = (self._rules, evaluator, order)
            found = findings_of_results(
                one.graph, by_results, self._wanted, one.document.name, stack
            )
            found.without_value = ranking.without_value
            return self._write(one, found)

    def _write(self, one: OneDocument, found: DocumentFindings) -> FoundAnswer:
        """Writes them with their places to the file of the document, if there is one."""
        wanted, document = self._wanted, one.document
        totals = FoundTotals(wanted.ranked_by, wanted.floor)
        totals.total, totals.is_all = found.total, found.is_all
        totals.without_value = found.without_value
        earlier = None if self._earlier is None else self._earlier.of(document.name)
        sources = PlaceSources(
            (document.path,),
            self._reading,
            one.input_hash,
            names={document.path: document.written},
        )
        places = Places(sources)
        with ExitStack() as stack:
            stack.callback(found.close)
            out = stack.enter_context(FoundFile(self._begin, one.number))
            for batch in batches(iter(found)):
                for finding in places.of(batch):
                    if earlier is not None:
                        finding = replace(finding, new=earlier.is_new(finding))
                    totals.take(finding)
                    out.add(finding)
        if earlier is not None:
            totals.compare(earlier.gone(one.graph))
        return FoundAnswer(out.crc32, totals, places.notes)


def findings_of_results(
    graph: GraphView,
    counted: tuple[RuleFile, Evaluator, Sorter],
    wanted: WantedOfDocument,
    document: str,
    stack: ExitStack,
) -> DocumentFindings:
    """Those of a graph whose violated rules are in order; `stack` closes what is opened.

    `counted` is the rules, what lists all violations of some of them, and their order.
    """
    rules, evaluator, order = counted
    chosen = ChosenRules(order, rules.rules, str(wanted.folder), stack)

    def list_from(first: int, joined: Joined) -> None:
        ranks = InputFile(chosen.path, 4 * max(1, rules.rules), "ranks", "ranks")
        listed = ListedRules(Listed(ranks, first))
        for index, count in enumerate(rules.chunks["rules"]):
            some = listed.of(rules.read_chunk(index), 0, int(count))
            if some is not None:
                evaluate_rules(evaluator, graph, *some, joined.add)

    return DocumentFindings(graph, chosen, wanted, document, list_from)


@contextmanager
def ranked_rules(wanted: WantedOfDocument) -> Iterator[tuple[Ranking, Sorter]]:
    """What puts rules in order while their results are merged, and that order."""
    with ExitStack() as stack:
        by_text, order = Sorter(wanted.folder, SORT_BYTES), Sorter(wanted.folder, SORT_BYTES)
        stack.callback(by_text.close)
        stack.callback(order.close)
        yield Ranking(by_text, order, wanted.kind, wanted.floor), order


def open_catalogue(path: str) -> RuleCatalogue:
    """Maps a catalogue: pages of a file, shared by all workers."""
    with open(path, "rb") as file:
        return RuleCatalogue(mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ))
