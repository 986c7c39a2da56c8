"""A service under 64 clients at once: every request answered, as a run answers; memory flat."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = 64
MIB = 1 << 20


def documents(train: Path, sizes: list[int]) -> list[bytes]:
    """JSON documents of so many triples each, drawn from a graph."""
    drawn = random.Random(5)
    triples = [line.split("\t") for line in train.read_text("utf-8").splitlines()]
    made = []
    for size in sizes:
        nodes: dict[str, dict[str, Any]] = {}
        for subject, relation, object_ in drawn.sample(triples, size):
            node = nodes.setdefault(subject, {"id": subject})
            node.setdefault(relation, []).append(object_)
        made.append(b"\n".join(json.dumps(node).encode() for node in nodes.values()))
    return made


@contextmanager
def serving(rules: Path, workers: int) -> Iterator[dict[str, Any]]:
    """A service with its port; it has ended, and all of its processes, behind the block."""
    command = [sys.executable, "-m", "tests.service.server", str(rules), str(workers)]
    # What the server itself held of a request of 30 MB it gives back, and is not counted as ours.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield told
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert not [child for child in children if child.is_running()]
        finally:
            process.kill()


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, name: str, document: bytes) -> Any:
        """The answer to a document."""
        await self.send(name, document)
        return json.loads(await self._reader.readline())

    async def send(self, name: str, document: bytes) -> None:
        """A request alone."""
        request = json.dumps({"name": name, "bytes": len(document)}).encode() + b"\n"
        self._writer.write(request + document)
        await self._writer.drain()

    async def pids(self) -> list[int]:
        """The workers of the service."""
        self._writer.write(b"pids\n")
        found: list[int] = json.loads(await self._reader.readline())["pids"]
        return found


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """A client, until the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * MIB)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def held_bytes(pid: int) -> int:
    """Private memory of a process and all that it has started."""
    own = psutil.Process(pid)
    total = 0
    for process in [own, *own.children(recursive=True)]:
        try:
            total += process.memory_full_info().uss
        except psutil.NoSuchProcess:
            continue
    return total


def as_a_run_has_it(rules: Path, bodies: list[bytes], folder: Path) -> list[Any]:
    """What `pff-stream run` says of each document, from a manifest of all."""
    listed = []
    for number, body in enumerate(bodies):
        (folder / f"{number}.json").write_bytes(body)
        listed.append(f"  - d{number}: {number}.json\n")
    manifest = folder / "manifest.yaml"
    manifest.write_text("tasks:\n" + "".join(listed))
    command = [sys.executable, "-m", "pff_stream", "run", "--manifest", str(manifest)]
    command += [
        "--rules",
        str(rules),
        "--out",
        str(folder / "out"),
        "--min-confidence",
        "0.5",
        "--findings",
        "20",
    ]
    command += ["--fail-on", "none", "--quiet", "--workers", "1"]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    lines = (folder / "out" / "documents.jsonl").read_text("utf-8").splitlines()
    found = {told["document"]: told for told in map(json.loads, lines)}
    for told in found.values():
        told["findings"] = []
    for line in (folder / "out" / "findings.jsonl").read_text("utf-8").splitlines():
        finding = json.loads(line)
        found[finding["document"]]["findings"].append(finding)
    return [found[f"d{number}"] for number in range(len(bodies))]


def assert_same(answer: Any, expected: Any) -> None:
    """Counts and findings, but for the path of the file that the run read."""
    for name in ("outcome", "rules", "reasons", "predictions", "support", "violations"):
        assert answer[name] == expected[name], name
    assert bare(answer["findings"]) == bare(expected["findings"])


def bare(value: Any) -> Any:
    """Without the names of files, and the document that a finding alone has."""
    if isinstance(value, dict):
        left_out = {"file", "document"}
        return {name: bare(one) for name, one in value.items() if name not in left_out}
    return [bare(one) for one in value] if isinstance(value, list) else value


async def load(told: dict[str, Any], bodies: list[bytes], rounds: int, kills: int) -> list[Any]:
    """All clients at once, each with all documents from its own place on; the answers by document.

    Some clients send no JSON, one a text of 30 MB, and some go away before they are answered.
    """
    port, answers = told["port"], [[] for _ in bodies]  # type: ignore[var-annotated]
    left = rounds * CLIENTS

    async def client(number: int) -> None:
        nonlocal left
        async with connected(port) as own:
            for turn in range(rounds):
                at = (number + turn) % len(bodies)
                answers[at].append(await own.ask(f"d{at}", bodies[at]))
                left -= 1
                if number % 8 == 1:
                    bad = await own.ask("bad", b'{"id": 1,')
                    assert bad["error"].startswith("bad, line 1")
            if number == 3:
                large = await own.ask("large", b'{"a": "' + b"x" * 30_000_000 + b'"}')
                assert "large" in large["error"] and "bytes" in large["error"]
        if number % 16 == 5:
            async with connected(port) as gone:
                await gone.send("gone", bodies[-1])

    async def killer() -> None:
        async with connected(port) as own:
            for kill in range(kills):
                while left > CLIENTS * rounds * (kills - kill) // (kills + 1):
                    await asyncio.sleep(0.005)
                for pid in (await own.pids())[:1]:
                    os.kill(pid, signal.SIGKILL)

    await asyncio.gather(killer(), *map(client, range(CLIENTS)))
    return answers


def check_answers(answers: list[Any], expected: list[Any]) -> None:
    """Each has what a run says, unless its worker was killed twice."""
    for of_document, told in zip(answers, expected, strict=True):
        for answer in of_document:
            if "error" in answer:
                assert "killed its worker: killed by SIGKILL" in answer["error"]
            else:
                assert_same(answer, told)
    assert sum("error" not in one for each in answers for one in each) > 0


@pytest.mark.thorough
def test_a_service(example: Path, tmp_path: Path) -> None:
    """64 clients, small documents and one of 2,000 triples, a worker killed under load."""
    bodies = documents(example / "train.tsv", [1, 2, 5, 10, 20, 40, 80, 2000])
    rules = example / "umls_rules.tsv"
    expected = as_a_run_has_it(rules, bodies, tmp_path)
    with serving(rules, 1) as told:
        answers = asyncio.run(load(told, bodies, 2, kills=1))
        assert sum(map(len, answers)) == 2 * CLIENTS
        check_answers(answers, expected)
        assert held_bytes(told["pid"]) <= told["planned"]


@pytest.mark.slow
@pytest.mark.service
def test_a_service_for_long(example: Path, tmp_path: Path) -> None:
    """Many rounds, two workers that are killed again and again: memory stays where it is."""
    sizes = [1, 1, 3, 7, 15, 30, 60, 120, 250, 500, 1000, 1500, 2000] + [50] * 11
    bodies = documents(example / "train.tsv", sizes)
    rules = example / "umls_rules.tsv"
    expected = as_a_run_has_it(rules, bodies, tmp_path)
    with serving(rules, 2) as told:
        check_answers(asyncio.run(load(told, bodies, 20, kills=1)), expected)
        before = held_bytes(told["pid"])
        for _ in range(4):
            check_answers(asyncio.run(load(told, bodies, 25, kills=3)), expected)
        after = held_bytes(told["pid"])
        assert after <= told["planned"]
        assert after - before < 8 * MIB
