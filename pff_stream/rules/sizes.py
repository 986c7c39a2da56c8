"""What the memory of a run depends on in a rule file: counts and sizes of its chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile

# The least that a name, an atom and a body take in the encoded bytes of a chunk.
_NAME_BYTES, _ATOM_BYTES, _BODY_BYTES = 12, 12, 4


@dataclass(frozen=True, slots=True)
class RuleSizes:
    """Counts and sizes of a rule file; those of a chunk are the largest of any."""

    n_rules: int
    n_chunks: int
    chunk_bytes: int
    chunk_rules: int
    chunk_names: int
    chunk_atoms: int
    chunk_bodies: int
    source_chunk_bytes: int
    body_atoms: int
    """Of the longest body."""
    n_source_chunks: int = 1

    @classmethod
    def of(cls, file: RuleFile) -> Self:
        """What the index says; where it does not say, what fits into a chunk."""
        chunk_bytes, work = file.max_chunk_bytes, file.work
        return cls(
            n_rules=file.rules,
            n_chunks=len(file.chunks),
            chunk_bytes=chunk_bytes,
            chunk_rules=file.max_chunk_rules,
            chunk_names=work.get("max_chunk_names", chunk_bytes // _NAME_BYTES),
            chunk_atoms=work.get("max_chunk_atoms", chunk_bytes // _ATOM_BYTES),
            chunk_bodies=work.get("max_chunk_bodies", chunk_bytes // _BODY_BYTES),
            source_chunk_bytes=file.max_source_chunk_bytes,
            body_atoms=file.max_body_atoms,
            n_source_chunks=len(file.source_chunks),
        )

    @property
    def chunk_counts(self) -> tuple[int, int, int]:
        """Names, atoms and rules of a chunk at most: what an evaluator reserves."""
        return self.chunk_names, self.chunk_atoms, self.chunk_rules
