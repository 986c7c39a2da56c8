"""The command line: what it hands to the engine, what it prints, and how it ends.

The engine is replaced here, so that nothing but the command itself is tested.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from click.testing import CliRunner

from pff_stream.cli import main as cli
from pff_stream.cli.engine import Engine
from pff_stream.errors import InputError, OutputError, RefusedError, UsageError
from pff_stream.report.totals import RunTotals
from pff_stream.run.conclude import Result
from pff_stream.settings.options import OPTIONS
from planner.model import Phase, Term
from planner.plan import Plan
from planner.text import refusal, table

ROOT = Path(__file__).parents[2]
INPUTS = ["rules.tsv", "triples.tsv"]


MIB = 1 << 20


def small_plan(budget_bytes: int = 8 * MIB) -> Plan:
    """A plan of five MiB."""
    phase = Phase("évaluer", [Term("all", 5 * MIB)])
    return Plan([phase], budget_bytes, "--budget", suggestions=["--workers 2"])


class FakeEngine(Engine):
    """Remembers the settings that it was called with, and does as told."""

    def __init__(self) -> None:
        self.settings: Any = None
        self.plan = small_plan()
        self.result = Result(0, "", ["satisfied 1", "violated 0"], RunTotals())
        self.work: Callable[[], None] = lambda: None

    def make_plan(self, settings: object, observer: object) -> Plan:
        """Plans."""
        self.settings = settings
        self.work()
        return self.plan

    def run(self, settings: object, observer: object) -> Result:
        """Runs."""
        self.settings = settings
        self.work()
        return self.result

    def compile_rules(self, settings: object, observer: object) -> list[str]:
        """Compiles."""
        self.settings = settings
        return ["3 rules"]

    def encode_triples(self, settings: object, observer: object) -> list[str]:
        """Encodes."""
        self.settings = settings
        return ["5 triples"]

    def print_triples(self, settings: object, stream: BinaryIO) -> None:
        """Writes triples."""
        self.settings = settings
        stream.write("a\tb\té\n".encode())


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine that computes nothing, in a clean environment."""
    for name in os.environ:
        if name.startswith("PFF_STREAM_"):
            monkeypatch.delenv(name)
    return FakeEngine()


