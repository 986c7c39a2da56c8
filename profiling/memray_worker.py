"""Holds a worker's own memory to the terms of the plan: what it adds to an interpreter at rest.

    python -m profiling.memray_worker

The tracker runs inside the worker, a spawned process: memray follows no spawned process by itself.
The mapped graph is no part of a worker's own memory, and mappings are left out of the capture. Ten
times the rules may not add anything.
"""

from __future__ import annotations

import io
import multiprocessing
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import memray

from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.evaluate.terms import evaluator_terms
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.rules.compile import compile_rules
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.triples.encode import encode
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.store import GraphStore
from pff_stream.work.rules import set_up
from pff_stream.work.task import RESULT_BYTES, Task, WorkerArguments
from profiling.peaks import EXAMPLE, Report, captured_peak

REPEATS = (1, 10)


def evaluate_all(arguments: WorkerArguments, capture: str) -> None:
    """What a worker does from its start to its end, every chunk being a task; traced."""
    # Imported before: code and modules are the interpreter's term, measured by the plan's probe.
    with memray.Tracker(capture, trace_python_allocators=True):
        # The pool's counter lies in shared memory; only its address is asked for here.
        progress: Any = SimpleNamespace(address=bytearray(8))
        answer = set_up(progress, arguments)
        with RuleFile(arguments.rules.name) as rules:
            places = [rules.place(chunk) for chunk in range(len(rules.chunks))]
        for chunk, place in enumerate(places):
            answer(Task(chunk, 0, place.rules, place))


def worker_peak(folder: Path, arguments: WorkerArguments) -> int:
    """Most bytes that a spawned worker held, beside its modules."""
    capture = folder / "worker.bin"
    capture.unlink(missing_ok=True)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=evaluate_all, args=(arguments, str(capture)))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the traced worker ended with exit code {process.exitcode}")
    return captured_peak(capture)


def worker_terms(n_entities: int, rules: RuleSizes, wide: bool) -> dict[str, int]:
    """The plan's terms of one worker, without its process and its share of the graph."""
    terms = evaluator_terms(n_entities, rules, RESULT_BYTES, wide=wide)
    return {term.name: term.bytes for term in terms}


def compiled(folder: Path, repeats: int) -> Path:
    """The rules of the example, several times over, as a rule file."""
    text = (EXAMPLE / "umls_rules.tsv").read_bytes()
    written = io.BytesIO()
    compile_rules([text] * repeats, written, source_name="umls_rules.tsv")
    path = folder / f"{repeats}.pffr"
    path.write_bytes(written.getbuffer())
    return path


def main() -> None:
    """Measure with and without the wide vectors, for few rules and for many."""
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="pff-stream-memray-") as name,
        GraphStore.in_memory() as store,
    ):
        folder = Path(name)
        graph = encode(str(EXAMPLE / "train.tsv"), store, EncodeOptions())
        store.seal()
        arguments = partial(
            WorkerArguments,
            graph=InputFile(store.name, graph.graph_bytes, "", "the graph"),
            spool=OutputFile(str(folder / "spool")),
            semantics="object-identity",
            options=EvaluatorOptions(),
            buffer_bytes=RESULT_BYTES,
        )
        for repeats in REPEATS:
            path = compiled(folder, repeats)
            with RuleFile(path) as rules:
                n_rules, sizes = rules.rules, RuleSizes.of(rules)
                longest = rules.max_body_atoms
            for wide in (False, True):
                (folder / "spool").write_bytes(b"")
                told = arguments(
                    rules=InputFile(str(path), path.stat().st_size, "", str(path)),
                    wide=wide,
                    n_rules=n_rules,
                    max_body_atoms=longest,
                    chunk_bytes=sizes.chunk_bytes,
                    chunk_counts=sizes.chunk_counts,
                    room_bytes=0,  # what is taken in advance would hide what is needed
                )
                peak = worker_peak(folder, told)
                terms = worker_terms(graph.n_entities, sizes, wide)
                report.at_most(f"worker, {n_rules} rules, wide={wide}", peak, terms)
    report.finish()


if __name__ == "__main__":
    main()
