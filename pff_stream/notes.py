"""What was skipped or noticed on the way: the one channel from whoever sees it to whoever is told.

A note is a named count with its first few places. Who sees something adds it:

    EMPTY = NoteKind("empty_values", "empty value was left out", "empty values were left out")
    notes.add(EMPTY, "doc.json", 7, "found an empty text under the key 'name'")

Readers of triples find `notes` in their `BadTriples` (`triples/bad.py`), rules in the report of
compiling. From there they go by themselves, always as `Notes`: over `EncodeReport`, `CompileReport`
and the answers of workers, summed over the documents of a manifest, into `summary.json` under
`notes`, onto standard error (`say`, once for each name, not with --quiet) and to Python callers
(`validate(...).notes`). What is held does not grow with what is counted: `KEPT` places a name, the
texts of each cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from pff_stream.words import counted

KEPT = 10
"""Places of each name that are kept, the first ones."""
SAID = 5
"""Places of each name that are said on standard error."""
LONGEST_TEXT = 400


@dataclass(frozen=True, slots=True)
class NoteKind:
    """What is counted under one name; made once, beside the code that counts it."""

    name: str
    """Its key in `summary.json`."""
    one: str
    """What is said of one, behind the count: `bad triple was skipped`.

    Where it is empty, each place is a sentence that is said by itself.
    """
    many: str
    """The same of several."""
    listed: str = "; the first"
    """Said between that and the places; where it is empty, all places that are kept are said."""

    known: ClassVar[dict[str, NoteKind]] = {}

    def __post_init__(self) -> None:
        NoteKind.known[self.name] = self

    def said(self, count: int) -> str:
        """So many of it, in words; nothing where its places say all."""
        if not self.one:
            return ""
        return counted(count, self.one, self.many)


BAD_TRIPLES = NoteKind("bad_triples", "bad triple was skipped", "bad triples were skipped")
REJECTED_RULES = NoteKind(
    "rejected_rules", "rule line could not be read", "rule lines could not be read"
)
BLANKS_IN_RULES = NoteKind(
    "blanks_in_rules",
    "rule has blanks around its names: they are left out where the graph has no such name",
    "rules have blanks around their names: they are left out where the graph has no such name",
)
NOT_CONVERTED = NoteKind(
    "not_converted", "rule could not be converted", "rules could not be converted"
)
COMMENTS = NoteKind(
    "comments",
    "line that begins with # and does not hold a triple: left out as comments",
    "lines that begin with # and do not hold a triple: left out as comments",
)
READ_OTHERWISE = NoteKind("read_otherwise", "", "")
"""What was read otherwise than it may have been meant: its places are whole sentences."""
LETTER_ENTITIES = NoteKind(
    "letter_entities",
    "graph has an entity named by one letter A to Z: in AnyBURL's rules such a letter is a "
    "variable",
    "graphs have an entity named by one letter A to Z: in AnyBURL's rules such a letter is a "
    "variable",
)


class Place(NamedTuple):
    """Where something was seen, and what."""

    source: str
    """A file as the user named it; empty where there is none."""
    number: int
    """From 1; 0 where the whole source is meant."""
    reason: str
    """Empty where the kind of the note says all."""
    unit: str = "line"
    """What is numbered: lines of a file, or triples or rules where these are not lines."""

    def __str__(self) -> str:
        place = f"{self.source}, {self.unit} {self.number}" if self.number else self.source
        return ": ".join(filter(None, (place, self.reason)))


@dataclass(frozen=True, slots=True)
class Note:
    """How often something was seen, and its first places."""

    kind: NoteKind
    count: int
    first: tuple[Place, ...] = ()

    def __str__(self) -> str:
        text = self.kind.said(self.count)
        if not text:
            return "\n".join(map(str, self.first))
        if not self.first:
            return text
        if not self.first[0].reason:  # all is said by the kind
            return f"{text} (first: {self.first[0]})"
        places = self.first[:SAID] if self.kind.listed else self.first
        return f"{text}{self.kind.listed}:" + "".join(f"\n  {place}" for place in places)


class Notes:
    """Notes by name, in the order of their first appearance; can be sent to other processes."""

    def __init__(self, notes: Iterator[Note] | tuple[Note, ...] = ()) -> None:
        self._notes = {note.kind.name: note for note in notes}

    def add(
        self, kind: NoteKind, source: str, number: int, reason: str, *, unit: str = "line"
    ) -> None:
        """Counts one, at a place."""
        note = self._notes.get(kind.name)
        if note is not None and len(note.first) >= KEPT:
            self._notes[kind.name] = replace(note, count=note.count + 1)
        else:
            place = Place(_cut(source), number, _cut(reason), unit)
            self._add(Note(kind, 1, (place,)))

    def count_more(self, kind: NoteKind, count: int) -> None:
        """Counts so many without a place; nothing where there are none."""
        if count:
            self._add(Note(kind, count))

    @classmethod
    def of(cls, kind: NoteKind, count: int) -> Notes:
        """So many of one kind, without a place."""
        notes = cls()
        notes.count_more(kind, count)
        return notes

    def merge(self, others: Notes) -> None:
        """Adds what others saw, behind what is here."""
        for note in others:
            self._add(note)

    def renamed(self, before: str, after: str) -> Notes:
        """The same with another name of a source."""
        return Notes(
            replace(
                note,
                first=tuple(
                    place._replace(source=after) if place.source == _cut(before) else place
                    for place in note.first
                ),
            )
            for note in self
        )

    def count(self, kind: NoteKind) -> int:
        """How many there are of a kind."""
        note = self._notes.get(kind.name)
        return 0 if note is None else note.count

    def first(self, kind: NoteKind) -> tuple[Place, ...]:
        """The first places of a kind."""
        note = self._notes.get(kind.name)
        return () if note is None else note.first

    def __iter__(self) -> Iterator[Note]:
        return iter(self._notes.values())

    def __len__(self) -> int:
        return len(self._notes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Notes) and self._notes == other._notes

    __hash__ = None  # type: ignore[assignment]  # they change

    def to_json(self) -> dict[str, Any]:
        """By name: the count, the words for it, and the first places."""
        return {
            note.kind.name: {
                "count": note.count,
                "text": note.kind.said(note.count),
                "first": [
                    {"source": one.source, one.unit: one.number, "reason": one.reason}
                    for one in note.first
                ],
            }
            for note in self
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Notes:
        """What `to_json` told; KeyError, TypeError or ValueError where it is something else."""
        try:
            return cls(tuple(_read(name, value) for name, value in document.items()))
        except (AttributeError, OverflowError) as error:
            raise ValueError(f"no notes of a run: {error}") from error

    def _add(self, note: Note) -> None:
        before = self._notes.get(note.kind.name)
        if before is not None:
            first = (*before.first, *note.first)[:KEPT]
            note = Note(before.kind, before.count + note.count, first)
        self._notes[note.kind.name] = note


def say(notes: Notes) -> None:
    """Says each note once, as a warning."""
    import logging  # not in every worker

    logger = logging.getLogger("pff_stream")
    for note in notes:
        facts = {"note": note.kind.name, "count": note.count}
        for text in [str(note)] if note.kind.one else map(str, note.first):
            logger.warning("%s", text, extra=facts)


def _read(name: str, value: Mapping[str, Any]) -> Note:
    words = name.replace("_", " ")
    kind = NoteKind.known.get(name) or NoteKind(name, words, words)
    return Note(kind, int(value["count"]), tuple(map(_read_place, value["first"])))


def _read_place(value: Mapping[str, Any]) -> Place:
    (unit,) = value.keys() - {"source", "reason"}
    return Place(str(value["source"]), int(value[unit]), str(value["reason"]), unit)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
