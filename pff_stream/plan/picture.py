"""Plans as pictures: bars by term and phase, in a page of HTML or in Markdown.

`plan --report FILE` writes them where the run that is planned would write its report. Forms that
show no plan are counted in it, and not written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pff_stream.files.writers import write_text
from pff_stream.plan.sweep import Sweep
from pff_stream.report.formats.html import Html
from pff_stream.report.formats.markdown import Markdown, markdown_text
from pff_stream.report.outputs import report_outputs
from pff_stream.report.page import safe, style, templates
from planner.model import Term
from planner.plan import Plan
from planner.sizes import format_size
from planner.text import explained, refusal, shown_value

_PAGE = Path(__file__).parent / "page"
_MARKDOWN_BAR = 20


def write_pictures(made: Plan | Sweep, asked: Sequence[str]) -> list[str]:
    """Writes those of the reports that were asked for which show a plan; returns where."""
    forms: dict[type[Any], Callable[[Plan | Sweep], str]] = {Html: page_of, Markdown: markdown_of}
    written = []
    for report in report_outputs(asked):
        make = forms.get(type(report.writer))
        if make is not None:
            write_text(str(report.path), make(made))
            written.append(str(report.path))
    return written


def page_of(made: Plan | Sweep) -> str:
    """The page."""
    first, plan = _first(made), made if isinstance(made, Plan) else None
    template = templates(_PAGE).get_template("plan.html")
    return template.render(
        verdict=_verdict(made),
        fits=made.fits,
        budget=format_size(first.budget_bytes),
        budget_source=first.budget_source,
        suggestions=[] if plan is None else plan.suggestions,
        sweep=_rows(made),
        phases=[] if plan is None else _phases(plan),
        facts=_facts(first, plan),
        notes=[] if plan is None else plan.notes,
        style=safe(style()),
    )


def markdown_of(made: Plan | Sweep) -> str:
    """The same as tables, for the summary of a build's step."""
    first = _first(made)
    lines = [f"# {_verdict(made)}", ""]
    lines += [f"Budget {format_size(first.budget_bytes)}: {markdown_text(first.budget_source)}", ""]
    for row in _rows(made):
        if not lines[-1].startswith("|"):
            lines += ["| workers | start method | peak | | in phase | fits |"]
            lines += ["|---:|---|---:|---|---|---|"]
        name = f"{row['workers']} | {row['method']} | {row['size']} | {_bar(row['share'])}"
        lines.append(f"| {name} | {row['phase']} | {'yes' if row['fits'] else 'no'} |")
    if isinstance(made, Plan):
        lines += [f"- {markdown_text(one)}" for one in made.suggestions]
        for phase in _phases(made):
            largest = ", the largest phase" if phase["largest"] else ""
            lines += ["", f"## {markdown_text(phase['name'])}: {phase['size']}{largest}", ""]
            lines += ["| term | needs | | how it was computed |", "|---|---:|---|---|"]
            lines += [
                f"| {markdown_text(one['name'])} | {one['size']} | {_bar(one['share'])} | "
                f"{markdown_text(one['explained'])} |"
                for one in phase["terms"]
            ]
        lines += ["", *(f"Note: {markdown_text(note)}" for note in made.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _first(made: Plan | Sweep) -> Plan:
    return made if isinstance(made, Plan) else made.plans[0]


def _verdict(made: Plan | Sweep) -> str:
    if isinstance(made, Sweep):
        fitting = [plan for plan in made.plans if plan.fits]
        return f"{len(fitting)} of {len(made.plans)} fit"
    if not made.fits:
        return refusal(made).partition("\n")[0]
    bound = "at most " * made.peak_phase.at_most
    size = format_size(made.peak_bytes)
    return f"Fits: needs {bound}{size}, budget {format_size(made.budget_bytes)}"


def _rows(made: Plan | Sweep) -> list[dict[str, Any]]:
    if isinstance(made, Plan):
        return []
    most = max(plan.peak_bytes for plan in made.plans)
    return [
        {
            "workers": workers,
            "method": method,
            "size": format_size(plan.peak_bytes),
            "share": _share(plan.peak_bytes, most),
            "phase": plan.peak_phase.name,
            "fits": plan.fits,
        }
        for plan, workers, method in made.rows()
    ]


def _phases(plan: Plan) -> list[dict[str, Any]]:
    """Each with its terms, the largest first; bars are shares of the largest phase."""
    most = plan.peak_bytes

    def term_of(term: Term) -> dict[str, Any]:
        return {
            "name": term.name,
            "size": format_size(term.bytes),
            "share": _share(term.bytes, most),
            "explained": explained(term),
        }

    return [
        {
            "name": phase.name,
            "size": "at most " * phase.at_most + format_size(phase.bytes),
            "share": _share(phase.bytes, most),
            "largest": phase is plan.peak_phase,
            "over": phase.bytes > plan.budget_bytes,
            "terms": [term_of(one) for one in sorted(phase.terms, key=lambda term: -term.bytes)],
        }
        for phase in plan.phases
    ]


def _facts(first: Plan, plan: Plan | None) -> list[tuple[str, str]]:
    """Limits, the deciding one marked, settings, the machine, and what was planned for."""
    deciding = {True: " (decides)", False: ""}
    limits = [
        (f"limit {one.kind}{deciding[one.deciding]}", f"{format_size(one.bytes)}, {one.source}")
        for one in first.limits
    ]
    groups = {"machine": first.machine, "planned for": first.identity}
    if plan is not None:
        groups = {"setting": plan.settings, **groups}
    return limits + [
        (f"{group} {name.removesuffix('_bytes').replace('_', '-')}", shown_value(name, value))
        for group, values in groups.items()
        for name, value in values.items()
        if value is not None
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f}"


def _bar(share: str) -> str:
    return "█" * round(float(share) * _MARKDOWN_BAR / 100)