@dataclass
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(engine: FakeEngine, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs one command line in this process."""

    def run(*arguments: str) -> Ended:
        code = cli.main(arguments, engine)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return run


Command = Callable[..., Ended]


def test_run_hands_settings_to_the_engine(command: Command, engine: FakeEngine) -> None:
    """Options of the command line arrive as settings, sizes as bytes."""
    ended = command(
        "run", "r", "t1", "t2", "--budget", "4G", "--workers", "2", "--fail-on", "count>3",
        "--overwrite", "--semantics", "homomorphism", "--max-document", "1MiB",
    )  # fmt: skip
    assert ended.code == 0
    settings = engine.settings
    assert (settings.inputs.rules, settings.inputs.triples) == ("r", ("t1", "t2"))
    assert (settings.resources.budget_bytes, settings.resources.workers) == (4 * 1024**3, 2)
    assert (settings.output.fail_on, settings.output.overwrite) == ("count>3", True)
    assert (settings.reading.semantics, settings.reading.max_document_bytes) == (
        "homomorphism",
        1024**2,
    )


def test_options_by_environment(
    command: Command, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option is also read from the environment; the command line is stronger."""
    monkeypatch.setenv("PFF_STREAM_WORKERS", "3")
    monkeypatch.setenv("PFF_STREAM_UNSEEN", "7")
    monkeypatch.setenv("PFF_STREAM_OVERWRITE", "1")
    assert command("run", *INPUTS, "--workers", "2").code == 0
    assert (engine.settings.resources.workers, engine.settings.evaluation.unseen) == (2, 7)
    assert engine.settings.output.overwrite is True


def test_options_by_config(command: Command, engine: FakeEngine, tmp_path: Path) -> None:
    """A config file sets options; one key may belong to another command."""
    config = tmp_path / "c.yaml"
    config.write_text("workers: 3\ncheck: true\nquiet: yes\n")
    ended = command("run", *INPUTS, "--config", str(config))
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert engine.settings.resources.workers == 3


@pytest.mark.parametrize("options", [(), ("--quiet",)])
@pytest.mark.parametrize("code", [0, 1, 2, 4])
def test_run_ends_as_the_engine_says(
    command: Command, engine: FakeEngine, code: int, options: tuple[str, ...]
) -> None:
    """The exit code is the engine's, and why it is not 0 is the last that is said.

    Violations are a result, on standard output; the rest is an error, said with --quiet, too.
    """
    reason = "of this" if code else ""
    engine.result = replace(engine.result, exit_code=code, reason=reason)
    ended = command("run", *INPUTS, *options)
    reason = f"exit code {code}: of this\n"
    out = "satisfied 1\nviolated 0\n" + reason * (code == 1)
    error = f"pff-stream: error: {reason}" if code > 1 else ""
    assert (ended.code, ended.out, ended.err) == (code, "" if options else out, error)


def test_violations_own_standard_output(command: Command) -> None:
    """With --violations - the summary moves to standard error."""
    ended = command("run", *INPUTS, "--violations", "-")
    assert (ended.out, ended.err) == ("", "satisfied 1\nviolated 0\n")


def test_quiet(command: Command, engine: FakeEngine) -> None:
    """With --quiet nothing but errors is said."""
    ended = command("run", *INPUTS, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    engine.plan = small_plan(budget_bytes=4 * MIB)
    assert command("plan", *INPUTS, "--quiet", "--json").out.startswith("{")


def test_manifest(command: Command, engine: FakeEngine, tmp_path: Path) -> None:
    """--manifest and --rules stand in for RULES and TRIPLES; the manifest's ceiling holds."""
    manifest = tmp_path / "m.yaml"
    manifest.write_text("max_workers: 2\ntasks: [{a: a.json}]\n")
    assert command("run", "--manifest", str(manifest), "--rules", "r").code == 0
    settings = engine.settings
    assert (settings.inputs.manifest, settings.inputs.rules) == (str(manifest), "r")
    assert (settings.inputs.triples, settings.resources.max_workers) == ((), 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "found no rules, expected RULES TRIPLES... or --manifest FILE --rules RULES"),
        (["run", "r"], "found r alone, expected RULES TRIPLES..."),
        (["run", "r", "t", "--manifest", "m"], "found both r and --manifest, expected RULES"),
        (["run", "r", "t", "--rules", "x"], "found both r and --rules, expected RULES"),
        (["run", "--rules", "x"], "found no triples, expected RULES TRIPLES..."),
        (["run", "-", "-"], "found - more than once, expected standard input for one input only"),
        (["run", "r", "t", "--workers", "x"], "--workers: found 'x', expected a whole number"),
        (["run", "r", "t", "--wrong"], "--wrong"),
        (["run", "r", "t", "--quiet", "--verbose"], "--quiet: found together with --verbose"),
        (["rum"], "'rum'"),
        (["compile", "r"], "found neither -o FILE nor --check"),
        (["encode", "t"], "found no -o FILE"),
        (["encode", "-o", "x"], "TRIPLES"),
        (["triples"], "DOCUMENT"),
        (["plan", "r", "t", "-o", "-"], "-o: found '-', expected a file"),
    ],
)
def test_wrong_usage(command: Command, arguments: list[str], message: str) -> None:
    """What cannot be meant ends with 2 and one line that says what was found and expected."""
    ended = command(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("pff-stream: error: ")
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_no_arguments_show_help(command: Command) -> None:
    """The bare command shows its help and ends as wrong usage."""
    ended = command()
    assert ended.code == 2
    assert "Exit codes:" in ended.out


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (InputError("r.tsv:3: found x"), 2, "r.tsv:3: found x"),
        (UsageError("--x: found y"), 2, "--x: found y"),
        (RefusedError("needs 8 GiB"), 3, "needs 8 GiB"),
        (OutputError("out: disk full"), 74, "out: disk full"),
        (MemoryError(), 3, "out of memory; lower --budget or --workers"),
        (OSError(28, "No space left on device", "f"), 74, "output could not be written"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ValueError("odd"), 70, "ValueError: odd; this is a bug in pff-stream; please report"),
        (FileNotFoundError(2, "No such file"), 70, "FileNotFoundError"),
        (BrokenPipeError(32, "Broken pipe"), 70, "BrokenPipeError"),
    ],
)
def test_problems_end_with_their_code(
    command: Command, engine: FakeEngine, problem: BaseException, code: int, message: str
) -> None:
    """Each problem has its exit code and one line on standard error, without a traceback."""

    def work() -> None:
        raise problem

    engine.work = work
    ended = command("run", *INPUTS)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"pff-stream: error: {message}")
    assert ended.err.count("\n") == 1
    ended = command("run", *INPUTS, "--quiet")
    assert ended.err.startswith(f"pff-stream: error: {message}")


