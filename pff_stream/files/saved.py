"""Small JSON files that the program wrote itself, read as anybody may have left them.

A pipe is not waited for, nor anything without end read. Not done here: what the document must hold.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from pff_stream.foreign import note_all

SAVED_BYTES = 64 << 20
"""More is in no such file."""


def saved_json(path: str, most_bytes: int = SAVED_BYTES) -> Any:
    """The document of a plain file, bytes that are no UTF-8 as surrogates.

    Raises OSError, and ValueError where it is no plain file of that size, or no JSON.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
            raise ValueError(f"found no plain file of at most {most_bytes} bytes")
        data = file.read(most_bytes)
    try:
        found_json = json.loads(data.decode("utf-8", "surrogateescape"))
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if b"\\" in data:  # only escapes stand for line ends within texts
        note_all(found_json)
    return found_json
