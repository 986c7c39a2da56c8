"""Room that the program needs before there can be a plan: for what it imports, and for its files.

Where it is short, numpy's algebra ends the process by itself, with the exit code of violations, and
much else fails in words that mean something else. So it is tried out beforehand. Imports nothing
heavy, as it runs first. Does not cover: memory of a run (`plan`), limits on its workers (`fence`).
"""

from __future__ import annotations

import errno
import os
import sys

from pff_stream.errors import RefusedError
from pff_stream.limits.set_limits import limits_set
from pff_stream.words import counted

DATA_BYTES = 48 << 20
"""Private memory that importing numpy and the compiled parts maps (measured: 40 + 5 MiB)."""
ADDRESS_BYTES = 104 << 20
"""Addresses that it maps, libraries included (measured: 82 + 7 MiB)."""
LEAST_BYTES = 8 << 20
"""Private memory that must be left where something else than want of memory is to blame."""
DESCRIPTORS = 17
"""Of a run with one worker, beside standard input, output and error."""
_SCARCE = frozenset({errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE})
_LOADER_SAYS = (
    "failed to map segment", "out of memory", "cannot allocate", "cannot create", "cannot map",
    "cannot extend", "cannot apply additional memory", "cannot change memory",
)  # fmt: skip
"""Words of the dynamic linker for no room."""


def check_room() -> None:
    """`RefusedError` where numpy cannot be imported within the limits of this process."""
    if "numpy" in sys.modules:
        return
    if _can_map(ADDRESS_BYTES, for_data=False):
        if _can_map(DATA_BYTES, for_data=True):
            return
        n_bytes = DATA_BYTES
    else:
        n_bytes = ADDRESS_BYTES
    raise RefusedError(
        f"refused: the program needs {n_bytes >> 20} MiB for what it imports"
        f"{limits_set('RLIMIT_AS', 'RLIMIT_DATA')}"
    )


def has_room() -> bool:
    """Whether there is room to go on at all; without it any statement fails, in any words."""
    return _can_map(LEAST_BYTES, for_data=True)


def _can_map(n_bytes: int, *, for_data: bool) -> bool:
    try:
        import mmap

        protection = mmap.PROT_READ | (mmap.PROT_WRITE if for_data else 0)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        mmap.mmap(-1, n_bytes, flags=flags, prot=protection).close()
    except (ImportError, OSError, MemoryError):
        return False
    return True


def check_descriptors() -> None:
    """`RefusedError` where this process may not open the files that the least run needs."""
    opened: list[int] = []
    try:
        opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        while len(opened) < DESCRIPTORS:
            opened.append(os.dup(opened[0]))
    except OSError as error:
        if error.errno not in _SCARCE:
            return
    finally:
        for descriptor in opened:
            os.close(descriptor)
    if len(opened) < DESCRIPTORS:
        raise RefusedError(
            f"refused: {counted(len(opened), 'more file')} can be opened, "
            f"at least {DESCRIPTORS} are needed"
            f"{limits_set('RLIMIT_NOFILE')}"
        )


def shortage(problem: BaseException) -> str | None:
    """What, but open files, the system was short of where something failed for it; else None."""
    seen: set[int] = set()
    cause: BaseException | None = problem
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.errno == errno.EAGAIN and _is_plain(cause):
            return f"no more processes or threads can be started{limits_set('RLIMIT_NPROC')}"
        if (
            isinstance(cause, MemoryError)
            or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM)
            or (isinstance(cause, ImportError) and is_of_loader(str(cause)))
        ):
            return f"out of memory{limits_set('RLIMIT_AS', 'RLIMIT_DATA')}"
        if isinstance(cause, RuntimeError) and str(cause) == "can't start new thread":
            return (
                f"no thread can be started{limits_set('RLIMIT_NPROC', 'RLIMIT_AS', 'RLIMIT_STACK')}"
            )
        cause = cause.__cause__ or cause.__context__
    return None


def _is_plain(error: OSError) -> bool:
    """Whether it is no stream that is not ready."""
    return not isinstance(error, BlockingIOError) or not hasattr(error, "characters_written")


def is_of_loader(message: str) -> bool:
    """Whether a module could not be loaded for want of memory."""
    return any(words in message.lower() for words in _LOADER_SAYS)
