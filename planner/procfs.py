"""Reads what the kernel says of a process, with nothing imported, so that anybody may ask cheaply.

Every function takes the folder of /proc it reads, so that tests can hand it a made-up one. All
sizes are bytes. A file that is not there, or that may not be read, gives None and never an error:
a process may end between two reads.
"""

from __future__ import annotations

PROC = "/proc"


def read_bytes(path: str) -> bytes | None:
    """The whole of a small file, or None where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def read_text(path: str) -> str | None:
    """The whole of a small file as text without the white space around it, or None."""
    blob = read_bytes(path)
    return None if blob is None else blob.decode("utf-8", "surrogateescape").strip()


def field_bytes(blob: bytes | None, name: bytes) -> int | None:
    """The value of a line `Name:   12 kB` in bytes, or None where there is no such line."""
    if blob is None:
        return None
    wanted = name + b":"
    start = 0 if blob.startswith(wanted) else blob.find(b"\n" + wanted) + 1
    if start == 0 and not blob.startswith(wanted):
        return None
    words = blob[start + len(wanted) :].split(b"\n", 1)[0].split()
    if not words or not words[0].isdigit():
        return None
    return int(words[0]) * (1024 if words[1:] == [b"kB"] else 1)


def page_table_bytes(process: str) -> int:
    """Page tables of a process (VmPTE): in no RSS or PSS figure, but charged by control groups.

    `process` is a folder such as /proc/self; 0 where it cannot be read.
    """
    return field_bytes(read_bytes(f"{process}/status"), b"VmPTE") or 0


def data_bytes(process: str) -> int:
    """Private writable address space of a process (VmData), which RLIMIT_DATA counts."""
    return field_bytes(read_bytes(f"{process}/status"), b"VmData") or 0


def anon_share_bytes(process: str) -> int:
    """The process's share of anonymous memory (Pss_Anon): over a tree the shares sum exactly.

    Without smaps_rollup (kernels before 4.14, or another user's process) it is RssAnon, which
    counts pages shared after a fork once per process.
    """
    share = field_bytes(read_bytes(f"{process}/smaps_rollup"), b"Pss_Anon")
    if share is not None:
        return share
    return field_bytes(read_bytes(f"{process}/status"), b"RssAnon") or 0


def shared_share_bytes(process: str) -> int:
    """The process's share of shared memory that it maps (Pss_Shmem; RssShmem where unknown)."""
    share = field_bytes(read_bytes(f"{process}/smaps_rollup"), b"Pss_Shmem")
    if share is not None:
        return share
    return field_bytes(read_bytes(f"{process}/status"), b"RssShmem") or 0


def private_anon_bytes(process: str) -> int:
    """Anonymous memory that no other process maps: what goes when this process alone goes.

    Per mapping the smaller of Anonymous and Private_*: exact for heaps and arrays; in private
    mappings of files clean pages of the file may count with written ones, so it is never too low.
    """
    total = private = 0
    try:
        # Line by line: the whole text is some 200 KiB, and who reads it may be measuring itself.
        with open(f"{process}/smaps", "rb") as file:
            for line in file:
                if line.startswith((b"Private_Clean:", b"Private_Dirty:")):
                    private += int(line.split()[1])
                elif line.startswith(b"Anonymous:"):
                    total += min(int(line.split()[1]), private)
                    private = 0
    except OSError:
        return anon_share_bytes(process)
    return total * 1024


def children(process: str) -> list[int] | None:
    """Process ids of the direct children of all threads, or None where the kernel does not say."""
    import os

    try:
        threads = os.listdir(f"{process}/task")
    except OSError:
        return None if read_bytes(f"{process}/stat") else []
    found: list[int] = []
    for thread in threads:
        blob = read_bytes(f"{process}/task/{thread}/children")
        if blob is None:
            if thread == threads[0] and read_bytes(f"{process}/stat"):
                return None
            continue
        found += [int(word) for word in blob.split()]
    return found


def start_and_parent(process: str) -> tuple[int, int] | None:
    """(Start time in clock ticks since boot, parent's id); None if it has ended or is a zombie."""
    blob = read_bytes(f"{process}/stat")
    if not blob:
        return None
    # The name in brackets may hold anything, closing brackets and spaces included.
    fields = blob[blob.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19]), int(fields[1])
