"""A part of a run over a manifest: some of its documents, kept until all parts are joined."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pff_stream.checkpoint.part_files import write_part
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.pipeline.by_document import DocumentsWork, Listed
from pff_stream.pipeline.cut import CarryOut, Ready
from pff_stream.pipeline.document_workers import Kept
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals
from pff_stream.rules.shard import Shard

if TYPE_CHECKING:
    from pff_stream.findings.baseline import BaselineLines
    from pff_stream.work.documents import DocumentArguments


class PartOfList(Listed):
    """Some of the documents of a manifest."""

    def __init__(
        self,
        shard: Shard,
        path: str,
        earlier: BaselineLines | None,
        folder: str,
        stack: ExitStack,
    ) -> None:
        super().__init__(path, earlier, folder, stack)
        self.manifest = self.manifest.part(shard.has)

    def _work(
        self, ready: Ready, arguments: DocumentArguments, totals: RunTotals, kept: Kept | None
    ) -> DocumentsWork:
        assert kept is not None  # a part has a folder
        return PartOfDocuments(ready, self, arguments, totals, kept)


class PartOfDocuments(DocumentsWork):
    """These documents, each answered by its totals."""

    def __init__(
        self,
        ready: Ready,
        listed: Listed,
        arguments: DocumentArguments,
        totals: RunTotals,
        kept: Kept,
    ) -> None:
        super().__init__(ready, listed, arguments, totals, kept)
        self.result_files = ()
        self._part = kept

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """The sums, saved with the list of documents."""
        self._part.done.save()
        return self._totals

    def noticed(self, totals: RunTotals) -> Notes:
        """Nothing: that is said of all parts together."""
        return Notes()

    def keep(self, out: str, summary: Summary) -> None:
        """Says what the part came to; then it is done."""
        shard, n_documents = self._ready.settings.sharding.shard, self.n_units
        head = {"shard": shard, "documents": n_documents, "summary": summary.to_json()}
        write_part(self._part.state, head)

    def finish(self) -> None:
        """The state stays: it is the part."""
