"""JSON documents that took far more than their bytes: what a run holds is what its plan says."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.measured import MIB, SLACK_BYTES, held_bytes, measured
from tests.hostile.starting import COMMAND, started

RULE = "0\t0\t0\tr(X,Y) <= s(X,Y)\n"
N_BYTES = 6 * MIB


def array_of(item: bytes) -> bytes:
    """A document with an array of the same over and over."""
    return b'{"id":"d","a":[' + b",".join([item] * (N_BYTES // (len(item) + 1))) + b"]}"


def text_of(text: bytes) -> bytes:
    """A document with one long text."""
    return b'{"id":"d","a":"' + text + b'"}'


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "empty arrays": lambda: array_of(b"[]"),
    "empty objects": lambda: array_of(b"{}"),
    "arrays in an array": lambda: array_of(b"[1]"),
    "words": lambda: array_of(b"true"),
    "a character outside the first plane": lambda: text_of(b"x" * N_BYTES + "\U0001f600".encode()),
    "a long text": lambda: text_of(b"x" * 3 * N_BYTES),
    "escapes": lambda: text_of(b"\\n" * (N_BYTES // 2)),
    "escapes of four digits": lambda: text_of(b"\\u0041" * (N_BYTES // 6)),
    "many keys": lambda: json.dumps({str(n): n for n in range(N_BYTES // 20)}).encode(),
    "some keys": lambda: json.dumps({str(n): n for n in range(N_BYTES // 80)}).encode(),
    "many nameless children": lambda: (
        b'{"id":"d","c":[' + b",".join(b'{"a":%d}' % n for n in range(N_BYTES // 16)) + b"]}"
    ),
}
"""Large, and made when a test needs them: each run in this process measures all of it."""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A rule that nothing of them matches."""
    path = tmp_path / "r.tsv"
    path.write_text(RULE)
    return path


USUAL = [("empty arrays", False), ("escapes", False), ("some keys", True), ("a long text", True)]


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "packed"), USUAL)
def test_a_run_holds_its_plan(rules: Path, tmp_path: Path, kind: str, packed: bool) -> None:
    """As it says itself, and no more; and under a budget it holds that, or is refused."""
    check_plan(rules, tmp_path, kind, packed)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_run_holds_its_plan(rules: Path, tmp_path: Path, kind: str, packed: bool) -> None:
    """Each of the documents, packed or not."""
    check_plan(rules, tmp_path, kind, packed)


def check_plan(rules: Path, tmp_path: Path, kind: str, packed: bool) -> None:
    """Plans a document, and runs over it without a budget and with two."""
    data = DOCUMENTS[kind]()
    path = tmp_path / ("d.json.gz" if packed else "d.json")
    path.write_bytes(gzip.compress(data) if packed else data)
    done = started(["plan", str(rules), str(path), "--json"], command=COMMAND)
    planned = json.loads(done.stdout)["peak_bytes"]
    peak = measured(["run", rules, path])
    assert peak.exit_code == 0, peak.output
    assert held_bytes(peak) <= planned + SLACK_BYTES
    for budget in (planned - 8 * MIB, 48 * MIB):
        peak = measured(["run", rules, path, "--budget", str(budget)])
        assert peak.exit_code in (0, 3), peak.output
        assert held_bytes(peak) <= budget + SLACK_BYTES


@pytest.mark.parametrize("fence", ["auto", "none"])
def test_a_bomb_in_a_manifest(rules: Path, tmp_path: Path, fence: str) -> None:
    """It fails by itself, within the budget; the sound one beside it is evaluated."""
    (tmp_path / "a.json").write_text('{"id":"a","s":"b"}')
    (tmp_path / "bomb.json.gz").write_bytes(gzip.compress(text_of(b"x" * 60 * MIB)))
    manifest = tmp_path / "m.yaml"
    manifest.write_text("tasks:\n- a: a.json\n- b: bomb.json.gz\n")
    run: list[str | Path]
    run = ["run", "--rules", rules, "--manifest", manifest, "--workers", "1", "--fence", fence]
    peak = measured([*run, "--budget", "48M"])
    assert peak.exit_code == 4, peak.output
    assert "1 failed" in peak.output and "failed: b: refused: " in peak.output
    assert held_bytes(peak) <= 48 * MIB + SLACK_BYTES, peak.output


def test_a_sound_document_beside_a_large_one(rules: Path, tmp_path: Path) -> None:
    """It is evaluated, as it would be alone."""
    many = json.dumps({f"{n:07d}": 1 for n in range(60_000)})
    (tmp_path / "a.json").write_text(many)
    (tmp_path / "b.json").write_bytes(text_of(b"x" * 8 * MIB))
    manifest = tmp_path / "m.yaml"
    manifest.write_text("tasks:\n- a: a.json\n- b: b.json\n")
    done = started(["run", "--rules", str(rules), "--manifest", str(manifest)])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 documents: " in done.stdout and "failed" not in done.stdout


@pytest.mark.parametrize("reached", ["array", "keys"])
def test_names_by_long_paths(rules: Path, tmp_path: Path, reached: str) -> None:
    """What they would take together is bounded; the document is named, and what would do."""
    keys, opened, closed = 120, b"", b""
    for n in range(keys):
        opened += b'{"%d%s":' % (n, b"k" * 200)
        closed += b"}"
    if reached == "array":
        inner = b"[" + b",".join([b'{"a":1}'] * 20_000) + b"]"
    else:
        inner = b"{" + b",".join(b'"%d":{"a":1}' % n for n in range(20_000)) + b"}"
    path = tmp_path / "deep.json"
    path.write_bytes(opened + inner + closed)
    peak = measured(["run", rules, path])
    assert peak.exit_code == 2, peak.output
    assert re.search(r"deep.json, line 1 .*names, by their paths, take over \d+ bytes", peak.output)
    assert peak.tree_bytes < 100 * MIB


@pytest.mark.thorough
@pytest.mark.parametrize("budget", [48 * MIB, 52 * MIB, 64 * MIB])
def test_very_many_relations(rules: Path, tmp_path: Path, budget: int) -> None:
    """What each of them takes in every process is looked at before any process takes it."""
    path = tmp_path / "many.json"
    path.write_text(json.dumps({f"{n:07d}": 1 for n in range(200_000)}))
    peak = measured(["run", rules, path, "--budget", str(budget)])
    assert peak.exit_code == 3, peak.output
    assert "--budget" in peak.output.rpartition("refused: ")[2]
    assert held_bytes(peak) <= budget + SLACK_BYTES, peak.output
