"""Is what a probed worker runs, apart from the probe, so that it weighs nothing in the worker."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from typing import Any


def prepare_and_wait(
    connection: Connection, target: Callable[..., object], args: tuple[Any, ...], seconds: float
) -> None:
    """Do what a worker does before its first task, keep it, say so, and wait to be measured.

    Sends "" when ready, else what went wrong. Ends after `seconds` at the latest.
    """
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    try:
        kept = target(*args)
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return
    connection.send("")
    # Forked siblings hold the parent's end open too, so its death is no end of file: only time is.
    connection.poll(seconds)
    del kept
