"""Foreign names in what the command says: escape bytes and line ends do nothing to a terminal."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from pff_stream.cli.printable import printable
from pff_stream.settings.options import OPTIONS
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


FORGED = "a\x1b[31m\nFORGED: line"


def is_harmless(done: subprocess.CompletedProcess[str]) -> None:
    """Nothing that a terminal obeys was said, and no line is forged; it is no bug."""
    said = done.stderr + done.stdout
    assert done.returncode != 70, said
    assert not [one for one in said if one != "\n" and not one.isprintable()], said
    assert not re.search(r"^\s*FORGED", said, re.MULTILINE), said


@pytest.mark.parametrize("variable", [one.variable for one in OPTIONS.values() if one.variable])
def test_values_of_the_environment(tmp_path: Path, variable: str) -> None:
    """Whatever option they set; what takes any text takes this one as well."""
    given = inputs(tmp_path)
    done = started(["run", *given], environment={variable: FORGED}, folder=tmp_path)
    is_harmless(done)


@pytest.mark.parametrize("option", ["budget", "out", "workers", "report", "columns", "relation"])
def test_values_of_options(tmp_path: Path, option: str) -> None:
    """On the command line, as one word and as two."""
    for words in ([f"--{option}", FORGED], [f"--{option}={FORGED}"]):
        done = started(["run", *inputs(tmp_path), *words, "--manifest", "nope"])
        is_harmless(done)


@pytest.mark.parametrize("name", ["PFF_STREAM_X\nFORGED: line", "PFF_STREAM_\x1b[31mX"])
def test_names_of_the_environment(tmp_path: Path, name: str) -> None:
    """Names of variables that no option has."""
    done = started(["run", *inputs(tmp_path), "--plan", "nope"], environment={name: FORGED})
    is_harmless(done)


@pytest.mark.parametrize(
    "text",
    [
        '"{}": 1\n',
        'workers: "{}"\n',
        'out: "{}"\nbudget: x\n',
        'tasks:\n- "{}": d.json\n- "{}": d.json\n',
        'tasks:\n- d: "{}"\n',
        'tasks: "{}"\n',
        'id_key: "{}"\ntasks: 5\n',
        '"{}": 1\n"{}": 1\n',
    ],
)
def test_values_of_yaml(tmp_path: Path, text: str) -> None:
    """Keys and values of manifests and of files of settings, whole or cut."""
    rules, triples = inputs(tmp_path)
    path = tmp_path / "m.yaml"
    for name in (FORGED, FORGED * 40):
        path.write_text(text.replace("{}", json.dumps(name)[1:-1]))
        for given in (["--manifest", str(path), "--rules", rules], [rules, triples]):
            config = ["--config", str(path)] if given[0] == rules else []
            done = started(["run", *given, *config])
            is_harmless(done)


@pytest.mark.quick
def test_what_stays() -> None:
    """Text of any script, and line ends that are the program's own."""
    assert printable("größe\n名前: ok", []) == "größe\n名前: ok"
    assert printable("a\tb\x07", []) == "a\tb\\x07"
