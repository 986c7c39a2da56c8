"""A graph that is read in blocks: the same results, however few relations are resident.

Against the definition: `test_partial`, on random graphs and rules.
"""

from __future__ import annotations

import mmap
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from pff_stream.errors import InputError
from pff_stream.evaluate._blocks import BlockEvaluator
from pff_stream.evaluate._kernel import Evaluator, largest_need
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.report.records import RECORD
from pff_stream.rules.chunk import RuleChunk, build_chunk
from pff_stream.rules.formats._readings import Reading
from pff_stream.rules.formats.anyburl import read_rule
from pff_stream.rules.keys import name_hash
from pff_stream.triples._encode import Encoder
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import ResidentRelations, side_bytes
from pff_stream.triples.bad import BadTriples
from tests.evaluate.evaluated import Result, read_records, told
from tests.graphs import chunk_of_rules
from tests.reference import Atom, Const, Rule, Triple, Var

pytestmark = pytest.mark.same_answer

PAGE = 4096


@contextmanager
def graph_file(triples: Sequence[Triple]) -> Iterator[tuple[GraphView, str]]:
    """The graph of some triples in a file, mapped, and its path."""
    encoder = Encoder(BadTriples("fail"))
    encoder.start_file("test")
    encoder.feed("".join("\t".join(triple) + "\n" for triple in triples).encode())
    encoder.end_file()
    encoder.finish_reading()
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), "tsv")
    with TemporaryDirectory(dir="/var/tmp") as folder:
        path = Path(folder) / "graph"
        path.write_bytes(buffer)
        with open(path, "rb") as file:
            yield GraphView(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)), str(path)


def run(
    graph: GraphView,
    chunk: RuleChunk,
    semantics: str,
    resident: ResidentRelations | None,
    **more: Any,
) -> tuple[dict[int, Result], list[bytes], tuple[int, int]]:
    """Evaluates a chunk; results by source, each run as handed out, and the sums."""
    more = told(more | {"max_examples": 3, "buffer_bytes": 4096})
    evaluator = (
        Evaluator(graph, semantics, **more)
        if resident is None
        else BlockEvaluator(graph, semantics, resident, **more)
    )
    handed: list[bytes] = []
    sums = evaluator.evaluate(chunk, 0, chunk.n_rules, lambda view: handed.append(bytes(view)))
    results: dict[int, Result] = {}
    for records in handed:
        read_records(records, graph, results)
    return results, handed, sums


def sources_of(records: bytes) -> Iterator[tuple[int, int]]:
    """Rule and part of each record, in their order."""
    at = 0
    while at < len(records):
        source, part, payload = np.frombuffer(records, "<u8,<u4,<u4", 1, at)[0]
        yield int(source), int(part)
        at += RECORD.size + int(payload)


def without_parts(results: dict[int, Result]) -> dict[int, Result]:
    """Results whatever their runs were."""
    return {source: replace(result, parts=0) for source, result in results.items()}


def seeded(n_relations: int, n_triples: int, seed: int) -> list[Triple]:
    """Triples of many pages a relation."""
    rng = random.Random(seed)
    return [
        (f"e{rng.randrange(2000)}", f"r{rng.randrange(n_relations)}", f"e{rng.randrange(2000)}")
        for _ in range(n_triples)
    ]


def rules_over(n_relations: int, n_rules: int, seed: int) -> list[Rule]:
    """Chains, heads with a constant and bodies with one, over all relations."""
    rng = random.Random(seed)
    x, y, a = Var("X"), Var("Y"), Var("A")

    def some() -> str:
        return f"r{rng.randrange(n_relations)}"

    def constant() -> Const:
        return Const(f"e{rng.randrange(2100)}")

    made = []
    atoms: tuple[Atom, ...]
    for kind in range(n_rules):
        if kind % 4 == 0:
            atoms = (Atom(some(), x, y), Atom(some(), x, a), Atom(some(), a, y))
        elif kind % 4 == 1:
            atoms = (Atom(some(), x, constant()), Atom(some(), x, constant()))
        elif kind % 4 == 2:
            atoms = (Atom(some(), x, constant()), Atom(some(), x, a))
        else:
            atoms = (Atom(some(), constant(), y), Atom(some(), a, y), Atom(some(), a, constant()))
        made.append(Rule(atoms[0], atoms[1:]))
    return made


@pytest.mark.thorough
@pytest.mark.parametrize("max_work", [None, 3000])
def test_many_pages(max_work: int | None) -> None:
    """Relations of several pages that push each other out, chunk after chunk, both ways."""
    triples = seeded(12, 30_000, 1)
    rules = rules_over(12, 300, 2)
    chunk = chunk_of_rules(rules)
    with graph_file(triples) as (graph, path):
        wanted, _, sums = run(graph, chunk, "object-identity", None, max_work=max_work)
        sizes = np.frombuffer(side_bytes(graph), np.int64).tolist()
        before = list(graph.triples())
        for sides in (1, 2, 6, 8, 14, 60):
            resident = ResidentRelations(graph, path, sides * max(sizes))
            for _ in range(2):
                found, _, found_sums = run(
                    graph, chunk, "object-identity", resident, max_work=max_work
                )
                assert without_parts(found) == without_parts(wanted)
                assert found_sums == sums
            assert resident.loads > 24 or sides == 60
            assert len(set(resident.resident)) == len(resident.resident) > 0
            assert list(graph.triples()) == before
            del resident
        assert list(graph.triples()) == before


