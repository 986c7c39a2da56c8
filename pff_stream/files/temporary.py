"""How inputs are read, by the settings: where temporary files go, what triples look like.

`compile` and `encode` import this and neither numpy nor anything of a run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from pff_stream.errors import OutputError
from planner.mounts import is_memory

IN_MEMORY_BYTES = 16 << 20
"""What findings are made in where temporary files are memory, beside the rules in their order."""


def working_folder(near: str | None = None) -> str:
    """Where temporary files go: beside the output, else TMPDIR, else a folder on a disk.

    /tmp is often memory; a spool there would count against the budget.
    """
    candidates = [near, os.environ.get("TMPDIR"), "/var/tmp", "/tmp"]
    for folder in candidates:
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise OutputError(f"no folder for temporary files: tried {', '.join(filter(None, candidates))}")


def room_on_disk(folder: str, most_bytes: int) -> tuple[int, str]:
    """What temporary files of findings may take, at most half of what is free; what says so.

    Of a folder that is memory it is `IN_MEMORY_BYTES`, which the plan has.
    """
    free = shutil.disk_usage(folder).free // 2
    if IN_MEMORY_BYTES < min(most_bytes, free) and is_memory(folder):
        return IN_MEMORY_BYTES, f"the limit of temporary files in {folder}, which is memory,"
    return (most_bytes, "--max-disk") if most_bytes < free else (free, "half of the free disk")


@contextmanager
def temporary_file(folder: str) -> Iterator[tuple[IO[bytes], str]]:
    """An unbuffered file and the path by which other processes of this user open it."""
    with ExitStack() as stack:
        try:
            file: IO[bytes] = stack.enter_context(
                tempfile.TemporaryFile(buffering=0, prefix="pff-stream-", dir=folder)
            )
            path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
            if not os.path.exists(path):
                # No /proc (macOS, or a hardened container): a file with a name instead.
                named = stack.enter_context(
                    tempfile.NamedTemporaryFile(buffering=0, prefix="pff-stream-", dir=folder)
                )
                file, path = named.file, named.name
        except OSError as error:
            raise OutputError(f"{folder}: no temporary file: {error.strerror or error}") from error
        yield file, path
