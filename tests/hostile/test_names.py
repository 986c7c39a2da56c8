"""Foreign names in what the command says: escape bytes and line ends do nothing to a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from pff_stream.cli.printable import printable
from tests.hostile.starting import inputs, started

NAMES = ["nope\x1b[31mX.tsv", "nope\nFORGED: line", "nope\rX", "nope\x9b31m", "nope\u202etxt"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "option", ["rules", "--out", "--plan", "--config", "--manifest", "command"]
)
def test_names_of_the_command_line(tmp_path: Path, name: str, option: str) -> None:
    """What is said of them is one line, without a control character."""
    rules, triples = inputs(tmp_path)
    arguments = {
        "rules": ["run", name, triples],
        "--manifest": ["run", "--rules", rules, "--manifest", name],
        "--out": ["run", rules, triples, "--out", f"{rules}/{name}"],
        "command": [name],
    }.get(option, ["run", rules, triples, option, name])
    done = started(arguments)
    assert done.returncode in (2, 74)
    said = done.stderr + done.stdout
    assert not [one for one in said if one != "\n" and not one.isprintable()], said
    assert "\nFORGED" not in said


@pytest.mark.quick
def test_what_stays() -> None:
    """Text of any script, and line ends that are the program's own."""
    assert printable("größe\n名前: ok", []) == "größe\n名前: ok"
    assert printable("a\tb\x07", []) == "a\tb\\x07"
