"""`--violations` with a suffix of compression packs, and the plan has a term for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pff_stream.cli.main import commands
from pff_stream.files.sources import open_blocks

CASE = Path(__file__).parent.parent / "data" / "cases" / "12-json-by-suffix-only"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_packed_violations(tmp_path: Path, suffix: str) -> None:
    """The same lines as without."""
    inputs = [str(CASE / "r.tsv"), str(CASE / "d.geojson")]
    read = []
    for name in ("v.jsonl", f"v{suffix}"):
        path = tmp_path / name
        result = CliRunner().invoke(commands, ["run", *inputs, "--violations", str(path)])
        assert "Failed: " in result.output
        read.append(b"".join(open_blocks(path)))
    assert read[0] == read[1] and json.loads(read[0])["rule"] == 1
    assert path.read_bytes() != read[0]
    plan = tmp_path / "plan.json"
    asked = ["plan", *inputs, "--violations", str(path), "-o", str(plan)]
    assert CliRunner().invoke(commands, asked).exit_code == 0
    assert "results packed" in plan.read_text()
