"""Narrow machines: exit code 1 is the verdict's alone, what is short is named, with exit code 3."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.starting import inputs, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")

DATA, ADDRESSES = resource.RLIMIT_DATA, resource.RLIMIT_AS


def limited(kind: int, soft: int) -> Callable[[], None]:
    """Sets a limit in the new process."""

    def prepare() -> None:
        resource.setrlimit(kind, (soft, soft))

    return prepare


def check(folder: Path, kind: int, soft: int) -> None:
    """A run ends with its verdict, or with 3 and one line."""
    done = started(["run", *inputs(folder)], limited(kind, soft))
    if done.returncode == 1:
        assert "Failed: " in done.stdout
        return
    assert done.returncode == 3, (soft, done.stderr)
    assert "pff-stream: error: " in done.stderr
    assert "Traceback" not in done.stderr and "bug" not in done.stderr


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
@pytest.mark.parametrize("kind", [DATA, ADDRESSES])
def test_every_limit(tmp_path: Path, kind: int) -> None:
    """From what hardly starts an interpreter to what is enough."""
    for mib in range(16, 90, 3) if kind == DATA else range(30, 180, 6):
        check(tmp_path, kind, mib << 20)


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
    prepare = limited(resource.RLIMIT_NOFILE, descriptors)
    done = started(["run", *inputs(tmp_path), *options], prepare)
    assert done.returncode in (1, 3), done.stderr
    assert done.returncode == 3 or "Failed: " in done.stdout
