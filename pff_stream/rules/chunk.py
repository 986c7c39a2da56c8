"""The evaluation chunk: many rules as columns, so that a worker makes no object per rule.

Says what the columns are, checks them before anybody indexes with them (a hostile file must not
make the evaluator read outside of an array), and builds small chunks in memory from rules.

Columns (n = names, a = atoms, b = bodies, r = rules), little-endian:
`names` u8, `name_ends` u32[n], `name_hashes` u64[n], `atoms` i32[3a] (relation, term, term; a
term < 0 is the constant named -1 - term; of an inequality, behind the atoms, -1, variable, term),
`body_ends` u32[b], `rule_body` u32[r], `heads`
i32[3r], `sources` u64[r], `flags` u8[r], `miner_support` i64[r] (-1 none), `miner_confidence`
f64[r] (NaN none), `texts` u8, `text_ends` u32[r]. In the head of a zero rule variable 0 stands
for the subjects of the relation and, where both terms are variables, 1 for its objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pff_stream.rules._chunks import find_bad_name, find_bad_text
from pff_stream.rules._format import CHUNK_COLUMNS, FLAG_AMBIGUOUS, INEQUALITY
from pff_stream.rules.chunk_terms import check_terms
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.rules.rule import Atom, Rule, Term, Variable

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class RuleChunk:
    """The columns of one evaluation chunk, see the module; read-only views on its bytes."""

    names: npt.NDArray[np.uint8]
    name_ends: npt.NDArray[np.uint32]
    name_hashes: npt.NDArray[np.uint64]
    atoms: npt.NDArray[np.int32]
    body_ends: npt.NDArray[np.uint32]
    rule_body: npt.NDArray[np.uint32]
    heads: npt.NDArray[np.int32]
    sources: npt.NDArray[np.uint64]
    flags: npt.NDArray[np.uint8]
    miner_support: npt.NDArray[np.int64]
    miner_confidence: npt.NDArray[np.float64]
    texts: npt.NDArray[np.uint8]
    text_ends: npt.NDArray[np.uint32]
    rule_format: str = ""
    """The format that can settle the texts; empty where there are none."""
    origin: str = ""
    """File and byte of the chunk, for messages about it."""

    @property
    def n_rules(self) -> int:
        """Rules of the chunk."""
        return len(self.rule_body)

    @property
    def n_bodies(self) -> int:
        """Distinct bodies of the chunk."""
        return len(self.body_ends)

    @property
    def n_names(self) -> int:
        """Distinct names (relations and entities together) of the chunk."""
        return len(self.name_ends)

    def name(self, index: int) -> bytes:
        """The name at an index of the pool."""
        return piece(self.names, self.name_ends, index)

    def text(self, rule: int) -> bytes:
        """The text of a rule whose flags are not 0; empty for the others."""
        return piece(self.texts, self.text_ends, rule)

    def some(self, places: npt.NDArray[np.intp], sources: npt.NDArray[np.uint64]) -> RuleChunk:
        """A chunk of the rules at these places (ascending), under other source ordinals."""
        lengths = np.diff(self.text_ends, prepend=np.uint32(0))[places]
        texts = [self.text(int(place)) for place in places[lengths > 0]]
        return replace(
            self,
            rule_body=self.rule_body[places],
            heads=self.heads.reshape(-1, 3)[places].reshape(-1),
            sources=sources,
            flags=self.flags[places],
            miner_support=self.miner_support[places],
            miner_confidence=self.miner_confidence[places],
            texts=np.frombuffer(b"".join(texts), np.uint8),
            text_ends=np.add.accumulate(lengths, dtype=np.uint32),
        )


def piece(blob: npt.NDArray[np.uint8], ends: npt.NDArray[np.uint32], index: int) -> bytes:
    """The bytes of one entry of a blob with end offsets."""
    start = int(ends[index - 1]) if index else 0
    return blob[start : int(ends[index])].tobytes()


def chunk_of(
    columns: Mapping[str, bytes],
    n_rules: int,
    n_bodies: int,
    rule_format: str = "",
    origin: str = "",
) -> RuleChunk:
    """Views on checked columns; ValueError says which column is wrong and how."""
    views = {name: _view(columns, name) for name in CHUNK_COLUMNS}
    chunk = RuleChunk(**views, rule_format=rule_format, origin=origin)  # type: ignore[arg-type]
    if chunk.n_rules != n_rules or chunk.n_bodies != n_bodies:
        found = f"{counted(chunk.n_rules, 'rule')} and {counted(chunk.n_bodies, 'body', 'bodies')}"
        raise ValueError(f"{found}, expected {n_rules} and {n_bodies}")
    _check_lengths(chunk)
    check_ends("name_ends", chunk.name_ends, len(chunk.names))
    check_ends("text_ends", chunk.text_ends, len(chunk.texts))
    check_ends("body_ends", chunk.body_ends, len(chunk.atoms) // 3)
    check_terms(chunk)
    _check_texts(chunk)
    check_confidence(chunk.miner_confidence)
    if len(chunk.miner_support) and int(chunk.miner_support.min()) < -1:
        raise ValueError("column miner_support has a number below -1")
    return chunk


def _check_texts(chunk: RuleChunk) -> None:
    """Names can be looked up, and exactly the rules with flags have a text to be settled by."""
    bad = find_bad_name(chunk.names, chunk.name_ends, chunk.name_hashes)
    if bad >= 0:
        raise ValueError(f"column names has {chunk.name(bad)[:40]!r}, or a wrong hash of it")
    bad = find_bad_text(chunk.texts, chunk.text_ends)
    if bad >= 0:
        raise ValueError(f"column texts has {chunk.text(bad)[:40]!r}, which is no rule text")
    flagged = chunk.flags != 0
    has_text = chunk.text_ends != np.concatenate(([0], chunk.text_ends[:-1]))
    if bool((flagged != has_text).any()) or (len(flagged) and int(chunk.flags.max()) > 7):
        raise ValueError("column flags does not agree with column texts")


def check_confidence(confidence: npt.NDArray[np.float64]) -> None:
    """ValueError unless each is NaN (none) or what rule text can say: a number from 0 on."""
    if len(confidence) and bool((confidence < 0).any() or np.isinf(confidence).any()):
        raise ValueError("column miner_confidence has a number below 0 or an infinity")


def check_ends(column: str, ends: npt.NDArray[np.uint32], total: int) -> None:
    """ValueError unless end offsets never fall and end with the total."""
    last = int(ends[-1]) if len(ends) else 0
    if last != total:
        raise ValueError(f"column {column} ends at {last}, expected {total}")
    if len(ends) > 1 and bool((ends[1:] < ends[:-1]).any()):
        raise ValueError(f"column {column} falls, expected end offsets")


def _view(columns: Mapping[str, bytes], name: str) -> Array:
    column = columns.get(name)
    if not isinstance(column, bytes):
        raise ValueError(f"column {name} is missing or no binary")
    dtype = np.dtype(CHUNK_COLUMNS[name])
    if len(column) % dtype.itemsize:
        found = f"column {name} has {len(column)} bytes"
        raise ValueError(f"{found}, expected a multiple of {dtype.itemsize}")
    return np.frombuffer(column, dtype)


def _check_lengths(chunk: RuleChunk) -> None:
    n_rules = chunk.n_rules
    expected = (
        ("name_hashes", len(chunk.name_hashes), chunk.n_names),
        ("atoms", len(chunk.atoms) % 3, 0),
        ("heads", len(chunk.heads), 3 * n_rules),
        ("sources", len(chunk.sources), n_rules),
        ("flags", len(chunk.flags), n_rules),
        ("miner_support", len(chunk.miner_support), n_rules),
        ("miner_confidence", len(chunk.miner_confidence), n_rules),
        ("text_ends", len(chunk.text_ends), n_rules),
    )
    for name, length, wanted in expected:
        if length != wanted:
            raise ValueError(f"column {name} has {length} entries, expected {wanted}")


def build_chunk(
    rules: Sequence[Rule],
    sources: Sequence[int] | None = None,
    texts: Sequence[bytes] | None = None,
    miner_support: Sequence[int] | None = None,
    miner_confidence: Sequence[float] | None = None,
) -> RuleChunk:
    """A chunk of rules, in the order of the rule file; sources default to 0, 1, ...

    A rule with a text that is not empty is flagged as ambiguous.
    """
    # Only rules with several readings come this way: workers start without this module.
    from pff_stream.rules.keys import inequalities, name_hash, sorted_keys, variable_numbers

    sources = range(len(rules)) if sources is None else sources
    keys = [sorted_keys(rule) for rule in rules]
    order = sorted(range(len(rules)), key=lambda at: (*keys[at], sources[at]))
    names: dict[bytes, int] = {}
    atoms: list[int] = []
    heads: list[int] = []
    body_ends: list[int] = []
    rule_body: list[int] = []
    last = None
    for at in order:
        rule = rules[at]
        numbers = variable_numbers(rule)
        if keys[at][0] != last:
            last = keys[at][0]
            atoms.extend(x for atom in rule.body for x in _encoded(atom, numbers, names))
            for terms in inequalities(rule, numbers):
                atoms.extend((INEQUALITY, *_encoded_terms(terms, numbers, names)))
            body_ends.append(len(atoms) // 3)
        heads.extend(_encoded(rule.head, numbers, names))
        rule_body.append(len(body_ends) - 1)
    kept = [texts[at] if texts else b"" for at in order]
    count = len(order)
    columns: dict[str, Sequence[int] | Sequence[float] | bytes] = {
        "names": b"".join(names),
        "name_ends": list(accumulate(len(name) for name in names)),
        "name_hashes": [name_hash(name) for name in names],
        "atoms": atoms,
        "body_ends": body_ends,
        "rule_body": rule_body,
        "heads": heads,
        "sources": [sources[at] for at in order],
        "flags": [FLAG_AMBIGUOUS if text else 0 for text in kept],
        "miner_support": [miner_support[at] for at in order] if miner_support else [-1] * count,
        "miner_confidence": (
            [miner_confidence[at] for at in order] if miner_confidence else [float("nan")] * count
        ),
        "texts": b"".join(kept),
        "text_ends": list(accumulate(len(text) for text in kept)),
    }
    encoded = {name: _encode_column(name, column) for name, column in columns.items()}
    return chunk_of(encoded, count, len(body_ends))


def _encode_column(name: str, column: Sequence[int] | Sequence[float] | bytes) -> bytes:
    if isinstance(column, bytes):
        return column
    return np.array(column, CHUNK_COLUMNS[name]).tobytes()


def _encoded(
    atom: Atom, numbers: Mapping[Variable, int], names: dict[bytes, int]
) -> tuple[int, int, int]:
    relation = names.setdefault(atom.relation.encode(), len(names))
    subject, object_ = _encoded_terms(atom.terms, numbers, names)
    return relation, subject, object_


def _encoded_terms(
    terms: Iterable[Term], numbers: Mapping[Variable, int], names: dict[bytes, int]
) -> list[int]:
    return [
        -1 - names.setdefault(term.encode(), len(names)) if isinstance(term, str) else numbers[term]
        for term in terms
    ]
