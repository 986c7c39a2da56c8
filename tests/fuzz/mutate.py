"""A seeded mutator for where no coverage-guided fuzzer can be had: bytes, words and splices."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

MAX_BYTES = 4096


def mutated(random: Random, corpus: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One entry of the corpus, changed in a few places."""
    data = bytearray(random.choice(corpus))
    for _ in range(1 + int(random.expovariate(0.7))):
        _change(random, data, corpus, words)
    return bytes(data[:MAX_BYTES])


def _change(
    random: Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]
) -> None:
    at = random.randint(0, len(data))
    stop = min(len(data), at + 1 + int(random.expovariate(0.2)))
    kind = random.randrange(9)
    if kind == 0:
        data[at:at] = random.randbytes(random.randint(1, 8))
    elif kind == 1 and at < len(data):
        data[at] ^= 1 << random.randrange(8)
    elif kind == 2 and at < len(data):
        data[at] = random.randrange(256)
    elif kind == 3:
        del data[at:stop]
    elif kind == 4:
        data[at:at] = data[at:stop] * random.randint(1, 4)
    elif kind == 5:
        other = random.choice(corpus)
        begin = random.randint(0, len(other))
        data[at:stop] = other[begin : begin + random.randint(0, 40)]
    elif words:
        data[at : at if kind == 6 else stop] = random.choice(words)
