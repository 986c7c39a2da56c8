"""Where values stand in JSON texts, and which triples they are: slow, and written to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.triples.formats.document_reference import Reference, Triple, line

_BLANKS = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[^\s,\]}]+")


@dataclass
class Node:
    """A value, and where it begins in the text."""

    at: int
    value: dict[str, Node] | list[Node] | str | bool | None
    """A number is the text that it is written as."""

    def plain(self) -> Any:
        """Without the places."""
        if isinstance(self.value, dict):
            return {key: member.plain() for key, member in self.value.items()}
        if isinstance(self.value, list):
            return [element.plain() for element in self.value]
        return self.value


def parsed(text: str, at: int = 0) -> tuple[Node, int]:
    """The value that begins behind blanks, and where it ends."""
    at = behind_blanks(text, at)
    if text[at] == "{":
        return _object(text, at)
    if text[at] == "[":
        elements: list[Node] = []
        end = behind_blanks(text, at + 1)
        while text[end] != "]":
            element, end = parsed(text, end + (text[end] == ","))
            elements.append(element)
            end = behind_blanks(text, end)
        return Node(at, elements), end + 1
    pattern = _STRING if text[at] == '"' else _WORD
    match = pattern.match(text, at)
    assert match is not None
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    word = match[0]
    value = json.loads(word) if word[0] == '"' else words.get(word, word)
    return Node(at, value), match.end()


def _object(text: str, at: int) -> tuple[Node, int]:
    members: dict[str, Node] = {}
    end = behind_blanks(text, at + 1)
    while text[end] != "}":
        key, end = parsed(text, end + (text[end] == ","))
        end = behind_blanks(text, end)
        assert isinstance(key.value, str) and text[end] == ":"
        # At the place of the first, the value of the last.
        members[key.value], end = parsed(text, end + 1)
        end = behind_blanks(text, end)
    return Node(at, members), end + 1


def behind_blanks(text: str, at: int) -> int:
    """The next place that is not blank."""
    match = _BLANKS.match(text, at)
    assert match is not None
    return match.end()


def token(key: str) -> str:
    """A step of a JSON pointer."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def pointed(node: Node, pointer: str) -> Node:
    """What a pointer leads to (RFC 6901)."""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node.value, list):
            node = node.value[int(step)]
        else:
            assert isinstance(node.value, dict)
            node = node.value[step]
    return node


def line_at(text: str, at: int) -> int:
    """The line of a place, from 1."""
    return text.count("\n", 0, at) + 1


@dataclass(frozen=True)
class Met:
    """A triple, or an object (a triple of its name alone), and where it stands."""

    triple: tuple[str, ...]
    at: int
    pointer: str
    above: str | None
    """Of an object: its relation, which those in it begin with where they are paths."""


def met(node: Node, reference: Reference, stem: str, pointer: str) -> Iterator[Met]:
    """All triples and objects of a document, in the order of their lines."""
    if not node.value:
        return  # it is nothing
    name = reference.identity(node.plain()) or stem
    yield Met((name,), node.at, pointer, None)
    yield from _members(node, reference, name, None, pointer)


def _members(
    node: Node, reference: Reference, name: str, above: str | None, pointer: str
) -> Iterator[Met]:
    assert isinstance(node.value, dict)
    for key, member in node.value.items():
        relation = reference.relation(key, above)
        path = f"{name}/{reference.step(key)}"
        yield from _below(member, reference, (name, relation, path), pointer + token(key))


def _below(node: Node, reference: Reference, where: Triple, pointer: str) -> Iterator[Met]:
    """`where`: the subject, the relation, and the name that an object here has by its path."""
    name, relation, path = where
    value = node.value
    if isinstance(value, list):
        for index, element in enumerate(value):
            inner = (name, relation, f"{path}/{index}")
            yield from _below(element, reference, inner, f"{pointer}/{index}")
    elif isinstance(value, dict):
        if value:
            child = reference.identity(node.plain()) or path
            yield Met((name, relation, child), node.at, pointer, None)
            yield Met((child,), node.at, pointer, relation)
            yield from _members(node, reference, child, relation, pointer)
    elif isinstance(value, bool):
        yield Met((name, relation, "true" if value else "false"), node.at, pointer, None)
    elif value:
        yield Met((name, relation, line(value)), node.at, pointer, None)
