"""The parts of a run over one graph, joined: what they counted and listed, merged as one run's.

The merge reads the spools of all parts. The order of the rules and the cut are found as in any run,
and where workers would list violations, those come from the parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from pff_stream.checkpoint.done_rules import DoneRules
from pff_stream.checkpoint.journal import JournalReader, run_is_whole
from pff_stream.checkpoint.parts import Part
from pff_stream.checkpoint.spool import JOURNAL, SPOOL, Spool, described
from pff_stream.errors import DamagedResultsError, InputError
from pff_stream.evaluate.options import Page
from pff_stream.execute.files import OutputFile
from pff_stream.findings.order import ChosenRules
from pff_stream.observer import Observer
from pff_stream.pipeline.by_rules import RulesWork
from pff_stream.pipeline.cut import Basis, CarryOut, ListedTasks, Ready, Tasks
from pff_stream.pipeline.listing import SpoolFile
from pff_stream.pipeline.one_graph import OneGraph
from pff_stream.pipeline.part_listing import PartListing
from pff_stream.plan.accuracy import Compared
from pff_stream.plan.joining import plan_join
from pff_stream.report.records import Json, Run
from pff_stream.report.run_table import RunTable
from pff_stream.report.spooled import Spooled
from pff_stream.words import counted
from pff_stream.work.tally import Evaluation
from pff_stream.work.task import Task, whole_chunks

if TYPE_CHECKING:
    from pff_stream.inputs import GraphInput
    from pff_stream.pipeline.findings import GraphFindings
    from pff_stream.plan.budget import Make
    from pff_stream.plan.sizes import RunSizes
    from pff_stream.report._pass import Formatter
    from pff_stream.report.found import FoundTotals
    from pff_stream.report.totals import RunTotals, Totals
    from pff_stream.rules.file import RuleFile
    from pff_stream.settings.models import ResourceOptions
    from pff_stream.triples._graph import GraphView
    from planner.machine import Machine
    from planner.model import Phase, Settings
    from planner.plan import Plan

_SUMMED = ("evaluation_cpu_seconds", "edges", "spooled_bytes", "retried", "resumed_rules")


class JoinedGraph(OneGraph):
    """A graph over which all rules are done, in parts."""

    def __init__(self, graph: GraphInput, parts: Sequence[Part]) -> None:
        super().__init__(graph)
        self._parts = parts

    def _planner(self, basis: Basis, before: Sequence[Phase]) -> Make:
        def make(_resources: ResourceOptions, machine: Machine, _fixed: Settings | None) -> Plan:
            return plan_join(machine, self.sizes, basis.costs, before)

        return make

    def _work(self, ready: Ready, observer: Observer, stack: ExitStack) -> RulesWork:
        check_inputs(self._parts[0], described(ready.rules, self.graph))
        runs = RunTable((), ready.folder)
        stack.callback(runs.close)
        spools = opened_spools(self._parts, ready.rules.file, runs, stack)
        return JoinedRules(ready, self.graph, self.sizes, self._parts, spools, Evaluation(runs))


def summed_facts(parts: Sequence[Part]) -> dict[str, Json]:
    """What the workers of all parts did."""
    told = [part.summary["run"] for part in parts]
    summed: dict[str, Json] = {name: sum(one.get(name) or 0 for one in told) for name in _SUMMED}
    return {**summed, "parts": len(parts)}


def check_inputs(part: Part, found: Mapping[str, str]) -> None:
    """InputError where the inputs are not those that the parts are of."""
    for name, value in found.items():
        if part.inputs.get(name) != value:
            raise InputError(
                f"{part.folder}: the {name} are not what the parts were made of (hash {value}, "
                f"expected {part.inputs.get(name)})"
            )


def opened_spools(
    parts: Sequence[Part], file: RuleFile, runs: RunTable, stack: ExitStack
) -> list[IO[bytes]]:
    """The spools of all parts, until `stack` closes them; `runs` is told what lies in them.

    InputError where the results of a rule are not there, or not as they were written.
    """
    done, spools = DoneRules(file), []
    for number, part in enumerate(parts):
        spool = stack.enter_context(part.open(SPOOL))
        spools.append(spool)
        with part.open(JOURNAL) as journal:
            reader = JournalReader(journal.fileno())
            for one in reader:
                if not done.is_new(one.task):
                    continue
                if all(run_is_whole(spool.fileno(), run) for run in one.runs):
                    done.add(one.task)
                    runs.add(Run(number, run.crc32, run.offset, run.length) for run in one.runs)
        missing = done.missing(whole_chunks(file, part.shard.chunks(file).tolist()))
        n_missing = sum(task.n_rules for task in missing)
        if n_missing:
            raise part.damaged(
                f"the results of {counted(n_missing, 'rule')} are not there as they were written"
            )
    return spools


class JoinedRules(RulesWork):
    """All rules of a file, counted and listed in parts."""

    lists_pages = False
    """A part has listed all of a rule, or nothing."""

    def __init__(
        self,
        ready: Ready,
        graph: GraphInput,
        sizes: RunSizes,
        parts: Sequence[Part],
        spools: Sequence[IO[bytes]],
        evaluation: Evaluation,
    ) -> None:
        shared = Spool(spools[0], OutputFile(""))
        super().__init__(ready, graph, sizes, shared, evaluation, None)
        self._parts, self._spools = parts, spools
        self._first_missing: int | None = None
        for part in parts:
            told = part.head.get("withdrawn", {}).items()
            self.withdrawn |= {int(source): str(cause) for source, cause in told}

    def tasks(self) -> Iterator[Task]:
        """None: all is done."""
        return iter(())

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """Nothing is carried out: what workers would list the parts have."""

        def list_nothing(_tasks: Tasks) -> None:
            observer.phase("findings", None, "findings")

        return super().totals(list_nothing, observer, stack)

    def spooled(self, graph: GraphView) -> Spooled:
        """The results of all parts."""
        files = [spool.fileno() for spool in self._spools]
        return replace(super().spooled(graph), files=files)

    def facts(self) -> Mapping[str, Json]:
        """What evaluating took in all parts."""
        return summed_facts(self._parts)

    def compared(self) -> list[Compared]:
        """Nothing: there are no workers."""
        return []

    def _found(
        self, finder: GraphFindings, carry_out: CarryOut, observer: Observer
    ) -> FoundTotals | None:
        found = super()._found(finder, carry_out, observer)
        missing = self._first_missing
        if found is not None and missing is not None and missing < found.rules_in_force:
            raise InputError(
                "found parts that list too few violations: --max-disk, or what was free of their "
                "disk, cut them; expected those of all rules in force: make them again with a "
                "larger --max-disk, or join with a smaller one"
            )
        return found

    def _listing(
        self, chosen: ChosenRules, first: int, spool: SpoolFile, page: Page
    ) -> ListedTasks:
        listing = PartListing(self._parts, chosen, first, self.file.rules, self.ready.folder)
        if listing.first_missing is not None and self._first_missing is None:
            self._first_missing = listing.first_missing
        return listing

    def _merge(self, graph: GraphView, formatters: Sequence[Formatter]) -> Totals:
        try:
            return super()._merge(graph, formatters)
        except DamagedResultsError as error:
            raise InputError(f"found a part that is damaged: {error}") from error
