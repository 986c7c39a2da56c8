"""The command `join`: results of a run that was done in parts."""

from __future__ import annotations

import click

from pff_stream.cli.ending import end
from pff_stream.cli.engine import Engine
from pff_stream.cli.options import SettingsCommand, options
from pff_stream.cli.session import fenced, pass_engine, working
from pff_stream.settings.commands import JoinSettings
from pff_stream.settings.resolve import resolve, said


@click.command(
    cls=SettingsCommand, epilog="\b\nExample:\n  pff-stream join part-1 part-2 part-3 --out results"
)
@click.argument("parts", nargs=-1, required=True, metavar="PART...", type=click.Path())
@options(JoinSettings)
@pass_engine
def join(engine: Engine, /, parts: tuple[str, ...], **_: object) -> int:
    """Make results of all parts of a run.

    PART is what `run --shard I/N --out PART` left. The results are those of one run, byte for byte;
    what is missing or does not belong together is refused.
    """
    with working({}) as (layers, voice, observer):
        settings = resolve(JoinSettings, layers)
        told = said(layers, JoinSettings.names())
        with fenced(settings.resources):
            result = engine.join(parts, told, observer)
        observer.close()
        wanted = settings.output
        to_stderr, labels = wanted.talks_on_stderr, wanted.names_file
        return end(result, wanted.fail_on, voice, labels=labels, to_stderr=to_stderr)
