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

DATA_BYTES = 48 << 20
"""Private memory that importing numpy and the compiled parts maps (measured: 40 + 5 MiB)."""
ADDRESS_BYTES = 104 << 20
"""Addresses that it maps, libraries included (measured: 82 + 7 MiB)."""
DESCRIPTORS = 17
"""Of a run with one worker, beside standard input, output and error."""
_SCARCE = frozenset({errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE})
_LOADER_SAYS = ("failed to map segment", "cannot allocate", "cannot apply additional memory")


def check_room() -> None:
    """`RefusedError` where numpy cannot be imported within the limits of this process."""
    if "numpy" in sys.modules:
        return
    import mmap

    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    for n_bytes, protection in (
        (ADDRESS_BYTES, mmap.PROT_READ),
        (DATA_BYTES, mmap.PROT_READ | mmap.PROT_WRITE),
    ):
        try:
            mmap.mmap(-1, n_bytes, flags=private, prot=protection).close()
        except (OSError, MemoryError):
            raise RefusedError(
                f"refused: the program needs {n_bytes >> 20} MiB for what it imports"
                f"{_limits('RLIMIT_AS', 'RLIMIT_DATA')}"
            ) from None


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
            f"refused: {len(opened)} more files can be opened, at least {DESCRIPTORS} are needed"
            f"{_limits('RLIMIT_NOFILE')}"
        )


def shortage(problem: BaseException) -> str | None:
    """What, but open files, the system was short of where something failed for it; else None."""
    seen: set[int] = set()
    cause: BaseException | None = problem
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.errno == errno.EAGAIN and _is_plain(cause):
            return f"no more processes or threads can be started{_limits('RLIMIT_NPROC')}"
        if (
            isinstance(cause, MemoryError)
            or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM)
            or (isinstance(cause, ImportError) and _is_of_loader(str(cause)))
        ):
            return f"out of memory{_limits('RLIMIT_AS', 'RLIMIT_DATA')}"
        if isinstance(cause, RuntimeError) and str(cause) == "can't start new thread":
            return f"no thread can be started{_limits('RLIMIT_NPROC', 'RLIMIT_AS', 'RLIMIT_STACK')}"
        cause = cause.__cause__ or cause.__context__
    return None


def _is_plain(error: OSError) -> bool:
    """Whether it is no stream that is not ready."""
    return not isinstance(error, BlockingIOError) or not hasattr(error, "characters_written")


def _is_of_loader(message: str) -> bool:
    return any(words in message.lower() for words in _LOADER_SAYS)


def _limits(*names: str) -> str:
    """The limits of this process by these names, as far as they are set."""
    try:
        import resource
    except (ImportError, MemoryError):
        return ""
    found = []
    for name in names:
        number = getattr(resource, name, None)
        if number is None:
            continue
        soft = resource.getrlimit(number)[0]
        if soft != resource.RLIM_INFINITY:
            is_bytes = name in ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK")
            found.append(f"{name} is {f'{soft / (1 << 20):.1f} MiB' if is_bytes else soft}")
    return f" ({', '.join(found)})" if found else ""
