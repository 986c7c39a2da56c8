"""Whatever is skipped is counted and said: on standard error, in the summary, from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import pff_stream
from pff_stream.notes import BAD_TRIPLES, KEPT, READ_OTHERWISE, Notes
from tests.warm import main, started

CASE = Path(__file__).parent.parent / "data/cases/02-skip-is-silent"
SAID = "1 bad triple was skipped; the first:\n  g.tsv, line 2: found 4 columns"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the case, in the working folder."""
    shutil.copytree(CASE, tmp_path / "case")
    monkeypatch.chdir(tmp_path / "case")
    return tmp_path / "case"


@pytest.mark.parametrize(
    "command",
    [
        ["run", "r.tsv", "g.tsv"],
        ["encode", "g.tsv", "-o", "g.pffg"],
        ["triples", "g.tsv"],
        ["plan", "r.tsv", "g.tsv"],
    ],
)
@pytest.mark.usefixtures("folder")
def test_said_once(command: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """By every command that reads triples; not with --quiet."""
    assert main([*command, "--on-bad-triple", "skip"]) == 0
    said = capfd.readouterr()
    assert said.err.count(SAID) == 1 and "line 2" not in said.out
    if command[0] == "triples":
        assert said.out == "a\tr\tb\na\tq\tb\n"
    if command[0] == "run":
        assert main([*command, "--on-bad-triple", "skip", "--quiet"]) == 0
        assert capfd.readouterr().err == ""


def test_summary(folder: Path) -> None:
    """Count, words and places."""
    assert main(["run", "r.tsv", "g.tsv", "--on-bad-triple", "skip", "--out", "out"]) == 0
    notes = json.loads((folder / "out/summary.json").read_bytes())["notes"]
    assert notes.keys() == {"bad_triples"}
    assert notes["bad_triples"]["count"] == 1
    assert notes["bad_triples"]["first"][0]["source"] == "g.tsv"
    assert notes["bad_triples"]["first"][0]["line"] == 2


def test_manifest(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Summed over the documents, and in the summary of each."""
    (folder / "d.json").write_text('{"q": "b", "a": "me_myself_i"}')
    (folder / "m.yaml").write_text("tasks:\n  - one: d.json\n  - two: d.json\n")
    asked = ["run", "--manifest", "m.yaml", "--rules", "r.tsv", "--on-bad-triple", "skip"]
    main([*asked, "--out", "out", "--per-document"])
    said = "2 bad triples were skipped; the first:\n  one (d.json), line 1"
    assert capfd.readouterr().err.count(said) == 1
    for path, count in {"": 2, "tasks/one": 1, "tasks/two": 1}.items():
        notes = json.loads((folder / "out" / path / "summary.json").read_bytes())["notes"]
        assert notes["bad_triples"]["count"] == count
    main(asked)
    assert "2 bad triples were skipped" in capfd.readouterr().err


@pytest.mark.usefixtures("folder")
def test_python() -> None:
    """On the iterator of the outcomes."""
    outcomes = pff_stream.validate("r.tsv", "g.tsv", on_bad_triple="skip")
    assert [one.outcome.word for one in outcomes] == ["satisfied"]
    assert outcomes.notes.count(BAD_TRIPLES) == 1
    assert outcomes.notes.first(BAD_TRIPLES)[0].number == 2


def test_notes_add_up() -> None:
    """Counts are exact, places are the first, and JSON keeps them."""
    one, two = Notes(), Notes()
    for number in range(KEPT):
        one.add(BAD_TRIPLES, "a", number + 1, "found x")
    two.add(BAD_TRIPLES, "b", 1, "y" * 1000)
    two.count_more(BAD_TRIPLES, 5)
    two.add(READ_OTHERWISE, "", 0, "a sentence")
    both = Notes()
    both.merge(one)
    both.merge(two)
    assert both.count(BAD_TRIPLES) == KEPT + 6 and both.first(BAD_TRIPLES) == one.first(BAD_TRIPLES)
    assert len(two.first(BAD_TRIPLES)[0].reason) < 500
    assert Notes.from_json(json.loads(json.dumps(both.to_json()))) == both
    assert [str(note) for note in two][1] == "a sentence"


def test_what_documents_have_is_summed_over_a_manifest(tmp_path: Path) -> None:
    """Empty values and repeated keys are counted by name, not told once for each document."""
    (tmp_path / "r.tsv").write_text("q(X,Y) <= r(X,Y)\n")
    (tmp_path / "a.json").write_text('{"r": "", "r": "", "q": "b"}')
    (tmp_path / "b.json").write_text('{"r": "", "q": ""}')
    (tmp_path / "m.yaml").write_text("tasks:\n  - a: a.json\n  - b: b.json\n")
    given = ["--rules", "r.tsv", "--manifest", "m.yaml", "--out", "out", "--fail-on", "none"]
    done = started(["run", *given], folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("empty values give nothing") == 1
    notes = json.loads((tmp_path / "out" / "summary.json").read_text())["notes"]
    assert (notes["empty_values"]["count"], notes["repeated_keys"]["count"]) == (3, 1)
