"""The command `explain`: why one triple is predicted."""

from __future__ import annotations

import click

from pff_stream.cli import output
from pff_stream.cli.engine import Engine
from pff_stream.cli.options import SettingsCommand, options, rules_and_triples
from pff_stream.cli.session import fenced, pass_engine, print_lines, working
from pff_stream.settings.commands import ExplainSettings
from pff_stream.settings.resolve import resolve


@click.command(
    cls=SettingsCommand,
    epilog="\b\nExamples:\n  pff-stream explain rules.pffr graph.pffg --triple ana knows bo\n"
    "  pff-stream explain rules.pffr graph.pffg --key 1d65a2c1e6f3b0a9 --from findings.jsonl",
)
@click.argument("inputs", nargs=-1, metavar="RULES TRIPLES...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
@options(ExplainSettings)
@pass_engine
def explain(engine: Engine, /, inputs: tuple[str, ...], as_json: bool, **_: object) -> int:
    """Say which rules predict a triple, and why.

    All of them, best first, each with the triples that it rests on, whether the graph has the
    triple or not; and what stands in its place. Ends with 2 where a name is not known. Of a run
    over --manifest (with --rules) --document says which document.
    """
    with working(rules_and_triples(inputs, ExplainSettings)) as (layers, voice, observer):
        settings = resolve(ExplainSettings, layers)
        with fenced(settings.resources):
            found = engine.explain(settings, observer)
        observer.close()
        if as_json:
            import json

            output.say(json.dumps(found.to_json(), ensure_ascii=False))
        else:
            print_lines(found.lines(), voice)
        return 0
