"""docs/ci.md: its commands do what the page says, its files are what their readers take."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ci.md"
RECORDS = [{"id": f"p{n}", "country": "pt", "language": "portuguese"} for n in range(9)]
pytestmark = pytest.mark.thorough


def block(name: str) -> str:
    """The block of the page under a comment that begins so."""
    found = re.search(rf"<!-- {name}.*? -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with rules, records, and `pff-stream` and `git` that can be called."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, line in (("pff-stream", f'"{sys.executable}" -m pff_stream "$@"'), ("git", ":")):
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "rules.tsv").write_text("9\t9\t1.0\tlanguage(X,portuguese) <= country(X,pt)\n")
    write(tmp_path, [*RECORDS, {"id": "old", "country": "pt"}])
    assert run(tmp_path, block("once")) == 0
    return tmp_path


def write(folder: Path, records: list[dict[str, str]]) -> None:
    """The records of a change."""
    (folder / "records.json").write_text(json.dumps(records, indent=1))


def run(folder: Path, script: str) -> int:
    """What a shell that stops at the first failure ends with."""
    environment = {
        **os.environ,
        "PATH": f"{folder / 'tools'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder, env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    (folder / "said").write_text(done.stdout)
    return done.returncode


def scripts(name: str) -> list[str]:
    """The lines of a build that call `pff-stream`."""
    value: Any = yaml.safe_load(block(name))
    if name == "github":
        lines = [step.get("run", "") for step in value["jobs"]["check"]["steps"]]
    else:
        lines = value["records"]["script"]
    return [line for line in lines if "pff-stream" in line and "pip install" not in line]


def test_github(repository: Path) -> None:
    """What the baseline has passes; what is new fails, and is shown."""
    assert [run(repository, line) for line in scripts("github")] == [0, 0]
    write(repository, [*RECORDS, {"id": "old", "country": "pt"}, {"id": "new", "country": "pt"}])
    assert [run(repository, line) for line in scripts("github")] == [0, 1]
    said = (repository / "said").read_text()
    assert "::warning file=records.json,line=" in said and said.count("::notice ") == 1
    (sarif,) = json.loads((repository / "findings.sarif").read_text())["runs"]
    assert [one["baselineState"] for one in sarif["results"]] == ["new", "unchanged"]
    assert (repository / "summary.md").read_text().startswith("# Failed: ")


def test_gitlab(repository: Path) -> None:
    """The same, as code quality and tests."""
    write(repository, [*RECORDS, {"id": "new", "country": "pt"}])
    assert [run(repository, line) for line in scripts("gitlab")] == [0, 1]
    (entry,) = json.loads((repository / "quality.json").read_text())
    assert entry["location"]["path"] == "records.json"
    assert "<failure" in (repository / "junit.xml").read_text()


def test_pre_commit(repository: Path) -> None:
    """The hook that the page names is there, and its arguments are those of a run."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (asked,) = yaml.safe_load(block("pre-commit"))["repos"][0]["hooks"]
    assert asked["id"] == hook["id"] and not hook["pass_filenames"]
    assert run(repository, f"{hook['entry']} {' '.join(asked['args'])}") == 0


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("github", ("check_jsonschema", "--builtin-schema", "vendor.github-workflows")),
        ("gitlab", ("check_jsonschema", "--builtin-schema", "vendor.gitlab-ci")),
        ("pre-commit", ("pre_commit", "validate-config")),
        ("hooks", ("pre_commit", "validate-manifest")),
    ],
)
def test_files_are_valid(name: str, command: tuple[str, ...], tmp_path: Path) -> None:
    """By the schemas of GitHub and GitLab, and by pre-commit itself."""
    pytest.importorskip(command[0])
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()
    for text, expected in ((hooks if name == "hooks" else block(name), 0), ("- 1: {}", 1)):
        file = tmp_path / "file.yml"
        file.write_text(text)
        line = [sys.executable, "-m", *command, str(file)]
        done = subprocess.run(line, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == expected, done.stdout + done.stderr


def test_the_workflow_is_linted(tmp_path: Path) -> None:
    """By actionlint, where it is installed."""
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not installed")
    (tmp_path / "records.yml").write_text(block("github"))
    done = subprocess.run(
        [actionlint, "records.yml"], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
