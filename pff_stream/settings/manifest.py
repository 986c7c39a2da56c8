"""Reads a manifest, which lists many documents, each checked as one graph of its own.

A manifest is read twice: once to check all of it and to find the names that come more than once,
then again to yield its tasks one by one. What stays in memory between the two does not grow with
the number of tasks, except for the names that are repeated. Not done here: opening documents,
and the meaning of the options that a manifest may set.
"""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from pff_stream.errors import InputError
from pff_stream.files.decoders import stem_of
from pff_stream.settings.yaml import Placed, YamlEvents, line_of
from pff_stream.words import counted

NAME_FROM_PATH = "msisdn"
"""The key of a task that gives it no name: the file's stem does."""

_MAX_FOLDER = 200
_ENTRY = "an entry `- name: path`"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a manifest."""

    name: str
    """As the manifest has it."""
    folder: str
    """Folder of its results: the name made safe, different for every task of the manifest."""
    path: str
    """The document, relative paths resolved against the manifest's folder."""
    written: str = ""
    """The path as the manifest has it, for people."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read and checked once."""

    path: str
    n_documents: int
    execution_id: Any
    """Copied to the summary; None where the manifest has none."""
    sequence: Any
    """Copied to the summary; None where the manifest has none."""
    options: Mapping[str, Placed]
    """All other keys, `max_workers` among them, with their lines; options of a run."""
    repeated: frozenset[int]
    """Hashes of the names that come more than once."""
    takes: Callable[[int], bool] | None = None
    """Which documents are of this part of the list, by their places from 0; None: all of it."""
    n_listed: int = 0
    """Documents of the whole list, where this is a part."""

    def part(self, takes: Callable[[int], bool]) -> Manifest:
        """The same with some of its documents."""
        n_documents = sum(map(takes, range(self.n_documents)))
        return replace(self, takes=takes, n_listed=self.n_documents, n_documents=n_documents)

    def content_hash(self) -> str:
        """The hash of the file, by which plan, state and summary know it; may raise InputError."""
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def documents(self) -> Iterator[Document]:
        """Yields the tasks in the order of the manifest; InputError where it was changed."""
        counts: dict[str, int] = {}
        n_documents = 0
        with YamlEvents(self.path) as events:
            base = os.path.dirname(events.path)
            for name, written in _entries(events):
                n_documents += 1
                folder = folder_of(name)
                if _hash(name) in self.repeated:
                    counts[name] = counts.get(name, 0) + 1
                    folder += f"~{counts[name]}" if counts[name] > 1 else ""
                if self.takes is None or self.takes(n_documents - 1):
                    yield Document(name, folder, os.path.join(base, written), written)
        expected = self.n_documents if self.takes is None else self.n_listed
        if n_documents != expected:
            raise InputError(
                f"{self.path}: found {counted(n_documents, 'task')}, "
                f"expected {expected} as before: it was changed while it was in use"
            )


def read_manifest(path: str) -> Manifest:
    """Reads and checks the whole manifest; InputError with file and line.

    The last manifest is remembered, since settings, plan and run each ask for it.
    """
    try:
        state = os.stat(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    return _read(os.path.abspath(path), path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _read(_absolute: str, path: str, _inode: int, _size: int, _modified_ns: int) -> Manifest:
    hashes = array("Q")
    others: dict[str, Placed] = {}
    with YamlEvents(path) as events:
        for name, _ in _entries(events, others):
            hashes.append(_hash(name))
    n_documents = len(hashes)
    if n_documents == 0:
        raise InputError(f"{path}: found no task, expected `tasks:` with a list of `- name: path`")
    execution_id = others.pop("execution_id", None)
    sequence = others.pop("sequence", None)
    return Manifest(
        path=path,
        n_documents=n_documents,
        execution_id=execution_id.value if execution_id else None,
        sequence=sequence.value if sequence else None,
        options=others,
        repeated=_repeated(hashes),
    )


def _entries(
    events: YamlEvents, others: dict[str, Placed] | None = None
) -> Iterator[tuple[str, str]]:
    """Yields name and written path of each task; fills `others` with the other keys."""
    seen: set[str] = set()
    for key, event in events.document():
        if key in seen:
            events.fail(event, f"{key} for the second time", "each key once")
        seen.add(key)
        if key != "tasks":
            value = Placed(events.value(event), line_of(event))
            if others is not None:
                others[key] = value
            continue
        for item in events.items(event, "a list of entries `- name: path`"):
            yield _entry(events, item)


def _entry(events: YamlEvents, item: Any) -> tuple[str, str]:
    """Name and written path of one task; a task is a mapping with one key."""
    entry: tuple[str, str] | None = None
    for key, event in events.entries(item, _ENTRY):
        if entry is not None:
            events.fail(event, f"a second key {key!r} in one task", _ENTRY)
        entry = (key, _written_path(events, event))
    if entry is None:
        events.fail(item, "an empty mapping", _ENTRY)
    key, path = entry
    name = stem_of(path) if key == NAME_FROM_PATH else key
    if not name:
        events.fail(item, "a task without a name", _ENTRY)
    return name, path


def _written_path(events: YamlEvents, event: Any) -> str:
    """The path as written, so that a file called 0012 keeps its name."""
    value = events.value(event)
    wrong = value is None or isinstance(value, (list, dict))
    if wrong or event.value in ("", "-") or "\0" in event.value:
        events.fail(event, events.describe(event), "the path of a document")
    return str(event.value)


def folder_of(name: str) -> str:
    """The name as a folder: percent-encoded, so that it can neither leave its parent nor hide.

    Letters, digits, `_`, `-` and inner dots stay. `~` is encoded, so that the mark of a repeated
    name cannot be part of one. A name too long for a file system is cut and gets its hash.
    """
    from urllib.parse import quote

    folder = quote(name, safe="", errors="surrogatepass").replace("~", "%7E")
    if folder.startswith("."):
        folder = "%2E" + folder[1:]
    if len(folder) > _MAX_FOLDER:
        folder = re.sub("%.?$", "", folder[:_MAX_FOLDER]) + f"~x{_hash(name):016x}"
    return folder


def _hash(name: str) -> int:
    data = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def _repeated(hashes: array[int]) -> frozenset[int]:
    """Values that come more than once; sorts `hashes`, 8 bytes a task, where they lie."""
    import numpy as np

    values = np.frombuffer(hashes, dtype=np.uint64)
    values.sort()
    return frozenset(int(value) for value in values[1:][values[1:] == values[:-1]])
