"""What the commands call to do their work, imported when it is called and not before.

`main` takes an engine, which stands for the program behind the command line: whoever embeds the
commands, or tests them alone, gives another one.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO

from pff_stream.limits.room import check_room

if TYPE_CHECKING:
    from pff_stream.findings.compare import Comparison
    from pff_stream.observer import Observer
    from pff_stream.pipeline.cluster_plan import ClusterPlan
    from pff_stream.pipeline.conclude import Result
    from pff_stream.plan.sweep import Sweep
    from pff_stream.report.explanation import Explanation
    from pff_stream.settings.commands import (
        CompileSettings,
        EncodeSettings,
        ExplainSettings,
        ReportSettings,
        RulesSettings,
        RunSettings,
        TriplesSettings,
    )
    from planner.plan import Plan


class Engine:
    """The work of every command, as settings say; errors are raised, see `pff_stream.errors`."""

    def make_plan(self, settings: RunSettings, observer: Observer) -> Plan:
        """The plan of a run, whether it fits or not."""
        check_room()
        from pff_stream.pipeline import run

        _collect_from_here()
        return run.make_plan(settings, observer)

    def make_cluster_plan(self, settings: RunSettings, observer: Observer) -> ClusterPlan:
        """The same over a cluster, with the plan of each of its hosts."""
        check_room()
        from pff_stream.pipeline import run

        _collect_from_here()
        return run.make_cluster_plan(settings, observer)

    def plan_sizes(self, sizes: str, machines: str, observer: Observer) -> tuple[list[str], bool]:
        """Plans by counts, on machines that are told of: what to say, and whether any fits."""
        check_room()
        from pff_stream.pipeline.plan_sizes import plan_sizes

        return plan_sizes(sizes, machines, observer)

    def make_sweep(self, settings: RunSettings, text: str, observer: Observer) -> Sweep:
        """Plans over a range of one setting, such as `workers=1..16`."""
        check_room()
        from pff_stream.pipeline import run

        _collect_from_here()
        return run.make_sweep(settings, text, observer)

    def write_pictures(self, made: Plan | Sweep | ClusterPlan, settings: RunSettings) -> list[str]:
        """Writes the plan where it was asked for as a picture; returns where."""
        from pff_stream.pipeline import run

        return run.write_pictures(made, settings)

    def run(self, settings: RunSettings, observer: Observer) -> Result:
        """Plans and runs."""
        check_room()
        from pff_stream.pipeline import run

        _collect_from_here()
        return run.run(settings, observer)

    def join(self, parts: Sequence[str], said: Mapping[str, object], observer: Observer) -> Result:
        """Makes results of the parts of a run; `said` are options by field."""
        check_room()
        from pff_stream.pipeline import join

        _collect_from_here()
        return join.join(parts, said, observer)

    def make_reports(self, folder: str, settings: ReportSettings, observer: Observer) -> list[str]:
        """Makes reports of a finished run; what to say about them."""
        check_room()
        from pff_stream.pipeline import reports

        _collect_from_here()
        return reports.make_reports(folder, settings, observer)

    def explain(self, settings: ExplainSettings, observer: Observer) -> Explanation:
        """Finds the rules that predict one triple."""
        check_room()
        from pff_stream.pipeline import explain

        _collect_from_here()
        return explain.explain(settings, observer)

    def compare(self, old: str, new: str) -> Comparison:
        """What changed between two folders of results."""
        check_room()
        from pff_stream.pipeline import compare

        _collect_from_here()
        return compare.compare(old, new)

    def compile_rules(self, settings: CompileSettings, observer: Observer) -> list[str]:
        """Compiles rule text; what to say about it."""
        if settings.compile.graph is not None:  # which is read by numpy
            check_room()
        from pff_stream.pipeline import commands

        _collect_from_here()
        return commands.compile_rules(settings, observer)

    def print_rules(self, settings: RulesSettings, stream: BinaryIO) -> None:
        """Writes rules in another notation."""
        check_room()
        from pff_stream.pipeline import commands

        _collect_from_here()
        commands.print_rules(settings, stream)

    def encode_triples(self, settings: EncodeSettings, observer: Observer) -> list[str]:
        """Encodes triples or documents; what to say about it."""
        from pff_stream.pipeline import commands

        _collect_from_here()
        return commands.encode_triples(settings, observer)

    def print_triples(self, settings: TriplesSettings, stream: BinaryIO) -> None:
        """Writes the triples that documents become."""
        from pff_stream.pipeline import commands

        _collect_from_here()
        commands.print_triples(settings, stream)


def _collect_from_here() -> None:
    """Turns collections on, if `__main__` had them wait, and keeps them off all that is imported.

    Of a command on a small document they were a tenth: nothing of it is ever garbage.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
