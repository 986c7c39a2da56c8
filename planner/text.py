"""Says a plan in words: the table with a bar per term, and what a refusal tells.

Plain text for any terminal or log: 80 columns unless it is said; no colour, no library.
"""

from __future__ import annotations

from planner.model import Input, Phase, Setting, Settings, Term
from planner.plan import Plan
from planner.sizes import format_size, option_size

WIDTH = 80
"""Columns that a plan is told in."""
LEAD = 20
"""Of them, left in the first line of a refusal for who says it."""
_BAR = 12
_SIZE = 11
_NARROWEST = 60
_INDENT = "    "
_LARGEST_SHOWN = 3


def _clean(text: str) -> str:
    """The text on one line, without what a terminal would obey instead of showing."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(_clean(text), max(8, width), break_on_hyphens=False) or [""]


def _hung(line: str, width: int, lead: int = 0) -> list[str]:
    """A line and its continuations, further in; `lead` columns of the first are taken."""
    import textwrap

    text = line.lstrip()
    indent = " " * (len(line) - len(text) + lead)
    parts = textwrap.wrap(
        _clean(text),
        width,
        initial_indent=indent,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
    )
    return [part[lead:] if place == 0 else part for place, part in enumerate(parts or [""])]


def shown_value(name: str, value: Input | Setting) -> str:
    """A setting, an input or a figure of the machine in words: bytes as sizes."""
    if name.endswith("_bytes") and isinstance(value, int) and value >= 0:
        return format_size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def explained(term: Term) -> str:
    """Formula, inputs and source of a term in one sentence; of a bound, that it is one."""
    inputs = ", ".join(f"{name} {shown_value(name, value)}" for name, value in term.inputs.items())
    rest = "; ".join(part for part in (inputs, term.source) if part)
    said = f"{term.formula} ({rest})" if rest and term.formula else term.formula or rest
    return ": ".join(part for part in ("at most" * term.at_most, said) if part)


def _bar(part_bytes: int, whole_bytes: int) -> str:
    """A bar as long as the share; what is not nothing has at least a dot."""
    if not part_bytes:
        return " " * _BAR
    length = (part_bytes * _BAR * 2 + whole_bytes) // (2 * whole_bytes)
    return ("#" * min(length, _BAR) or ".").ljust(_BAR)


def _row(
    mark: str, name: str, size: str, bar: str, text: str, columns: tuple[int, int]
) -> list[str]:
    """A line and its continuations; `columns` are the widths of the name and of the whole."""
    name_width, width = columns
    name = _shortened(name, name_width)
    head = f"{mark:<2}{name:<{name_width}}{size:>{_SIZE}}  {bar:<{_BAR}}  "
    return _beside(head, text, width)


def _beside(head: str, text: str, width: int) -> list[str]:
    """A text in its column, behind what begins the line."""
    parts = _wrap(text, width - len(head))
    lines = [head + parts[0]]
    lines += [" " * len(head) + part for part in parts[1:]]
    return [line.rstrip() for line in lines]


def _shortened(name: str, width: int) -> str:
    name = _clean(name)
    return name if len(name) <= width else name[: width - 3] + "..."


def _name_width(plan: Plan, width: int) -> int:
    names = [term.name for term in plan.terms] + [phase.name for phase in plan.phases]
    longest = max(len(_clean(name)) for name in [*names, "budget"])
    return min(longest, max(12, width - _SIZE - _BAR - 6 - width // 4))


def _percent(plan: Plan) -> str:
    """The peak as a share of the budget, rounded up so that 100 % is full."""
    if not plan.budget_bytes:
        return "no budget"
    return f"{-(-plan.peak_bytes * 100 // plan.budget_bytes)} %"


def _profile(machine: Settings) -> str:
    """The figures of the machine in one line, each with its source in brackets where it has one."""
    parts = []
    for name, value in machine.items():
        if name.endswith("_source") or value is None:
            continue
        source = machine.get(f"{name}_source")
        word = name.removesuffix("_bytes").replace("_", "-")
        parts.append(f"{word} {shown_value(name, value)}" + (f" ({source})" if source else ""))
    return "  ".join(parts)


def table(plan: Plan, width: int = WIDTH) -> str:
    """The plan for people: terms of the largest phase, all phases, budget, verdict, notes.

    Without a last newline, in lines of at most `width` characters.
    """
    width = max(width, _NARROWEST)
    columns = (_name_width(plan, width), width)
    peak = plan.peak_phase
    settings = "  ".join(
        f"{name.replace('_', '-')} {shown_value(name, value)}"
        for name, value in plan.settings.items()
        if value is not None
    )
    lines = _wrap(f"Memory plan: {settings}" if settings else "Memory plan", width)
    if plan.machine:
        lines += _wrap(f"Machine: {_profile(plan.machine)}", width)
    lines += ["", *_wrap(f"Largest phase: {peak.name}", width)]
    for term in peak.terms:
        bar = _bar(term.bytes, peak.bytes)
        lines += _row("", term.name, format_size(term.bytes), bar, explained(term), columns)
    bound = "at most" if peak.at_most else ""
    lines += _row("", "peak", format_size(peak.bytes), "", bound, columns)
    lines += _row("", "budget", format_size(plan.budget_bytes), "", plan.budget_source, columns)
    lines += _phase_rows(plan, peak, columns)
    lines += ["", *_verdict(plan, width)]
    for note in plan.notes:
        lines += _wrap(f"Note: {note}", width)
    return "\n".join(lines)


def _phase_rows(plan: Plan, peak: Phase, columns: tuple[int, int]) -> list[str]:
    if len(plan.phases) < 2:
        return []
    lines = ["", "All phases, one after the other"]
    for phase in plan.phases:
        mark = ">" if phase is peak else ""
        bar = _bar(phase.bytes, peak.bytes)
        bound = "at most" if phase.at_most else ""
        lines += _row(mark, phase.name, format_size(phase.bytes), bar, bound, columns)
    return lines


def _both_sizes(plan: Plan) -> tuple[str, str]:
    """Peak and budget, in bytes where rounding would show two different sizes as the same.

    A peak that is only a bound is said to be one.
    """
    need, budget = format_size(plan.peak_bytes), format_size(plan.budget_bytes)
    if need == budget and plan.peak_bytes != plan.budget_bytes:
        need, budget = f"{plan.peak_bytes:,} B", f"{plan.budget_bytes:,} B"
    return f"at most {need}" if plan.peak_phase.at_most else need, budget


def _verdict(plan: Plan, width: int) -> list[str]:
    need, budget = _both_sizes(plan)
    if plan.fits:
        return _wrap(f"FITS ({_percent(plan)}): needs {need}, budget {budget}", width)
    lines = _wrap(f"REFUSED: needs {need}, budget {budget} ({plan.budget_source})", width)
    return lines + _what_fits(plan, width)


def _what_fits(plan: Plan, width: int) -> list[str]:
    """The nearest settings that fit; else the least budget that would do."""
    return [part for line in _fitting(plan) for part in _hung(line, width)]


def _fitting(plan: Plan) -> list[str]:
    lines = [f"  {suggestion}" for suggestion in plan.suggestions]
    needed_bytes = plan.peak_bytes
    if not lines and plan.least_bytes is not None:
        needed_bytes = plan.least_bytes
    deciding = [limit for limit in plan.limits if limit.deciding and limit.kind == "budget"]
    others = [limit for limit in plan.limits if limit.kind != "budget"]
    needed_bytes += plan.margin_bytes
    needed = option_size(needed_bytes)
    # What is pasted is a whole MiB, so that the machine must allow a whole MiB.
    pasted_bytes = -(-needed_bytes // 2**20) * 2**20
    too_small = min(
        (limit for limit in others if limit.bytes < pasted_bytes),
        key=lambda limit: limit.bytes,
        default=None,
    )
    if deciding and too_small is None:
        lines.append(f"  --budget {needed}" + ("" if plan.suggestions else _least_of(plan)))
    if lines:
        return ["What fits:", *lines]
    why = too_small.source if too_small is not None else plan.budget_source
    least = f"the least budget that would do is {needed}{_least_of(plan)}"
    return [f"Nothing fits: {least}, and what there is is less: {why}"]


def _least_of(plan: Plan) -> str:
    return "" if plan.least_bytes is None else " (with the smallest settings)"


def refusal(plan: Plan, width: int = WIDTH) -> str:
    """Why a plan is refused and what would fit, in a few lines; ValueError for one that fits.

    In lines of at most `width` characters, of which the first leaves `LEAD` for who says it.
    """
    if plan.fits:
        raise ValueError("a plan that fits is not refused")
    need, budget = _both_sizes(plan)
    largest = sorted(plan.terms, key=lambda term: -term.bytes)[:_LARGEST_SHOWN]
    longest = max((len(_clean(term.name)) for term in largest), default=0)
    name_width = min(longest, width - _SIZE - 4 - width // 3)
    why = f"refused: needs {need}, budget {budget} ({plan.budget_source})"
    lines = _hung(why, width, LEAD)
    lines += _hung(f"Largest in {plan.peak_phase.name}:", width)
    for term in largest:
        name, size = _shortened(term.name, name_width), format_size(term.bytes)
        head = f"  {name:<{name_width}}{size:>{_SIZE}}  "
        lines += _beside(head, explained(term), width)
    return "\n".join([*lines, *_what_fits(plan, width)])
