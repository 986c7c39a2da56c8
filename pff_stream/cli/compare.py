"""The command `compare`: what changed between two finished runs."""

from __future__ import annotations

import click

from pff_stream.cli import output
from pff_stream.cli.engine import Engine
from pff_stream.cli.session import pass_engine

NEW_FINDINGS = 1


@click.command(epilog="\b\nExample:\n  pff-stream compare results-before results-now")
@click.argument("old", metavar="OLD", type=click.Path())
@click.argument("new", metavar="NEW", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print what changed as one JSON object.")
@pass_engine
def compare(engine: Engine, /, old: str, new: str, as_json: bool) -> int:
    """Compare the results in two folders: rules by their text, findings by their keys.

    Findings are compared at the higher floor of both runs and above, of lists that were cut above
    their last score. Ends with 1 where the new run
    has findings that the old one has not.
    """
    found = engine.compare(old, new)
    if as_json:
        import json

        output.say(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        from pff_stream.pipeline.compare import comparison_lines

        for line in comparison_lines(found):
            output.say(line)
    return NEW_FINDINGS if found.new.total else 0
