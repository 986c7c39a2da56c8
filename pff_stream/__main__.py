"""Starts the command, in a module that a spawned process can import without the command's imports.

A worker that is started afresh imports the main module of its parent again; what stands at the top
of this one is all that it then pays for.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def _interrupted(*_: object) -> NoReturn:
    """Ends the process as the command does after Ctrl-C."""
    os.write(2, b"pff-stream: error: interrupted\n")
    os._exit(130)


def main() -> int:
    """Runs the command and returns its exit code."""
    # Before numpy is imported: no algebra is done here, its threads cost address space, and a
    # process of several threads cannot be forked safely.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # Imports make no garbage worth a collection; the command turns it on again behind them.
    gc.disable()
    # Until the command has set itself up there is nothing to clean up; a KeyboardInterrupt would
    # show a trace, or be swallowed by a callback of the import.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _interrupted)
    from pff_stream.cli.main import main as command

    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = command()
    except KeyboardInterrupt:  # before or behind all that it sets up
        _interrupted()
    # The interpreter collects twice more at its end; what is frozen it leaves alone (30 ms).
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
