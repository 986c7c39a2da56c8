"""A document on its way to a worker process, and what it came to on its way back.

What is small goes with the message. What is large is written to a file without a name, piece by
piece, and read from it: neither the interpreter of the caller nor its event loop stands still while
a text of many megabytes is copied.
"""

from __future__ import annotations

import mmap
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeGuard

from pff_stream.errors import DocumentError
from pff_stream.files.temporary import temporary_file
from pff_stream.triples.formats._json_of import json_of
from pff_stream.validator.content import Content, content_of
from pff_stream.validator.tables import TableLines, is_tabular, too_long

if TYPE_CHECKING:
    from pff_stream.triples.options import EncodeOptions
    from pff_stream.validator.checker import CheckOptions

SMALL_BYTES = 256 << 10
"""Texts and graphs up to this size go with their message."""
PIECE = 64 << 10
"""Characters or bytes of a text that are written at once."""
PIECE_TRIPLES = 1024
FREE_SECONDS = 0.00005
"""So long the interpreter is left to others between two pieces that are made by it."""
Holds: TypeAlias = Literal["text", "triples", "lines"]
Buffer: TypeAlias = bytes | bytearray | memoryview | mmap.mmap


class Sent(NamedTuple):
    """A document as a worker is told of it."""

    content: Content
    """Without its text or triples where they lie in a file."""
    n: int | None
    """How many findings are wanted; None: all."""
    is_made: bool
    """Whether they are to be made objects by the worker, which takes longer than to find them."""
    file: str | None = None
    """Where text or triples lie, and where a large graph goes behind them."""
    size_bytes: int = 0
    """Of what lies in the file."""
    holds: Holds = "text"
    """What lies in the file."""

    @property
    def text_bytes(self) -> int:
        """Of a text, or of lines, that go with the message."""
        return len(self.content.text or self.content.lines or b"")


class Answered(NamedTuple):
    """What a worker says of a document."""

    error: str
    """Why it could not be checked; empty: it was."""
    summary: bytes = b""
    """A pickle: totals and notes."""
    found: bytes = b""
    """A pickle: what findings are made of, or None."""
    n_findings: int = 0
    findings: tuple[bytes, ...] | None = None
    """Those that the worker made, each as its pickle; None: it made none."""
    graph: bytes = b""
    """Empty where it lies in the file, and where it can be made of what was sent."""
    graph_bytes: int = 0
    """Of both; 0 where it is to be made."""
    seconds: float = 0.0

    @property
    def held_bytes(self) -> int:
        """What is held of it as long as its result is."""
        return self.graph_bytes + len(self.found) + sum(map(len, self.findings or ()))


def sent(
    document: object,
    name: str,
    wanted: tuple[int | None, bool],
    options: CheckOptions,
    stack: ExitStack,
) -> tuple[Sent, int]:
    """The document for a worker, and the descriptor of its file, or -1; `stack` closes it.

    `wanted`: how many findings, and whether the worker makes them. A text is written as far as the
    longest document goes and a little more: the worker refuses it then.
    """
    if is_tabular(document):
        return _sent_table(document, name, wanted, options, stack)
    content = _small(document, name, options.reading)
    if content is not None:
        return Sent(content, *wanted), -1
    most_bytes = options.longest_document
    file, path = stack.enter_context(temporary_file(options.folder))
    descriptor, size = file.fileno(), 0
    holds: Holds = "triples" if _is_triples(document) else "text"
    triples = holds == "triples"
    pieces = _triples(document) if triples else _pieces(document, name, options)
    for piece in pieces:
        size += _written(descriptor, piece)
        if size > most_bytes and not triples:
            break
    return Sent(Content(name), *wanted, path, size, holds), descriptor


def _sent_table(
    document: object,
    name: str,
    wanted: tuple[int | None, bool],
    options: CheckOptions,
    stack: ExitStack,
) -> tuple[Sent, int]:
    """The same of a table: its lines, in a file where they are many."""
    table = TableLines(document, name, options.reading)
    pieces, gathered, size = table.pieces(), [], 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size > SMALL_BYTES:
            break
    else:
        return Sent(Content(name, lines=b"".join(gathered), notes=table.notes), *wanted), -1
    file, path = stack.enter_context(temporary_file(options.folder))
    size = 0
    for piece in chain(gathered, pieces):
        size += _written(file.fileno(), piece)
        if size > options.longest_document:
            raise too_long(name, options.longest_document)
        time.sleep(FREE_SECONDS)
    return Sent(Content(name, notes=table.notes), *wanted, path, size, "lines"), file.fileno()


