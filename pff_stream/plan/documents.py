"""Plans a manifest's run: documents of unknown size, by the largest of their files.

Does not cover: running it (`run.documents`), and what one document needs exactly, which nothing
tells before it is read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

from pff_stream.evaluate._kernel import scratch_bytes
from pff_stream.files.temporary import working_folder
from pff_stream.inputs import Rules, open_rules
from pff_stream.observer import Observer
from pff_stream.plan.budget import Contract, share_to_prepare
from pff_stream.plan.candidates import start_methods, too_many, why_fewer
from pff_stream.plan.costs import Costs, measure_costs
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.plan.terms import CHUNK_COPIES, RULE_BYTES, TASK_BYTES
from pff_stream.settings.manifest import Manifest, read_manifest
from pff_stream.settings.models import RunSettings
from pff_stream.work.task import RESULT_BYTES
from planner.machine import Machine
from planner.model import Phase, Setting, Settings, Term
from planner.plan import Plan
from planner.search import as_options, choose, nearest

DOCUMENT_FACTOR = 24
"""Memory of a document while it is read, encoded and evaluated, times its bytes (measured: 9 to 20
for documents of small objects); a packed one is taken for ten times its file."""
PACKED_FACTOR = 10
MAX_TABLE_RULES = 1_000_000
"""Rule sets up to this size are counted through a table; it is built from about 40 bytes a rule and
the distinct names."""
TABLE_RULE_BYTES = 96
"""What building the table holds a rule, at most, with names of ordinary length."""


def prepare(
    settings: RunSettings, observer: Observer, stack: ExitStack
) -> tuple[Contract, Plan, Manifest, Rules, str]:
    """The plan of a manifest's run and all that it was made from; `stack` closes it."""
    assert settings.manifest is not None  # the caller's reason to be here
    contract = stack.enter_context(Contract(settings))
    machine = contract.machine
    manifest = read_manifest(settings.manifest)
    folder = working_folder(settings.out)
    costs = measure_costs()
    observer.phase("compile", None)
    compile_bytes = share_to_prepare(settings, machine, costs)
    rules = stack.enter_context(open_rules(settings, folder, compile_bytes))
    costs = measure_costs()
    largest = 0
    total = 0
    for task in manifest.tasks():
        size = _document_bytes(task.path)
        largest = max(largest, size)
        total += size

    def make(settings: RunSettings, machine: Machine, fixed: Settings | None) -> Plan:
        return _planned(settings, machine, fixed, rules, costs, manifest.n_tasks, largest)

    hashes = {
        "rules": rules.source_hash.hex(),
        "manifest": manifest.content_hash(),
        "documents": f"{manifest.n_tasks} of {total} bytes",
    }
    return contract, contract.agree(make, hashes), manifest, rules, folder


def _planned(
    settings: RunSettings,
    machine: Machine,
    fixed: Settings | None,
    rules: Rules,
    costs: Costs,
    n_tasks: int,
    largest: int,
) -> Plan:
    """The best settings that fit, or what would."""
    methods = start_methods(settings) if fixed is None else [str(fixed["start_method"])]
    ceiling = max(1, min(machine.cores, settings.max_workers or machine.cores, n_tasks))

    def build(candidate: Settings) -> list[Phase]:
        method = str(candidate["start_method"])
        return [_phase(rules, costs.of(method), int(candidate["workers"] or 1), largest)]

    counts: Sequence[int] = range(ceiling, 0, -1)
    exact = fixed["workers"] if fixed else settings.workers
    if exact is not None:
        counts = [int(exact)]
    wish: dict[str, Setting] = {"workers": counts[0], "start_method": methods[0]}
    chosen = choose(build, ({**wish, "workers": n} for n in counts), machine.budget_bytes)
    suggestions: list[str] = []
    least_bytes = None
    if chosen is None:
        axes: dict[str, Sequence[Setting]] = {"workers": list(range(counts[0] - 1, 0, -1))}
        near = nearest(build, wish, axes, machine.budget_bytes)
        suggestions = [as_options(candidate.settings) for candidate in near.fitting]
        least_bytes = near.least.peak_bytes
    notes = too_many(settings, machine)
    if fixed is None:
        chosen_settings = chosen.settings if chosen else None
        notes += why_fewer(settings, machine, n_tasks, "documents", chosen_settings)
    return Plan(
        phases=chosen.phases if chosen else build(wish),
        budget_bytes=machine.budget_bytes,
        budget_source=machine.budget_source,
        limits=machine.limits,
        settings=chosen.settings if chosen else wish,
        suggestions=suggestions,
        notes=notes,
        least_bytes=least_bytes,
    )


def _document_bytes(path: str) -> int:
    """A bound on a document's text by its file; a missing file fails as a document, later."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return 0
    return size * (PACKED_FACTOR if path.lower().endswith((".gz", ".zst")) else 1)


def _phase(rules: Rules, costs: ProcessCosts, workers: int, largest: int) -> Phase:
    file = rules.file
    table_rules = file.rules if file.rules <= MAX_TABLE_RULES else 0
    entities = largest // 8 + 1  # a name, its quotes, a key: 8 bytes or more
    return Phase(
        "documents",
        [
            Term("parent", costs.parent_bytes, "parent", {}, costs.source),
            Term(
                "workers",
                workers * costs.worker_bytes + costs.helper_bytes,
                "workers x worker + helpers",
                {"workers": workers, "worker": costs.worker_bytes, "helpers": costs.helper_bytes},
                costs.source,
            ),
            Term(
                "documents",
                workers * (DOCUMENT_FACTOR * largest + scratch_bytes(entities, False)),
                "workers x (24 x largest_document + 24 x largest_document / 8)",
                {"workers": workers, "largest_document": largest},
                "sizes of the documents",
            ),
            Term(
                "chunks",
                workers
                * (
                    CHUNK_COPIES * file.max_chunk_bytes
                    + RULE_BYTES * file.max_chunk_rules
                    + 3 * file.max_source_chunk_bytes
                ),
                "workers x (6 x chunk_bytes + 78 x chunk_rules + 3 x source_chunk)",
                {"workers": workers, "chunk_bytes": file.max_chunk_bytes},
                "index of the rule file",
            ),
            Term(
                "rule table",
                table_rules * TABLE_RULE_BYTES + workers * 12 * table_rules,
                "rules x 96 while it is built + workers x rules x 12",
                {"rules": table_rules, "workers": workers},
                "index of the rule file",
            ),
            Term(
                "results",
                workers * (RESULT_BYTES + (4 << 20)) + 4 * workers * TASK_BYTES,
                "workers x (result_buffer + merge)",
                {"workers": workers, "result_buffer": RESULT_BYTES, "merge": 4 << 20},
                "constants of the code",
            ),
        ],
    )
