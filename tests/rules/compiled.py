"""What the tests of this folder share: compile texts, and read the columns back as atoms."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pff_stream.rules.chunk import RuleChunk
from pff_stream.rules.compile import RuleOptions, compile_rules
from pff_stream.rules.compile_report import CompileReport
from pff_stream.rules.file import RuleFile
from pff_stream.rules.formats._readings import Reading
from pff_stream.rules.keys import variable_numbers
from pff_stream.rules.rule import Atom, Rule

Term = int | bytes
Decoded = tuple[int, tuple[bytes, Term, Term], tuple[tuple[bytes, Term, Term], ...]]
"""Flags, head and body of a rule; a variable is its number, a constant its name."""


class Names:
    """A stand-in for the names of a graph."""

    def __init__(self, entities: set[bytes], relations: set[bytes]) -> None:
        self.entities = entities
        self.relations = relations

    def entity_id(self, name: bytes) -> int:
        """0 for a known entity, else -1."""
        return 0 if name in self.entities else -1

    def relation_id(self, name: bytes) -> int:
        """0 for a known relation, else -1."""
        return 0 if name in self.relations else -1

    def has_entity(self, name: bytes) -> bool:
        """Whether the entity is known."""
        return name in self.entities

    def has_relation(self, name: bytes) -> bool:
        """Whether the relation is known."""
        return name in self.relations


class FullDisk(io.BytesIO):
    """A destination that takes some bytes and then no more."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Fails after 1,000 bytes."""
        if self.tell() > 1000:
            raise OSError(28, "No space left on device")
        return super().write(data)


class Reluctant(io.BytesIO):
    """An unbuffered destination: takes at most 100 bytes at a time."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Answers how many it took."""
        return super().write(memoryview(data)[:100])


@contextmanager
def compiled(
    blocks: bytes | Sequence[bytes], **options: Any
) -> Iterator[tuple[CompileReport, RuleFile]]:
    """Compiles text (blocks of bytes) into an unnamed file and opens it.

    Options are those of `RuleOptions`, and `source_name` and `graph`.
    """
    given = {name: options.pop(name) for name in ("source_name", "graph") if name in options}
    with tempfile.TemporaryFile() as destination:
        report = compile_rules(
            [blocks] if isinstance(blocks, bytes) else blocks,
            destination,
            options=RuleOptions(**{"on_bad_rule": "skip", **options}),
            **{"source_name": "rules.tsv", **given},
        )
        with RuleFile(destination.fileno()) as file:
            yield report, file


def compiled_bytes(blocks: bytes | Sequence[bytes], **options: Any) -> bytes:
    """The whole rule file that a text compiles to."""
    with compiled(blocks, **options) as (_, file), open(file.fileno(), "rb", closefd=False) as raw:
        raw.seek(0)
        return raw.read()


def decoded_file(file: RuleFile) -> dict[int, Decoded]:
    """All rules of a file by source ordinal."""
    rules: dict[int, Decoded] = {}
    for index in range(len(file.chunks)):
        rules |= decoded_chunk(file.read_chunk(index))
    return rules


def decoded_chunk(chunk: RuleChunk) -> dict[int, Decoded]:
    """The rules of a chunk by source ordinal."""
    atoms = [_atom(chunk, row) for row in chunk.atoms.reshape(-1, 3).tolist()]
    heads = [_atom(chunk, row) for row in chunk.heads.reshape(-1, 3).tolist()]
    rules: dict[int, Decoded] = {}
    for rule, body in enumerate(chunk.rule_body.tolist()):
        start = int(chunk.body_ends[body - 1]) if body else 0
        rules[int(chunk.sources[rule])] = (
            int(chunk.flags[rule]),
            heads[rule],
            tuple(atoms[start : int(chunk.body_ends[body])]),
        )
    return rules


def expected(reading: Reading, flags: int) -> Decoded:
    """What the columns of a reading decode to."""
    return decoded(reading.rule(), flags)


def decoded(rule: Rule, flags: int = 0) -> Decoded:
    """What the columns of a rule decode to."""
    numbers = variable_numbers(rule)

    def atom(given: Atom) -> tuple[bytes, Term, Term]:
        subject, object_ = (
            term.encode() if isinstance(term, str) else numbers[term] for term in given.terms
        )
        return given.relation.encode(), subject, object_

    return flags, atom(rule.head), tuple(atom(given) for given in rule.body)


def _atom(chunk: RuleChunk, row: list[int]) -> tuple[bytes, Term, Term]:
    relation, subject, object_ = row
    return chunk.name(relation), _term(chunk, subject), _term(chunk, object_)


def _term(chunk: RuleChunk, code: int) -> Term:
    return code if code >= 0 else chunk.name(-1 - code)
