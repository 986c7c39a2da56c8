"""Reads which file systems are mounted where, as /proc/PID/mountinfo tells a process."""

from __future__ import annotations

import os
from typing import NamedTuple

from planner.procfs import PROC, read_text

_IN_MEMORY = ("tmpfs", "ramfs")
_OCTAL = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))


class Mount(NamedTuple):
    """A file system that is mounted."""

    root: str
    """The folder of the file system that lies at the mount point."""
    point: str
    """Where it is mounted, without a slash at the end: `` for the root."""
    kind: str
    """As the kernel calls it: `ext4`, `tmpfs`, `cgroup2`."""
    options: tuple[str, ...]
    """Those of the file system itself."""


def mounts(process: str = f"{PROC}/self") -> list[Mount]:
    """All mounts that a process (its folder of /proc) sees; later ones may cover earlier ones."""
    found = []
    for line in (read_text(f"{process}/mountinfo") or "").splitlines():
        left, separator, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if separator and len(fields) >= 5 and len(kind) >= 3:
            root, point = map(_unescaped, fields[3:5])
            found.append(Mount(root, point.rstrip("/"), kind[0], tuple(kind[2].split(","))))
    return found


def _unescaped(text: str) -> str:
    """Space, tab, newline and backslash are written as three octal digits."""
    for octal, character in _OCTAL:
        text = text.replace(octal, character)
    return text


def is_memory(folder: str, process: str = f"{PROC}/self") -> bool:
    """Whether files in a folder are memory (tmpfs), by the mount that it lies in."""
    real = os.path.realpath(folder)
    best, kind = -1, ""
    for mount in mounts(process):
        inside = real == mount.point or real.startswith(mount.point + "/")
        if inside and len(mount.point) >= best:
            best, kind = len(mount.point), mount.kind
    return kind in _IN_MEMORY
