"""The first look at chunks: heavy rules come first and alone, and results are the same bytes."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterable, Iterator
from functools import partial
from heapq import heapreplace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pff_stream import validate
from pff_stream.cli.main import main
from pff_stream.evaluate._kernel import Evaluator
from pff_stream.execute.queue import Alone, NotYet
from pff_stream.files.sources import open_blocks
from pff_stream.files.writers import FileWriter
from pff_stream.pipeline.first_look import BATCHED_WORKERS, CHUNKS, LEAST_TRIPLES, FirstLook
from pff_stream.rules.compile import RuleOptions, compile_rules
from pff_stream.rules.file import RuleFile
from pff_stream.triples.graph import attach
from pff_stream.work.look import Look, Pieces, pieces_of
from pff_stream.work.rules import counts_of
from pff_stream.work.task import Answer, Part, Task
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


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rules of one body that is most of the work, in the last of a few chunks of light ones."""
    folder, rng = tmp_path_factory.mktemp("lone"), random.Random(6)

    def triple(relation: str, n: int) -> str:
        return f"e{int(n * rng.random() ** 2)}\t{relation}\te{int(n * rng.random() ** 2)}\n"

    lines = {triple(f"r{n}", ENTITIES) for n in range(40) for _ in range(EDGES)}
    lines |= {triple("z", 6 * ENTITIES) for _ in range(12_000)}
    (folder / "t.tsv").write_text("".join(sorted(lines)))
    rules = [
        f"1\t1\t1.0\tr{n % 40}(X,Y) <= r{n * 7 % 40}(X,A), r{n * 3 % 40}(A,Y)\n" for n in range(200)
    ]
    body = "z(X,A), z(A,B), z(B,Y)"
    heads = ["r1(X,Y)", "z(X,Y)", "z(Y,X)", "r2(Y,X)", "r3(X,e1)", "z(e0,Y)", "no(X,Y)"]
    rules += [f"1\t1\t1.0\t{head} <= {body}\n" for head in heads]
    (folder / "r.tsv").write_text("".join(rules))
    with FileWriter(folder / "r.pffr") as out:
        options = RuleOptions(chunk_rules=CHUNK_RULES)
        compile_rules(open_blocks(str(folder / "r.tsv")), out, source_name="r", options=options)
    assert main(["encode", str(folder / "t.tsv"), "-o", str(folder / "t.pffg")]) == 0
    return folder / "r.pffr", folder / "t.pffg"


def sent(task: Any) -> Any:
    """What a worker is sent of a task."""
    return task.task if isinstance(task, Alone) else task


def looked(file: RuleFile, graph: Path, workers: int, **told: Any) -> list[Task | Part]:
    """The tasks of a run with so many workers; what parts count is of no interest."""
    look = FirstLook(file, workers, **told)
    found: list[Task | Part] = []
    with attach(str(graph)) as attached:
        for task in map(sent, look.tasks(iter)):
            assert not isinstance(task, NotYet)  # each is answered at once
            if isinstance(task, Look):
                pieces = [pieces_of(attached.view, file.read_chunk(one)) for one in task.chunks]
                look.take(task, tuple(pieces))
                continue
            found.append(task)
            if isinstance(task, Part):
                look.take(task, Answer((), 0.0, 0, counts=bytes(40 * task.rules.n_rules)))
    return found


def test_pieces_are_whole_bodies(heavy: tuple[Path, Path]) -> None:
    """In order, without a gap; what is heavy is alone."""
    with RuleFile(heavy[0]) as file, attach(str(heavy[1])) as attached:
        assert len(file.chunks) > 4
        n_heavy = 0
        for index in range(len(file.chunks)):
            chunk = file.read_chunk(index)
            pieces = pieces_of(attached.view, chunk)
            stops, work, weight, _ = pieces.rows.T
            assert stops[-1] == chunk.n_rules and min(work) > 0 and min(weight) > 0
            for start, stop in pairwise((0, *map(int, stops))):
                assert start < stop
                assert stop == chunk.n_rules or chunk.rule_body[stop - 1] < chunk.rule_body[stop]
            n_heavy += sum(work > 5000)
        assert n_heavy >= HEAVY


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_all_rules_once(workers: int, heavy: tuple[Path, Path]) -> None:
    """However they are divided."""
    with RuleFile(heavy[0]) as file:
        tasks = looked(file, heavy[1], workers)
        written = [one for task in tasks if isinstance(task, Task) for one in task.ranges]
        for chunk, n_rules in enumerate(file.chunks["rules"].tolist()):
            ranges = sorted((task.start, task.stop) for task in written if task.chunk == chunk)
            assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
            assert ranges[-1][1] == n_rules
        counted = {task[:3] for task in written if task.counts}
        parts = [task for task in tasks if isinstance(task, Part)]
        assert counted == {part.rules[:3] for part in parts}
        for key in counted:
            of_one = [part for part in parts if part.rules[:3] == key]
            assert [part.part for part in of_one] == list(range(of_one[0].n_parts))
        some = looked(file, heavy[1], workers, chunks=[1, 3])
        of_some = [(one.rules if isinstance(one, Part) else one).ranges for one in some]
        assert {one.chunk for each in of_some for one in each} == {1, 3}


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("of", ["heavy", "lone"])
def test_nobody_waits_long(of: str, workers: int, request: pytest.FixtureRequest) -> None:
    """By edges that are touched, dealt to whoever is free: at the end few workers wait."""
    heavy: tuple[Path, Path] = request.getfixturevalue(of)
    with RuleFile(heavy[0]) as file, attach(str(heavy[1])) as attached:
        evaluator = Evaluator(attached.view, file.semantics, wide=True)
        free = [0] * workers
        for task in looked(file, heavy[1], workers):
            before = evaluator.edges
            if isinstance(task, Part):
                chunk = file.read_chunk(task.rules.chunk)
                evaluator.count_part(chunk, *task.rules[1:3], *task[1:])
            else:
                for one in task.ranges:
                    told = file.read_chunk(one.chunk), one.start, one.stop, lambda run: None
                    evaluator.evaluate(*told, 0, counts_of(one))
            heapreplace(free, free[0] + evaluator.edges - before)
    assert sum(max(free) - one for one in free) < 0.08 * workers * max(free)


