"""Temporary folders: gone with their holder, and those of dead processes with the next start."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pff_stream.errors import OutputError
from pff_stream.files.lock import lock
from pff_stream.files.temporary_folder import TemporaryFolder, remove_stale_folders

DEAD = "4194999"
"""More than the kernel gives as a process id."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that nobody else uses."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_folders_of_a_process_lie_in_one(temporary: Path) -> None:
    """It is private, takes one descriptor, and goes with the last of them."""
    before = len(os.listdir("/dev/fd"))
    one, other = TemporaryFolder(), TemporaryFolder()
    assert len(os.listdir("/dev/fd")) == before + 1
    (home,) = temporary.iterdir()
    assert {Path(one.path), Path(other.path)} == set(home.iterdir())
    assert home.stat().st_mode & 0o077 == 0
    Path(one.path, "file").write_text("x")
    one.close()
    one.close()
    assert list(home.iterdir()) == [Path(other.path)]
    assert not one.is_there and other.is_there
    del other
    gc.collect()
    assert not list(temporary.iterdir())
    assert len(os.listdir("/dev/fd")) == before


def test_a_living_holder_keeps_its_folder(temporary: Path) -> None:
    """Others remove what nobody holds."""
    with TemporaryFolder() as held:
        remove_stale_folders(str(temporary))
        assert os.path.isdir(held.path)


def test_a_forked_process_leaves_it_alone(temporary: Path) -> None:
    """Though it ends with a copy of its parent's object."""
    program = """if True:
        import os, sys
        from pff_stream.files.temporary_folder import TemporaryFolder
        held = TemporaryFolder()
        if not os.fork():
            own = TemporaryFolder()
            assert os.path.dirname(own.path) != os.path.dirname(held.path)
            sys.exit(0)
        assert os.wait()[1] == 0
        assert os.listdir(os.path.dirname(held.path)) == [os.path.basename(held.path)]
    """
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert not list(temporary.iterdir())


def test_folders_of_dead_processes_are_removed(temporary: Path) -> None:
    """But nothing that is locked, is no folder or lies behind a link."""
    victim = temporary / "victim"
    victim.mkdir()
    (victim / "file").touch()
    stale = temporary / f"pff-stream-folders-{DEAD}-a"
    (stale / "x" / "deep").mkdir(parents=True)
    (stale / "link").symlink_to(victim)
    link = temporary / f"pff-stream-folders-{DEAD}-b"
    link.symlink_to(victim)
    file = temporary / f"pff-stream-folders-{DEAD}-c"
    file.touch()
    os.mkfifo(temporary / f"pff-stream-folders-{DEAD}-d")
    held = temporary / f"pff-stream-folders-{DEAD}-e"
    held.mkdir()
    descriptor = os.open(held, os.O_RDONLY)
    try:
        assert lock(descriptor, shared=True)
        remove_stale_folders(str(temporary))
        left = {path.name.removeprefix("pff-stream-folders-") for path in temporary.iterdir()}
        assert left == {"victim", *(f"{DEAD}-{letter}" for letter in "bcde")}
        assert (victim / "file").exists()
    finally:
        os.close(descriptor)


def test_no_folder_can_be_made(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is output that cannot be written: here its path would be too long."""
    deep = str(temporary)
    while len(deep) < os.pathconf("/", "PC_PATH_MAX") - 50:
        rest = os.pathconf("/", "PC_PATH_MAX") - 40 - len(deep)
        deep += "/" + "x" * min(200, rest - 1)
        os.mkdir(deep)
    monkeypatch.setenv("TMPDIR", deep)
    with pytest.raises(OutputError, match="no temporary folder: File name too long"):
        TemporaryFolder()
