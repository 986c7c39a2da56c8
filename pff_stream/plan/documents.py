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
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import Manifest, read_manifest
from pff_stream.settings.models import ResourceOptions
from planner.machine import Machine
from planner.model import Settings
from planner.plan import Plan


def prepare(
    settings: RunSettings, observer: Observer, stack: ExitStack
) -> tuple[Contract, Plan, Manifest, Rules, str]:
    """The plan of a manifest's run and all that it was made from; `stack` closes it."""
    inputs = settings.inputs
    assert inputs.manifest is not None  # the caller's reason to be here
    contract = stack.enter_context(Contract(settings.resources))
    machine = contract.machine
    manifest = read_manifest(inputs.manifest)
    folder = working_folder(settings.output.out)
    costs = measure_costs()
    observer.phase("compile", None)
    compile_bytes = share_to_prepare(inputs, machine, costs)
    rules = stack.enter_context(open_rules(inputs.rules, settings.reading, folder, compile_bytes))
    costs = measure_costs()
    largest = total = 0
    for task in manifest.tasks():
        size = document_bytes(task.path)
        largest, total = max(largest, size), total + size
    workload = DocumentsWorkload(DocumentSizes(manifest.n_tasks, largest), rules.file)

    def make(resources: ResourceOptions, machine: Machine, fixed: Settings | None) -> Plan:
        return plan_run(resources, machine, workload, costs, [], fixed)

    hashes = {
        "rules": rules.source_hash.hex(),
        "manifest": manifest.content_hash(),
        "documents": f"{manifest.n_tasks} of {total} bytes",
    }
    plan = contract.agree(make, hashes | settings.result_options())
    return contract, plan, manifest, rules, folder
