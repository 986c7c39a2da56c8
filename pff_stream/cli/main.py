"""The command `pff-stream`: parses, builds settings, calls the engine and prints what it returns.

Nothing is computed here, and nothing heavy is imported before a command needs it, so that `--help`
answers at once. Meanings of options are in `settings.options`, exit codes in `cli.exit`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from pff_stream.cli import exit as cli_exit
from pff_stream.cli import logs, output, streams
from pff_stream.cli.compare import compare
from pff_stream.cli.ending import end
from pff_stream.cli.engine import Engine
from pff_stream.cli.explain import explain
from pff_stream.cli.join import join
from pff_stream.cli.options import Commands, options, rules_and_triples
from pff_stream.cli.plan import plan
from pff_stream.cli.rules import rules
from pff_stream.cli.session import fenced, pass_engine, print_lines, working
from pff_stream.errors import UsageError
from pff_stream.limits.room import check_descriptors
from pff_stream.observer import Observer
from pff_stream.settings.commands import (
    CompileSettings,
    EncodeSettings,
    ReportSettings,
    RunSettings,
    TriplesSettings,
)
from pff_stream.settings.models import TalkOptions
from pff_stream.settings.resolve import Layers, resolve, said

NAME = "pff-stream"
_COMPLETE = "_PFF_STREAM_COMPLETE"
_SPARE_BYTES = 256 << 10
"""Address space for what is said at the end; it is not touched before."""

_EXIT_CODES = """\b
Examples:
  pff-stream run rules.tsv triples.tsv
  pff-stream run rules.tsv customer.json --out results
  pff-stream plan rules.tsv triples.tsv --budget 4G

\b
Exit codes:
  0    ran; nothing that --fail-on names
  1    ran; violations
  2    usage, configuration, unreadable or malformed input
  3    refused by the plan, or stopped at its memory guard
  4    ran, but a rule or a document could not be evaluated
  70   a bug in pff-stream
  74   output could not be written
  130  Ctrl-C    143  SIGTERM    141  standard output was closed