def received(task: Sent) -> Content:
    """In the worker: the document with its text or triples."""
    if task.file is None:
        return task.content
    with open(task.file, "rb") as file:
        if task.holds == "text":
            return task.content._replace(text=file.read(task.size_bytes))
        if task.holds == "lines":
            return task.content._replace(lines=file.read(task.size_bytes))
        triples: list[tuple[str, str, str]] = []
        while file.tell() < task.size_bytes:
            triples += pickle.load(file)
    return task.content._replace(triples=triples)


def put_graph(task: Sent, graph: Buffer) -> bytes:
    """In the worker: what goes with the answer; a large graph goes into the file, if there is one.

    Behind the text, which is read again where this worker dies before its answer is there.
    """
    if task.file is None:
        return bytes(graph)
    with open(task.file, "r+b", buffering=0) as file:
        file.seek(graph_place(task.size_bytes))
        _written(file.fileno(), graph)
    return b""


def graph_place(text_bytes: int) -> int:
    """Where the graph begins behind a text of so many bytes: where it can be mapped."""
    return -(-text_bytes // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _small(document: object, name: str, reading: EncodeOptions) -> Content | None:
    """What is made a message of at once, errors included; None for what is large."""
    if isinstance(document, (str, bytes, bytearray, memoryview)):
        if len(document) > SMALL_BYTES:
            return None
        return content_of(document, name, SMALL_BYTES, reading)
    if _is_triples(document):
        return Content(name, triples=document) if len(document) <= PIECE_TRIPLES else None
    if isinstance(document, (dict, list, tuple)):
        try:
            return Content(name, text=json_of(document, SMALL_BYTES))
        except OverflowError:
            return None
        except (TypeError, ValueError, RecursionError):
            return content_of(document, name, SMALL_BYTES, reading)  # raises with the place
    content = content_of(document, name, SMALL_BYTES, reading)
    # The folder of a worker need not be this one's.
    return content._replace(path=os.path.abspath(content.path or ""))


def _is_triples(document: object) -> TypeGuard[list[Any]]:
    return isinstance(document, list) and all(isinstance(one, tuple) for one in document)


def _pieces(document: Any, name: str, options: CheckOptions) -> Iterator[bytes | memoryview]:
    if isinstance(document, str):
        for at in range(0, len(document), PIECE):
            piece = document[at : at + PIECE]
            try:
                yield piece.encode()
            except UnicodeEncodeError:
                _raise_place(document, name, options)
                raise
    elif isinstance(document, (bytes, bytearray, memoryview)):
        view = memoryview(document).cast("B")
        for at in range(0, len(view), 16 * PIECE):
            yield view[at : at + 16 * PIECE]
    else:
        yield from _json(document, name, options)


def _raise_place(document: Any, name: str, options: CheckOptions) -> None:
    content_of(document, name, options.longest_document, options.reading)


def _json(document: Any, name: str, options: CheckOptions) -> Iterator[bytes]:
    """The text of an object: made in pieces, as it is made in one where it is small."""
    gathered: list[bytes] = []
    size = 0
    try:
        for part in _parts(document):
            gathered.append(part)
            size += len(part)
            if size > PIECE:
                yield b"".join(gathered)
                gathered.clear()
                size = 0
                time.sleep(FREE_SECONDS)
    except (TypeError, ValueError, RecursionError, RuntimeError):
        _raise_place(document, name, options)
        raise DocumentError(f"{name}: found an object that changed while it was read") from None
    yield b"".join(gathered)


def _parts(value: Any) -> Iterator[bytes]:
    """A value as JSON; what is large in it part by part."""
    try:
        yield json_of(value, PIECE)
    except OverflowError:
        pass
    else:
        return
    if isinstance(value, dict):
        yield from _parts_of_object(value)
    elif isinstance(value, (list, tuple)):
        yield b"["
        for number, one in enumerate(value):
            yield b"," * (number > 0)
            yield from _parts(one)
        yield b"]"
    else:
        yield json_of(value, 1 << 40)


def _parts_of_object(value: dict[Any, Any]) -> Iterator[bytes]:
    yield b"{"
    for number, (key, one) in enumerate(value.items()):
        yield b"," * (number > 0)
        try:
            yield json_of({key: one}, PIECE)[1:-1]
        except OverflowError:
            yield json_of({key: 0}, 1 << 40)[1:-2]
            yield from _parts(one)
    yield b"}"


def _triples(document: Any) -> Iterator[bytes]:
    for at in range(0, len(document), PIECE_TRIPLES):
        yield pickle.dumps(document[at : at + PIECE_TRIPLES], 5)
        time.sleep(FREE_SECONDS)


def _written(descriptor: int, piece: Buffer) -> int:
    view = memoryview(piece)
    size = len(view)
    while len(view):
        view = view[os.write(descriptor, view) :]
    return size
