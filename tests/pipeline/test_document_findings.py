"""Findings of the documents of a manifest: all that were planted, none else, in one file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pff_stream.report.message import key_of
from tests.findings.planted import N_DOCUMENTS, N_ERRORS, Planted, PlantedDocuments
from tests.findings.test_planted_places import planted
from tests.test_end_to_end import environment
from tests.warm import run

SOME = 300


def written(folder: Path, documents: PlantedDocuments) -> list[object]:
    """The documents, their manifest and their rules, as options."""
    lines = ["tasks:"]
    for stem, text in documents.texts.items():
        (folder / f"{stem}.json").write_bytes(text.encode())
        lines.append(f"  - msisdn: {stem}.json")
    (folder / "m.yaml").write_text("\n".join(lines) + "\n")
    (folder / "rules.tsv").write_text(documents.rule_lines())
    return ["--manifest", folder / "m.yaml", "--rules", folder / "rules.tsv"]


def found(out: Path) -> list[dict[str, Any]]:
    """The findings of all documents."""
    return [json.loads(line) for line in (out / "findings.jsonl").read_text().splitlines()]


def expected(error: Planted) -> dict[str, Any]:
    """What is told of an error."""
    file = f"{error.document}.json"
    because = {"line": error.witness_line, "pointer": error.witness_pointer}
    return {
        "key": key_of(error.document, error.triple),
        "document": error.document,
        "triple": list(error.triple),
        "kind": error.kind,
        "objects": sorted(error.found)[:3],
        "where": {"file": file, "line": error.line, "pointer": error.pointer},
        "reasons_total": 1,
        "rule": error.rule,
        "witness": [list(error.witness)],
        "because": [because],
    }


def told(finding: dict[str, Any]) -> dict[str, Any]:
    """The same of a finding that was written."""
    (reason,) = finding["reasons"]
    names = ("key", "document", "triple", "kind", "where", "reasons_total")
    return {name: finding[name] for name in names} | {
        "objects": finding["found"]["objects"],
        "rule": reason["rule"],
        "witness": reason["witness"],
        "because": reason["where"],
    }


def check(out: Path, documents: PlantedDocuments) -> None:
    """All errors are found, in the order of the manifest, and nothing else."""
    errors = [documents.errors[stem] for stem in documents.texts if stem in documents.errors]
    assert [told(one) for one in found(out)] == [expected(error) for error in errors]
    lines = [json.loads(line) for line in (out / "documents.jsonl").read_text().splitlines()]
    assert [one["document"] for one in lines] == list(documents.texts)
    best = {one["document"]: one["findings"]["best"] for one in lines}
    for one in found(out):
        told_best = {name: one[name] for name in ("key", "triple", "score", "message")}
        assert best.pop(one["document"]) == told_best
    assert set(best.values()) <= {None}


def test_all_planted_errors_are_found(tmp_path: Path) -> None:
    """156 in 3,000 documents, each with its pointer and line."""
    documents = planted()
    assert (len(documents.texts), len(documents.errors)) == (N_DOCUMENTS, N_ERRORS)
    options = written(tmp_path, documents)
    run("run", *options, "--out", tmp_path / "out", "--workers", 2, check=1)
    check(tmp_path / "out", documents)


def test_the_same_by_table_and_by_results(tmp_path: Path) -> None:
    """However they are made, with however many workers: the same bytes."""
    documents = planted(SOME, 16)
    options = written(tmp_path, documents)
    ways: dict[str, tuple[object, ...]] = {
        "table": ("--workers", 1),
        "results": ("--workers", 3, "--max-work", 10**12),
        "folders": ("--workers", 2, "--per-document"),
        "threads": ("--workers", 2, "--start-method", "thread"),
    }
    for name, way in ways.items():
        run("run", *options, "--out", tmp_path / name, *way, check=1)
        check(tmp_path / name, documents)
    texts = {(tmp_path / name / "findings.jsonl").read_bytes() for name in ways}
    assert len(texts) == 1


def test_each_document_alone(tmp_path: Path) -> None:
    """A run over one of them finds the same, but for its name and its key."""
    documents = planted(SOME, 16)
    options = written(tmp_path, documents)
    run("run", *options, "--out", tmp_path / "all", check=1)
    for of_all in found(tmp_path / "all")[:3]:
        out = tmp_path / "alone"
        path = tmp_path / f"{of_all['document']}.json"
        run("run", tmp_path / "rules.tsv", path, "--out", out, "--overwrite", check=1)
        (alone,) = found(out)
        assert alone["where"].pop("file") == str(path)
        assert of_all["where"].pop("file") == path.name
        for name in ("key", "document"):
            del alone[name], of_all[name]
        assert alone == of_all


def test_killed_and_resumed(tmp_path: Path) -> None:
    """Whatever was done when it was killed, the same bytes come out."""
    documents = planted(SOME, 16)
    options = written(tmp_path, documents)
    run("run", *options, "--out", tmp_path / "whole", check=1)
    out = tmp_path / "killed"
    command = ["run", *options, "--out", out, "--workers", 1]
    process = subprocess.Popen(
        [sys.executable, "-m", "pff_stream", *map(str, command)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not (out / ".unfinished" / "settings.json").exists():
        time.sleep(0.01)
    time.sleep(0.3)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run("run", "--resume", out, check=1)
    for name in ("findings.jsonl", "documents.jsonl", "metrics.tsv"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
