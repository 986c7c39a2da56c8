"""The first look at chunks: heavy rules come first and alone, and results are the same bytes."""

from __future__ import annotations

import json
import random
import signal
from functools import partial
from heapq import heapreplace
from itertools import pairwise
from pathlib import Path

import pytest

from pff_stream.cli.main import main
from pff_stream.evaluate._kernel import Evaluator
from pff_stream.execute.queue import NotYet
from pff_stream.files.sources import open_blocks
from pff_stream.files.writers import FileWriter
from pff_stream.pipeline.first_look import CHUNKS, LEAST_TRIPLES, FirstLook
from pff_stream.rules.compile import RuleOptions, compile_rules
from pff_stream.rules.file import RuleFile
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, Pieces, pieces_of
from pff_stream.work.task import Task
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running, digest, is_finished

LIGHT, ENTITIES, EDGES = 200, 300, 100
CHUNK_RULES = 70
HEAVY = 39
"""Relations of heavy bodies, each as much as many light ones."""


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rules of which a few in the last chunk are most of the work, and a graph, both encoded."""
    folder, rng = tmp_path_factory.mktemp("heavy"), random.Random(5)
    relations = [(f"r{n}", EDGES) for n in range(LIGHT)]
    relations += [(f"z{n}", 6 * EDGES) for n in range(HEAVY)]
    triples = {
        f"e{rng.randrange(ENTITIES)}\t{name}\te{rng.randrange(ENTITIES)}\n"
        for name, n in relations
        for _ in range(n)
    }
    (folder / "t.tsv").write_text("".join(sorted(triples)))
    rules = []
    for n in range(400):
        r, s = rng.sample(range(LIGHT), 2)
        rules.append(f"1\t1\t1.0\tr{n % LIGHT}(X,Y) <= r{r}(X,A), r{s}(A,Y)\n")
    rules += [f"1\t1\t1.0\tr{n}(X,Y) <= z{n}(X,A), z{n}(A,B), z{n}(B,Y)\n" for n in range(HEAVY)]
    (folder / "r.tsv").write_text("".join(rules))
    with FileWriter(folder / "r.pffr") as out:
        options = RuleOptions(chunk_rules=CHUNK_RULES)
        compile_rules(open_blocks(str(folder / "r.tsv")), out, source_name="r", options=options)
    assert main(["encode", str(folder / "t.tsv"), "-o", str(folder / "t.pffg")]) == 0
    return folder / "r.pffr", folder / "t.pffg"


def looked(file: RuleFile, graph: Path, workers: int) -> list[Task]:
    """The tasks of a run with so many workers."""
    look = FirstLook(file, workers)
    found: list[Task] = []
    with attach(str(graph)) as attached:
        for task in look.tasks(iter):
            assert not isinstance(task, NotYet)  # each look is answered at once
            if isinstance(task, Look):
                chunks = range(task.first, task.first + len(task.places))
                pieces = [pieces_of(attached.view, file.read_chunk(chunk)) for chunk in chunks]
                look.take(task, tuple(pieces))
            else:
                found.append(task)
    return found


def test_pieces_are_whole_bodies(heavy: tuple[Path, Path]) -> None:
    """In order, without a gap; what is heavy is alone."""
    with RuleFile(heavy[0]) as file, attach(str(heavy[1])) as attached:
        assert len(file.chunks) > 4
        n_heavy = 0
        for index in range(len(file.chunks)):
            chunk = file.read_chunk(index)
            pieces = pieces_of(attached.view, chunk)
            assert pieces.stops[-1] == chunk.n_rules and min(pieces.work) > 0
            for start, stop in pairwise((0, *pieces.stops)):
                assert start < stop
                assert stop == chunk.n_rules or chunk.rule_body[stop - 1] < chunk.rule_body[stop]
            n_heavy += sum(work > 5000 for work in pieces.work)
        assert n_heavy >= HEAVY


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_all_rules_once(workers: int, heavy: tuple[Path, Path]) -> None:
    """However they are divided."""
    with RuleFile(heavy[0]) as file:
        tasks = looked(file, heavy[1], workers)
        for chunk, n_rules in enumerate(file.chunks["rules"].tolist()):
            ranges = sorted((task.start, task.stop) for task in tasks if task.chunk == chunk)
            assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
            assert ranges[-1][1] == n_rules


@pytest.mark.parametrize("workers", [2, 4])
def test_nobody_waits_long(workers: int, heavy: tuple[Path, Path]) -> None:
    """By edges that are touched, dealt to whoever is free: at the end few workers wait."""
    with RuleFile(heavy[0]) as file, attach(str(heavy[1])) as attached:
        evaluator = Evaluator(attached.view, file.semantics, wide=True)
        free = [0] * workers
        for task in looked(file, heavy[1], workers):
            before = evaluator.edges
            evaluator.evaluate(file.read_chunk(task.chunk), task.start, task.stop, lambda run: None)
            heapreplace(free, free[0] + evaluator.edges - before)
    assert sum(max(free) - one for one in free) < 0.08 * workers * max(free)


def test_where_it_would_not_pay(heavy: tuple[Path, Path]) -> None:
    """One worker, a small graph, or many chunks: the order of the file."""
    with RuleFile(heavy[0]) as file:
        few, many = -(-len(file.chunks) // CHUNKS), len(file.chunks) // CHUNKS + 1
        assert FirstLook.wanted(file, many, LEAST_TRIPLES) is not None
        assert FirstLook.wanted(file, few - 1, LEAST_TRIPLES) is None
        assert FirstLook.wanted(file, many, LEAST_TRIPLES - 1) is None
        assert FirstLook.wanted(file, 1, LEAST_TRIPLES) is None


def test_chunk_that_nobody_could_look_at(heavy: tuple[Path, Path]) -> None:
    """It comes first, as a whole."""
    with RuleFile(heavy[0]) as file:
        look = FirstLook(file, 2)
        found = []
        for task in look.tasks(iter):
            if isinstance(task, Look):
                n_rules = [place.rules for place in task.places]
                known = tuple(Pieces((n,), (1.0,)) for n in n_rules)
                look.take(task, () if task.first == 0 else known)
            else:
                assert isinstance(task, Task)
                found.append(task)
        assert found[0].chunk == 0 and found[0].stop == file.chunks["rules"][0]
        assert sorted(task.chunk for task in found) == list(range(len(file.chunks)))


@pytest.mark.thorough
def test_same_bytes_killed_and_resumed(heavy: tuple[Path, Path], tmp_path: Path) -> None:
    """With workers that look first the results are those of one that does not."""
    words = ["run", *map(str, heavy), "--fail-on", "none"]
    assert main([*words, "--workers", "1", "--out", str(tmp_path / "one")]) == 0
    expected = digest(tmp_path / "one")
    assert main([*words, "--workers", "8", "--out", str(tmp_path / "eight")]) == 0
    assert digest(tmp_path / "eight") == expected
    out = tmp_path / "killed"
    running = Running(tmp_path, *words, "--workers", 8, "--out", out, pause=0.1, sync=0.0)
    journal = out / ".unfinished" / "journal"
    assert within(60, partial(_has_records, journal))
    running.send(signal.SIGKILL, [running.pid])
    running.end()
    assert not is_finished(out)
    assert main(["run", "--resume", str(out), "--fail-on", "none"]) == 0
    assert json.loads((out / "summary.json").read_text())["run"]["resumed_rules"] > 0
    assert digest(out) == expected


def _has_records(journal: Path) -> bool:
    return journal.exists() and any(journal.read_bytes()[40:])
