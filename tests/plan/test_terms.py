"""The terms of plans: each says what it comes to, in words that can be computed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.evaluate._kernel import chunk_room_bytes, scratch_bytes
from pff_stream.evaluate.terms import evaluator_terms
from pff_stream.execute.executors import EXECUTORS, executor_of
from pff_stream.plan.blocks import BlockSizes
from pff_stream.plan.by_document import DocumentSizes, DocumentsWorkload
from pff_stream.plan.process_terms import encoder_process
from pff_stream.plan.sizes import BLOCKS, FILE, MEMORY, ProcessCosts, RunSizes
from pff_stream.plan.terms import probe_phase, run_phases, worker_terms
from pff_stream.report.outputs import merged_outputs, report_outputs
from pff_stream.report.run_table import table_bytes
from pff_stream.report.sizes import ResultSizes, result_sizes
from pff_stream.report.terms import run_table
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import checking, compile_terms, decoding
from pff_stream.settings.models import OutputOptions
from pff_stream.triples.terms import GraphSizes
from planner.model import Phase, Settings
from planner.plan import Plan
from tests.planner.formula_text import computed

counts = st.integers(0, 5000)
some = st.integers(1, 3000)
sizes = st.integers(0, 2**34)
costs_of_processes = st.builds(
    ProcessCosts, st.integers(0, 2**28), st.integers(0, 2**28), st.integers(0, 2**28), st.just("x")
)
rule_sizes = st.builds(
    RuleSizes, counts, some, some, some, counts, counts, counts, sizes, st.integers(1, 6)
)
result_sizes_of = st.builds(
    lambda rules, examples, in_memory, output: (
        rules,
        result_sizes(
            rules,
            merged_outputs(output),
            report_outputs(output.report),
            max_examples=examples,
            buffer_bytes=128 << 10,
            in_memory=in_memory,
        ),
    ),
    rule_sizes,
    counts,
    st.booleans(),
    st.builds(
        OutputOptions,
        out=st.sampled_from([None, "folder"]),
        violations=st.sampled_from([None, "file"]),
        report=st.sampled_from([(), ("rules=a",), ("rules=a", "findings=b")]),
    ),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[RunSizes, ProcessCosts, Settings]:
    """Sizes of a run, and settings that go with them."""
    rules, results = draw(result_sizes_of)
    in_memory = draw(st.booleans())
    blocks = None
    if not in_memory:
        blocks = BlockSizes(draw(some), draw(sizes), draw(sizes), draw(sizes), "knows 20.0 MiB")
    run = RunSizes(
        graph=GraphSizes(draw(sizes), in_memory, draw(st.integers(0, 2**24)), draw(some)),
        rules=rules,
        results=results,
        bounds_work=draw(st.booleans()),
        findings=None,
        cores=draw(st.integers(1, 64)),
        blocks=blocks,
    )
    workers = draw(st.integers(1, 64))
    settings: Settings = {
        "workers": workers,
        "window": 4 * workers,
        "wide": draw(st.booleans()),
        "start_method": draw(st.sampled_from([one.name for one in EXECUTORS])),
        "backing": MEMORY if in_memory else draw(st.sampled_from([FILE, BLOCKS])),
        "resident_bytes": draw(sizes),
        "chunks_together": draw(st.integers(1, 9)),
        "names_in_memory": draw(st.booleans()),
    }
    return run, draw(costs_of_processes), settings


def check(plan: Plan) -> None:
    """Every text gives its number, also behind the JSON of a plan."""
    read = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    for phase in read.phases:
        for term in phase.terms:
            assert computed(term.formula, term.inputs) == term.bytes, term
    assert read == plan


@given(runs())
def test_the_text_of_each_term_gives_its_bytes(
    run: tuple[RunSizes, ProcessCosts, Settings],
) -> None:
    """Read by another reader, with the inputs that are shown, for a run over one graph."""
    sizes, costs, settings = run
    phases = run_phases(sizes, costs, settings)
    phases += [Phase("compile", compile_terms(sizes.graph.total_bytes, 2, 1))]
    phases += [Phase("encode", [encoder_process("fork")])]
    phases += [probe_phase("fork", costs, 2, sizes.graph.total_bytes)]
    check(Plan(phases, 0, "test", settings=settings))


@given(rule_sizes, costs_of_processes, sizes, st.integers(1, 64))
def test_the_same_for_documents(
    rules: RuleSizes, costs: ProcessCosts, most_bytes: int, workers: int
) -> None:
    """A bound on what a document takes is said to be one."""
    work = DocumentsWorkload(DocumentSizes(9, most_bytes, most_bytes // 2), rules)
    settings: Settings = {"workers": workers, "start_method": "fork", "document_bytes": most_bytes}
    plan = Plan(work.phases(costs, settings), 0, "test")
    check(plan)
    assert [term.name for term in plan.terms if term.at_most] == ["documents"]
    assert plan.peak_phase.at_most


@given(rule_sizes, st.integers(0, 2**24), st.booleans(), st.integers(1, 9))
def test_terms_are_what_is_allocated(
    rules: RuleSizes, n_entities: int, wide: bool, together: int
) -> None:
    """The constants that the texts show are those of the code that allocates, in each part."""
    terms = {
        term.name: term.bytes
        for term in evaluator_terms(n_entities, rules, 1 << 17, wide=wide, together=together)
    }
    names, atoms, n_rules = rules.chunk_counts
    kept_bytes = chunk_room_bytes(together * names, together * atoms, together * n_rules)
    decoding_bytes = decoding(rules, together).value
    assert terms["scratch"] == scratch_bytes(n_entities, wide)
    assert terms["chunks"] == rules.chunk_bytes + kept_bytes + decoding_bytes
    assert terms["results"] == 1 << 17


@given(st.integers(0, 10**6), st.integers(1, 128))
def test_the_table_of_runs_is_what_it_holds(n_runs: int, fan_in: int) -> None:
    """Its term multiplies what one run takes."""
    assert run_table(ResultSizes(n_runs, fan_in, 1 << 17, 0, (), 0, ())).value == table_bytes(
        n_runs
    )


@given(runs())
def test_terms_of_workers_are_those_of_one_times_their_number(
    run: tuple[RunSizes, ProcessCosts, Settings],
) -> None:
    """What a worker is fenced by is what it takes by name, and what it shares out."""
    sizes, costs, settings = run
    evaluate = run_phases(sizes, costs, settings)[0]
    found = {term.name: term for term in evaluate.terms}
    for term in worker_terms(sizes, wide=bool(settings["wide"])):
        if term.name in ("scratch", "results"):
            workers = found[term.name].inputs["workers"]
            assert isinstance(workers, int)
            assert found[term.name].bytes == workers * term.bytes
    assert {term.name for term in evaluate.terms if term.per_worker} >= {
        "workers",
        "scratch",
        "chunks",
        "results",
        "spool being written",
    }


@given(runs())
def test_threads_have_the_room_to_check_a_chunk_once(
    run: tuple[RunSizes, ProcessCosts, Settings],
) -> None:
    """They decode one at a time; processes have a room each, which is in their chunks."""
    sizes, costs, settings = run
    found = {term.name: term.bytes for term in run_phases(sizes, costs, settings)[0].terms}
    is_shared = executor_of(settings).shares_memory
    assert ("chunk being checked" in found) == is_shared
    if is_shared:
        assert found["chunk being checked"] == checking(sizes.rules).value
