"""What is imported where: every import of a worker is paid once for each worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pff_stream

COMMAND_ONLY = {"click", "psutil", "yaml", "planner", "json", "logging"}


def modules_after(statement: str) -> set[str]:
    """Names of all modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nfor name in sys.modules: sys.stdout.write(name + '\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def by_numpy() -> set[str]:
    """What numpy and msgpack, which a worker may import, bring along."""
    return modules_after("import numpy, msgpack")


@pytest.mark.parametrize(
    "module",
    [
        "pff_stream.work.rules",
        "pff_stream.execute.worker_main",
        "pff_stream.rules.file",
        "pff_stream.triples.graph",
    ],
)
def test_worker_imports_are_light(module: str, by_numpy: set[str]) -> None:
    """A worker's modules bring nothing of the command line, the planner or its libraries."""
    assert not (modules_after(f"import {module}") - by_numpy) & COMMAND_ONLY


def test_package_import_is_light() -> None:
    """`import pff_stream` imports nothing heavy: not numpy, and no library of the command line."""
    heavy = COMMAND_ONLY - {"logging"} | {"numpy", "msgpack", "multiprocessing"}
    assert not modules_after("import pff_stream") & heavy


def test_preparing_commands_are_light() -> None:
    """`compile`, `encode` and `triples` import no numpy."""
    work = (
        "pff_stream.pipeline.commands, pff_stream.rules.compile, "
        "pff_stream.triples.encode_process, pff_stream.triples.inputs"
    )
    assert "numpy" not in modules_after(f"import {work}")


def test_command_help_is_light() -> None:
    """Reading the command line imports no numpy: what is only asked for help starts at once."""
    assert "numpy" not in modules_after("import pff_stream.cli.main")


def test_blocks_are_imported_only_where_they_are_planned() -> None:
    """A run of a graph in memory, and its workers, load nothing of what reads a graph in blocks."""
    loaded = modules_after("import pff_stream.pipeline.run, pff_stream.work.rules")
    triples = ("_ahead", "_name_search", "_resident", "_resident_names", "_window")
    of_blocks = {"pff_stream.evaluate._blocks", *(f"pff_stream.triples.{name}" for name in triples)}
    assert "pff_stream.evaluate._kernel" in loaded
    assert not loaded & of_blocks
    assert of_blocks <= modules_after("import " + ", ".join(of_blocks))


def test_nothing_that_imports_later() -> None:
    """`numpy.unique` imports numpy.ma when it is called: a MiB more in each worker."""
    package = Path(pff_stream.__file__).parent
    sources = [path for ending in ("*.py", "*.pyx") for path in package.rglob(ending)]
    texts = {path: path.read_bytes() for path in sources}
    assert texts
    assert not [path for path, text in texts.items() if b"np.unique(" in text]
