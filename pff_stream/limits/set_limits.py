"""The limits of this process, in words; told also where there is no memory to import anything.

Imports nothing that is not imported anyway. Does not cover: what the limits mean for a run.
"""

from __future__ import annotations

import os

_TITLES = {
    "RLIMIT_AS": b"Max address space",
    "RLIMIT_DATA": b"Max data size",
    "RLIMIT_STACK": b"Max stack size",
    "RLIMIT_NPROC": b"Max processes",
    "RLIMIT_NOFILE": b"Max open files",
}
_FILE_BYTES = 4096
_told: dict[tuple[str, ...], str] = {}
"""What was told before: there may be no room any more to tell it again."""


def limits_set(*names: str) -> str:
    """The soft limits by these names, as far as they are set, in brackets; else nothing."""
    try:
        found = [f"{name} is {value}" for name in names if (value := _limit(name))]
    except (OSError, MemoryError):
        return _told.get(names, "")
    told = _told[names] = f" ({', '.join(found)})" if found else ""
    return told


def soft_limit(name: str) -> int | None:
    """One limit, as it is in force; None where it is not set, or not known."""
    try:
        return _from_proc(_TITLES[name])
    except OSError:  # without /proc, or without a descriptor to read it by
        return _from_system(name)


def _limit(name: str) -> str | None:
    """The same in words, sizes in MiB."""
    soft = soft_limit(name)
    if soft is None or name in ("RLIMIT_NPROC", "RLIMIT_NOFILE"):
        return None if soft is None else str(soft)
    return f"{soft / (1 << 20):.1f} MiB"


def _from_proc(title: bytes) -> int | None:
    descriptor = os.open("/proc/self/limits", os.O_RDONLY | os.O_CLOEXEC)
    try:
        lines = os.read(descriptor, _FILE_BYTES).splitlines()
    finally:
        os.close(descriptor)
    for line in lines:
        if line.startswith(title):
            soft = line[len(title) :].split()[0]
            return int(soft) if soft.isdigit() else None
    return None


def _from_system(name: str) -> int | None:
    try:
        import resource
    except ImportError:
        return None
    number = getattr(resource, name, None)
    soft = resource.RLIM_INFINITY if number is None else resource.getrlimit(number)[0]
    return None if soft == resource.RLIM_INFINITY else soft
