"""The documentation is true: links, options, commands, and the example and how it was made."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import pff_stream
from pff_stream.cli.main import commands
from pff_stream.settings.options import OPTIONS
from tests.reference import parse_rule, rule_text

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/data/*.md")])
MEASURED = ("fuzzing.md", "performance.md", "performance-scale.md", "plan-grid.md")
"""Pages of figures: they name the options of the scripts that make them."""
FOR_DEVELOPERS = ("CHANGELOG.md", "CONTRIBUTING.md", "how-to-add.md")
FOR_USERS = [page for page in PAGES if page.name not in (*FOR_DEVELOPERS, *MEASURED)]


def command_lines(page: Path) -> Iterator[list[str]]:
    """Words of every line in the page's code blocks from `pff-stream` on."""
    for block in re.findall(r"```(?:sh)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            found = re.search(r"(?:^|/)pff-stream +(\S.*)", line)
            if found:
                yield found[1].split()


def page_name(page: Path) -> str:
    """The page's place, for the names of tests."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is a file."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", FOR_USERS, ids=page_name)
def test_options_exist(page: Path) -> None:
    """Every option that a page names is one."""
    known = {f"--{option.name}" for option in OPTIONS.values()} | {"--help", "--json", "--sweep"}
    known |= {"--sizes", "--machine"}
    known |= {"--user", "--scope"}  # of systemd-run
    known |= {"--scheduler-file", "--nworkers", "--nthreads", "--memory-limit"}  # of dask
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
    assert not named - known


@pytest.mark.parametrize("page", FOR_USERS, ids=page_name)
def test_commands_exist(page: Path) -> None:
    """Every command line in a page is one that the program has, with files that are there."""
    for name, *words in command_lines(page):
        assert name in commands.commands or name == "COMMAND", name
        for word in words:
            assert not word.startswith("docs/") or (ROOT / word).exists(), word


def test_every_command_is_in_the_readme() -> None:
    """No command is left out."""
    told = {words[0] for words in command_lines(ROOT / "README.md")}
    assert isinstance(commands, click.Group)
    assert set(commands.commands) <= told


def test_readme_is_short_and_shows_a_finding_at_once() -> None:
    """Under 120 lines, and what the program is for stands on the first screen."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120
    assert any(line.startswith("  missing ") for line in lines[:24])


def test_every_public_name_is_explained() -> None:
    """The page of functions has all that can be imported from the package."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.\. auto\w+:: pff_stream\.(\w+)$", page, re.MULTILINE))
    assert set(pff_stream.__all__) <= told


def maker(example: Path) -> Any:
    """The example's script, as a module."""
    spec = importlib.util.spec_from_file_location("make_document", example / "make_document.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_document_is_what_its_script_makes(example: Path) -> None:
    """The JSON document of the example can be made again."""
    module = maker(example)
    made = module.document(module.read_outgoing(example / "train.tsv"), module.START)
    kept = json.loads((example / "umls_document.json").read_text(encoding="utf-8"))
    assert made == kept


def test_example_is_the_data_of_the_tests(example: Path, data: Path) -> None:
    """Triples and rules of the example are those whose origin tests/data states."""
    with gzip.open(data / "umls" / "train.tsv.gz") as file:
        assert file.read() == (example / "train.tsv").read_bytes()
    with gzip.open(data / "umls" / "rules.tsv.gz") as file:
        assert file.read().startswith((example / "umls_rules.tsv").read_bytes())


def test_example_rules_are_plain(example: Path) -> None:
    """The rules of the example read in one way only."""
    lines = (example / "umls_rules.tsv").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[3] for line in lines]
    assert [rule_text(parse_rule(text)) for text in texts] == texts
