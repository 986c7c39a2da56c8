"""What a run over documents has done, while it is not finished: their list, and the sums by rule.

The list grows by a line a document. Every few seconds the sums are written beside it, with how much
of the list they hold: from there a run goes on that was killed. Documents behind are done again.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from pff_stream.checkpoint.found import FindingsDone
from pff_stream.checkpoint.state import State, open_private
from pff_stream.errors import InputError, PffStreamError
from pff_stream.files.durable import naming
from pff_stream.files.writers import FileWriter
from pff_stream.notes import KEPT, Note, Notes
from pff_stream.report._rows import ROWS_BYTES
from pff_stream.report.document_list import ListedDocument, listed_document
from pff_stream.report.read_findings import kept_finding, read_kept_finding
from pff_stream.report.records import Json
from pff_stream.report.streams import Finding
from pff_stream.report.sums import RuleSums
from pff_stream.report.totals import RunTotals

LIST, SUMS = "documents", "sums"
SAVE_SECONDS = 5.0
_HEAD_BYTES = 1 << 20
_COPY_BYTES = 1 << 18


class DocumentsDone:
    """The documents that are done, in the order of the manifest."""

    def __init__(self, state: State, n_rules: int, totals: RunTotals, *, resumes: bool) -> None:
        """`totals`: of nothing yet; without findings in them nobody looks for any."""
        self._state = state
        self.sums = RuleSums(n_rules)
        self.totals = totals
        self.found = None if totals.findings is None else FindingsDone(state)
        """Their lines."""
        self.notes = Notes()
        self.noted: list[tuple[int, Notes]] = []
        """Notes of those documents, by number, that were the first to have something to note."""
        self.n_documents = 0
        self.n_resumed = 0
        """Documents that were done before this run began."""
        self._saved = time.monotonic()
        with naming(state.path):
            descriptor = open_private(state.out, LIST, os.O_RDWR | os.O_CREAT)
            self._list: IO[bytes] = os.fdopen(descriptor, "r+b")
        try:
            if resumes:
                self._restore()
            self._list.truncate()
            if self.found is not None:
                self.found.cut()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the list."""
        self._list.close()
        if self.found is not None:
            self.found.close()

    def leave(self, kind: type[BaseException] | None, *_: object) -> None:
        """Closes the list; what was done is saved first where the run ends by an error."""
        try:
            if kind is not None:
                with suppress(PffStreamError):
                    self.save()
        finally:
            self.close()

    @property
    def rows_begin(self) -> str:
        """How the names of the files begin in which workers leave what documents say of rules."""
        return os.path.join(self._state.path, "rows-")

    def add(self, document: ListedDocument, notes: Notes, rows: int | None, crc32: int) -> None:
        """Takes the next document; `rows` is the number in the name of its file, None: no file."""
        if any(self._is_told(note) for note in notes):
            self.noted.append((self.n_documents, notes))
        self.notes.merge(notes)
        if rows is not None:
            self._add_rows(f"{self.rows_begin}{rows}", crc32)
        self._count(document)
        with naming(self._state.path):
            self._list.write(document.to_line())

    @property
    def _shown(self) -> list[Finding]:
        """The best findings so far, for people."""
        return [] if self.totals.findings is None else self.totals.findings.first

    def tick(self) -> None:
        """Saves when it is time."""
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """From here on a run can go on from here."""
        with naming(self._state.path):
            self._list.flush()
            os.fsync(self._list.fileno())
        head: dict[str, Json] = {
            "documents": self.n_documents,
            "findings": None if self.found is None else list(self.found.saved()),
            "list_bytes": self._list.tell(),
            "notes": self.notes.to_json(),
            "noted": [[number, notes.to_json()] for number, notes in self.noted],
            "shown": [kept_finding(one) for one in self._shown],
        }
        sums = self.sums.to_bytes()
        text = json.dumps({**head, "crc32": zlib.crc32(sums)}).encode() + b"\n"
        with FileWriter(os.path.join(self._state.path, SUMS)) as writer:
            writer.write(memoryview(text))
            writer.write(memoryview(sums))
        self._saved = time.monotonic()

    def hashes(self) -> Iterator[tuple[str, str]]:
        """Name and hash of the triples of what was done before; a document that failed has none."""
        with open(open_private(self._state.out, LIST, os.O_RDONLY), "rb") as lines:
            for _ in range(self.n_resumed):
                document = listed_document(json.loads(lines.readline()))
                yield document.name, document.triples

    def write_list(self, path: str) -> None:
        """Copies the list to where it belongs."""
        with naming(self._state.path):
            self._list.flush()
            self._list.seek(0)
        with FileWriter(path) as writer:
            while block := self._list.read(_COPY_BYTES):
                writer.write(memoryview(block))

    def _is_told(self, note: Note) -> bool:
        """Whether a note adds a kind, or a place that is kept."""
        first = self.notes.first(note.kind)
        is_new = not self.notes.count(note.kind)
        return is_new or bool(note.first and len(first) < KEPT)

    def _count(self, document: ListedDocument) -> None:
        self.n_documents += 1
        document.add_to(self.totals)

    def _add_rows(self, path: str, crc32: int) -> None:
        found = 0
        with naming(path), open(path, "rb", buffering=0) as file:
            while block := file.read(ROWS_BYTES):
                found = zlib.crc32(block, found)
                self.sums.add(block)
        if found != crc32:
            raise InputError(f"{path}: found checksum {found:08x}, expected {crc32:08x}")
        with suppress(FileNotFoundError):
            os.unlink(path)

    def _restore(self) -> None:
        """Goes on from the last sums; without any from the beginning."""
        path = os.path.join(self._state.path, SUMS)
        try:
            descriptor = open_private(self._state.out, SUMS, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            with open(descriptor, "rb") as file:
                head = json.loads(file.readline(_HEAD_BYTES))
                sums = file.read()
            if zlib.crc32(sums) != head["crc32"]:
                raise ValueError("sums of another checksum")
            self.sums.restore(sums)
            self.notes = Notes.from_json(head["notes"])
            noted = head.get("noted", ())
            self.noted = [(int(number), Notes.from_json(notes)) for number, notes in noted]
            for _ in range(int(head["documents"])):
                self._count(listed_document(json.loads(self._list.readline())))
            if self._list.tell() != head["list_bytes"]:
                raise ValueError("a list of another length")
            if self.found is not None:
                self.found.restore(*map(int, head["findings"]))
            self._shown[:] = map(read_kept_finding, head["shown"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: found other sums than a run writes ({error})") from error
        self.n_resumed = self.n_documents
