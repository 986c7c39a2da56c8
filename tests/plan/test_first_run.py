"""The first run on a machine finds out what processes cost; its plan counts that as well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "pff_stream"]
linux = pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux counts")


def done(folder: Path, *arguments: str | Path) -> str:
    """Standard output of the command, with this folder for caches."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "XDG_CACHE_HOME": str(folder)},
    ).stdout


def planned(folder: Path, *arguments: str | Path) -> list[str]:
    """The phases of a plan."""
    plan: dict[str, Any] = json.loads(done(folder, "plan", "--json", *arguments))
    return [phase["name"] for phase in plan["phases"]]


@pytest.mark.parametrize(
    "method",
    ["spawn", *(pytest.param(one, marks=pytest.mark.thorough) for one in ("fork", "thread"))],
)
def test_a_probe_is_made_once(tmp_path: Path, example: Path, method: str) -> None:
    """Whatever a worker costs; a thread that takes hardly anything, too."""
    inputs = [example / "umls_rules.tsv", example / "umls_document.json"]
    options: list[str | Path] = [*inputs, f"--start-method={method}", "--workers=1"]
    first = planned(tmp_path, *options)
    assert {"inputs of the probe", f"probe of {method}"} <= {*first}
    second = planned(tmp_path, *options)
    assert [name for name in first if "probe" not in name] == second


@pytest.mark.thorough
@linux
@pytest.mark.parametrize("method", ["fork", "thread"])
def test_what_a_probe_takes_is_planned(tmp_path: Path, example: Path, method: str) -> None:
    """Every phase of a first run is within its plan, that in which inputs are made, too."""
    out = tmp_path / "out"
    inputs = [example / "umls_rules.tsv", example / "umls_document.json"]
    options = [f"--start-method={method}", "--workers=1", "--fail-on=none", f"--out={out}"]
    done(tmp_path, "run", *inputs, *options)
    run = json.loads((out / "summary.json").read_text())["run"]
    assert "inputs of the probe" in run["measured_phases"]
    assert run["measured_phases"].keys() == run["planned_phases"].keys()
    for name, planned_bytes in run["planned_phases"].items():
        assert run["measured_phases"][name] <= planned_bytes, name
