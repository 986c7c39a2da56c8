"""Locks on open files and folders, which go with the last descriptor of them.

A lock is advice: who does not ask sees nothing of it. A forked process holds its parent's.
"""

from __future__ import annotations

import fcntl


def lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Locks it for one holder, or for all that share; never waits.

    False where another has it; None where the file system has no locks.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
