"""What a folder lies in is the mount nearest to it, the last one of several at one place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from planner.mounts import Mount, is_memory, mounts

TEXT = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /tmp rw - tmpfs none rw,size=1m
24 22 8:2 / /tmp/disk rw - ext4 /dev/sdb1 rw
25 22 0:6 /a\040b /my\040files\011x\134 rw - tmpfs none rw
26 22 8:3 / /twice rw - tmpfs none rw
27 22 8:3 / /twice rw - xfs /dev/sdc rw
rubbish
1 2 - x
1 2 3 / /x rw - cgroup2"""


@pytest.fixture
def process(tmp_path: Path) -> str:
    """The folder of a process that sees these mounts."""
    (tmp_path / "mountinfo").write_text(TEXT)
    return str(tmp_path)


def test_what_is_mounted(process: str) -> None:
    """Each line with what it says; lines of another form are passed over."""
    found = mounts(process)
    assert [mount.point for mount in found] == [
        "", "/tmp", "/tmp/disk", "/my files\tx\\", "/twice", "/twice",
    ]  # fmt: skip
    assert found[3] == Mount("/a b", "/my files\tx\\", "tmpfs", ("rw",))
    assert found[1].options == ("rw", "size=1m")


@pytest.mark.parametrize(
    ("folder", "memory"),
    [
        ("/", False),
        ("/tmp", True),
        ("/tmp/deep/er", True),
        ("/tmpfile", False),
        ("/tmp/disk/x", False),
        ("/my files\tx\\/y", True),
        ("/twice", False),
    ],
)
def test_folders_of_memory(process: str, folder: str, memory: bool) -> None:
    """The nearest mount counts."""
    assert is_memory(folder, process) == memory


def test_nothing_is_known(tmp_path: Path) -> None:
    """Where the kernel does not tell, nothing is taken for memory."""
    assert mounts(str(tmp_path)) == []
    assert not is_memory("/tmp", str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_this_machine() -> None:
    """/proc is there and is no memory; shared memory is."""
    assert any(mount.point == "/proc" for mount in mounts())
    assert not is_memory("/proc")
    if any(mount.point == "/dev/shm" for mount in mounts()):
        assert is_memory("/dev/shm")
