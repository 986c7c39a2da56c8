"""The command `rules`: rules in the notation of another miner."""

from __future__ import annotations

import click

from pff_stream.cli import output
from pff_stream.cli.engine import Engine
from pff_stream.cli.options import SettingsCommand, options
from pff_stream.cli.session import fenced, pass_engine, working
from pff_stream.settings.commands import RulesSettings
from pff_stream.settings.resolve import resolve


@click.command(
    cls=SettingsCommand,
    epilog="\b\nExample:\n  pff-stream rules amie.tsv --as anyburl > rules.tsv",
)
@click.argument("rules", type=click.Path())
@options(RulesSettings, without=["rules"])
@pass_engine
def rules(engine: Engine, /, **_: object) -> int:
    """Print rules as another miner writes them.

    RULES are those of any format, or a compiled file. They are written to standard output in their
    order; how many cannot be written so, and why, is said on standard error.
    """
    with working({}) as (layers, _voice, _observer):
        settings = resolve(RulesSettings, layers)
        with fenced(settings.resources):
            engine.print_rules(settings, output.standard_output())
        return 0
