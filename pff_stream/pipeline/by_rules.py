"""A run over one graph: all workers share it, a task is some of the rules, results are merged.

Workers append results to a spool; with a folder, a journal says what is done. At the end the spool
is merged in the order of the rules into every output. The parent keeps 24 bytes a run of records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pff_stream.checkpoint.spool import Spool, UnfinishedRun
from pff_stream.evaluate.options import Page
from pff_stream.execute.job import Job
from pff_stream.execute.queue import Alone, NotYet
from pff_stream.files import _pages
from pff_stream.findings.order import ChosenRules
from pff_stream.findings.rule_order import RuleOrder
from pff_stream.inputs import GraphInput
from pff_stream.limits.fence import planned_phase_held, share_bytes
from pff_stream.notes import Notes
from pff_stream.observer import Observer
from pff_stream.pipeline import merging
from pff_stream.pipeline.blaming import rules_blamed
from pff_stream.pipeline.cut import CarryOut, ListedTasks, Ready, Work, timed
from pff_stream.pipeline.failed_rules import write_failed
from pff_stream.pipeline.findings import (
    GraphFindings,
    WithdrawnError,
    place_sources,
    wanted_findings,
)
from pff_stream.pipeline.first_look import FirstLook, Missing
from pff_stream.pipeline.listing import Listing, SpoolFile
from pff_stream.pipeline.rules_told import worker_arguments
from pff_stream.pipeline.suspicion import suspicions
from pff_stream.plan.accuracy import Compared, compared
from pff_stream.plan.sizes import RunSizes, busy_workers, chunks_together
from pff_stream.report._merge import write_results
from pff_stream.report._pass import Formatter
from pff_stream.report.folder import FOLDER_FILES
from pff_stream.report.formats import file_name
from pff_stream.report.formats.interface import DrivenWriter, ResultWriter
from pff_stream.report.outputs import Opened, Output, found_outputs, merged_outputs, opened, placed
from pff_stream.report.records import Json
from pff_stream.report.spooled import MergeOptions, Spooled, merge_options
from pff_stream.report.streams import Finding, RunHeader
from pff_stream.report.summary import Summary
from pff_stream.report.totals import RunTotals, Totals, not_looked_at
from pff_stream.rules.file import RuleFile
from pff_stream.triples._graph import GraphView
from pff_stream.work.carried import RulesCarrier
from pff_stream.work.look import Look, Pieces
from pff_stream.work.rules import set_up
from pff_stream.work.tally import Evaluation
from pff_stream.work.task import (
    Answer,
    Held,
    Part,
    Task,
    WorkerArguments,
    tasks_together,
    together,
    whole_chunks,
)
from planner.model import Settings

if TYPE_CHECKING:
    from pff_stream.report.found import FoundTotals
    from pff_stream.report.read_back import FinishedRun

GATHERED_TASKS = 8
"""With fewer tasks a worker some workers could be through before others are there at all."""


class RulesWork(Work):
    """Chunks of rules over one graph; results are in the spool until they are merged."""

    unit = "rules"
    result_files = FOLDER_FILES
    lists_pages = True
    """Whether some of the violations of a rule can be listed, and others later."""

    def __init__(
        self,
        ready: Ready,
        graph: GraphInput,
        sizes: RunSizes,
        spool: Spool,
        evaluation: Evaluation,
        kept: UnfinishedRun | None,
    ) -> None:
        self.ready = ready
        self.graph, self.sizes = graph, sizes
        self.spool, self._shared_spool = spool.file, spool.shared
        self.evaluation = evaluation
        self.file: RuleFile = ready.rules.file
        self.chunks: Sequence[int] | None = None  # all of them
        self.withdrawn: dict[int, str] = {}
        """Rules that killed their workers in the listing, with the cause."""
        self.n_units = self.file.rules - self.file.rejected
        self.n_done = 0 if kept is None else kept.n_rules
        self._meter = ready.meter
        self.kept = kept
        """Spool and journal in the folder of results; None without a folder."""
        settings = ready.plan.settings
        self._workers = busy_workers(self.sizes, settings)
        self._together = 1 if ready.cluster else chunks_together(settings)
        self._told = self._worker_arguments(
            settings, share_bytes(ready.plan, ready.settings.resources)
        )
        self.job = Job(
            set_up=set_up,
            arguments=(self._told,),
            workers=self._workers,
            preload=("pff_stream.work.rules",),
            tasks_together=tasks_together(len(self.file.chunks), self._workers),
            carrier=RulesCarrier() if ready.cluster else None,
            starts_together=len(self.file.chunks) < GATHERED_TASKS * self._workers,
        )
        self._look: FirstLook | None = None
        self.window = ready.cluster.window if ready.cluster else int(settings["window"] or 1)
        self._outputs: list[Output[DrivenWriter]] = []
        self._writers: list[DrivenWriter] = []
        self._found_outputs: list[Output[ResultWriter]] = []
        self._found_writers: list[ResultWriter] = []

    def place_outputs(self, stack: ExitStack) -> None:
        """Says where results go; `stack` closes temporary files when the run is over."""
        outputs = merged_outputs(self.ready.settings.results)
        self._outputs = placed(outputs, self.ready.folder, stack)
        found = found_outputs(self.ready.settings.results)
        self._found_outputs = placed(found, self.ready.folder, stack)

    def tasks(self) -> Iterator[Look | Part | Task | Alone[Task] | NotYet]:
        """Chunks in the order of the file, less what was done before the run was resumed."""
        missing: Missing = iter if self.kept is None else self.kept.missing
        cluster, looking = self.ready.cluster, self._workers
        if cluster is not None:
            looking = cluster.n_workers
        elif self._told.resident_bytes is not None:
            looking = 1
        told = self.file, looking, self.graph.n_triples, self.chunks
        # Hosts may have vectors or not, and parts of sources are the same only where all do alike.
        self._look = FirstLook.wanted(*told, in_parts=cluster is None)
        if self._look is not None:
            return self._look.tasks(missing)
        tasks = missing(whole_chunks(self.file, self.chunks))
        return together(tasks, self._together) if self._together > 1 else tasks

    def split(self, task: Look | Part | Task) -> Sequence[Task]:
        """Halves of its ranges, then of its rules."""
        return RulesCarrier().split(task)

    def poisoned(self, task: Look | Part | Task, cause: str) -> Answer | tuple[Pieces, ...]:
        """Records for the rules of the task, written by the parent itself."""
        if not isinstance(task, Task):
            return () if isinstance(task, Look) else Answer((), 0.0, 0)
        return Answer((write_failed(self.file, task, cause, self._shared_spool.name),), 0.0, 0)

    def take(self, task: Look | Part | Task, answer: Any) -> int:
        """Notes where the results are; with a folder in the journal, too."""
        if not isinstance(task, Look):
            self.evaluation.take(answer)
        if not isinstance(task, Task):
            assert self._look is not None
            self._look.take(task, answer)
            return 0
        if self.kept is not None:
            self.kept.journal.add(task, answer.runs)
        return task.n_rules

    def tick(self) -> None:
        """Synchronises the journal when it is time."""
        if self.kept is not None:
            self.kept.journal.tick()

    def totals(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        """Merges the spool in the order of the rules into everything that was asked for.

        Then finds what is wanted. A rule that kills its worker there has failed: its counts are
        withdrawn, and all is merged again.
        """
        while True:
            try:
                with ExitStack() as attempt:
                    totals = self._reported(carry_out, observer, attempt)
                    stack.enter_context(attempt.pop_all())
                    return totals
            except WithdrawnError as error:
                self.withdrawn.update(error.failed)

    def _reported(self, carry_out: CarryOut, observer: Observer, stack: ExitStack) -> RunTotals:
        observer.phase("merge", self.file.rules)
        self._meter.begin("merge", quick=True)
        header = self._header()
        opened_outputs = stack.enter_context(opened(self._outputs, header))
        self._writers = opened_outputs
        self._found_writers = stack.enter_context(opened(self._found_outputs, header))
        wanted = wanted_findings(self.ready, self.graph.document)
        with ExitStack() as held:
            finder = order = None
            if wanted is not None:
                sources = place_sources(self.ready, self.graph)
                finder = GraphFindings(wanted, self.ready, self._listing, sources)
                finder.by_pages = self.lists_pages
                order = held.enter_context(finder.ranked())
            run = self._merged(opened_outputs, order, carry_out)
            if finder is not None:
                for writer in self._writers:
                    writer.formatter.release()
                opened_outputs.settle()
                _pages.trim()
                with timed(self.ready.seconds, "findings"):
                    run.findings = self._found(finder, carry_out, observer)
                if run.findings is not None:
                    run.findings.not_looked_at = not_looked_at(run.rules)
                self._meter.tick(now=True)
        return run

    def _merged(
        self, outputs: Opened[DrivenWriter], order: RuleOrder | None, carry_out: CarryOut
    ) -> RunTotals:
        ready = self.ready
        formatters = [writer.formatter for writer in outputs]
        shared = merging.shared_outputs(outputs.destinations, formatters, ready.plan)
        fenced = planned_phase_held(ready.plan, "merge", ready.settings.resources)
        if shared is not None:
            runs, options = self.evaluation.runs, self.merge_options()
            spooled = merging.ToMerge(self.graph.shared, self._shared_spool, runs, options)
            with fenced, rules_blamed(ready.rules):
                return RunTotals.of(merging.by_workers(ready, spooled, shared, order, carry_out))
        if order is not None:
            formatters.append(order.formatter)
        with (
            timed(ready.seconds, "merge"),
            fenced,
            merging.graph_for(ready.plan, self.graph) as graph,
        ):
            run = RunTotals.of(self._merge(graph, formatters))
            self._meter.tick(now=True)
        return run

    def _found(
        self, finder: GraphFindings, carry_out: CarryOut, observer: Observer
    ) -> FoundTotals | None:
        def take(finding: Finding) -> None:
            self._take_finding(finding)
            observer.advance(1)

        return finder.make(self.graph, carry_out, take)

    def _take_finding(self, finding: Finding) -> None:
        for writer in self._found_writers:
            writer.finding(finding)

    def noticed(self, totals: RunTotals) -> Notes:
        """Says what rules are ranked by, and where nothing was checked, and likely why."""
        of_documents = self.graph.of_documents
        notes = self.ready.ranking_notes(totals.findings, of_documents=of_documents)
        reading = self.ready.settings.reading
        notes.merge(suspicions(totals.rules, self.file, self.graph, reading))
        return notes

    def end(self, summary: Summary) -> None:
        """Tells the writers what the run came to."""
        for writer in (*self._writers, *self._found_writers):
            writer.end(summary)

    def results(self, summary: Summary) -> FinishedRun:
        """The files that were merged into; what nobody can read again lies in a temporary one."""
        from pff_stream.report.read_back import FinishedRun

        files = {file_name(one.writer): str(one.path) for one in self._outputs}
        files |= {file_name(one.writer): str(one.path) for one in self._found_outputs}
        return FinishedRun.just_now(summary, files)

    def finish(self) -> None:
        """Removes the state of the run."""
        if self.kept is not None:
            self.kept.finish()

    def facts(self) -> Mapping[str, Json]:
        """What evaluating took."""
        evaluation = self.evaluation
        return {
            "evaluation_cpu_seconds": round(evaluation.cpu_seconds, 6),
            "edges": evaluation.edges,
            "spooled_bytes": evaluation.spooled_bytes,
            "resumed_rules": 0 if self.kept is None else self.kept.n_rules,
        }

    def compared(self) -> list[Compared]:
        """Groups of terms beside what the processes held when the run held most."""
        held = self.evaluation.held
        if self.ready.cluster is not None:
            held = Held(0, 0)  # of workers elsewhere
        readings = self._meter.phases["evaluate"].readings
        return compared(self.ready.plan, readings, self._workers, held)

    def spooled(self, graph: GraphView) -> Spooled:
        """The results as a merge takes them."""
        chunks = self._meter.over(self.file.all_source_chunks(), len)
        return Spooled(graph, [self.spool.fileno()], self.evaluation.runs, chunks)

    def merge_options(self) -> MergeOptions:
        """How its plan has them merged."""
        options = merge_options(self.ready.settings.evaluation, self.ready.folder)
        return replace(options, fan_in=self.sizes.results.fan_in, withdrawn=self.withdrawn)

    def _merge(self, graph: GraphView, formatters: Sequence[Formatter]) -> Totals:
        """One pass over the spool in the order of the rules, which formatters write down."""
        with rules_blamed(self.ready.rules):
            spooled, options = self.spooled(graph), self.merge_options()
            totals: Totals = write_results(spooled, formatters, options)
        self.ready.check_inputs()
        return totals

    def _listing(
        self, chosen: ChosenRules, first: int, spool: SpoolFile, page: Page
    ) -> ListedTasks:
        told = self.job, self.window, chosen, first, spool, page
        return Listing((self.file, self.chunks), *told)

    def _header(self) -> RunHeader:
        ready = self.ready
        return RunHeader(ready.semantics, ready.settings.result_options(), ready.hashes)

    def arguments_on(self, settings: Settings, share_bytes: int | None) -> tuple[Any, ...]:
        """The same files and options; vectors and room as that host has them."""
        return (self._worker_arguments(settings, share_bytes),)

    def _worker_arguments(self, settings: Settings, share_bytes: int | None) -> WorkerArguments:
        files = self.graph.shared, self.ready.rules.shared, self._shared_spool
        return worker_arguments(
            self.ready, self.sizes.rules, files, settings, self._together, share_bytes
        )
