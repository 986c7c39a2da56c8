"""Findings of many documents on the terminal, judged by their score, and against an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, UsageError
from pff_stream.observer import Silent
from pff_stream.pipeline.conclude import Result
from pff_stream.pipeline.run import run
from pff_stream.report.terminal import finding_lines
from pff_stream.settings.commands import RunSettings

RULES = "10\t9\t0.9\tspeed(X,200) <= code(X,F200)\n10\t8\t0.8\tkind(X,fibre) <= code(X,F200)\n"
FLAWED, SOUND = {"code": "F200", "speed": "50", "kind": "fibre"}, {"code": "F200"}


def documents(folder: Path, contents: dict[str, dict[str, str]], **options: Any) -> Result:
    """A run over documents by name."""
    lines = ["tasks:"]
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps({"id": name} | content))
        lines.append(f"  - {name}: {name}.json")
    (folder / "m.yaml").write_text("\n".join(lines) + "\n")
    (folder / "r.tsv").write_text(options.pop("text", RULES))
    settings = {"workers": 1, "start_method": "thread", "overwrite": True} | options
    paths = {"rules": str(folder / "r.tsv"), "manifest": str(folder / "m.yaml")}
    return run(RunSettings.of(**paths, **settings), Silent())


def new(out: Path) -> dict[tuple[str, str], bool | None]:
    """Document and relation to whether the finding is new."""
    lines = (out / "findings.jsonl").read_text().splitlines()
    found = map(json.loads, lines)
    return {(one["document"], one["triple"][1]): one.get("new") for one in found}


def shown(result: Result, width: int = 80) -> str:
    """What the terminal has of the findings."""
    assert result.findings is not None
    return "\n".join(
        "".join(span.text for span in line) for line in finding_lines(result.findings, width)
    )


def test_the_best_of_all_documents_are_shown(tmp_path: Path) -> None:
    """Without a folder, the best first, whichever document they are of."""
    contents = {f"d{n}": {"code": "F200", "speed": "200"} for n in range(30)} | {"last": FLAWED}
    result = documents(tmp_path, contents)
    text = shown(result).splitlines()
    assert text[:2] == ["last.json:1  /speed", "  expected 200, found 50"]
    assert text[5].startswith("d0.json:1")
    assert text[-1] == "the first 20 of all 31 findings; 30 absent, 1 in conflict."
    kept = documents(tmp_path, contents, out=str(tmp_path / "out"))
    assert shown(kept) == shown(result)


@pytest.mark.parametrize(("condition", "code"), [("score>=0.9", 1), ("score>=0.91", 0)])
@pytest.mark.parametrize("out", [None, "out"])
def test_the_best_score_is_judged(
    condition: str, code: int, out: str | None, tmp_path: Path
) -> None:
    """With a folder and without one."""
    folder = None if out is None else str(tmp_path / out)
    result = documents(tmp_path, {"a": SOUND, "b": FLAWED}, fail_on=condition, out=folder)
    assert result.exit_code == code


def test_scores_are_not_judged_where_nobody_looks(tmp_path: Path) -> None:
    """As for a graph."""
    with pytest.raises(UsageError, match="looks for no findings"):
        documents(tmp_path, {"a": SOUND}, fail_on="score>=0.5", findings=0)


@pytest.mark.parametrize("way", [{}, {"max_work": 10**9}, {"per_document": True}])
def test_new_fixed_and_no_longer_predicted(way: dict[str, Any], tmp_path: Path) -> None:
    """Each document is compared with what it was, whatever the order of the documents."""
    before = {"a": FLAWED, "b": SOUND, "gone": SOUND, "same": FLAWED, "c": FLAWED}
    documents(tmp_path, before, out=str(tmp_path / "old"), findings="all", floor=0.5)
    assert set(new(tmp_path / "old").values()) == {None}
    after = {
        "same": FLAWED,
        "new": SOUND,
        "b": SOUND | {"speed": "50"},
        "a": FLAWED | {"speed": "200"},
        "c": {"speed": "50"},
    }
    more = {"baseline": str(tmp_path / "old" / "findings.jsonl"), "floor": 0.7}
    result = documents(tmp_path, after, out=str(tmp_path / "now"), fail_on="new>1", **more, **way)
    assert new(tmp_path / "now") == {
        ("same", "speed"): False,
        ("new", "speed"): True,
        ("new", "kind"): True,
        ("b", "speed"): False,
        ("b", "kind"): False,
    }
    summary = json.loads((tmp_path / "now" / "summary.json").read_text())
    found = summary["findings"]
    # Of a: fixed. Of c, and both of the document that is gone: no longer predicted.
    assert (found["new"], found["fixed"], found["no_longer_predicted"]) == (2, 1, 3)
    assert summary["notes"]["absent_documents"]["count"] == 1
    assert (result.exit_code, result.reason) == (1, "2 new (--fail-on new>1)")
    assert "2 new; of the baseline 1 fixed, 3 no longer predicted." in shown(result)
    listed = (tmp_path / "now" / "documents.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in listed]
    by_name = {line["document"]: line["findings"] for line in lines}
    assert (by_name["a"]["new"], by_name["a"]["fixed"]) == (0, 1)
    alone = documents(tmp_path, after, **more, **(way if "max_work" in way else {}))
    assert shown(alone) == shown(result)


def test_nothing_known_of_any(tmp_path: Path) -> None:
    """An earlier run without findings."""
    (tmp_path / "none.jsonl").write_text("")
    result = documents(tmp_path, {"a": SOUND}, baseline=str(tmp_path / "none.jsonl"), floor=0.5)
    assert result.findings is not None
    assert result.findings.new == 2


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    """Names that come twice, in the manifest and before, and findings of one graph."""
    contents, out, known = {"a": SOUND}, str(tmp_path / "old"), tmp_path / "b.jsonl"
    documents(tmp_path, contents, out=out, findings="all", floor=0.5)
    line = (tmp_path / "old" / "findings.jsonl").read_text().splitlines()[0]
    other = json.dumps(json.loads(line) | {"document": "b"})
    for text, error in (
        (f"{line}\n{other}\n{line}\n", "document 'a' in two places"),
        (json.dumps(json.loads(line) | {"document": ""}) + "\n", "findings of one graph"),
    ):
        known.write_text(text)
        with pytest.raises(InputError, match=error):
            documents(tmp_path, contents, baseline=str(known), floor=0.5)
    known.write_text(f"{line}\n")
    (tmp_path / "m.yaml").write_text("tasks:\n  - a: a.json\n  - a: a.json\n")
    settings = RunSettings.of(
        rules=str(tmp_path / "r.tsv"),
        manifest=str(tmp_path / "m.yaml"),
        baseline=str(known),
        floor=0.5,
    )
    with pytest.raises(UsageError, match="the name a more than once"):
        run(settings, Silent())


@pytest.mark.parametrize("way", [{}, {"max_work": 10**9}])
def test_rules_without_a_value_are_counted(way: dict[str, Any], tmp_path: Path) -> None:
    """Over all documents, each rule once a document."""
    text = RULES + "1\t1\t7\tspeed(X,300) <= code(X,F200)\n"
    result = documents(tmp_path, {"a": SOUND, "b": SOUND}, text=text, confidence="miner", **way)
    assert result.findings is not None
    assert result.findings.without_value == 2
    assert "2 rules without a confidence from 0 to 1" in shown(result)


def test_confidence_of_documents_is_warned_of(tmp_path: Path) -> None:
    """Where it is counted, asked for or not; the miner's says nothing."""
    notes = documents(tmp_path, {"a": FLAWED}).notes
    assert "ranked_by" not in notes.to_json()
    for options in ({"confidence": "partial"}, {"text": "7\t7\t7\tspeed(X,200) <= code(X,F200)\n"}):
        told = documents(tmp_path, {"a": FLAWED}, **options).notes.to_json()["ranked_by"]["first"]
        assert "is counted on each document alone" in told[-1]["reason"]
        assert len(told) == 1
    alone = RunSettings.of(
        rules=str(tmp_path / "r.tsv"), triples=(str(tmp_path / "a.json"),), confidence="exact"
    )
    assert "ranked_by" in run(alone, Silent()).notes.to_json()