Every option can also be set by environment (PFF_STREAM_<OPTION>) or in a --config file. The
command line is stronger than the environment, the environment stronger than files.
"""


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"{NAME} {version(NAME)}")
    except PackageNotFoundError:
        click.echo(f"{NAME} (not installed)")
    context.exit()


@click.group(
    name=NAME,
    cls=Commands,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def commands() -> None:
    """Check very many mined Horn rules against a set of triples, in memory known beforehand.

    RULES is text of AnyBURL, PyClause or AMIE, or a compiled .pffr file; TRIPLES are TSV, JSON,
    RDF, Parquet, ... or an encoded .pffg graph. Text may be packed; - is standard input.
    """


@commands.command(
    epilog="\b\nExamples:\n  pff-stream run rules.tsv.gz triples.tsv --out results\n"
    "  pff-stream run rules.pffr graph.pffg --violations - | head\n"
    "  pff-stream run --manifest manifest.yaml --rules rules.pffr --out results\n"
    "  pff-stream run --resume results\n"
    "  pff-stream run rules.pffr graph.pffg --shard 2/5 --out part-2"
)
@click.argument("inputs", nargs=-1, metavar="RULES TRIPLES...", type=click.Path())
@options(RunSettings)
@pass_engine
def run(engine: Engine, /, inputs: tuple[str, ...], **_: object) -> int:
    """Check rules against triples; violations end it with 1.

    Give RULES and TRIPLES, or --manifest and --rules. Without --out a summary is printed.
    """
    with working(rules_and_triples(inputs)) as (layers, voice, observer):
        from pff_stream.checkpoint.resume import finished_run, run_settings

        ended = finished_run(layers)
        if ended is not None:
            if said(layers, ("report",)):
                folder = str(said(layers, ("resume",))["resume"])
                _report(engine, folder, layers, voice, observer)
            asked = said(layers, ("fail_on",)).get("fail_on")
            if asked is not None and ended.is_judged:
                from pff_stream.pipeline.verdict import judged_again

                ended = judged_again(ended, str(asked))
            return end(ended, ended.fail_on, voice)
        settings = run_settings(layers)

        with fenced(settings.resources):  # before the engine is imported, and numpy with it
            result = engine.run(settings, observer)
        observer.close()
        asked_of = settings.results
        to_stderr, labels = asked_of.talks_on_stderr, asked_of.names_file
        return end(result, asked_of.fail_on, voice, labels=labels, to_stderr=to_stderr)


@commands.command(epilog="\b\nExample:\n  pff-stream report results --report report.md")
@click.argument("folder", metavar="DIR", type=click.Path())
@options(ReportSettings)
@pass_engine
def report(engine: Engine, /, folder: str, **_: object) -> int:
    """Make reports of a finished run.

    DIR is what `run --out DIR` wrote. Nothing is evaluated again.
    """
    with working({}) as (layers, voice, observer):
        _report(engine, folder, layers, voice, observer)
        return 0


def _report(
    engine: Engine, folder: str, layers: Layers, voice: TalkOptions, observer: Observer
) -> None:
    settings = resolve(ReportSettings, layers)
    lines = engine.make_reports(folder, settings, observer)
    observer.close()
    print_lines(lines, voice, to_stderr=settings.output.talks_on_stderr)


@commands.command(
    name="compile", epilog="\b\nExample:\n  pff-stream compile rules.tsv.gz -o rules.pffr"
)
@click.argument("rules", type=click.Path())
@options(CompileSettings, without=["rules"])
@pass_engine
def compile_(engine: Engine, /, **_: object) -> int:
    """Turn rule text into a rule file.

    Runs start from it without reading text again, and check rules with equal bodies together.
    """
    with working({}) as (layers, voice, observer):
        settings = resolve(CompileSettings, layers)
        with fenced(settings.resources):
            lines = engine.compile_rules(settings, observer)
        observer.close()
        print_lines(lines, voice)
        return 0


@commands.command(epilog="\b\nExample:\n  pff-stream encode triples.tsv.zst -o graph.pffg")
@click.argument("triples", nargs=-1, required=True, metavar="TRIPLES...", type=click.Path())
@options(EncodeSettings)
@pass_engine
def encode(engine: Engine, /, triples: tuple[str, ...], **_: object) -> int:
    """Turn triples or documents into a graph file.

    Runs start from it without reading text again, and all workers share it.
    """
    with working({"triples": triples}) as (layers, voice, observer):
        settings = resolve(EncodeSettings, layers)
        with fenced(settings.resources):
            lines = engine.encode_triples(settings, observer)
        observer.close()
        print_lines(lines, voice)
        return 0


@commands.command(epilog="\b\nExample:\n  pff-stream triples customer.json | head")
@click.argument("triples", nargs=-1, required=True, metavar="DOCUMENT...", type=click.Path())
@options(TriplesSettings)
@pass_engine
def triples(engine: Engine, /, triples: tuple[str, ...], **_: object) -> int:
    """Print the triples that documents become, as TSV and in the order of the documents."""
    with working({"triples": triples}) as (layers, _voice, _observer):
        settings = resolve(TriplesSettings, layers)
        with fenced(settings.resources):
            engine.print_triples(settings, output.standard_output())
        return 0


for each in (plan, explain, compare, rules, join):
    commands.add_command(each)


def _invoke(arguments: list[str], engine: Engine | None) -> int:
    """Runs the command; click's own errors become a line of ours and its exit code for usage."""
    after_help = 0 if arguments else UsageError.exit_code
    try:
        # Not `commands.main`: it would end a closed output with 1 and swallow Ctrl-C.
        with commands.make_context(NAME, arguments or ["--help"], obj=engine) as context:
            return int(commands.invoke(context))
    except click.exceptions.Exit as exit_:
        return exit_.exit_code or after_help
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else NAME
        raise UsageError(f"{error.format_message()} Try `{where} --help`.") from None
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None


def main(argv: Sequence[str] | None = None, engine: Engine | None = None) -> int:
    """Runs one command line and returns its exit code; never raises.

    `engine` does the work; without one it is the program's own.
    """
    instruction = os.environ.get(_COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(commands, {}, NAME, _COMPLETE, instruction)
    streams.set_up()
    logs.set_up()
    spare: bytearray | None = bytearray(_SPARE_BYTES)
    try:
        with cli_exit.sigterm_raises():
            check_descriptors()
            code = _invoke(list(sys.argv[1:] if argv is None else argv), engine)
            output.flush()
    except BaseException as problem:
        spare = None  # without any room nothing can be said
        code = cli_exit.explain(problem)
    del spare
    output.give_up_broken_streams()
    logs.tear_down()
    return code


if __name__ == "__main__":
    sys.exit(main())
