"""The mappings json-1 and json-2 once more, over Python's own objects, written to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pff_stream.notes import BAD_TRIPLES
from pff_stream.triples.bad import BadTriples

Triple = tuple[str, str, str]
ID_KEYS = ((("@id",), ("id",), ("msisdn",)),)


class Counted(BadTriples):
    """Bad triples are skipped; lines of JSON Lines are not."""

    def add(self, source: str, number: int, message: str, unit: str = "line") -> None:
        """Counts it."""
        self.notes.add(BAD_TRIPLES, source, number, message, unit=unit)


class Written(str):
    """A number as it is written."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Of a key that stands twice the last value, at the place of the first."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(found)

    return json.loads(text, object_pairs_hook=pairs, parse_int=Written, parse_float=Written)


def line(name: str) -> str:
    """As a name stands in a line."""
    return name.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


@dataclass(frozen=True)
class Reference:
    """One way to name."""

    mapping: str = "json-2"
    by_path: bool = False
    id_keys: tuple[tuple[tuple[str, ...], ...], ...] = ID_KEYS

    def document(self, document: dict[str, Any], stem: str) -> Iterator[Triple]:
        """All triples, also those that no graph can hold."""
        yield from self._object(document, self.identity(document) or stem, None)

    def identity(self, value: dict[str, Any]) -> str | None:
        """The parts of the id, where all are there."""
        parts = [self._part(value, candidates) for candidates in self.id_keys]
        return "/".join(line(part) for part in parts if part) if all(parts) else None

    def _part(self, value: dict[str, Any], candidates: tuple[tuple[str, ...], ...]) -> str:
        for path in candidates:
            found: Any = value
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            if isinstance(found, str) and found:
                return found
        return ""

    def step(self, key: str) -> str:
        """A key in the name of an object."""
        if self.mapping == "json-1":
            return line(key)
        escaped = key.replace("~", "~0").replace("/", "~1").replace("#", "~2")
        return line(escaped) or "~3"

    def relation(self, key: str, above: str | None) -> str:
        """The relation of a key, below that of the object."""
        if self.mapping == "json-1":
            found = line(key)
        elif self.by_path:
            found = line(key.replace("~", "~0").replace(".", "~4")) or "~3"
        else:
            found = line(key) or "~3"
            if key and re.fullmatch("~0*3", key):
                found = key.replace("~", "~0")
        return found if above is None or not self.by_path else f"{above}.{found}"

    def _object(self, value: dict[str, Any], node: str, above: str | None) -> Iterator[Triple]:
        for key, member in value.items():
            relation = self.relation(key, above)
            yield from self._below(member, node, relation, f"{node}/{self.step(key)}")

    def _below(self, value: Any, node: str, relation: str, path: str) -> Iterator[Triple]:
        if isinstance(value, bool):
            yield node, relation, "true" if value else "false"
        elif isinstance(value, list):
            for index, element in enumerate(value):
                yield from self._below(element, node, relation, f"{path}/{index}")
        elif isinstance(value, dict) and value:
            child = self.identity(value) or path
            yield node, relation, child
            yield from self._object(value, child, relation)
        elif value:
            yield node, relation, line(value)


def is_good(triple: Triple) -> bool:
    """Whether a graph can hold it."""
    names = all(name and "\0" not in name for name in triple)
    return names and "me_myself_i" not in (triple[0], triple[2])
