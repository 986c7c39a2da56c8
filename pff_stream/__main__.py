"""Starts the command, in a module that a spawned process can import without the command's imports.

A worker that is started afresh imports the main module of its parent again; what stands at the top
of this one is all that it then pays for.
"""

from __future__ import annotations

import os
import sys

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Runs the command and returns its exit code."""
    # Before numpy is imported: no algebra is done here, its threads cost address space, and a
    # process of several threads cannot be forked safely.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    try:
        from pff_stream.cli import main as command
    except KeyboardInterrupt:
        return 130

    return command()


if __name__ == "__main__":
    sys.exit(main())
