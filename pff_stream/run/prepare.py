"""From settings to inputs that are open and planned: rules compiled, documents known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pff_stream.files.temporary import working_folder
from pff_stream.inputs import RulesGiven, TriplesGiven, open_graph, open_rules
from pff_stream.observer import Observer
from pff_stream.plan.budget import Contract, alone, encoder_bytes, share_to_prepare
from pff_stream.plan.costs import measure_costs
from pff_stream.plan.terms import preparation_phases
from pff_stream.run.cut import Basis, Documents, Ready, timed
from pff_stream.settings.commands import RunSettings


@contextmanager
def prepared(
    settings: RunSettings,
    observer: Observer,
    rules: RulesGiven | None = None,
    triples: TriplesGiven | None = None,
) -> Iterator[Ready]:
    """Compiles, encodes and plans; given rules and triples stand in for the settings' paths."""
    inputs, reading, resources = settings.inputs, settings.reading, settings.resources
    folder = working_folder(settings.output.out)
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        contract = stack.enter_context(Contract(resources))
        machine = contract.machine
        costs = measure_costs(machine.budget_bytes, folder)
        before = preparation_phases(alone(costs), None, None)
        compile_bytes = share_to_prepare(inputs, machine, costs, rules, triples)
        observer.phase("compile", None)
        with timed(seconds, "compile"):
            opened = stack.enter_context(
                open_rules(inputs.rules, reading, folder, compile_bytes, rules)
            )
        compiled_bytes = None if opened.compiled is None else opened.compiled.touched_bytes
        documents: Documents
        if inputs.manifest is not None:
            from pff_stream.run.by_document import Listed

            documents, terms = Listed(inputs.manifest), None
        else:
            from pff_stream.run.one_graph import OneGraph, encode_terms

            observer.phase("encode", None, "triples")
            with timed(seconds, "encode"):
                graph = stack.enter_context(
                    open_graph(
                        inputs.triples if triples is None else triples,
                        reading,
                        folder,
                        encoder_bytes(machine.budget_bytes, costs),
                        fenced=resources.fence != "none",
                    )
                )
            documents, terms = OneGraph(graph), encode_terms(graph)
        before += preparation_phases(alone(costs), compiled_bytes, terms)
        costs = measure_costs(machine.budget_bytes, folder)
        basis = Basis(settings, contract, opened, folder, costs, before)
        plan = documents.plan(basis)
        yield Ready(settings, contract, folder, opened, documents, plan, seconds)
