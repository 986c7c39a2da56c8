"""A part of a run over one graph: some of its chunks, kept until all parts are joined.

Rules are counted as in any run. Then the violations of the best of them are listed, as many as the
results of all parts can need. Nothing is merged into results: `join` does that (`joined`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pff_stream.checkpoint.part_files import PartFiles
from pff_stream.checkpoint.spool import Spool, UnfinishedRun
from pff_stream.evaluate.options import Page
from pff_stream.findings.order import ChosenRules
from pff_stream.observer import Observer
from pff_stream.pipeline.by_rules import RulesWork
from pff_stream.pipeline.cut import CarryOut, ListedTasks, Ready
from pff_stream.pipeline.findings import GraphFindings
from pff_stream.pipeline.listing import Listing, SpoolFile
from pff_stream.report.records import RUN, Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.summary import Summary
from pff_stream.rules.shard import Shard

if TYPE_CHECKING:
    from pff_stream.inputs import GraphInput
    from pff_stream.plan.sizes import RunSizes
    from pff_stream.report.found import FoundTotals
    from pff_stream.report.spooled import MergeOptions
    from pff_stream.work.tally import Evaluation


class PartOfRules(RulesWork):
    """Some chunks of rules over one graph."""

    lists_pages = False
    """What is listed is kept, so that pages save no disk."""

    def __init__(
        self,
        ready: Ready,
        graph: GraphInput,
        sizes: RunSizes,
        evaluation: Evaluation,
        kept: UnfinishedRun,
        stack: ExitStack,
    ) -> None:
        super().__init__(ready, graph, sizes, Spool.of(kept), evaluation, kept)
        self._part = kept
        self.result_files = ()
        chunks = Shard.of(ready.settings.sharding.shard).chunks(self.file)
        self.chunks = chunks.tolist()
        self.n_units = int(self.file.chunks["rules"][chunks].sum())
        self._files = stack.enter_context(PartFiles(kept.state))

    def merge_options(self) -> MergeOptions:
        """The rules of other parts are passed over."""
        return replace(super().merge_options(), is_part=True)

    def keep(self, out: str, summary: Summary) -> None:
        """Says what the part came to; then it is done."""
        self._part.complete(
            {
                "shard": self.ready.settings.sharding.shard,
                "rules": self.n_units,
                "withdrawn": {str(source): cause for source, cause in self.withdrawn.items()},
                "summary": summary.to_json(),
            }
        )

    def finish(self) -> None:
        """The state stays: it is the part."""

    def _found(
        self, finder: GraphFindings, carry_out: CarryOut, observer: Observer
    ) -> FoundTotals | None:
        self._files.forget()
        finder.list_part(self.graph, carry_out, self._files.keep)
        return None

    def _listing(
        self, chosen: ChosenRules, first: int, spool: SpoolFile, page: Page
    ) -> ListedTasks:
        kept = self._files.listed, self._files.listed_path
        told = self.job, self.window, chosen, first, kept, page
        return _KeptListing(self._files.runs, (self.file, self.chunks), *told)


class _KeptListing(Listing):
    """What is listed stays, and where it lies."""

    def __init__(self, kept: RunTable, *of_listing: Any) -> None:
        super().__init__(*of_listing)
        self._kept = kept

    def close(self) -> None:
        """Notes where all of it is."""
        for first in range(0, len(self.runs), _READ_RUNS):
            self._kept.add(map(Run._make, RUN.iter_unpack(self.runs.read(first, _READ_RUNS))))
        super().close()


_READ_RUNS = 256
