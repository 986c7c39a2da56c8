"""docs/cluster.md: the commands of its files are run as processes, on a small graph."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

import pff_stream
from tests.warm import put_command

ROOT = Path(__file__).parent.parent
FILES = ROOT / "docs" / "cluster"
RULES = "".join(f"9\t9\t{n / 10}\tlikes(X,{n}) <= knows(X,{n})\n" for n in range(1, 9))
GRAPH = "".join(f"e{n % 7}\t{'knows' if n % 3 else 'likes'}\t{n % 9}\n" for n in range(60))
STUB = """
import json, sys
class _Task:
    def __init__(self, **told): print(json.dumps(told))
    def __rshift__(self, other): return other
    def __rrshift__(self, other): return self
class DAG(_Task):
    __enter__ = lambda self: self
    __exit__ = lambda self, *_: None
BashOperator = _Task
"""
pytestmark = pytest.mark.thorough


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with inputs, the files of the page, `pff-stream` and an `ssh` that stays here."""
    shutil.copytree(FILES, tmp_path / "docs" / "cluster")
    shutil.copy(FILES / "part.sh", tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    put_command(tools)
    (tools / "ssh").write_text('#!/bin/sh\nshift\nsh -c "$*"\n')
    (tools / "ssh").chmod(0o755)
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "graph.tsv").write_text(GRAPH)
    pff_stream.compile(tmp_path / "rules.tsv", tmp_path / "rules.pffr", chunk_rules=1)
    pff_stream.encode(tmp_path / "graph.tsv", tmp_path / "graph.pffg")
    return tmp_path


def shell(
    place: Path, *command: str, check: int = 0, environment: Mapping[str, str] | None = None
) -> str:
    """Runs a command there; what it says."""
    path = f"{place / 'tools'}:{os.environ['PATH']}"
    told = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run(command, cwd=place, env=told, check=False, capture_output=True, text=True)
    assert done.returncode == check, done.stderr
    return done.stdout


def is_whole(place: Path) -> bool:
    """Whether the results are those of one run."""
    names = ("findings.jsonl", "metrics.tsv", "rules.tsv", "outcomes.tsv")
    with pff_stream.run(place / "rules.pffr", place / "graph.pffg", out=place / "whole") as run:
        assert run.findings
    return all(
        (place / "whole" / n).read_bytes() == (place / "results" / n).read_bytes() for n in names
    )


def join(place: Path) -> None:
    """The last command of each page."""
    parts = "pff-stream join parts/part-* --out results"
    shell(place, "sh", "-c", parts, check=1)
    assert is_whole(place)


def test_slurm(place: Path) -> None:
    """Every task of the array; one that is started again says that it is done."""
    lines = (FILES / "slurm.sbatch").read_text()
    assert "#SBATCH --array=1-4\n" in lines
    for task in (1, 2, 3, 4, 4):
        told = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "4"}
        said = shell(place, "sh", "docs/cluster/slurm.sbatch", environment=told)
        assert f"part {task}/4: parts/part-{task}" in said
    join(place)


@pytest.mark.slow
def test_kubernetes(place: Path) -> None:
    """The command of the container, with each index."""
    job = yaml.safe_load((FILES / "job.yaml").read_text())["spec"]
    container = job["template"]["spec"]["containers"][0]
    assert job["completionMode"] == "Indexed" and job["completions"] == 4
    for index in range(job["completions"]):
        command = [*container["command"], *container["args"]]
        shell(place, *command, environment={"JOB_COMPLETION_INDEX": str(index)})
    join(place)


@pytest.mark.slow
def test_airflow(place: Path) -> None:
    """The commands of the DAG, in its order."""
    operators = place / "airflow" / "providers" / "standard" / "operators"
    operators.mkdir(parents=True)
    for folder in (operators, *list(operators.parents)[:3]):
        (folder / "__init__.py").write_text(STUB)
    (operators / "bash.py").write_text(STUB)
    said = shell(
        place, sys.executable, str(FILES / "dag.py"), environment={"PYTHONPATH": str(place)}
    )
    tasks = [yaml.safe_load(line) for line in said.splitlines()]
    commands = [task["bash_command"] for task in tasks if "bash_command" in task]
    assert len(commands) == 6
    for command in commands:
        shell(place, "bash", "-c", command)
    assert is_whole(place)


def test_ssh(place: Path) -> None:
    """A part on each host, joined where they were started."""
    hosts = ["one", "two", "three"]
    told = ["rules.pffr", "graph.pffg", "parts", "results", *hosts]
    shell(place, "sh", "docs/cluster/ssh.sh", *told, check=1)
    assert is_whole(place)
    assert sorted(os.listdir(place / "parts")) == ["part-1", "part-2", "part-3"]
