"""Plans a manifest's run: documents of unknown size, by the largest of their files.

Does not cover: running it (`run.documents`), and what one document needs exactly, which nothing
tells before it is read.
"""

from __future__ import annotations

from contextlib import ExitStack

from pff_stream.files.temporary import working_folder
from pff_stream.inputs import Rules, open_rules
from pff_stream.observer import Observer
from pff_stream.plan.budget import Contract, share_to_prepare
from pff_stream.plan.by_document import DocumentSizes, DocumentsWorkload, document_bytes
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import measure_costs
from pff_stream.settings.manifest import Manifest, read_manifest
from pff_stream.settings.models import RunSettings
from planner.machine import Machine
from planner.model import Settings
from planner.plan import Plan


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
    largest = total = 0
    for task in manifest.tasks():
        size = document_bytes(task.path)
        largest, total = max(largest, size), total + size
    workload = DocumentsWorkload(DocumentSizes(manifest.n_tasks, largest), rules.file)

    def make(settings: RunSettings, machine: Machine, fixed: Settings | None) -> Plan:
        return plan_run(settings, machine, workload, costs, [], fixed)

    hashes = {
        "rules": rules.source_hash.hex(),
        "manifest": manifest.content_hash(),
        "documents": f"{manifest.n_tasks} of {total} bytes",
    }
    return contract, contract.agree(make, hashes), manifest, rules, folder
