"""Source chunks that several workers read: each has all of them, and one checks them for all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pff_stream.errors import InputError
from pff_stream.rules.file import RuleFile
from pff_stream.work.shared_chunks import SharedChunks, left
from tests.rules.compiled import compiled_bytes

N = 20_000


def texts(file: SharedChunks, first: int, stop: int) -> list[bytes]:
    """Those of the chunks that have these rules."""
    return [chunk.text(at) for chunk in file.of(first, stop) for at in range(len(chunk))]


def test_each_has_all_and_one_checks(tmp_path: Path) -> None:
    """A chunk that nobody has checked is refused where it was altered."""
    path = tmp_path / "rules.pffr"
    path.write_bytes(compiled_bytes(b"".join(b"r(X,e%d) <= q(X,A)\n" % at for at in range(N))))
    with RuleFile(path) as file:
        ends = np.add.accumulate(file.source_chunks["rules"]).tolist()
    checks = np.zeros(len(ends), np.uint64)
    with SharedChunks(str(path), checks) as one, SharedChunks(str(path), checks) as other:
        everything = texts(one, 0, ends[-2])
        assert everything == texts(other, 0, 1) + texts(other, ends[0], ends[-2])
        assert len(everything) == ends[-2] and left(checks) == [len(ends) - 1]
        path.write_bytes(
            path.read_bytes().replace(b"r(X,e%d) <=" % (N - 1), b"r(X,f%d) <=" % (N - 1))
        )
        with pytest.raises(InputError, match="checksum"):
            texts(one, ends[-2], N)
        assert left(checks) == [len(ends) - 1], "who has begun it may be dead"
        assert len(texts(other, ends[-2], N)) == N - ends[-2]