def test_verbose_shows_the_traceback(command: Command, engine: FakeEngine) -> None:
    """A bug is shown with its traceback where --verbose asks for it."""

    def work() -> None:
        raise ValueError("odd")

    engine.work = work
    ended = command("run", *INPUTS, "--verbose")
    assert ended.code == 70
    assert "Traceback" in ended.err


def test_errors_are_json_where_logs_are(command: Command, engine: FakeEngine) -> None:
    """With --log-json every line on standard error is one object, errors as well."""

    def work() -> None:
        raise InputError("é: broken")

    engine.work = work
    ended = command("run", *INPUTS, "--log-json")
    record = json.loads(ended.err)
    assert (record["level"], record["message"]) == ("error", "é: broken")
    assert (record["logger"], record["time"][-1]) == ("pff_stream", "Z")


def test_logging_is_left_clean(command: Command) -> None:
    """The command takes its handler off again."""
    import logging

    command("run", *INPUTS, "--verbose")
    logger = logging.getLogger("pff_stream")
    assert (logger.handlers, logger.level) == ([], logging.NOTSET)


def test_plan_prints_its_table(command: Command, engine: FakeEngine) -> None:
    """A plan that fits is printed and ends with 0; it takes every option of run."""
    ended = command("plan", *INPUTS, "--out", "x", "--max-examples", "3")
    assert (ended.code, ended.out, ended.err) == (0, f"{table(engine.plan)}\n", "")
    assert (engine.settings.output.out, engine.settings.evaluation.max_examples) == ("x", 3)


def test_plan_refuses(command: Command, engine: FakeEngine) -> None:
    """A plan that does not fit ends with 3, its table on output and the refusal on error."""
    engine.plan = small_plan(budget_bytes=4 * MIB)
    ended = command("plan", *INPUTS)
    assert (ended.code, ended.out) == (3, f"{table(engine.plan)}\n")
    assert ended.err == f"pff-stream: error: {refusal(engine.plan)}\n"
    assert "--workers 2" in ended.err


def test_plan_as_json(command: Command, tmp_path: Path) -> None:
    """--json prints the plan as JSON, -o writes it to a file and leaves nothing beside it."""
    target = tmp_path / "plan.json"
    target.write_text("old")
    ended = command("plan", *INPUTS, "--json", "-o", str(target))
    assert json.loads(ended.out) == json.loads(target.read_text()) == small_plan().to_json()
    assert os.listdir(tmp_path) == ["plan.json"]


def test_plan_cannot_write(command: Command, tmp_path: Path) -> None:
    """A plan that cannot be written ends with 74."""
    ended = command("plan", *INPUTS, "-o", str(tmp_path / "none" / "plan.json"))
    assert (ended.code, ended.out) == (74, "")
    assert "plan.json: cannot be written: No such file or directory" in ended.err


def test_compile(command: Command, engine: FakeEngine) -> None:
    """Compile hands over its settings and prints the engine's lines."""
    ended = command("compile", "r", "-o", "r.pffr", "--graph", "g", "--on-bad-rule", "skip")
    assert (ended.code, ended.out) == (0, "3 rules\n")
    settings = engine.settings
    assert (settings.inputs.rules, settings.target.output, settings.compile.graph) == (
        "r",
        "r.pffr",
        "g",
    )
    assert (settings.reading.on_bad_rule, settings.compile.check) == ("skip", False)
    assert command("compile", "r", "--check").code == 0
    assert engine.settings.compile.check is True


def test_encode(command: Command, engine: FakeEngine) -> None:
    """Encode hands over its settings and prints the engine's lines."""
    ended = command("encode", "a", "b", "--output", "g", "--predicate", "path")
    assert (ended.code, ended.out) == (0, "5 triples\n")
    settings = engine.settings
    assert (settings.inputs.triples, settings.target.output, settings.reading.predicate) == (
        ("a", "b"),
        "g",
        "path",
    )


def test_triples(command: Command, engine: FakeEngine) -> None:
    """Triples writes bytes to standard output."""
    ended = command("triples", "a.json", "--id-key", "key")
    assert (ended.code, ended.out, ended.err) == (0, "a\tb\té\n", "")
    assert engine.settings.reading.id_key == "key"


def test_commands_work_inside_click(engine: FakeEngine) -> None:
    """The commands are plain click commands, for whoever embeds them."""
    ended = CliRunner().invoke(cli.commands, ["triples", "a.json"], obj=engine)
    assert (ended.exit_code, ended.stdout) == (0, "a\tb\té\n")