def test_parts_that_are_lost(lone: tuple[Path, Path]) -> None:
    """A body of which a part came to nothing is done as a whole; one that was begun, too."""
    with RuleFile(lone[0]) as file, attach(str(lone[1])) as attached:
        look = FirstLook(file, 4)
        parts: list[Part] = []
        written: list[Task] = []
        for task in map(sent, look.tasks(iter)):
            if isinstance(task, Look):
                chunks = [file.read_chunk(one) for one in task.chunks]
                look.take(task, tuple(pieces_of(attached.view, chunk) for chunk in chunks))
            elif isinstance(task, Part):
                parts.append(task)
                counts = b"" if task.part == 1 else bytes(40 * task.rules.n_rules)
                look.take(task, Answer((), 0.0, 0, counts=counts))
            else:
                assert isinstance(task, Task)
                written.extend(task.ranges)
        assert len({part.rules[:3] for part in parts}) == 1 and len(parts) > 2
        assert not any(task.counts for task in written)
        heavy = parts[0].rules
        assert heavy in written

        def half_done(tasks: Iterable[Task]) -> Iterator[Task]:
            return (task._replace(start=task.start + (task == heavy)) for task in tasks)

        again = FirstLook(file, 4)
        for task in map(sent, again.tasks(half_done)):
            assert not isinstance(task, Part)
            if isinstance(task, Look):
                chunks = [file.read_chunk(one) for one in task.chunks]
                again.take(task, tuple(pieces_of(attached.view, chunk) for chunk in chunks))


def results(lone: tuple[Path, Path], folder: Path, *told: str) -> tuple[str, bytes]:
    """Those of a run, and its violations by rule."""
    words = ["run", *map(str, lone), "--fail-on", "none", "--max-violations", "7", *told]
    out, listed = folder / "out", folder / "v.jsonl"
    assert main([*words, "--out", str(out), "--violations", str(listed)]) == 0
    return digest(out), listed.read_bytes()


@pytest.fixture(scope="module")
def of_one(lone: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The results of one worker, with examples and findings."""
    return results(lone, tmp_path_factory.mktemp("one"), "--workers", "1")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "workers"), [("fork", "5"), ("spawn", "3"), ("forkserver", "5"), ("thread", "5")]
)
def test_body_in_parts_is_the_same(
    method: str,
    workers: str,
    lone: tuple[Path, Path],
    of_one: tuple[str, bytes],
    tmp_path: Path,
) -> None:
    """Results are those of one worker."""
    told = ("--workers", workers, "--start-method", method)
    assert results(lone, tmp_path, *told) == of_one


def test_outcomes_as_they_come(lone: tuple[Path, Path]) -> None:
    """A look and parts of a body have no outcomes; each rule has one."""
    given = [
        sorted(validate(*lone, workers=workers, ordered=ordered), key=lambda one: one.line)
        for workers, ordered in ((1, True), (5, False))
    ]
    assert given[0] == given[1] and len(given[0]) == 207


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
        found: list[Task] = []
        looks = []
        for task in map(sent, look.tasks(iter)):
            if isinstance(task, Look):
                looks.append(task.chunks)
                n_rules = [place.rules for place in task.places]
                known = tuple(Pieces.of((n,), (1.0,), (1.0,), (1,)) for n in n_rules)
                look.take(task, () if 0 in task.chunks else known)
            else:
                assert isinstance(task, Task)
                found.extend(task.ranges)
        assert found[0].chunk in looks[0] and found[0].start == 0
        assert sorted(task.chunk for task in found) == list(range(len(file.chunks)))


@pytest.mark.thorough
def test_same_bytes_killed_and_resumed(heavy: tuple[Path, Path], tmp_path: Path) -> None:
    """With workers that look first the results are those of one that does not."""
    words = ["run", *map(str, heavy), "--fail-on", "none"]
    assert main([*words, "--workers", "1", "--out", str(tmp_path / "one")]) == 0
    expected = digest(tmp_path / "one")
    for workers in ("8", str(BATCHED_WORKERS)):
        out = tmp_path / workers
        assert main([*words, "--workers", workers, "--out", str(out)]) == 0
        assert digest(out) == expected
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
