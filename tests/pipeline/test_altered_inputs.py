"""Compiled and encoded files that somebody writes to, cuts or replaces while a run reads them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.faults import Running, digest, is_finished
from tests.warm import run

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled rules, encoded triples, and the results of a run that nobody meddled with."""
    folder = tmp_path_factory.mktemp("made")
    run("compile", data / "umls" / "rules.tsv.gz", "-o", folder / "r.pffr", check=0)
    run("encode", data / "umls" / "train.tsv.gz", "-o", folder / "g.pffg", check=0)
    run("run", folder / "r.pffr", folder / "g.pffg", "--out", folder / "whole", check=1)
    return folder


def write_over(path: Path) -> None:
    """The same size and other bytes, under the same name and number."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 100)


def cut(path: Path) -> None:
    """Pages that a worker has mapped are gone."""
    os.truncate(path, 4096)


def replace(path: Path) -> None:
    """Another file under the name, as a program does that writes as it should."""
    other = path.with_suffix(".new")
    other.write_bytes(b"another")
    os.replace(other, path)


def disturbed(folder: Path, made: Path, name: str, change: Callable[[Path], None]) -> Running:
    """A run whose input was changed when it had its first results."""
    shutil.copy(made / "r.pffr", folder)
    shutil.copy(made / "g.pffg", folder)
    out = folder / "out"
    running = Running(
        folder, "run", folder / "r.pffr", folder / "g.pffg", "--out", out, rules=100, pause=0.05
    )
    spool = out / ".unfinished" / "spool"
    while not (spool.exists() and spool.stat().st_size):
        assert running.process.poll() is None
        time.sleep(0.01)
    change(folder / name)
    return running


@pytest.mark.parametrize("change", [write_over, cut])
@pytest.mark.parametrize("name", ["r.pffr", "g.pffg"])
def test_written_to(name: str, change: Callable[[Path], None], made: Path, tmp_path: Path) -> None:
    """The run ends at once with 2 and one line; what it had computed is gone, results are not."""
    code, said = disturbed(tmp_path, made, name, change).end(30)
    assert code == 2, said
    assert f"{tmp_path / name}: was written to during the run" in said
    assert "--resume" not in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["r.pffr", "g.pffg"])
def test_replaced(name: str, made: Path, tmp_path: Path) -> None:
    """What was opened and checked is what is read, and it is said that the name leads elsewhere."""
    code, said = disturbed(tmp_path, made, name, replace).end()
    assert code == 1, said
    assert said.count(f"{tmp_path / name}: replaced during the run") == 1
    assert is_finished(tmp_path / "out")
    assert digest(tmp_path / "out") == digest(made / "whole")


def test_errors_name_the_file_as_the_user_did(made: Path, tmp_path: Path) -> None:
    """A damage that a worker finds is told with the name that was given."""
    shutil.copy(made / "r.pffr", tmp_path)
    write_over(tmp_path / "r.pffr")
    shutil.copy(made / "g.pffg", tmp_path)
    assert f"{tmp_path}/r.pffr: byte " in run("run", tmp_path / "r.pffr", made / "g.pffg", check=2)
    write_over(tmp_path / "g.pffg")
    assert f"{tmp_path}/g.pffg: the checksum" in run(
        "run", made / "r.pffr", tmp_path / "g.pffg", check=2
    )
