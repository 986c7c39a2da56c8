"""The command `plan`: what a run would need, whether it fits, and what would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pff_stream.cli import logs, output
from pff_stream.cli.engine import Engine
from pff_stream.cli.options import SettingsCommand, click_option, options, rules_and_triples
from pff_stream.cli.session import fenced, pass_engine, print_lines, working
from pff_stream.errors import UsageError
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.options import OPTIONS

if TYPE_CHECKING:
    from pff_stream.pipeline.cluster_plan import ClusterPlan
    from pff_stream.plan.sweep import Sweep
    from planner.plan import Plan


@click.command(
    cls=SettingsCommand,
    epilog="\b\nExamples:\n  pff-stream plan rules.tsv triples.tsv --budget 4G\n"
    "  pff-stream plan rules.tsv triples.tsv --report plan.html",
)
@click.argument("inputs", nargs=-1, metavar="RULES TRIPLES...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option(
    "--sweep",
    metavar="workers=A..B",
    help="One row for each number of workers; ends with 0 if any fits.",
)
@click.option("--sizes", metavar="FILE", help="Plan by the counts in this YAML file instead.")
@click.option("--machine", metavar="FILE", help="The machines that --sizes is planned for.")
@click_option("output")
@options(RunSettings)
@pass_engine
def plan(
    engine: Engine, /, inputs: tuple[str, ...], as_json: bool, sweep: str | None, **others: object
) -> int:
    """Say how much memory a run would need.

    Says also whether that fits, and what would; runs nothing. Takes every option of `run`.
    With -o the plan is saved, and `run --plan` honours it. --report counts the reports of the run,
    and writes the plan itself where one is HTML or Markdown: bars by phase and term.
    Ends with 0 if the run fits, with 3 if it is refused.
    """
    with working(rules_and_triples(inputs)) as (layers, voice, observer):
        if others["sizes"] or others["machine"]:
            if inputs or not (others["sizes"] and others["machine"]):
                raise UsageError("--sizes: expected --sizes FILE --machine FILE without inputs")
            paths = str(others["sizes"]), str(others["machine"])
            lines, fits = engine.plan_sizes(*paths, observer)
            observer.close()
            print_lines(lines, voice)
            return 0 if fits else 3
        import json

        from pff_stream.checkpoint.resume import run_settings

        settings = run_settings(layers)
        written = others["output"]
        target = None if written is None else OPTIONS["output"].read(written, "-o")
        made: Plan | Sweep | ClusterPlan
        with fenced(settings.resources):
            if settings.clustering.cluster is not None:
                if sweep is not None:
                    raise UsageError("--sweep: found together with --cluster, expected one of them")
                made = engine.make_cluster_plan(settings, observer)
                shown, refused = made.table(), made.refusal()
            elif sweep is None:
                made = engine.make_plan(settings, observer)
                from planner.text import refusal, table

                shown = table(made)
                refused = "" if made.fits else refusal(made)
            else:
                made = engine.make_sweep(settings, sweep, observer)
                shown, refused = made.table(), ""
            observer.close()
            pictures = engine.write_pictures(made, settings)
        text = json.dumps(made.to_json(), indent=2, ensure_ascii=False)
        if target is not None:
            from pff_stream.files.writers import write_text

            write_text(str(target), text + "\n")
        to_stderr = "-" in pictures
        if as_json:
            output.say(text, to_stderr=to_stderr)
        else:
            told = [f"report: {path}" for path in pictures if path != "-"]
            print_lines([shown, *told], voice, to_stderr=to_stderr)
        if refused:
            logs.error(refused)
        return 0 if made.fits else 3
