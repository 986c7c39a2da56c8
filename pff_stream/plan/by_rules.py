"""The work of a run over one graph, which all workers share: each task is some rules.

Speeds are ratios that were measured on one machine (docs/performance.md); only their order matters
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pff_stream.errors import UsageError
from pff_stream.execute.executors import executor_of
from pff_stream.plan.blocks import BlockSizes, announced, does_not_fit
from pff_stream.plan.sizes import (
    BLOCKS,
    FILE,
    MEMORY,
    ProcessCosts,
    RunSizes,
    busy_workers,
    resident_bytes,
)
from pff_stream.plan.terms import client_terms, run_phases, worker_terms
from pff_stream.plan.workload import Build, SharedWorkload
from pff_stream.triples.terms import GraphSizes
from pff_stream.work.task import TASKS_TOGETHER
from planner.model import Phase, Setting, Settings, Term
from planner.plan import Plan
from planner.search import Candidate

BLOCKS_SPEED = 0.35
"""How fast a graph is evaluated that is read in blocks, of the speed with all of it in memory."""
ROOMY_SHARE, TIGHT_SPEED = 6, 0.4
"""What is left of that where a worker has room for less than this part of all relations: two with a
fortieth each took twice as long as one with a sixth (16 million triples of 40 relations)."""
WIDE_SPEED = 2.5
"""How much faster large graphs are evaluated with 512 sources at once (see docs/performance.md)."""
FEW_ENTITIES = 1 << 16
"""So many entities and fewer: 18 MiB of vectors at most, and small graphs are dense."""
LANES_DEGREE = 8
"""Triples an entity from which vectors for 512 sources pay in a larger graph. With 19 (FB15k-237)
they halve evaluation and more; with 4 (10^6 triples, drawn) no body goes through them."""
SLACK_BYTES = 16 << 20
"""Of the budget, left to the page cache (program code, files in windows) when the room for
relations is made as large as can be."""
TOGETHER_SHARE = 4
"""Of what the budget leaves, this part at most is for rules that are taken together."""
MERGED_ALONE = 1 << 14
"""Fewer rules are merged by one process before others are there."""
MERGE_SHARE = 5
"""By this part of the largest of the other phases the merge may be larger."""
WINDOW_TASKS = 2 * TASKS_TOGETHER
"""For each worker: two messages of as many tasks as there are in one at most."""
LEAST_TASKS = 4
"""For each worker, where tasks are of several chunks: what is done is noted task by task."""


@dataclass(frozen=True, slots=True)
class RulesWorkload(SharedWorkload):
    """Chunks of rules over one graph."""

    unit = "chunks of rules"

    sizes: RunSizes
    look_closer: Callable[[BlockSizes], BlockSizes] | None = None
    """Finds what reading in blocks needs exactly; it takes a while."""

    @property
    def n_tasks(self) -> int:
        """The chunks of the rule file."""
        return self.sizes.rules.n_chunks

    def phases(self, costs: ProcessCosts, settings: Settings) -> list[Phase]:
        """Evaluating, then merging."""
        return run_phases(self.sizes, costs, settings)

    def client_terms(self, costs: ProcessCosts) -> list[Term]:
        """What is handed out and taken in, and where results lie."""
        return client_terms(self.sizes, costs)

    def candidates(self, counts: Sequence[int], methods: Sequence[str]) -> list[Settings]:
        """Wide or not, the graph in memory or read in blocks, by their speed."""
        blocks = self.sizes.blocks
        widths = (True, False) if lanes_pay(self.sizes.graph) else (False,)
        backings = [MEMORY] if blocks is None else [FILE, BLOCKS]
        every = [
            self._candidate(n, method, wide=wide, backing=backing)
            for method, n, wide, backing in product(methods, counts, widths, backings)
        ]
        if blocks is not None:
            roomy = _roomy_bytes(blocks)
            every += [
                {**one, "resident_bytes": max(roomy, int(one["resident_bytes"] or 0))}
                for one in every
                if one["backing"] == BLOCKS
            ]
        return sorted(every, key=lambda candidate: -predicted_speed(candidate, blocks))

    def leanest(self, workers: int, method: str) -> dict[str, Setting]:
        """One source at a time, the graph in blocks if it is a file."""
        backing = MEMORY if self.sizes.blocks is None else BLOCKS
        return self._candidate(workers, method, wide=False, backing=backing)

    def check_saved(self, settings: Settings) -> None:
        """A graph in memory cannot be read in blocks; what documents are planned by is none."""
        if not isinstance(settings.get("wide"), bool):
            raise UsageError("the saved plan is none of a graph: make a new plan")
        if settings.get("backing") == BLOCKS and settings.get("resident_bytes") is None:
            raise UsageError("the saved plan has no room for blocks: make a new plan")
        if settings.get("backing") == BLOCKS and self.sizes.blocks is None:
            raise UsageError(
                "the saved plan reads the graph from a file in blocks, and here it lies in memory: "
                "make a new plan"
            )

    def mapped_bytes(self, settings: Settings) -> int:
        """A graph file that is mapped: without room its pages would come and go."""
        return self.sizes.graph.total_bytes if settings.get("backing") == FILE else 0

    def improved(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """As many relations resident as the budget allows, and the names if it does."""
        blocks = self.sizes.blocks
        if blocks is None or chosen.settings.get("backing") != BLOCKS:
            return self._merged_by_more(chosen, build, budget_bytes)
        least = int(chosen.settings["resident_bytes"] or 0)
        workers = busy_workers(self.sizes, chosen.settings)
        evaluate = next(phase for phase in chosen.phases if phase.name == "evaluate")
        spare = budget_bytes - SLACK_BYTES - evaluate.bytes
        # A page of page tables comes with every 512 pages.
        more = max(0, spare // workers) * 512 // 513
        together = self._together(workers, more // TOGETHER_SHARE)
        more -= self._own_bytes(together) - self._own_bytes(1)
        roomy = {
            **chosen.settings,
            "chunks_together": together,
            "resident_bytes": min(max(least, blocks.rows_bytes), least + more) & ~4095,
        }
        with_names = {**roomy, "names_in_memory": True}
        for settings in (with_names, roomy):
            candidate = Candidate(settings, tuple(build(settings)))
            if candidate.peak_bytes <= budget_bytes:
                return candidate
        return chosen

    def _merged_by_more(self, chosen: Candidate, build: Build, budget_bytes: int) -> Candidate:
        """Merged by as many workers as the budget allows, where that is worth starting them.

        Nor may the merge come to much more than the largest of the other phases.
        """
        executor, rules = executor_of(chosen.settings), self.sizes.rules
        workers = min(busy_workers(self.sizes, chosen.settings), rules.n_source_chunks // 2)
        workers = min(workers, max(2, self.sizes.cores))
        if rules.n_rules < MERGED_ALONE or not self.sizes.results.n_outputs:
            return chosen
        most_bytes = min(budget_bytes, chosen.peak_bytes + chosen.peak_bytes // MERGE_SHARE)
        while workers > 1 and not executor.shares_memory:
            settings = {**chosen.settings, "merge_workers": workers}
            candidate = Candidate(settings, tuple(build(settings)))
            if candidate.peak_bytes <= most_bytes:
                return candidate
            workers //= 2
        return chosen

    def refined(self, plan: Plan, *, is_saved: bool) -> RulesWorkload | None:
        """With what blocks need exactly, where a bound on it refuses or leaves little room."""
        blocks = self.sizes.blocks
        if blocks is None or self.look_closer is None:
            return None
        if plan.fits and (is_saved or not _is_tight(plan, blocks)):
            return None
        return replace(self, sizes=replace(self.sizes, blocks=self.look_closer(blocks)))

    def notes(self, settings: Settings | None) -> list[str]:
        """Narrow vectors, and reading in blocks."""
        blocks = self.sizes.blocks
        if settings is None:
            return [] if blocks is None else list(does_not_fit(blocks))
        notes = []
        if not settings["wide"] and lanes_pay(self.sizes.graph):
            notes.append("one source at a time: the vectors for 512 at once do not fit the budget")
        resident = resident_bytes(settings)
        if resident is not None and blocks is not None:
            notes.append(announced(self.sizes.graph.total_bytes, resident, blocks))
        return notes

    def _candidate(
        self, workers: int, method: str, *, wide: bool, backing: str
    ) -> dict[str, Setting]:
        candidate: dict[str, Setting] = {
            "workers": workers,
            "start_method": method,
            "window": WINDOW_TASKS * workers,
            "wide": wide,
            "backing": backing,
        }
        if backing == BLOCKS and self.sizes.blocks is not None:
            candidate["resident_bytes"] = self.sizes.blocks.needed_bytes
            candidate["names_in_memory"] = False
        return candidate

    def _together(self, workers: int, room_bytes: int) -> int:
        """How many chunks a task may be of for so much memory a worker; enough tasks are left."""
        each_bytes = self._own_bytes(2) - self._own_bytes(1)
        enough = self.sizes.rules.n_chunks // (LEAST_TASKS * workers)
        return max(1, min(1 + room_bytes // each_bytes, enough))

    def _own_bytes(self, together: int) -> int:
        own = worker_terms(self.sizes, wide=False, resident_bytes=0, together=together)
        return sum(term.bytes for term in own)


def lanes_pay(graph: GraphSizes) -> bool:
    """Whether bodies are likely to be counted for 512 sources at once.

    That pays where many of these reach the same entities. In a large graph with few triples an
    entity no body is counted so, and the vectors would be memory that nobody touches.
    """
    if graph.n_entities <= FEW_ENTITIES or graph.n_triples is None:
        return True
    return graph.n_triples >= LANES_DEGREE * graph.n_entities


def predicted_speed(settings: Settings, blocks: BlockSizes | None = None) -> float:
    """How fast a run with these settings should be, in units of one narrow worker process.

    Of all settings that fit, those with most of it are chosen. `blocks`: sizes of a graph file.
    """
    speed = float(int(settings["workers"] or 1))
    if settings["wide"]:
        speed *= WIDE_SPEED
    if settings.get("backing") == BLOCKS:
        speed *= BLOCKS_SPEED
        if blocks is not None and int(settings["resident_bytes"] or 0) < _roomy_bytes(blocks):
            speed *= TIGHT_SPEED
    return speed * executor_of(settings).speed


def _roomy_bytes(blocks: BlockSizes) -> int:
    """Room for relations with which a graph is read in blocks at full speed."""
    return blocks.rows_bytes // ROOMY_SHARE


def _is_tight(plan: Plan, blocks: BlockSizes) -> bool:
    """Whether what is read in blocks has little more room than a bound on what it needs."""
    resident = resident_bytes(plan.settings)
    return resident is not None and resident < min(2 * blocks.needed_bytes, blocks.rows_bytes)
