"""Narrow machines: exit code 1 is the verdict's alone, what is short is named, with exit code 3."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import pytest

from pff_stream.__main__ import STACK_BYTES
from tests import warm
from tests.hostile.starting import (
    COMMANDS,
    arguments,
    inputs,
    limited,
    started,
    verdict,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")

DATA, ADDRESSES = resource.RLIMIT_DATA, resource.RLIMIT_AS


def check(folder: Path, kind: int, soft: int, command: str = "run") -> None:
    """A command does its work, or ends with 3 and one line that names a limit."""
    done = started(arguments(command, folder), limited(kind, soft))
    if command == "manifest" and done.returncode == 4:
        assert "could not be evaluated" in done.stderr  # each document is refused alone
    elif not verdict(done, command):
        assert done.returncode == 3, (soft, done.stderr)
        assert "RLIMIT_" in done.stderr


@pytest.mark.parametrize("mib", [8, 30, 44, 52])
def test_private_memory(tmp_path: Path, mib: int) -> None:
    """What numpy would end by itself, or leave half imported, is refused."""
    check(tmp_path, DATA, mib << 20)


@pytest.mark.parametrize("mib", [30, 78, 98])
def test_addresses(tmp_path: Path, mib: int) -> None:
    """The same for all that is mapped."""
    check(tmp_path, ADDRESSES, mib << 20)


def test_limit_is_named(tmp_path: Path) -> None:
    """The line says which limit it is, and how much would do."""
    done = started(["run", *inputs(tmp_path)], limited(DATA, 30 << 20))
    assert "needs 48 MiB for what it imports (RLIMIT_DATA is 30.0 MiB)" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("command", COMMANDS)
def test_every_limit(tmp_path: Path, command: str) -> None:
    """Every command, and a run from what hardly starts an interpreter to what is enough."""
    for mib in (11, 30, 47) if command == "run" else (30, 47):
        check(tmp_path, DATA, mib << 20, command)
    for mib in (62, 100) if command == "run" else (100,):
        check(tmp_path, ADDRESSES, mib << 20, command)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", [DATA, ADDRESSES])
def test_limits_without_gaps(tmp_path: Path, command: str, kind: int) -> None:
    """The same for every limit."""
    for mib in range(8, 90) if kind == DATA else [*range(24, 180), *range(180, 600, 20)]:
        check(tmp_path, kind, mib << 20, command)


@pytest.mark.parametrize("kib", [128, 200])
def test_small_stack(tmp_path: Path, kib: int) -> None:
    """Recursion on it would end the process by a signal: refused, with the need."""
    done = started(["run", *inputs(tmp_path)], limited(resource.RLIMIT_STACK, kib << 10))
    assert done.returncode == 3
    assert f"a stack of 256 KiB is needed at least (RLIMIT_STACK is {kib} KiB)" in done.stderr


def test_stack_that_is_enough(tmp_path: Path) -> None:
    """The deepest recursion there is, that of JSON without end, is refused on it, as on others."""
    (tmp_path / "plan.json").write_text("[" * 100_000)
    (tmp_path / "deep.json").write_text('{"a":' * 490 + "1" + "}" * 490)
    prepare = limited(resource.RLIMIT_STACK, STACK_BYTES)
    saved = str(tmp_path / "plan.json")
    assert started(["run", *inputs(tmp_path), "--plan", saved], prepare).returncode == 2
    assert started(["triples", str(tmp_path / "deep.json")], prepare).returncode == 0


@pytest.mark.parametrize("descriptors", [8, 16])
def test_few_descriptors(tmp_path: Path, descriptors: int) -> None:
    """Fewer than 20 are refused, with the limit and the need."""
    done = started(["run", *inputs(tmp_path)], limited(resource.RLIMIT_NOFILE, descriptors))
    assert done.returncode == 3
    assert "at least 17 are needed" in done.stderr
    assert f"RLIMIT_NOFILE is {descriptors}" in done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("descriptors", [20, 24, 32])
@pytest.mark.parametrize("method", ["fork", "thread", "spawn"])
def test_descriptors_for_many_workers(tmp_path: Path, descriptors: int, method: str) -> None:
    """Where they do not suffice for the workers that were asked for, that is said with 3."""
    options = ["--workers", "8", "--start-method", method]
    limits = {resource.RLIMIT_NOFILE: descriptors}
    done = warm.started(["run", *inputs(tmp_path), *options], limits=limits)
    assert done.returncode in (1, 3), done.stderr
    assert done.returncode == 3 or "Failed: " in done.stdout
