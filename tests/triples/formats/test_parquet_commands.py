"""Commands over Parquet give what they give over the same lines; what does not fit is refused."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra parquet")
pq: Any = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def umls(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph in a file of several row groups."""
    path = tmp_path_factory.mktemp("umls") / "train.parquet"
    with gzip.open(data / "umls/train.tsv.gz", "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    names = ("head", "relation", "tail")
    table = pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})
    pq.write_table(table, path, row_group_size=2000)
    return path


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A whole command: this process has pyarrow already."""
    started = [sys.executable, "-m", "pff_stream", *map(str, words)]
    return subprocess.run(started, capture_output=True, text=True, check=False)


def check_peak(folder: Path) -> None:
    """A run held no more than its plan said."""
    told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["run"]
    assert 0 < told["measured_peak_bytes"] <= told["planned_peak_bytes"]


def test_a_run_with_places(umls: Path, data: Path, tmp_path: Path) -> None:
    """The same results, within the plan; rows are where lines are in the text."""
    rules = data / "umls/rules.tsv.gz"
    common = ("--findings", "20", "--workers", "1", "--fail-on", "none", "--out")
    text = data / "umls/train.tsv.gz"
    assert command("run", rules, text, *common, tmp_path / "text").returncode == 0
    ended = command("run", rules, umls, *common, tmp_path / "parquet", "--budget", "200MiB")
    assert ended.returncode == 0, ended.stderr
    for name in ("rules.tsv", "outcomes.tsv", "metrics.tsv"):
        of_text, of_parquet = (tmp_path / way / name for way in ("text", "parquet"))
        assert of_parquet.read_bytes() == of_text.read_bytes()
    found = [
        json.loads(line)
        for line in (tmp_path / "parquet/findings.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    expected = (tmp_path / "text/findings.jsonl").read_text(encoding="utf-8")
    assert {one["where"]["file"] for one in found} == {str(umls)}
    assert found == [
        json.loads(line.replace(str(text), str(umls))) for line in expected.splitlines()
    ]
    check_peak(tmp_path / "parquet")


def test_encode_and_triples(umls: Path, data: Path, tmp_path: Path) -> None:
    """The same graph, byte for byte but for its hash of the input's lines: these are the same."""
    lines = gzip.decompress((data / "umls/train.tsv.gz").read_bytes()).decode()
    assert command("triples", umls).stdout == lines
    (tmp_path / "a.tsv").write_text(lines, encoding="utf-8")
    for path, graph in ((umls, "a.pffg"), (tmp_path / "a.tsv", "b.pffg")):
        assert command("encode", path, "-o", tmp_path / graph).returncode == 0
    assert (tmp_path / "a.pffg").read_bytes() == (tmp_path / "b.pffg").read_bytes()


def test_what_does_not_fit_is_refused(umls: Path, data: Path, tmp_path: Path) -> None:
    """Before pyarrow is imported; the message says what would do."""
    ended = command("encode", umls, "-o", tmp_path / "a.pffg", "--budget", "50MiB")
    assert ended.returncode == 3
    assert f"refused: {umls}: pyarrow with its largest row group takes " in ended.stderr
    wanted = ended.stderr.rpartition("--budget ")[2].split()[0]
    again = command("encode", umls, "-o", tmp_path / "a.pffg", "--budget", wanted)
    assert again.returncode == 0
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array(["x" * 2**25]))
    packed = tmp_path / "packed.parquet"
    pq.write_table(
        pa.table({"s": long, "p": ["r"] * 5000, "o": ["y"] * 5000}),
        packed,
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
    )
    assert packed.stat().st_size < 10_000
    ended = command("triples", packed, "--budget", "150MiB")
    assert (ended.returncode, ended.stdout) == (3, "")


def test_names_that_grow_when_they_are_read(tmp_path: Path) -> None:
    """Pages that do not say what is in them are held to the budget by the kernel."""
    long = pa.array(["x" * 2**20] * 300)
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"s": long, "p": ["r"] * 300, "o": ["y"] * 300}),
        path,
        compression="none",
        use_dictionary=False,
        column_encoding="DELTA_BYTE_ARRAY",
        data_page_size=1 << 30,
    )
    ended = command("encode", path, "-o", tmp_path / "a.pffg", "--budget", "200MiB")
    assert ended.returncode == 3
    assert "refused: out of memory while encoding" in ended.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.parquet"]


def test_documents_of_a_manifest(umls: Path, data: Path, tmp_path: Path) -> None:
    """Each in a worker, within what the plan gives it."""
    manifest = tmp_path / "m.yaml"
    manifest.write_text(f"tasks:\n- one: {umls}\n- two: {umls}\n")
    words = ("run", "--rules", data / "umls/rules.tsv.gz", "--manifest", manifest)
    ended = command(*words, "--out", tmp_path / "out", "--fail-on", "none", "--findings", "0")
    assert ended.returncode == 0, ended.stderr
    assert "2 documents: 2 violated" in ended.stdout
    check_peak(tmp_path / "out")
    ended = command(*words, "--budget", "75MiB")
    assert ended.returncode in (3, 4) and "refused" in ended.stderr
