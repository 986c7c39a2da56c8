"""Starts the command, in a module that a spawned process can import without the command's imports.

A worker that is started afresh imports the main module of its parent again; what stands at the top
of this one is all that it then pays for.
"""

from __future__ import annotations

import gc
import os
import sys

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Runs the command and returns its exit code."""
    # Before numpy is imported: no algebra is done here, its threads cost address space, and a
    # process of several threads cannot be forked safely.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # Imports make no garbage worth a collection; the command turns it on again behind them.
    gc.disable()
    try:
        from pff_stream.cli import main as command
    except KeyboardInterrupt:
        return 130

    code = command()
    # The interpreter collects twice more at its end; what is frozen it leaves alone (30 ms).
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
