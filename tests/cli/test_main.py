"""The command line: what it hands to the engine, what it prints, and how it ends.

The engine is replaced here, so that nothing but the command itself is tested.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pff_stream.errors import InputError, OutputError, RefusedError, UsageError
from planner.text import refusal, table
from tests.cli.conftest import Ended
from tests.cli.fake_engine import MIB, FakeEngine, small_plan

ROOT = Path(__file__).parents[2]
INPUTS = ["rules.tsv", "triples.tsv"]


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

    Violations are a result, on standard output; the rest is an error; --quiet leaves only these.
    """
    reason = "of this" if code else ""
    engine.result = replace(engine.result, exit_code=code, reason=reason)
    ended = command("run", *INPUTS, *options)
    talk = "" if options else "satisfied 1\nviolated 0\n"
    said = {0: "" if options else "Passed (--fail-on violations)\n", 1: "Failed: of this\n"}
    error = f"pff-stream: error: exit code {code}: of this\n" if code > 1 else ""
    assert (ended.code, ended.out, ended.err) == (code, talk + said.get(code, ""), error)


def test_violations_own_standard_output(command: Command) -> None:
    """With --violations - the summary moves to standard error."""
    ended = command("run", *INPUTS, "--violations", "-")
    talk = "satisfied 1\nviolated 0\nPassed (--fail-on violations)\n"
    assert (ended.out, ended.err) == ("", talk)


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
