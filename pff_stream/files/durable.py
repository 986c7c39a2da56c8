"""What every file that is written has in common: how failures are told, and what makes it last."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from pff_stream.errors import OutputError

_CANNOT = (errno.EINVAL, errno.ENOTSUP)
"""Some file systems do not synchronise folders: what is written to the file is on the disk."""


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Turns what the system says into an `OutputError` with the name; a closed pipe passes."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{name}: cannot be written: {error.strerror or error}") from error


def synchronise(descriptor: int) -> None:
    """What was written to the file is on the disk after this; raises `OSError`."""
    os.fdatasync(descriptor) if hasattr(os, "fdatasync") else os.fsync(descriptor)


def synchronise_folder(folder: str) -> None:
    """What was named in the folder is on the disk after this; raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def replace_file(temporary: str, path: str) -> None:
    """Gives a file that is synchronised its name, in place of what has it; for good.

    Both lie in one folder. Raises `OSError`.
    """
    os.rename(temporary, path)
    synchronise_folder(os.path.dirname(path) or os.curdir)
