"""Labels of ids: read within bounds, and shown beside ids, never in place of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.report.labels import labelled, read_labels
from tests.warm import run


def test_only_wanted_labels_are_kept(tmp_path: Path) -> None:
    """The first of an id; a label may have tabs; a file may be packed."""
    path = tmp_path / "names.tsv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"/m/{number}\tname {number}\n" for number in range(50_000))
        file.write("\n/m/7\tanother\n/m/x\tin\ttwo\n/m/empty\t\n")
    wanted = {"/m/7", "/m/x", "/m/empty", "/m/none"}
    found = read_labels(str(path), wanted)
    assert found == {"/m/7": "name 7", "/m/x": "in\ttwo"}
    assert labelled("/m/7", found) == "/m/7 (name 7)"
    assert labelled("/m/none", found) == "/m/none"


@pytest.mark.parametrize("text", ["no tab\n", "a\tb\n\tlabel\n", "a\tb\n\xff\tc\n"])
def test_other_files(tmp_path: Path, text: str) -> None:
    """The line that is wrong is named."""
    path = tmp_path / "names.tsv"
    path.write_bytes(text.encode("latin-1"))
    line = text.count("\n")
    with pytest.raises(InputError, match=f"names.tsv:{line}: found .* expected"):
        read_labels(str(path))


def test_terminal(tmp_path: Path) -> None:
    """Beside ids in the list of findings; a wrong file ends a run before it begins."""
    (tmp_path / "rules.tsv").write_text("4\t3\t0.75\tlikes(X,Y) <= knows(X,Y)\n")
    (tmp_path / "graph.tsv").write_text("/m/1\tknows\t/m/2\n/m/1\tlikes\t/m/3\n")
    (tmp_path / "names.tsv").write_text("/m/1\tAna\n/m/3\tTea\nlikes\tdoes like\n")
    inputs = (tmp_path / "rules.tsv", tmp_path / "graph.tsv")
    said = run("run", *inputs, "--names", tmp_path / "names.tsv", check=1)
    assert "/m/1 (Ana)" in said
    assert "likes (does like)" in said
    assert "/m/3 (Tea)" in said
    assert "/m/2 (" not in said
    assert "none.tsv" in run("run", *inputs, "--names", tmp_path / "none.tsv", check=2)
    (tmp_path / "names.tsv").write_text("bad\n")
    wrong = run("run", *inputs, "--names", tmp_path / "names.tsv", check=2)
    assert "names.tsv:1: found 'bad', expected an id, a tab and a label" in wrong
