"""Files that workers are told of: an executor renames them, and sends each content once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pff_stream.execute.files import InputFile, OutputFile, renamed
from tests.execute.elsewhere import FOLDER
from tests.warm import run as here

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
RESULTS = ("rules.tsv", "outcomes.tsv", "findings.jsonl", "metrics.tsv")


def test_files_are_found_in_tuples_and_nothing_else_is_changed() -> None:
    """Names change, at any depth; sizes, hashes, types and other values stay."""
    graph = InputFile("/proc/1/fd/3", 10, "ab", "graph.tsv")
    spool = OutputFile("/proc/1/fd/4")
    arguments = ("/proc/1/fd/3", (graph, None), spool, 7)
    found = renamed(arguments, lambda file: f"{type(file).__name__} of {file.name}")
    assert found == (
        "/proc/1/fd/3",
        (graph._replace(name="InputFile of /proc/1/fd/3"), None),
        OutputFile("OutputFile of /proc/1/fd/4"),
        7,
    )
    assert type(found[1][0]) is InputFile


def run(folder: Path, out: Path, *arguments: object) -> None:
    """The command with an executor whose workers see files of `folder` only."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.execute.elsewhere import main; main()", "run"]
        + [str(argument) for argument in (*arguments, "--out", out, "--fail-on", "none")],
        env={**os.environ, FOLDER: str(folder)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def contents(folder: Path) -> set[str]:
    """What was sent so far."""
    return {name for name in os.listdir(folder) if name.startswith("content-")}


@pytest.mark.same_answer
def test_workers_elsewhere_find_the_same(example: Path, tmp_path: Path) -> None:
    """Graph, rules and ranks are sent once for their contents; the results are the same bytes."""
    rules, triples = example / "umls_rules.tsv", example / "train.tsv"
    fewer = tmp_path / "fewer.tsv"
    fewer.write_text("".join(triples.read_text().splitlines(keepends=True)[:-1]))
    there = tmp_path / "there"
    there.mkdir()
    sent = []
    for name, given in (("a", triples), ("b", triples), ("c", fewer)):
        run(there, tmp_path / name, rules, given, "--workers", 2)
        sent.append(len(contents(there)))
    assert 2 < sent[0] == sent[1] < sent[2]
    for given, ran in ((triples, "ab"), (fewer, "c")):
        local = tmp_path / "local"
        here("run", rules, given, "--out", local, "--fail-on", "none", check=0)
        for name in RESULTS:
            expected = (local / name).read_bytes()
            assert all((tmp_path / one / name).read_bytes() == expected for one in ran)
