"""The name of a single document in its findings: what has one, and what is compared by it."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.pipeline.compare import compare
from pff_stream.pipeline.conclude import Result
from pff_stream.pipeline.run import run
from pff_stream.settings.commands import RunSettings
from tests.pipeline.test_document_baseline import documents
from tests.warm import main

RULES = "10\t9\t0.9\tspeed(X,200) <= code(X,F200)\n10\t8\t0.8\tkind(X,fibre) <= code(X,F200)\n"
DOCUMENT = b'{"id": "p1",\n "code": "F200",\n "speed": "50"}\n'
LINES = "p1\tcode\tF200\np1\tspeed\t50\n"


def checked(folder: Path, *triples: Path | str, **options: Any) -> tuple[Result, list[Any]]:
    """A run over triples, and its findings."""
    (folder / "r.tsv").write_text(RULES)
    out = Path(options.pop("out", folder / "out"))
    settings = {"workers": 1, "start_method": "thread", "overwrite": True, "out": str(out)}
    inputs = {"rules": str(folder / "r.tsv"), "triples": tuple(map(str, triples))}
    result = run(RunSettings.of(**inputs | settings | options), Silent())
    lines = (out / "findings.jsonl").read_text().splitlines()
    return result, [json.loads(line) for line in lines]


def write_document(path: Path) -> Path:
    """The document, packed where its name says so."""
    packs: Callable[[bytes], bytes] = gzip.compress if path.suffix == ".gz" else bytes
    path.write_bytes(packs(DOCUMENT.replace(b"\n ", b" ") if ".jsonl" in path.name else DOCUMENT))
    return path


@pytest.mark.parametrize("name", ["cli-22.json", "cli-22.json.gz", "cli-22.jsonl", "cli-22"])
def test_a_file_of_documents_is_named_by_its_stem(name: str, tmp_path: Path) -> None:
    """As in a manifest that takes names from paths: the same keys, the same findings."""
    path = write_document(tmp_path / name)
    _, alone = checked(tmp_path, path)
    assert {one["document"] for one in alone} == {"cli-22"}
    (tmp_path / "m.yaml").write_text(f"tasks:\n  - msisdn: {name}\n")
    _, of_manifest = checked(tmp_path, manifest=str(tmp_path / "m.yaml"))
    assert [one["key"] for one in alone] == [one["key"] for one in of_manifest]
    assert [one["message"] for one in alone] == [one["message"] for one in of_manifest]


def test_other_graphs_have_no_name(tmp_path: Path) -> None:
    """Triples, several files, what was encoded before, and what others opened."""
    first, second = (write_document(tmp_path / name) for name in ("a.json", "b.json"))
    (tmp_path / "t.tsv").write_text(LINES)
    assert main(["encode", str(first), "-o", f"{tmp_path}/a.pffg"]) == 0
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(DOCUMENT,))
    feeder.start()
    for triples in ((tmp_path / "t.tsv",), (first, second), (tmp_path / "a.pffg",), (pipe,)):
        _, found = checked(tmp_path, *triples, floor=0.1, findings="all")
        assert [one["document"] for one in found] == ["", ""]
    feeder.join()
    with first.open("rb") as opened:
        _, found = checked(tmp_path, f"/proc/{os.getpid()}/fd/{opened.fileno()}")
    assert [one["document"] for one in found] == ["", ""]


@pytest.mark.parametrize(
    ("before", "said"), [("a.json", None), ("b.json", "'b', this one is 'a'"), ("t.tsv", None)]
)
def test_the_baseline_of_another_file_is_compared_by_triple(
    before: str, said: str | None, tmp_path: Path
) -> None:
    """Nothing is new because a file was renamed; that it was is said."""
    earlier = tmp_path / before
    earlier.write_bytes(LINES.encode() if before == "t.tsv" else DOCUMENT)
    judged = {"floor": 0.5, "findings": "all"}
    checked(tmp_path, earlier, out=tmp_path / "old", **judged)
    now = write_document(tmp_path / "a.json")
    known = str(tmp_path / "old" / "findings.jsonl")
    result, found = checked(tmp_path, now, out=tmp_path / "new", baseline=known, **judged)
    assert [one["new"] for one in found] == [False, False]
    notes = result.notes.to_json().get("other_document", {"first": []})["first"]
    assert [said in note["reason"] for note in notes] == ([True] if said else [])
    changed = compare(str(tmp_path / "old"), str(tmp_path / "new"))
    assert (changed.new.total, changed.gone.total, changed.rescored.total) == (0, 0, 0)


def test_what_changed_has_its_name_and_key(tmp_path: Path) -> None:
    """Above the last of a list that was cut, too."""
    path = write_document(tmp_path / "a.json")
    checked(tmp_path, path, out=tmp_path / "old", findings=1)
    path.write_bytes(DOCUMENT.replace(b"F200", b"F300"))
    checked(tmp_path, path, out=tmp_path / "new")
    _, found = checked(tmp_path, write_document(path), out=tmp_path / "both")
    one = compare(str(tmp_path / "new"), str(tmp_path / "both")).new.first[0]
    assert (one.key, one.document) in {(line["key"], "a") for line in found}
    changed = compare(str(tmp_path / "old"), str(tmp_path / "both"))
    assert (changed.above, changed.new.total) == (0.9, 0)


def test_findings_of_many_documents_are_no_baseline_of_one(tmp_path: Path) -> None:
    """Those of a manifest with one of them are."""
    content = {"code": "F200"}
    judged = {"floor": 0.5, "findings": "all"}
    for names in (["a"], ["a", "b"]):
        documents(tmp_path, dict.fromkeys(names, content), out=str(tmp_path / "old"), **judged)
        known = {"baseline": str(tmp_path / "old" / "findings.jsonl")} | judged
        if len(names) == 1:
            _, found = checked(tmp_path, tmp_path / "a.json", **known)
            assert [one["new"] for one in found] == [False, False]
            continue
        with pytest.raises(InputError, match="findings of the documents 'a' and 'b'"):
            checked(tmp_path, tmp_path / "a.json", **known)


def test_a_finding_is_explained_with_its_document(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By its key, from the command and from Python."""
    path = write_document(tmp_path / "a.json")
    _, found = checked(tmp_path, path)
    asked = ["--key", found[0]["key"], "--from", f"{tmp_path}/out/findings.jsonl", "--json"]
    capfd.readouterr()
    assert main(["explain", f"{tmp_path}/r.tsv", str(path), *asked]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["document"], told["triple"]) == ("a", found[0]["triple"])
    explained = pff_stream.explain(str(tmp_path / "r.tsv"), path, tuple(found[0]["triple"]))
    assert "is not in the document a" in explained.lines()[0]


def test_reports_have_the_name(tmp_path: Path) -> None:
    """They are made of what was written, which is read back."""
    reports = tuple(f"{name}={tmp_path}/{name}" for name in ("junit", "github", "sarif"))
    path = write_document(tmp_path / "cli-22.json")
    checked(tmp_path, path, report=reports)
    assert '<testsuite name="cli-22"' in (tmp_path / "junit").read_text()
    assert "::cli-22: expected 200, found 50" in (tmp_path / "github").read_text()
    with pff_stream.run(str(tmp_path / "r.tsv"), path) as result:
        assert {one.document for one in result.findings} == {"cli-22"}
