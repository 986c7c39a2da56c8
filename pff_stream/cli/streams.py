"""Standard streams that are closed, or that somebody made non-blocking, made fit for use.

A stream that is not ready is waited for: standard output for as long as it takes, as if it were
blocking, standard error for a second, since talk must not hold up a run.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TextIO

TALK_SECONDS = 1.0


def set_up() -> None:
    """Makes standard output take any text, and both streams wait where they do not by themselves.

    A file name that is no UTF-8 must not end a run.
    """
    if _is_non_blocking(sys.stdout):
        sys.stdout = _patient(sys.stdout, None)
    if _is_non_blocking(sys.stderr):
        sys.stderr = _patient(sys.stderr, TALK_SECONDS)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_non_blocking(stream: TextIO | None) -> bool:
    if type(stream) is not io.TextIOWrapper:
        return False
    try:
        return not os.get_blocking(stream.fileno())
    except (OSError, ValueError):
        return False


def _patient(stream: TextIO, seconds: float | None) -> TextIO:
    """The same stream, which waits until it takes what is written."""
    raw = _Patient(stream.fileno(), seconds)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=seconds is not None,
    )


class _Patient(io.RawIOBase):
    """Writes to a descriptor that may not be ready; it stays open."""

    def __init__(self, descriptor: int, seconds: float | None) -> None:
        """Waits so long at most, and raises `TimeoutError`; None: as long as it takes."""
        self._descriptor = descriptor
        self._milliseconds = None if seconds is None else seconds * 1000
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        while True:
            try:
                return os.write(self._descriptor, view)
            except BlockingIOError:
                if not self._ready.poll(self._milliseconds):
                    raise TimeoutError(f"descriptor {self._descriptor} takes nothing") from None
