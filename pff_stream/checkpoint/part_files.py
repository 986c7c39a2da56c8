"""What a part of a run keeps besides spool and journal: its violations, and what says it is done.

    PART/part/
      settings.json    settings, hashes of the inputs, as of every unfinished run
      spool, journal   results by rule, and which rules they are of
      listed           violations of the best rules, as workers listed them
      listed-runs      where they lie in it
      ranks            which rules those are, by their places among the rules of the part
      part.json        what the part came to; it is written last

Of a manifest: `documents`, `findings` and `sums` instead, see `checkpoint.documents`.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from pff_stream.checkpoint.state import State, open_private
from pff_stream.closing import Closing
from pff_stream.files.durable import naming, synchronise
from pff_stream.files.writers import FileWriter, write_text
from pff_stream.report.folder import STATE_SETTINGS
from pff_stream.report.run_table import RunTable
from pff_stream.version import VERSION

if TYPE_CHECKING:
    from pff_stream.findings.order import ChosenRules

DOCUMENT_FILES = ("documents", "sums", "findings")
LISTED, LISTED_RUNS, RANKS, PART_FILE = "listed", "listed-runs", "ranks", "part.json"
CHECKED = (STATE_SETTINGS, LISTED_RUNS, RANKS, *DOCUMENT_FILES)
"""Files whose checksums `part.json` has: the others have them inside."""
PART_VERSION = 1
_READ_RUNS, _COPY_BYTES = 1024, 1 << 18


class PartFiles(Closing):
    """The violations that a part lists, while it is at work."""

    def __init__(self, state: State) -> None:
        self._state = state
        with naming(state.path):
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
            descriptor = open_private(state.out, LISTED, flags)
            self.listed: IO[bytes] = os.fdopen(descriptor, "r+b", 0)
        name = f"/proc/{os.getpid()}/fd/{self.listed.fileno()}"
        self.listed_path = name if os.path.exists(name) else os.path.join(state.path, LISTED)
        self.runs = RunTable((), state.path)
        """Where they lie."""

    def close(self) -> None:
        """Closes what is open."""
        self.listed.close()
        self.runs.close()

    def forget(self) -> None:
        """Begins again: nothing is listed."""
        with naming(self._state.path):
            self.listed.truncate(0)
        self.runs.close()
        for name in (LISTED_RUNS, RANKS):
            if os.path.exists(os.path.join(self._state.path, name)):
                os.unlink(os.path.join(self._state.path, name))

    def keep(self, chosen: ChosenRules) -> None:
        """Keeps which rules were listed, and where."""
        with naming(self._state.path):
            synchronise(self.listed.fileno())
        with (
            FileWriter(os.path.join(self._state.path, RANKS)) as writer,
            open(chosen.path, "rb", buffering=0) as ranks,
        ):
            while block := ranks.read(_COPY_BYTES):
                writer.write(memoryview(block))
        with FileWriter(os.path.join(self._state.path, LISTED_RUNS)) as writer:
            for first in range(0, len(self.runs), _READ_RUNS):
                writer.write(memoryview(self.runs.read(first, _READ_RUNS)))


def write_part(state: State, head: Mapping[str, Any]) -> None:
    """The part is done: from here on it can be joined."""
    said = {"part_version": PART_VERSION, "program": VERSION, **head}
    said["files"] = _checksums(state)
    said["crc32"] = head_checksum(said)
    write_text(os.path.join(state.path, PART_FILE), json.dumps(said, indent=2) + "\n")
    state.complete()


def head_checksum(head: Mapping[str, Any]) -> int:
    """Of what `part.json` says besides."""
    said = {name: value for name, value in head.items() if name != "crc32"}
    return zlib.crc32(json.dumps(said, sort_keys=True).encode())


def _checksums(state: State) -> dict[str, int]:
    """CRC-32 of the files that have none inside."""
    found = {}
    for name in CHECKED:
        path = os.path.join(state.path, name)
        if os.path.exists(path):
            with naming(path), open(path, "rb", buffering=0) as file:
                found[name] = checksum(file)
    return found


def checksum(file: IO[bytes]) -> int:
    """CRC-32 of all of a file."""
    found = 0
    while block := file.read(_COPY_BYTES):
        found = zlib.crc32(block, found)
    return found
