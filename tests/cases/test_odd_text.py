"""Lines that end in CR alone, no-break spaces, and manifests of which nothing is checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pff_stream.cli.main import main
from pff_stream.files.odd_blanks import IN_RULES, IN_TRIPLES, ODD_BLANKS, looked_for
from pff_stream.notes import Notes
from pff_stream.triples.inputs import format_of
from pff_stream.triples.options import EncodeOptions

RULE, TRIPLE = "3\t2\t0.6\tq(X,Y) <= q(Y,X)", "a\tq\tb"


def run(capfd: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    """Standard output and standard error of a command."""
    capfd.readouterr()
    assert main([*map(str, arguments)]) == code
    captured = capfd.readouterr()
    return captured.out, captured.err


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("t.tsv", "a\tq\tb\rb\tq\tc\r", []),
        ("t.tsv", "a\tq\tb\rb\tq\tc", ["--columns", "s,p,o,..."]),
        ("t.txt", "a q b\rb q c\r", []),
        ("t.txt", "a,q,b\rb,q,c\r", []),
        ("t.csv", "s,p,o\ra,q,b\r", ["--format", "csv", "--columns", "s,p,o"]),
        ("train2id.txt", "1\r0 1 0\r", ["--format", "openke"]),
    ],
)
def test_carriage_returns_alone_end_no_lines_of_triples(
    name: str, text: str, options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is said what is wrong and what would do."""
    (tmp_path / name).write_bytes(text.encode())
    _, err = run(capfd, "triples", tmp_path / name, *options, code=2)
    assert f"{tmp_path / name}: found lines that end in a carriage return (CR) alone" in err


def test_carriage_returns_alone_end_no_rules(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two rules are not read as one."""
    (tmp_path / "r.tsv").write_bytes(f"{RULE}\r{RULE}\r".encode())
    assert "carriage return (CR)" in run(capfd, "compile", tmp_path / "r.tsv", "--check", code=2)[1]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", ""])
def test_one_line_may_end_as_it_likes(
    end: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where there is nothing that could be another line."""
    (tmp_path / "t.tsv").write_bytes((TRIPLE + end).encode())
    assert run(capfd, "triples", tmp_path / "t.tsv")[0] == f"{TRIPLE}\n"


def test_json_may_have_carriage_returns(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There they are blanks."""
    (tmp_path / "t.json").write_bytes(b'{"id":\r"a",\r"q": "b"}\r')
    assert run(capfd, "triples", tmp_path / "t.json")[0] == f"a\tid\ta\n{TRIPLE}\n"


BLANKS = ["\u00a0", "\u2007", "\u202f", "\u3000", "\u200b"]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize(
    "line",
    ["q(X,_Y) <= q(Y,X)", "q(X_,Y) <= q(Y,X)", "q(X,Y_) <= q(Y,X)", "q(X,Y) <= _q(Y,X)",
     "3\t2\t0.6\t_q(X,Y) <= q(Y,X)", "_q(X,Y) <= q(Y,X)", "q(X,Y)_<= q(Y,X)",
     "q(X,Y) <= q(Y,X),_q(X,X)", "q(X,Y) <= q(Y,X)_, q(X,X)"],
)  # fmt: skip
def test_odd_blanks_beside_names_of_rules_are_told(line: str, blank: str) -> None:
    """Once a line, by the byte at which it begins, in whatever place it stands."""
    text = f"{RULE}\n{line.replace('_', blank)}\r\n{RULE}\n".encode()
    notes = Notes()
    assert [*looked_for([text], IN_RULES, "r.tsv", notes)] == [text]
    [place] = notes.first(ODD_BLANKS)
    assert str(place).startswith(f"r.tsv, byte {len(RULE) + 2}: ")


@pytest.mark.parametrize("line", ["_a\tq\tb", "a_\tq\tb", "a\t_q\tb", "a\tq\tb_", "_a_\t_q_\t_b_"])
@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_odd_blanks_beside_names_of_triples_are_told(line: str, blank: str, end: str) -> None:
    """As well."""
    text = f"{TRIPLE}{end}{line.replace('_', blank)}{end}{TRIPLE}{end}".encode()
    notes = Notes()
    assert b"".join(looked_for([text], IN_TRIPLES, "t.tsv", notes)) == text
    assert notes.count(ODD_BLANKS) == 1


@pytest.mark.parametrize(
    "name", ["a\u00a0b", "\u00e9t\u00e9", "\u6f22\u5b57", "a\u200db", "\u201cq\u201d"]
)
def test_other_characters_are_nobodys_business(name: str) -> None:
    """Inside of a name such a blank may well be meant."""
    notes = Notes()
    texts = [f"{name}\t{name}\t{name}\n".encode(), f"{name}(X,{name}) <= q(X,Y)\n".encode()]
    for text, pattern in zip(texts, (IN_TRIPLES, IN_RULES), strict=True):
        assert [*looked_for([text], pattern, "t", notes)] == [text]
    assert len(notes) == 0


def test_odd_blanks_are_said_and_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By a run, of the rules as of the triples."""
    (tmp_path / "r.tsv").write_text("3\t2\t0.6\tq(X,\u00a0Y) <= q(Y,X)\n")
    (tmp_path / "t.tsv").write_text("a\tq\tb\u00a0\n")
    out = ["--out", tmp_path / "out"]
    _, err = run(capfd, "run", tmp_path / "r.tsv", tmp_path / "t.tsv", *out, code=1)
    assert "r.tsv, byte 1" in err and "t.tsv, byte 1" in err
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["notes"]["odd_blanks"]["count"] == 2


@pytest.mark.parametrize("out", [[], ["--out", "out"]])
def test_a_manifest_of_which_nothing_is_checked(
    out: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The names of the rules are told beside the nearest of a document, as for a graph."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("e", "{}"), ("a", '{"id": "a", "Speed": "5", "code": "x"}')):
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "m.yaml").write_text("tasks:\n  - bad: none.json\n  - e: e.json\n  - a: a.json\n")
    (tmp_path / "r.tsv").write_text('ok(X,Y) <= speed(X,Y)\nok(X,y) <= code(X,"x")\n')
    asked = ["run", "--manifest", "m.yaml", "--rules", "r.tsv", *out]
    _, err = run(capfd, *asked, code=4)
    assert "2 documents, and no rule makes a prediction for any: nothing was checked:" in err
    for told in (
        "in the document a",
        "relation 'speed' of the rules, nearest in the graph: 'Speed'",
        "the relation would fit but for upper and lower case",
    ):
        assert told in err
    (tmp_path / "a.json").write_text('{"id": "a", "speed": "5", "ok": "5"}')
    _, err = run(capfd, *asked, "--overwrite", code=4)
    assert "nothing was checked" not in err


@pytest.mark.parametrize("name", ["x.tsv", "x.json", "x.jsonl", "x.ndjson", "x.txt", "x", "x.csv"])
@pytest.mark.parametrize("text", [b'{"a": 1}', b"a\tq\tb\n", b"a q b\n", b"PAR1", b"[1]\t\t"])
def test_a_format_is_decided_once(name: str, text: bytes) -> None:
    """A name that tells is believed; else the beginning is looked at, by plan and encoder alike."""
    asked: list[int] = []

    def beginning() -> bytes:
        asked.append(1)
        return text

    options = EncodeOptions()
    found = format_of(name, beginning, options)
    told = name.rpartition(".")[2] in ("tsv", "json", "jsonl", "ndjson")
    assert bool(asked) is not told
    if told:
        assert found is format_of(name, lambda: b"anything", options)
