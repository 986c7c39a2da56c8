"""The pages that people follow step by step: every command of theirs is run, in its order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.newcomer import ROOT
from tests.warm import put_command

pytestmark = pytest.mark.thorough

PAGES = (
    *("tutorial-graph", "tutorial-service", "quickstart-pt", "inputs", "progress", "reports"),
    *("findings", "rdf", "example/README", "../README"),
)
ELSEWHERE = ("ci", "cluster", "data-frames", "fuzzing", "how-to-add", "planner", "service")
"""Pages with a test of their own, or for developers of pff-stream."""
BLOCK = re.compile(r"(?:<!-- (?P<said>[^>]*?) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL)


def followed(page: str, folder: Path) -> str:
    """Runs all blocks of a page in a folder with the example's files; what was printed."""
    example = ROOT / "docs" / "example"
    shutil.copytree(example, folder / "docs" / "example")
    for file in example.glob("*.*"):
        shutil.copy(file, folder)
    tools = folder / "tools"
    tools.mkdir()
    put_command(tools)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    printed = ""
    for block in BLOCK.finditer((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")):
        said, kind, text = block["said"] or "", block["kind"], block["text"]
        if kind not in ("sh", "python") or said == "not run" or said.startswith("command: "):
            continue
        command = ["bash", "-e", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        expected = int(said.removeprefix("ends with ")) if said.startswith("ends with") else 0
        assert done.returncode == expected, f"{text}\n{done.stdout}{done.stderr}"
        printed += done.stdout
    return printed


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works(page: str, tmp_path: Path) -> None:
    """Every one of them."""
    pytest.importorskip("jinja2", reason="the extra `report` is not installed")
    printed = followed(page, tmp_path)
    assert "missing" in printed or "rules are violated" in printed


def test_no_page_has_commands_that_nobody_runs() -> None:
    """A page with programs or commands is run, here or by its own test, or says which are not."""
    for path in sorted((ROOT / "docs").glob("**/*.md")):
        page = str(path.relative_to(ROOT / "docs").with_suffix(""))
        if page not in (*PAGES, *ELSEWHERE):
            blocks = BLOCK.finditer(path.read_text(encoding="utf-8"))
            kinds = [one["kind"] for one in blocks if one["said"] != "not run"]
            assert not {"sh", "python"} & set(kinds), page