def _read_into(graph: GraphView, results: dict[int, Result], records: memoryview) -> None:
    read_records(bytes(records), graph, results)


@pytest.mark.thorough
@pytest.mark.parametrize("max_work", [None, 3000])
def test_chunks_taken_together(max_work: int | None) -> None:
    """Ranges of several chunks at once, whatever the room: each rule once, with its results."""
    triples = seeded(12, 30_000, 8)
    rules = rules_over(12, 400, 9)
    whole = chunk_of_rules(rules)
    chunks = [
        replace(part, sources=part.sources + np.uint64(start))
        for start in range(0, 400, 100)
        for part in [chunk_of_rules(rules[start : start + 100])]
    ]
    ranges = [(chunks[2], 0, 100), (chunks[0], 0, 30), (chunks[3], 0, 100), (chunks[0], 30, 100)]
    ranges += [(chunks[1], 0, 0), (chunks[1], 0, 100)]
    with graph_file(triples) as (graph, path):
        wanted, _, sums = run(graph, whole, "object-identity", None, max_work=max_work)
        before = list(graph.triples())
        for room in (0, 1, 3, 8, 60, 2000):
            resident = ResidentRelations(graph, path, room * PAGE)
            options = EvaluatorOptions(max_examples=3, max_work=max_work)
            evaluator = BlockEvaluator(graph, "object-identity", resident, options)
            for _ in range(2):
                found: dict[int, Result] = {}
                found_sums = evaluator.evaluate_together(ranges, partial(_read_into, graph, found))
                assert without_parts(found) == without_parts(wanted)
                assert found_sums == sums
            assert list(graph.triples()) == before
            del evaluator, resident


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("h(X,Y) <= r0(X,Y)", []),
        ("h(X,Y) <= r0(X,A), r1(A,Y)", [2]),
        ("h(Y,X) <= r0(X,A), r1(A,Y)", [1]),
        ("h(X,Y) <= r0(A,X), r1(Y,A)", [3]),
        ("h(X,Y) <= r0(X,A), r0(A,Y)", [0]),
        ("h(X,Y) <= r0(X,A), r1(A,B), r2(B,Y)", [2, 3, 4]),
        ("h(X,Y) <= r0(X,Y), r1(X,Y)", [0, 1, 2, 3]),
        ("h(X,c) <= r0(X,A)", []),
        ("h(X,c) <= r0(X,d)", []),
        ("h(X,c) <= r0(X,A), r1(A,B)", [2]),
        ("h(c,X) <= r1(B,A), r0(A,X)", [3]),
        ("h(X,c) <= r0(X,A), r1(A,d)", []),
        ("h(X,c) <= r0(X,d), r1(X,e)", [0, 1, 2, 3]),
        ("h(X,c) <= none(X,A), r1(A,B)", []),
    ],
)
def test_what_is_looked_up_in_any_order(rule: str, expected: list[int]) -> None:
    """All steps of a chain but the first, from where the head begins; other shapes wholly."""
    reading = read_rule(rule.encode())
    assert isinstance(reading, Reading)
    triples = [(f"e{n}", f"r{n % 3}", "c") for n in range(9)]
    with graph_file(triples) as (graph, _):
        sizes = 1 << np.arange(6, dtype=np.int64)
        found, sides = largest_need(graph, build_chunk([reading.rule()]), True, sizes, 0)
        assert (found, sorted(sides)) == (sum(1 << side for side in expected), expected)
        assert largest_need(graph, build_chunk([reading.rule()]), True, sizes, 63) == (63, [])


def test_loads_what_fits() -> None:
    """What is asked for together stays; what was asked for longest ago makes way."""
    triples = seeded(6, 6000, 3)
    with graph_file(triples) as (graph, path):
        sizes = np.frombuffer(side_bytes(graph), np.int64).tolist()
        resident = ResidentRelations(graph, path, 3 * max(sizes))
        for wish in ([0, 1, 2], [1, 2, 3], [3, 4], [11], [0, 5], [2, 1, 0]):
            resident.load(wish)
            assert set(wish) <= set(resident.resident)
        loads = resident.loads
        resident.load([0, 1])
        assert resident.loads == loads
        resident.load([0, 1, 2, 3])
        assert len(resident.resident) == 3


def test_names() -> None:
    """Names are found as the graph's own index finds them, absent ones and collisions included."""
    triples = seeded(3, 9000, 4)
    with graph_file(triples) as (graph, path):
        resident = ResidentRelations(graph, path, 0)
        rng = random.Random(5)
        for count in (0, 1, 5, 3000):
            names = [f"e{rng.randrange(2500)}".encode() for _ in range(count)]
            hashes = np.array([name_hash(name) for name in names], np.uint64)
            assert resident.names.entity_ids(names, hashes) == [
                graph.entity_id(name) for name in names
            ]


def test_file_cut_meanwhile() -> None:
    """A graph file that becomes shorter is an error of the input, where it is read."""
    triples = seeded(4, 20_000, 6)
    with graph_file(triples) as (graph, path):
        resident = ResidentRelations(graph, path, 1 << 20)
        with open(path, "r+b") as file:
            file.truncate(graph.total_bytes // 2)
        with pytest.raises(InputError, match="cut"):
            resident.load([0, 1, 2, 3])


def test_no_such_file(tmp_path: Path) -> None:
    """A name that cannot be opened is said."""
    with graph_file(seeded(2, 10, 7)) as (graph, _), pytest.raises(InputError, match="opened"):
        ResidentRelations(graph, str(tmp_path / "none"), 0)
