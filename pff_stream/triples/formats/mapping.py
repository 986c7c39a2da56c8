"""The walk of the mapping `json-1`: one parsed document to lines, with bounded text at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pff_stream.triples.formats.document_memory import BLOCK_CHARACTERS

_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\\": "\\\\"})


def escaped(name: str) -> str:
    """The name with tab, newline and backslash each written as two characters (as in JSON)."""
    if "\\" in name or "\t" in name or "\n" in name:
        return name.translate(_ESCAPES)
    return name


def id_of(value: dict[str, Any], keys: Sequence[str]) -> str | None:
    """The text or number under the first of `keys` that has one; None without."""
    for key in keys:
        name = value.get(key)
        if type(name) is str and name:  # numbers are texts here; true, false and null name nothing
            return name
    return None


def walk(
    document: dict[str, Any], name: str, id_keys: Sequence[str], by_path: bool, escapes: bool
) -> Iterator[str]:
    """Yields the lines of `document`, in the order of the text, as texts of whole lines.

    Texts are of about a quarter million characters, or of one line that is longer.
    Numbers must have been parsed to their text. `name` is escaped already; `escapes`: other names
    may need it. Iterative, so that depth costs no stack.
    """
    lines: list[str] = []
    append = lines.append
    size = 0  # characters of the lines, and 64 a line
    # Suspended frames: (items, node, prefix, base, relation). An object's frame has no base and its
    # items are (key, value); an array's are (index, value), all under one relation of the node.
    stack: list[tuple[Iterator[tuple[Any, Any]], str, str, str | None, str]] = []
    items: Iterator[tuple[Any, Any]] = iter(document.items())
    node, prefix, base, relation = name, "", None, ""
    head = name + "\t"
    while True:
        for key, value in items:
            if size >= BLOCK_CHARACTERS:
                yield _joined(lines)
                size = 0
            if base is None:
                if escapes:
                    key = escaped(key)
                relation = prefix + key if by_path else key
            kind = type(value)
            if kind is str:
                if lines and len(value) > BLOCK_CHARACTERS:  # alone it is not copied once more
                    yield _joined(lines)
                line = f"{head}{relation}\t{escaped(value) if escapes else value}\n"
            elif kind is bool:
                line = f"{head}{relation}\t{'true' if value else 'false'}\n"
            elif value:  # neither null nor empty
                path = f"{node if base is None else base}/{key}"
                stack.append((items, node, prefix, base, relation))
                if kind is list:
                    items, base = enumerate(value), path
                    break
                child = id_of(value, id_keys)
                child = path if child is None else escaped(child) if escapes else child
                line = f"{head}{relation}\t{child}\n"
                append(line)
                size += len(line) + 64
                items, node, base = iter(value.items()), child, None
                head = child + "\t"
                prefix = relation + "." if by_path else ""
                break
            else:
                continue
            append(line)
            size += len(line) + 64
        else:
            if not stack:
                break
            items, node, prefix, base, relation = stack.pop()
            head = node + "\t"
    if lines:
        yield _joined(lines)


def _joined(lines: list[str]) -> str:
    """One text of all lines, which are gone then."""
    text = "".join(lines)
    lines.clear()
    return text
