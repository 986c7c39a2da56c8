"""Help, version and completion: what a person meets first, at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from pff_stream.cli import main as cli
from pff_stream.settings.options import OPTIONS
from tests.cli.fake_engine import FakeEngine
from tests.cli.test_main import ROOT, Command


def test_no_arguments_show_help(command: Command) -> None:
    """The bare command shows its help and ends as wrong usage."""
    ended = command()
    assert ended.code == 2
    assert "Exit codes:" in ended.out


def test_commands_work_inside_click(engine: FakeEngine) -> None:
    """The commands are plain click commands, for whoever embeds them."""
    ended = CliRunner().invoke(cli.commands, ["triples", "a.json"], obj=engine)
    assert (ended.exit_code, ended.stdout) == (0, "a\tb\té\n")


@pytest.mark.parametrize("name", ["plan", "run", "explain", "compile", "encode", "triples"])
def test_help(command: Command, name: str) -> None:
    """Each command has help with an example, and every option of it names its variable."""
    ended = command(name, "--help")
    assert ended.code == 0
    text = " ".join(ended.out.split())
    assert f"pff-stream {name} " in text
    shown = [option for option in OPTIONS.values() if f"--{option.name} " in text]
    assert len(shown) > 5
    for option in shown:
        assert option.help in text
        assert option.variable is None or option.variable in text


def test_help_of_the_group(command: Command) -> None:
    """The group's help lists commands, examples and exit codes."""
    ended = command("--help")
    for part in ("compile", "encode", "Examples:", "Exit codes:", "141  standard output"):
        assert part in ended.out


def test_version(command: Command) -> None:
    """--version prints name and version."""
    ended = command("--version")
    assert ended.code == 0
    assert ended.out.startswith("pff-stream ")


@pytest.mark.parametrize("module", ["pff_stream.cli.main", "pff_stream"])
def test_help_imports_nothing_heavy(module: str) -> None:
    """--help answers without numpy, YAML, psutil, msgpack or the planner."""
    command = [sys.executable, "-X", "importtime", "-m", module, "--help"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "click" in imported
    heavy = {"numpy", "yaml", "psutil", "msgpack", "planner", "multiprocessing", "asyncio"}
    assert imported & heavy == set()


def test_main_module_is_light() -> None:
    """What a spawned worker imports of the main module brings neither click nor logging."""
    script = (
        "import sys, pff_stream.__main__; "
        "print([m for m in ('click', 'logging', 'pff_stream.cli.main') if m in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


def test_shell_completion(
    command: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The shell's completion is answered under the name of the command."""
    monkeypatch.setenv("_PFF_STREAM_COMPLETE", "bash_source")
    ended = command()
    assert ended.code == 0
    assert "_PFF_STREAM_COMPLETE=bash_complete" in ended.out
