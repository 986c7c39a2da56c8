"""Finds the control groups that bind a process: v1, v2, both at once, and inside a namespace.

What /proc/PID/cgroup calls the path of a process and what a mount shows of the hierarchy need not
start at the same group: a container may see its own group as `/`, or mounted from `/docker/abc`.
/proc/PID/mountinfo names the group that lies at the mount point, and the two are put together
here. Does not read limits and makes no groups.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from planner.mounts import Mount, mounts
from planner.procfs import read_text


class ControlGroup(NamedTuple):
    """The group of a process in one hierarchy, as far as a mount shows it."""

    version: int
    """1 or 2."""
    mount: str
    """Where the hierarchy is mounted, as the process sees it."""
    path: str
    """The group below the mount point: `` or `/a/b`."""

    @property
    def directory(self) -> str:
        """The folder of the group itself."""
        return self.mount + self.path

    def directories(self) -> list[str]:
        """The folders of the group and of every ancestor that is visible, the own one first."""
        parts = self.path.split("/")[1:]
        return [
            "/".join([self.mount, *parts[:depth]]) or "/" for depth in range(len(parts), -1, -1)
        ]


def _version(mount: Mount, controller: str) -> int:
    """1 or 2: the hierarchy, where it may hold this controller; else 0."""
    if mount.kind == "cgroup2":
        return 2
    return int(mount.kind == "cgroup" and controller in mount.options)


def _own_paths(cgroup: str, controller: str) -> dict[int, str]:
    """The paths of the process by version, from the text of /proc/PID/cgroup."""
    paths: dict[int, str] = {}
    for line in cgroup.splitlines():
        fields = line.split(":", 2)
        if len(fields) < 3:
            continue
        if fields[0] == "0" and not fields[1]:
            paths[2] = fields[2]
        elif controller in fields[1].split(","):
            paths[1] = fields[2]
    return paths


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _below(path: str, mount_root: str) -> list[str] | None:
    """The parts of a path below the group at the mount point; None if it is not below it."""
    own, top = _parts(path), _parts(mount_root)
    rest = own[len(top) :]
    if own[: len(top)] == top and ".." not in rest:
        return rest
    return None


def _depth_below(path: str, mount_root: str) -> int | None:
    """How many groups below the mount point the process is, where only that can be known.

    Both are told relative to the namespace's root: `/../..` at the mount point and a path of `/a`
    is three levels deep, by two names that nothing tells.
    """
    own, top = _parts(path), _parts(mount_root)
    if top and set(top) == {".."} and ".." not in own:
        return len(top) + len(own)
    return None


def _search(folder: str, depth: int, pid: int) -> list[str] | None:
    """The names that lead down to the group `depth` levels below which lists the process."""
    if depth == 0:
        listed = read_text(f"{folder}/cgroup.procs")
        return [] if listed is not None and str(pid) in listed.split() else None
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return None
    for name in names:
        found = _search(f"{folder}/{name}", depth - 1, pid)
        if found is not None:
            return [name, *found]
    return None


def _place(mount: Mount, version: int, path: str, root: str, pid: int) -> tuple[bool, ControlGroup]:
    """(Whether the mount shows the process's own group, the group or the nearest visible one)."""
    parts = _below(path, mount.root)
    depth = _depth_below(path, mount.root)
    if parts is None and depth is not None:
        parts = _search(root + mount.point, depth, pid)
    exact = parts is not None
    parts = parts or []
    # A path that was told by another namespace, or a group removed meanwhile, leads nowhere: the
    # nearest group that exists stands for it. Its limits bind as well, or are stricter.
    while parts and not os.path.isdir("/".join([root + mount.point, *parts])):
        parts.pop()
        exact = False
    return exact, ControlGroup(version, mount.point, "".join(f"/{part}" for part in parts))


def own_groups(controller: str, root: str = "", pid: str = "self") -> list[ControlGroup]:
    """The groups of a process that may limit `controller` (`memory`, `cpu`): none, v1, v2 or both.

    `root` is put before every path that is read ("" for this machine). Of several mounts of one
    hierarchy the one that shows the process's own group and most ancestors is taken.
    """
    process = f"{root}/proc/{pid}"
    paths = _own_paths(read_text(f"{process}/cgroup") or "", controller)
    seen = mounts(process)
    number = int(pid) if pid.isdigit() else os.getpid()
    groups: list[ControlGroup] = []
    for version in (1, 2):
        if version not in paths:
            continue
        placed = [
            (*_place(mount, version, paths[version], root, number), mount)
            for mount in seen
            if _version(mount, controller) == version
        ]
        if placed:
            best = max(placed, key=lambda p: (p[0], len(_parts(p[1].path)), -len(p[2].root)))
            groups.append(best[1])
    return groups
