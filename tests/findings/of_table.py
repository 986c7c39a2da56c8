"""Findings of one document by a rule table, in the process of the test."""

from __future__ import annotations

import mmap
import tempfile
from contextlib import closing
from pathlib import Path

from pff_stream.evaluate._kernel import TableCounter
from pff_stream.evaluate.options import COUNTS_ONLY
from pff_stream.findings.catalogue import RuleCatalogue, write_catalogue
from pff_stream.findings.confidence import Kind
from pff_stream.findings.of_document import WantedOfDocument, findings_of_table
from pff_stream.report.streams import Finding
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.options import EncodeOptions


class TableOf:
    """The table and the catalogue of a compiled rule file."""

    def __init__(self, rules: Path, kind: Kind = Kind.MINER, min_confidence: float = 0.0) -> None:
        self.kind = kind
        with closing(RuleFile(str(rules))) as file, tempfile.TemporaryFile(buffering=0) as target:
            builder = TableBuilder(0, min_confidence)
            for index in range(len(file.chunks)):
                builder.add(file.read_chunk(index))
            room = bytearray(builder.size())
            builder.write_into(room)
            self.semantics = file.semantics
            self.table = RuleTable(room)
            write_catalogue(
                file,
                kind,
                target,
                tempfile.gettempdir(),
                min_support=0,
                min_confidence=min_confidence,
            )
            self.catalogue = RuleCatalogue(mmap.mmap(target.fileno(), 0, prot=mmap.PROT_READ))

    def findings(self, triples: Path, wanted: WantedOfDocument) -> list[Finding]:
        """Those of the graph of a file."""
        room = PrivateGraph()
        encode_quietly([str(triples)], room, EncodeOptions())
        graph = GraphView(room.buffer)
        options = COUNTS_ONLY._replace(partial=wanted.ranked_by.endswith("partial"))
        counter = TableCounter(graph, self.semantics, options, wide=False)
        counter.count_table(self.table, keeps_violated=True)
        rules = self.table, self.catalogue
        with closing(findings_of_table(graph, rules, counter, wanted)) as found:
            assert len(found) == len(list(found))
            return list(found)
