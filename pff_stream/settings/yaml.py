"""Reads YAML as a stream of events, so that a manifest of any length holds one event at a time.

Scalars keep their written form where YAML 1.1 would change it: `0012` stays text and does not
become 10, `12:30` does not become 750. Anchors, aliases, tags and merge keys are refused: no file
that this package reads needs them. Not done here: what keys mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from pff_stream.closing import Closing
from pff_stream.errors import InputError
from pff_stream.foreign import note, one_line

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
_WORDS = {"": None, "~": None, "true": True, "false": False}
_MAX_DEPTH = 32
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Placed:
    """A value and the line (1-based) that it begins on."""

    value: object
    line: int


class YamlEvents(Closing):
    """The events of the one document in a YAML file, with errors that name file and line."""

    def __init__(self, path: str) -> None:
        """Opens `path`; InputError where that fails."""
        import yaml

        self.path = path
        self._yaml_error = yaml.YAMLError
        self._events = yaml
        try:
            # Not in a `with`: this object is the context manager that closes it.
            self._file: BinaryIO = open(path, "rb")  # noqa: SIM115
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        try:
            # libyaml where pyyaml was built with it: 20 times faster, the same events.
            loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            self._loader = self._guarded(lambda: loader(self._file))
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Closes the file and what was made of it."""
        self._loader.dispose()
        self._file.close()

    def _guarded(self, step: Any) -> Any:
        try:
            return step()
        except self._yaml_error as error:
            mark = getattr(error, "problem_mark", None)
            place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
            raise InputError(f"{self.path}{place}: found {reason}, expected YAML") from error
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def next(self) -> Any:
        """The next event; anchors and aliases are refused."""
        event = self._guarded(self._loader.get_event)
        if getattr(event, "anchor", None) is not None:
            self.fail(event, "an anchor or alias", "plain values")
        if (text := getattr(event, "value", None)) is not None:
            note(text)
        return event

    def fail(self, event: Any, found: str, expected: str) -> NoReturn:
        """Raises InputError at the place of `event`; of what was found it shows the beginning."""
        found = one_line(found if len(found) <= _SHOWN else f"{found[:_SHOWN]}...")
        raise InputError(f"{self.path}:{line_of(event)}: found {found}, expected {expected}")

    def document(self) -> Iterator[tuple[str, Any]]:
        """Key and first event of each entry of the top mapping.

        The caller consumes the whole value (`value`, `items`, `entries`) before it goes on.
        """
        yaml = self._events
        self.next()
        start = self.next()
        if isinstance(start, yaml.StreamEndEvent):
            self.fail(start, "an empty file", "a mapping")
        yield from self.entries(self.next(), "a mapping")
        self.next()
        end = self.next()
        if not isinstance(end, yaml.StreamEndEvent):
            self.fail(end, "a second document", "one document")

    def entries(self, event: Any, expected: str) -> Iterator[tuple[str, Any]]:
        """Key, as written, and first event of each entry of the mapping that `event` begins."""
        yaml = self._events
        if not isinstance(event, yaml.MappingStartEvent):
            self.fail(event, self.describe(event), expected)
        while not isinstance(key := self.next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self.fail(key, f"{self.describe(key)} as a key", "text")
            yield key.value, self.next()

    def items(self, event: Any, expected: str) -> Iterator[Any]:
        """First event of each item of the list that `event` begins."""
        yaml = self._events
        if not isinstance(event, yaml.SequenceStartEvent):
            self.fail(event, self.describe(event), expected)
        while not isinstance(item := self.next(), yaml.SequenceEndEvent):
            yield item

    def value(self, event: Any, depth: int = 0) -> Any:
        """The whole value that `event` begins, as JSON types."""
        yaml = self._events
        if depth > _MAX_DEPTH:
            self.fail(event, f"more than {_MAX_DEPTH} levels", "less")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.value(item, depth + 1) for item in self.items(event, "a list")]
        return {k: self.value(v, depth + 1) for k, v in self.entries(event, "a value")}

    def scalar(self, event: Any) -> str | int | float | bool | None:
        """The scalar as its JSON type, as text where that would change how it is written."""
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            self.fail(event, f"the tag {event.tag}", "plain values")
        text: str = event.value
        if not event.implicit[0]:
            return text
        if (lower := text.lower()) in _WORDS or lower == "null":
            return _WORDS.get(lower)
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        return text

    def describe(self, event: Any) -> str:
        """What `event` begins, in words."""
        yaml = self._events
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
            return "nothing" if value is None else repr(event.value)
        return "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"


def line_of(event: Any) -> int:
    """Line of an event, 1-based."""
    return int(event.start_mark.line) + 1


def read_mapping(path: str) -> dict[str, Placed]:
    """The top mapping of a small YAML file; a key that comes twice is refused."""
    found: dict[str, Placed] = {}
    with YamlEvents(path) as events:
        for key, event in events.document():
            if key in found:
                events.fail(event, f"{key} for the second time", "each key once")
            found[key] = Placed(events.value(event), line_of(event))
    return found
