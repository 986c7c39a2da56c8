"""What OpenKE's tables of names hold is bounded before they are read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pff_stream.triples.formats.openke import ENTITIES, RELATIONS
from pff_stream.triples.inputs import held_at_most
from pff_stream.triples.options import EncodeOptions
from tests.triples.held_counted import Counted, read_counted

OPTIONS = EncodeOptions(format="openke")


@pytest.mark.parametrize("name", ["/m/{:07d}", "näme {}", "名前{}", "{} 😀" + "x" * 300, "{}"])
@pytest.mark.parametrize("packed", [False, True])
def test_bound(name: str, packed: bool, tmp_path: Path) -> None:
    """Never below what is held, and not far above where names are ordinary."""
    n = 5000
    names = "".join(f"{name.format(i)}\t{i}\n" for i in range(n))
    data = f"{n}\n{names}".encode()
    (tmp_path / ENTITIES).write_bytes(gzip.compress(data) if packed else data)
    (tmp_path / RELATIONS).write_text("1\nr\t0\n")
    path = tmp_path / "train2id.txt"
    path.write_text("1\n0 1 0\n")
    counted = Counted()
    assert sum(map(len, read_counted([str(path)], OPTIONS, counted))) > 0
    bound = held_at_most(str(path), OPTIONS)
    assert counted.most <= bound
    if name.isascii():
        assert bound < 1.5 * counted.most


def test_no_tables(tmp_path: Path) -> None:
    """Numbers that name themselves hold nothing."""
    path = tmp_path / "train2id.txt"
    path.write_text("1\n0 1 0\n")
    assert held_at_most(str(path), OPTIONS) == 0