@pytest.mark.parametrize("name", ["plan", "run", "compile", "encode", "triples"])
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


SCRIPT = """
import os, signal, sys, time
from pff_stream.cli.engine import Engine
from pff_stream.cli.main import main
class Result:
    exit_code = 0
    lines = ["done"]
def work():
    try:
        {body}
    finally:
        sys.stderr.write("cleaned\\n")
class OneTask(Engine):
    def run(self, settings, observer):
        work()
        return Result
sys.exit(main(["run", "r", "t", *sys.argv[1:]], OneTask()))
"""
WAIT = 'sys.stderr.write("ready\\n"); sys.stderr.flush(); time.sleep(99)'
FLOOD = """
        while True:
            sys.stdout.write("x" * 1000)"""


def heed_interrupts() -> None:
    """Tests in the background of a shell ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def started(body: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, its engine's work being `body`."""
    script = SCRIPT.replace("{body}", body)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    options["preexec_fn"] = heed_interrupts
    return subprocess.Popen([sys.executable, "-c", script, *arguments], cwd=ROOT, **options)


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_signals(number: signal.Signals, code: int, message: str) -> None:
    """Ctrl-C and SIGTERM run the clean-up, say one line and end with their code."""
    with started(WAIT) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err == f"cleaned\npff-stream: error: {message}\n"


@pytest.mark.parametrize("moment", ["import", "start"])
def test_interrupt_before_the_command_is_set_up(moment: str) -> None:
    """Ctrl-C while the command is imported, or before it handles errors: the same line and code."""
    script = f"""
import importlib.abc, os, sys, time
from pff_stream.__main__ import main
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pff_stream.cli.main" and "import" == "{moment}":
            wait()
def wait():
    sys.stderr.write("ready\\n"); sys.stderr.flush(); time.sleep(99)
class Environment(dict):
    def get(self, name, default=None):
        if name == "_PFF_STREAM_COMPLETE":  # the first that the command asks
            wait()
        return super().get(name, default)
if "{moment}" == "start":
    os.environ = Environment(os.environ)
sys.meta_path.insert(0, Slow())
sys.exit(main())
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, cwd=ROOT, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "pff-stream: error: interrupted\n")


def test_second_sigterm_ends_at_once() -> None:
    """A clean-up that hangs is ended by a second SIGTERM."""
    with started(WAIT + '\n    finally:\n        sys.stderr.write("slow\\n"); time.sleep(99)\n'
                 "    try:\n        pass") as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stderr.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == "slow\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_forked_child_dies_of_sigterm() -> None:
    """A forked process does not run its parent's clean-up when it gets SIGTERM."""
    body = (
        "child = os.fork()\n"
        "        if child == 0:\n"
        "            time.sleep(99)\n"
        "        time.sleep(0.2); os.kill(child, signal.SIGTERM)\n"
        "        sys.stdout.write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))"
    )
    with started(body) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "-15done\n", "cleaned\n")


@pytest.mark.parametrize(
    "body",
    [
        FLOOD,
        FLOOD.replace("while True:", "for _ in range(99999):"),
        """
        try:
            while True:
                sys.stdout.buffer.write(b"x" * 1000)
        except OSError as error:
            from pff_stream.errors import OutputError
            raise OutputError("violations") from error""",
        """
        while True:
            os.write(1, b"x" * 1000)""",
    ],
)
def test_closed_output_is_quiet(body: str) -> None:
    """When the reader of standard output goes away, the command ends with 141 and says nothing."""
    with started(body) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(timeout=60)
    assert (process.returncode, err) == (141, "cleaned\n")


def test_output_closed_before_the_summary() -> None:
    """A reader that is gone before anything was printed is the same."""
    read, write = os.pipe()
    os.close(read)
    with started("pass", stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "cleaned\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize("body", ["pass", 'sys.stdout.write("text")'])
def test_full_disk_under_standard_output(body: str) -> None:
    """Standard output that cannot be written ends with 74 and says so."""
    with open("/dev/full", "w") as full, started(body, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 74
    assert re.fullmatch(r"cleaned\npff-stream: error: .*No space left on device\n", err)


def test_closed_standard_error_changes_nothing() -> None:
    """Talk that nobody can read does not change how the command ends."""
    read, write = os.pipe()
    os.close(read)
    body = "from pff_stream.errors import InputError; raise InputError('x')"
    script = SCRIPT.replace("{body}", body).replace('sys.stderr.write("cleaned\\n")', "pass")
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stderr=write, stdout=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stdout) == (2, b"")


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
