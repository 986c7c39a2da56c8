"""Folders of PyKEEN and OpenKE: numbers become the names that stand beside them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pff_stream.errors import InputError
from pff_stream.settings.models import Inputs
from pff_stream.triples.inputs import checked_lines, held_at_most
from pff_stream.triples.options import EncodeOptions
from tests.triples.held_counted import Counted, read_counted

TRIPLES = "head\trelation\ttail\n0\t1\t2\n2\t0\t0\n"
# As pandas writes labels with tabs, quotes and newlines; the numbers need not be in order.
ENTITIES = 'id\tlabel\n0\tanne\n2\t"say ""hi"""\n1\t b\n'
RELATIONS = "id\tlabel\n0\tknows\n1\tloves\n"
NAMED = ['anne\tloves\tsay "hi"', 'say "hi"\tknows\tanne']


def lines(path: Path, name: str = "auto") -> list[str]:
    """The triples of a path."""
    text = b"".join(checked_lines([str(path)], EncodeOptions(format=name))).decode()
    return text.removesuffix("\n").split("\n")


def pykeen(folder: Path, entities: str | None = ENTITIES, triples: str = TRIPLES) -> Path:
    """A folder as `to_path_binary` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"numeric_triples": triples, "entity_to_id": entities, "relation_to_id": RELATIONS}
    for name, text in tables.items():
        if text is not None:
            (folder / f"{name}.tsv.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def test_a_folder_of_pykeen(tmp_path: Path) -> None:
    """The folder, the file in it, and the folder of a whole pipeline."""
    folder = pykeen(tmp_path / "model" / "training_triples")
    assert lines(folder) == lines(folder / "numeric_triples.tsv.gz") == NAMED
    assert lines(tmp_path / "model") == NAMED
    assert Inputs(triples=(str(folder),)).triples == (str(folder / "numeric_triples.tsv.gz"),)
    (folder / "other.tsv").write_text(TRIPLES, encoding="utf-8")
    assert lines(folder / "other.tsv", "pykeen") == NAMED


def test_without_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Numbers are names, which is said."""
    assert lines(pykeen(tmp_path, entities=None))[0] == "0\tloves\t2"
    assert "no entity_to_id.tsv.gz beside it: numbers name the entities" in caplog.text


@pytest.mark.parametrize(
    ("entities", "triples", "said"),
    [
        (ENTITIES, "0\t1\t2\n", "line 1: found .*expected the names of columns head"),
        (ENTITIES, TRIPLES + "5\t1\t2\n", "line 4: found .*expected numbers of entity_to_id"),
        (ENTITIES, TRIPLES + "a\t1\t2\n", "line 4: found"),
        (ENTITIES, TRIPLES + "1\t2\n", "line 4: .*expected three numbers"),
        ("number\tname\n", TRIPLES, "entity_to_id.tsv.gz, line 1: .*columns id and label"),
        ("id\tlabel\n0\n", TRIPLES, "entity_to_id.tsv.gz, line 2: .*a number and a label"),
        ("id\tlabel\n0\ta\n0\tb\n", TRIPLES, "line 3: found the number 0 twice"),
        ('id\tlabel\n0\t"a\tb"\n2\tc\n', TRIPLES, "without tab"),
    ],
)
def test_what_is_wrong(tmp_path: Path, entities: str, triples: str, said: str) -> None:
    """File, line, what was found and expected."""
    with pytest.raises(InputError, match=said):
        lines(pykeen(tmp_path, entities, triples))


def test_labels_are_planned(tmp_path: Path) -> None:
    """What they hold is bounded before they are read."""
    labels = "id\tlabel\n" + "".join(f"{i}\tentity {i}\n" for i in range(5000))
    path = pykeen(tmp_path, labels) / "numeric_triples.tsv.gz"
    counted = Counted()
    assert sum(map(len, read_counted([str(path)], EncodeOptions(), counted))) > 0
    assert 5000 * 100 < counted.most <= held_at_most(str(path), EncodeOptions())


def test_a_folder_of_openke(tmp_path: Path) -> None:
    """Read where both tables of names are there; alone it is no folder of triples."""
    (tmp_path / "train2id.txt").write_text("1\n0 1 0\n", encoding="utf-8")
    (tmp_path / "entity2id.txt").write_text("2\nanne\t0\nbob\t1\n", encoding="utf-8")
    with pytest.raises(InputError):
        lines(tmp_path)
    (tmp_path / "relation2id.txt").write_text("1\nknows\t0\n", encoding="utf-8")
    assert lines(tmp_path) == lines(tmp_path / "train2id.txt") == ["anne\tknows\tbob"]
    with pytest.raises(InputError, match="directory"):
        lines(tmp_path.parent)
