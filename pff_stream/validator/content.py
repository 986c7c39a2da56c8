"""What a caller may give as a document, and what it is read as: text, triples or a path."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pff_stream.errors import DocumentError
from pff_stream.foreign import one_line
from pff_stream.triples.formats._json_of import json_of
from pff_stream.validator.tables import TableLines, is_tabular, too_long

if TYPE_CHECKING:
    from pff_stream.notes import Notes
    from pff_stream.triples.options import EncodeOptions

_SHOWN = 60


class Content(NamedTuple):
    """A document, ready to be read; can be sent to other processes."""

    name: str
    """What messages call it; documents without an id are named by it, too."""
    text: bytes | None = None
    """JSON."""
    triples: list[tuple[str, str, str]] | None = None
    lines: bytes | None = None
    """Triples of a table, a line each."""
    path: str | None = None
    notes: Notes | None = None
    """What was noticed before it is read."""


def content_of(document: object, name: str, most_bytes: int, reading: EncodeOptions) -> Content:
    """What was given, in the terms of a reader; `DocumentError` for what is no document.

    Objects whose text takes over `most_bytes` are none, either. `reading`: the names of columns.
    """
    if isinstance(document, bytes):
        return Content(name, text=document)
    if isinstance(document, (bytearray, memoryview)):
        return Content(name, text=bytes(document))
    if isinstance(document, str):
        return Content(name, text=_encoded(document, name))
    if isinstance(document, os.PathLike):
        return Content(name, path=os.fsdecode(document))
    if isinstance(document, list) and all(isinstance(one, tuple) for one in document):
        return Content(name, triples=document)
    if isinstance(document, (dict, list, tuple)):
        return Content(name, text=text_of(document, name, most_bytes))
    if is_tabular(document):
        table = TableLines(document, name, reading)
        return Content(name, lines=table.whole(most_bytes), notes=table.notes)
    raise DocumentError(
        f"{name}: found {_shown(document)}, expected JSON text, a path, a dict, a list, a list of "
        "(subject, relation, object) tuples, or a table"
    )


def text_of(value: object, name: str, most_bytes: int) -> bytes:
    """A Python object as JSON; `DocumentError` with the pointer of what JSON has not."""
    try:
        return json_of(value, most_bytes)
    except OverflowError:
        raise too_long(name, most_bytes) from None
    except (TypeError, ValueError, RecursionError) as error:
        pointer, found = next(_wrong(value), ("", str(error)))
    raise DocumentError(f"{name}, at {pointer or 'the document'}: found {found}")


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        found = ascii(text[error.start])
    raise DocumentError(f"{name}, line {line}: found {found}, expected text that UTF-8 can write")


def _wrong(document: object) -> Iterator[tuple[str, str]]:
    """Pointers of what cannot be written, and what it is, in the order of the document."""
    opened: list[tuple[str, Iterator[tuple[str, Any]], int]] = [("", iter([("", document)]), 0)]
    within: set[int] = set()
    while opened:
        pointer, items, own = opened[-1]
        step, value = next(items, (None, None))
        if step is None:
            opened.pop()
            within.discard(own)
            continue
        at = pointer + step
        if isinstance(value, (dict, list, tuple)):
            if id(value) in within:
                yield at, "an object that holds itself, expected a document"
                continue
            within.add(id(value))
            if isinstance(value, dict):
                yield from ((at, one) for one in _wrong_keys(value))
                inner = iter([(_step(key), one) for key, one in value.items()])
            else:
                inner = iter([(f"/{number}", one) for number, one in enumerate(value)])
            opened.append((at, inner, id(value)))
        elif found := _wrong_value(value):
            yield at, found


def _wrong_keys(value: dict[Any, Any]) -> Iterator[str]:
    for key in value:
        if not isinstance(key, (str, int, float, type(None))):
            yield f"the key {_shown(key)}, expected a text"
        elif found := _wrong_value(key):
            yield f"{found} as a key"


def _wrong_value(value: object) -> str:
    """What a value is that JSON has not; empty for one that it has."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return f"{value[error.start]!a}, expected text that UTF-8 can write"
        return ""
    if isinstance(value, float):
        is_number = value == value and value not in (float("inf"), float("-inf"))
        return "" if is_number else f"{value!r}, expected a number that JSON has"
    if value is None or isinstance(value, int):
        return ""
    return f"{_shown(value)}, expected a value that JSON has"


def _step(key: object) -> str:
    if isinstance(key, str):
        name = key
    else:  # as JSON writes it
        (name,) = json.loads(json.dumps({key: 0}))
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _shown(value: object) -> str:
    text = one_line(repr(value))
    kind = type(value).__name__
    return f"{kind} {text[:_SHOWN]}" + "..." * (len(text) > _SHOWN)
