"""Writes rules and triples of any number, the same for the same seed, for jobs that measure.

Most rules have constants and narrow bodies, as mined ones do, so that a million of them are
evaluated in seconds and what is measured is memory. Not data to learn anything from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

RELATIONS = 24
_BLOCK = 1 << 17
_CLOSED = 200
"""Every so many rules one is closed: a chain of two atoms, without constants."""


def entities(n_triples: int) -> int:
    """How many entities a graph of so many triples has."""
    return n_triples // 8 + 16


def write_triples(path: Path, n_triples: int, seed: int = 1) -> Path:
    """`n_triples` lines of TSV, repetitions included."""
    draw = np.random.default_rng(seed)
    n_entities = entities(n_triples)
    with path.open("w", encoding="ascii") as file:
        for start in range(0, n_triples, _BLOCK):
            count = min(_BLOCK, n_triples - start)
            subjects = draw.integers(n_entities, size=count).tolist()
            relations = draw.integers(RELATIONS, size=count).tolist()
            objects = draw.integers(n_entities, size=count).tolist()
            file.writelines(
                f"entity_{s}\trelation_{r}\tentity_{o}\n"
                for s, r, o in zip(subjects, relations, objects, strict=True)
            )
    return path


def write_rules(path: Path, n_rules: int, n_triples: int, seed: int = 2) -> Path:
    """`n_rules` lines as AnyBURL writes them, about a graph of `n_triples`."""
    draw = np.random.default_rng(seed)
    n_entities = entities(n_triples)
    with path.open("w", encoding="ascii") as file:
        for start in range(0, n_rules, _BLOCK):
            count = min(_BLOCK, n_rules - start)
            relations = draw.integers(RELATIONS, size=(count, 3)).tolist()
            constants = draw.integers(n_entities, size=(count, 2)).tolist()
            file.writelines(_rule(start + i, *relations[i], *constants[i]) for i in range(count))
    return path


def _rule(number: int, head: int, first: int, second: int, c: int, d: int) -> str:
    if number % _CLOSED == 0:
        body = f"relation_{first}(X,A), relation_{second}(A,Y)"
        return f"100\t10\t0.1\trelation_{head}(X,Y) <= {body}\n"
    return f"100\t10\t0.1\trelation_{head}(X,entity_{c}) <= relation_{first}(X,entity_{d})\n"
