"""The texts of a finished run, found again: only what is as it was, wherever the report is made."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from pff_stream.pipeline.sources import SourcesOfRun
from pff_stream.report.read_back import FinishedRun
from pff_stream.report.source import MOST_DOCUMENT_BYTES, Source
from tests.warm import started

RULES = "2\t1\t0.5\tknows(X,Y) <= likes(X,Y)\n"
DOCUMENT = '{\n "id": "bob",\n "likes": [\n  "cy",\n  "dan"\n ]\n}\n'


def command(folder: Path, *words: str, code: int = 1) -> None:
    """Runs it in this folder."""
    done = started(list(words), folder=folder)
    assert done.returncode == code, done.stderr


def sources_of(out: Path) -> list[Source]:
    """The source of each document, by its findings."""
    run = FinishedRun.of_folder(str(out))
    sources = SourcesOfRun(run.summary)
    found = []
    for results in run.documents():
        marks = list(results.findings())
        found.append(sources.of(results.document(), marks))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules, a document, lines, and a manifest of both."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.json").write_text(DOCUMENT)
    (tmp_path / "d" / "b.tsv.gz").write_bytes(gzip.compress(b"ana\tlikes\tbob\n"))
    (tmp_path / "m.yaml").write_text("tasks:\n- a: d/a.json\n- b: d/b.tsv.gz\n- none: d/gone\n")
    return tmp_path


def test_of_a_graph(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found from any folder; not shown where a line was moved, a name changed, or it is gone."""
    command(folder, "run", "rules.tsv", "d/a.json", "--out", "r")
    path = folder / "d" / "a.json"
    for where in (folder, folder / "d"):
        monkeypatch.chdir(where)
        (source,) = sources_of(folder / "r")
        assert source.why_not == ""
        ((name, found),) = source.files.items()
        assert (name, found) == ("d/a.json", str(path))
        assert b"".join(source.read(found)) == DOCUMENT.encode()
    for changed in ("\n" + DOCUMENT, DOCUMENT.replace("cy", "cyd"), DOCUMENT[:20], ""):
        path.write_text(changed)
        (source,) = sources_of(folder / "r")
        assert source.why_not == "source changed"
    path.write_text(DOCUMENT + "\n" * MOST_DOCUMENT_BYTES)
    assert [one.why_not for one in sources_of(folder / "r")] == ["its text is over 2.0 MiB"]
    path.unlink()
    assert [one.why_not for one in sources_of(folder / "r")] == ["source not found"]


@pytest.mark.thorough
def test_of_a_manifest(folder: Path) -> None:
    """Each document by itself, packed ones as their text; beside the manifest, wherever that is."""
    command(folder, "run", "--manifest", "m.yaml", "--rules", "rules.tsv", "--out", "r", code=4)
    a, b, failed = sources_of(folder / "r")
    assert [*a.files] == ["d/a.json"] and [*b.files] == ["d/b.tsv.gz"]
    assert b"".join(b.read(b.files["d/b.tsv.gz"])) == b"ana\tlikes\tbob\n"
    assert failed.why_not == "it is not known where the text is"
    shutil.copy(folder / "d" / "b.tsv.gz", folder / "d" / "a.json")
    a, b, _ = sources_of(folder / "r")
    assert (a.why_not, b.why_not) == ("source changed", "")


@pytest.mark.thorough
def test_of_what_cannot_be_read_again(folder: Path) -> None:
    """An encoded graph tells no places; of several files each is shown by its own name."""
    command(folder, "encode", "d/a.json", "-o", "g.pffg", code=0)
    command(folder, "run", "rules.tsv", "g.pffg", "--out", "r")
    assert [one.why_not for one in sources_of(folder / "r")] == [
        "it is not known where the text is"
    ]
    (folder / "c.tsv").write_text("ana\tlikes\tbob\n")
    command(folder, "run", "rules.tsv", "c.tsv", "d/b.tsv.gz", "d/a.json", "--out", "s")
    (source,) = sources_of(folder / "s")
    assert source.why_not == "" and set(source.files) == {"c.tsv", "d/a.json"}
