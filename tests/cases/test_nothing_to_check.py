"""Rules without a rule and graphs without a triple are malformed, wherever they come from."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pff_stream
from pff_stream.errors import InputError
from pff_stream.inputs import open_rules
from pff_stream.rules._writer import RuleFileWriter
from pff_stream.rules.share import CompileShare
from pff_stream.settings.models import COMPILE_BYTES, InputOptions
from pff_stream.triples.encode import encode
from pff_stream.triples.store import GraphStore
from tests.warm import main

CASE = Path(__file__).parent.parent / "data/cases/03-nothing-was-checked"
RULE = "q(X,Y) <= r(X,Y)"
TRIPLES = [("a", "r", "b"), ("a", "q", "b")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the case, in the working folder."""
    shutil.copytree(CASE, tmp_path / "case")
    monkeypatch.chdir(tmp_path / "case")
    return tmp_path / "case"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["run", "none", "g.tsv"], "found no rule"),
        (["run", "none", "g.tsv", "--fail-on", "none"], "found no rule"),
        (["run", "none", "g.tsv", "--on-bad-rule", "skip"], "found no rule"),
        (["run", "--rules", "none", "--manifest", "m.yaml"], "found no rule"),
        (["plan", "none", "g.tsv"], "found no rule"),
        (["compile", "none", "-o", "made"], "found no rule"),
        (["compile", "none", "--check"], "found no rule"),
        (["explain", "none", "g.tsv", "--triple", "a", "r", "b"], "found no rule"),
        (["run", "r2.tsv", "none"], "found no triple"),
        (["run", "r2.tsv", "none", "--fail-on", "none"], "found no triple"),
        (["plan", "r2.tsv", "none"], "found no triple"),
        (["encode", "none", "-o", "made"], "found no triple"),
        (["explain", "r2.tsv", "none", "--triple", "a", "r", "b"], "found no triple"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_exit_code_2(
    command: list[str], said: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By every command, whatever is to fail; nothing is made."""
    (folder / "none").write_bytes(b"")
    (folder / "m.yaml").write_text("tasks:\n- g: g.tsv\n")
    assert main(command) == 2
    found = capfd.readouterr()
    assert f"none: {said}" in found.err and found.out == ""
    assert not (folder / "made").exists()


@pytest.mark.parametrize("text", ["", "\n", "# 1\n# 2\n", "\ufeff", "\r\n \r\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_whatever_is_empty(
    text: str,
    pack: Callable[[bytes], bytes],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """However it is packed."""
    (folder / "none").write_bytes(pack(text.encode()))
    assert main(["compile", "none", "-o", "made"]) == 2
    assert "none: found no rule" in capfd.readouterr().err
    assert main(["encode", "none", "-o", "made", "--format", "tsv"]) == 2
    assert "none: found no triple" in capfd.readouterr().err
    assert not (folder / "made").exists()


@pytest.mark.parametrize("name", ["empty.tsv", "none.jsonl", "none.json"])
@pytest.mark.parametrize("content", ["", "{}", "[]", '{"a": null, "b": ""}', "[{}, {}]"])
def test_documents_that_say_nothing(
    name: str, content: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are graphs without a triple."""
    (folder / name).write_text(content)
    assert main(["run", "r2.tsv", name]) == 2
    said = capfd.readouterr().err
    assert name in said and ("found no triple" in said or not content or name[-3:] == "tsv")


@pytest.mark.parametrize("arguments", [["-", "g.tsv"], ["r2.tsv", "-"]])
def test_standard_input(arguments: list[str], folder: Path) -> None:
    """A command that failed leaves nothing in the pipe."""
    given = [sys.executable, "-m", "pff_stream", "run", *arguments]
    found = subprocess.run(given, input=b"", capture_output=True, cwd=folder)
    assert found.returncode == 2
    assert b"standard input: found no" in found.stderr


def test_what_was_there_instead(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Skipped lines are counted, and the first are named."""
    (folder / "bad.tsv").write_text("a\tb\n\n#\n# b\nc\n")
    assert main(["run", "r2.tsv", "bad.tsv", "--on-bad-triple", "skip"]) == 2
    said = capfd.readouterr().err
    assert "bad.tsv: found no triple, only 1 blank line, 2 comments, 2 bad triples" in said
    assert "bad.tsv, line 1: found 2 columns" in said


def test_compiled_and_encoded(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Files that were made before, or otherwise, too."""
    with GraphStore.at_path("none.pffg") as store:
        encode("empty.tsv", store)
        store.seal()
    for command in (["run", "r2.tsv"], ["plan", "r2.tsv"], ["compile", "r2.tsv", "-o", "made"]):
        graph = ["--graph"] * (command[0] == "compile") + ["none.pffg"]
        assert main([*command, *graph]) == 2
        assert "none.pffg: found no triple" in capfd.readouterr().err
    with (folder / "none.pffr").open("w+b") as file:
        writer = RuleFileWriter(file, io.BytesIO, "anyburl")
        writer.start("object-identity", "none", bytes(16), {})
        names = ("rules", "rejected", "unsettled", "ambiguous", "bodies", "filters")
        writer.finish(dict.fromkeys((*names, "max_body_atoms"), 0))
        writer.close()
    share = CompileShare(COMPILE_BYTES, 0)
    with (
        pytest.raises(InputError, match=r"none\.pffr: found no rule"),
        open_rules("none.pffr", InputOptions(), str(folder), share),
    ):
        pass


@pytest.mark.parametrize("ordered", [True, False])
def test_from_python(ordered: bool) -> None:
    """What is given as objects."""
    for rules, triples, said in [([], TRIPLES, "no rule"), ([RULE], [], "no triple")]:
        with pytest.raises(InputError, match=f"found {said}"):
            list(pff_stream.validate(rules, triples, ordered=ordered))
