"""The end of a run, whatever it went over: the verdict, the lines that are said, `summary.json`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pff_stream.files.writers import FileWriter
from pff_stream.limits.meter import MemoryMeter
from pff_stream.notes import Notes
from pff_stream.pipeline.sources import kept_paths
from pff_stream.pipeline.verdict import NOTHING_FOUND, Judged, verdict
from pff_stream.plan.accuracy import Compared, accuracy_lines
from pff_stream.report.folder import SUMMARY
from pff_stream.report.found import FoundTotals
from pff_stream.report.records import Json
from pff_stream.report.summary import Summary, failure_lines, summary_lines, worst_lines
from pff_stream.report.totals import RunTotals
from pff_stream.settings.commands import RunSettings
from planner.plan import Plan
from planner.sizes import format_size


@dataclass(frozen=True, slots=True)
class Result:
    """What the command ends with."""

    exit_code: int
    reason: str
    """Why the exit code is not 0; empty where it is."""
    lines: list[str]
    """What the run came to, for people; the reason is said after them."""
    totals: RunTotals
    memory_lines: list[str]
    """Memory by phase and by groups of terms, planned and measured: for those who ask for more."""
    notes: Notes = field(default_factory=Notes)
    """What was skipped or noticed."""
    is_judged: bool = True
    """Whether --fail-on was asked: about a part `join` decides."""

    @property
    def findings(self) -> FoundTotals | None:
        """What the findings come to; None where none were looked for."""
        return self.totals.findings


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run at its end, beside what it found."""

    settings: RunSettings
    plan: Plan
    meter: MemoryMeter
    semantics: str
    inputs: Mapping[str, str]
    """Name of each input to the hash of its content."""
    seconds: Mapping[str, float]
    """Wall time by phase."""
    compared: Sequence[Compared] = ()
    labels: Mapping[str, Json] = field(default_factory=dict)
    """What a manifest says of itself."""
    notes: Notes = field(default_factory=Notes)
    """What was skipped or noticed."""
    work: Mapping[str, Json] = field(default_factory=dict)
    """What the workers did: CPU seconds, edges, retries."""
    findings: Judged = NOTHING_FOUND
    """What of the findings the verdict may be about."""


def conclude(totals: RunTotals, facts: Facts) -> Result:
    """Judges the run and says what it came to."""
    settings = facts.settings
    judged = verdict(
        totals,
        on_bad_rule=settings.reading.on_bad_rule,
        fail_on_expression=settings.results.fail_on,
        findings=facts.findings,
    )
    memory_lines = accuracy_lines(facts.plan, _measured(facts), facts.compared)
    lines = _lines(totals, facts)
    is_judged = not settings.sharding.is_part
    code, reason = judged.exit_code, judged.reason
    return Result(code, reason, lines, totals, memory_lines, facts.notes, is_judged)


def summary_of(result: Result, facts: Facts) -> Summary:
    """What `summary.json` says."""
    return Summary(
        totals=result.totals,
        semantics=facts.semantics,
        settings=facts.settings.result_options(),
        inputs=facts.inputs,
        notes=facts.notes,
        labels=facts.labels,
        run=_run(result, facts),
    )


def write_summary(folder: str, summary: Summary) -> None:
    """Writes `summary.json`: the last file of a finished run."""
    with FileWriter(os.path.join(folder, SUMMARY)) as writer:
        writer.write(memoryview(summary.to_bytes()))


def report_lines(facts: Facts) -> list[str]:
    """What is said of the reports, which are made when all else is said."""
    measured = {name: size for name, size in _measured(facts).items() if name == "report"}
    return accuracy_lines(facts.plan, measured, ())


def _lines(totals: RunTotals, facts: Facts) -> list[str]:
    settings, plan = facts.settings, facts.plan
    lists_documents = settings.inputs.manifest is not None
    lines = list(
        summary_lines(
            totals,
            facts.semantics,
            lists_documents=lists_documents,
            partial=facts.settings.evaluation.partial,
        )
    )
    lines += failure_lines(totals)
    if settings.sharding.is_part:
        lines.append(f"part {settings.sharding.shard}: {settings.output.out}; `join` makes results")
    elif settings.output.out is not None:
        lines.append(f"results: {settings.output.out}")
    elif not lists_documents and totals.findings is None:
        lines += worst_lines(totals.rules)
    lines.append(
        f"peak memory: planned {format_size(plan.peak_bytes)}, "
        f"measured {format_size(facts.meter.peak_bytes)}, "
        f"budget {format_size(plan.budget_bytes)}"
    )
    return lines


def _measured(facts: Facts) -> dict[str, int]:
    """What was held at most in each phase of the plan, by its name."""
    found = facts.meter.phases
    return {
        phase.name: found[phase.name].bytes for phase in facts.plan.phases if phase.name in found
    }


def _run(result: Result, facts: Facts) -> dict[str, Json]:
    """All of the summary that may differ from run to run."""
    plan = facts.plan
    return {
        "budget_bytes": plan.budget_bytes,
        "budget_source": plan.budget_source,
        "planned_peak_bytes": plan.peak_bytes,
        "planned_terms": {term.name: term.bytes for term in plan.terms},
        "planned_phases": {phase.name: phase.bytes for phase in plan.phases},
        "measured_phases": dict(_measured(facts)),
        "measured_peak_bytes": facts.meter.peak_bytes,
        "measured_groups": [
            {
                "name": one.name,
                "terms": list(one.terms),
                "planned_bytes": one.planned_bytes,
                "measured_bytes": one.measured_bytes,
            }
            for one in facts.compared
        ],
        "measured_processes": [
            {"anon_bytes": one.anon_bytes, "page_table_bytes": one.page_table_bytes}
            for one in facts.meter.at_peak
        ],
        "workers": plan.settings["workers"],
        "start_method": plan.settings["start_method"],
        "window": plan.settings.get("window"),
        "backing": plan.settings.get("backing"),
        "seconds": {name: round(value, 3) for name, value in facts.seconds.items()},
        **facts.work,
        **kept_paths(facts.settings.inputs),
        "versions": _versions(),
        "exit_code": result.exit_code,
        "reason": result.reason,
        "lines": result.lines,
        "fail_on": facts.settings.results.fail_on,
        "new": facts.findings.new,
        "best_score": facts.findings.best_score,
    }


def _versions() -> dict[str, Json]:
    """What the results were made with."""
    import msgpack
    import numpy as np

    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "msgpack": ".".join(map(str, msgpack.version)),
        "platform": sys.platform,
    }
