"""Findings for a terminal: a table of missing triples, or a block each where documents have places.

Lines are made of spans, a text and what it is, so that whoever prints them can colour them. What
does not fit the width is cut, with a sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pff_stream.report.found import FoundTotals
from pff_stream.report.labels import labelled
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, Found
from pff_stream.report.summary import visible
from pff_stream.words import counted

PLAIN, STRONG, PLACE, NEW, EXPECTED, FAINT = "plain", "strong", "place", "new", "expected", "faint"
CUT = "…"
NO_LABELS: Mapping[str, str] = {}
_LEAST_COLUMN = 8
_GAP = 2


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    kind: str = PLAIN


Line = Sequence[Span]


def finding_lines(
    found: FoundTotals, width: int, labels: Mapping[str, str] = NO_LABELS
) -> Iterator[Line]:
    """The best findings and what they are of all; nothing where none were looked for.

    Labels stand behind the names that have one.
    """
    shown = found.first
    if not shown:
        yield from _nothing(found)
        return
    if any(one.where is not None and one.where.pointer is not None for one in shown):
        for one in shown:
            yield from _block(one, width, labels)
            yield []
    else:
        yield from _table(shown, width, labels)
    yield [Span(_of_all(found))]
    if found.gone is not None:
        yield [Span(_compared(found))]
    if found.cut_by_max_disk:
        yield [Span("cut short by --max-disk: there are more")]
    yield []


def _nothing(found: FoundTotals) -> Iterator[Line]:
    """What is said where there are no findings, if there is anything to say."""
    if found.without_value:
        without, kind = counted(found.without_value, "violated rule"), _kind(found)
        yield [Span(f"no findings: {without} without a confidence from 0 to 1 ({kind})")]
    if found.gone is not None:
        yield [Span(_compared(found))]


def _compared(found: FoundTotals) -> str:
    gone = found.gone
    assert gone is not None
    return (
        f"{found.n_new:,} new; of the baseline {gone.fixed:,} fixed, "
        f"{gone.no_longer_predicted:,} no longer predicted."
    )


def _kind(found: FoundTotals) -> str:
    return found.ranked_by.partition("/")[0]


def _of_all(found: FoundTotals) -> str:
    """How many there are, above what, and of which kinds."""
    least = found.floor if found.confidence is None else found.confidence
    above = "" if least is None else f" at {least:.3g} and above ({_kind(found)})"
    if found.is_all and found.written == found.total:
        whole = "1 finding" if found.total == 1 else f"all {found.total:,} findings"
    else:
        whole = f"{found.written:,} of the findings"
    shown = len(found.first)
    said = f"the first {shown} of {whole}" if found.written > shown else whole
    said += f"{above}; {found.kinds[ABSENT]:,} absent, {found.kinds[CONFLICT]:,} in conflict"
    if found.without_value:
        said += f"; {counted(found.without_value, 'rule')} without a confidence from 0 to 1"
    if found.not_looked_at:
        said += f"; {counted(found.not_looked_at, 'rule')} not looked at"
    return said + "."


# --- graphs ------------------------------------------------------------------------------------


def _named(name: str, labels: Mapping[str, str]) -> str:
    return visible(labelled(name, labels))


def _table(shown: Sequence[Finding], width: int, labels: Mapping[str, str]) -> Iterator[Line]:
    rows = [
        (
            str(place),
            *(_named(name, labels) for name in one.triple),
            f"{one.reasons_total:,}",
            f"{one.score:.3f}",
            _instead(one, labels),
        )
        for place, one in enumerate(shown, 1)
    ]
    titles = ("#", "missing triple", "", "", "rules", "best", "has instead")
    named = (1, 2, 3, 6)
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    for column in (0, 4, 5, 6):
        widths[column] = max(widths[column], len(titles[column]))
    _fit(widths, named, width)
    yield [Span(_row(titles, widths), FAINT)]
    for row, one in zip(rows, shown, strict=True):
        yield [Span(_row(row, widths), NEW if one.new else PLAIN)]


def _fit(widths: list[int], named: Sequence[int], width: int) -> None:
    """Makes the widest columns of names narrower until the row fits."""
    most = width - _GAP * (len(widths) - 1)
    while sum(widths) > most:
        widest = max(named, key=lambda column: widths[column])
        if widths[widest] <= _LEAST_COLUMN:
            return
        widths[widest] -= 1


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    right = (0, 4, 5)
    parts = []
    for column, (cell, size) in enumerate(zip(cells, widths, strict=True)):
        text = cell if len(cell) <= size else cell[: size - 1] + CUT
        # The title of the triple reaches over its three columns.
        if column == 1 and not cells[2]:
            parts.append(f"{cell:<{sum(widths[1:4]) + 2 * _GAP}}")
        elif column in (2, 3) and not cells[2]:
            continue
        else:
            parts.append(f"{text:>{size}}" if column in right else f"{text:<{size}}")
    return (" " * _GAP).join(parts).rstrip()


def _instead(finding: Finding, labels: Mapping[str, str]) -> str:
    names, total = _in_place(finding.found, by_object=finding.by_object)
    if not total:
        return "-"
    more = total - 1
    return _named(names[0], labels) + (f" +{more:,}" if more else "")


def _in_place(found: Found, *, by_object: bool) -> tuple[tuple[str, ...], int]:
    if by_object:
        return found.subjects, found.subjects_total
    return found.objects, found.objects_total


# --- documents ---------------------------------------------------------------------------------


def _block(finding: Finding, width: int, labels: Mapping[str, str]) -> Iterator[Line]:
    """Where it is, what is expected and found, and the best rule with what it rests on."""
    where = finding.where
    place = finding.document or " ".join(map(visible, finding.triple))
    if where is not None:
        pointer = where.pointer or ""
        place = f"{visible(where.file)}:{where.line}  {visible(pointer)}".rstrip()
    mark = "NEW" if finding.new else ""
    room = width - len(mark) - _GAP
    head = Span(_cut(place, room).ljust(room) if mark else _cut(place, width), PLACE)
    yield [head, Span(" " * _GAP + mark, NEW)] if mark else [head]
    said, _, _ = finding.message.partition(", because ")
    yield [Span(_cut(f"  {visible(said)}", width), EXPECTED)]
    best = finding.reasons[0]
    for place_of, fact in enumerate(best.witness):
        at = best.where[place_of] if place_of < len(best.where) else None
        subject, relation, value = (_named(name, labels) for name in fact)
        told = f"{subject} {relation} = {value}"
        line = ""
        if at is not None:
            told = f"{visible(at.pointer)} = {value}" if at.pointer is not None else told
            line = f"(line {at.line})"
        lead = "  because  " if place_of == 0 else "           "
        room = width - len(lead) - (len(line) + _GAP if line else 0)
        yield [Span(lead), Span(_cut(told, room).ljust(room) if line else _cut(told, room)),
               Span(" " * _GAP + line, FAINT)]  # fmt: skip
    kind = finding.ranked_by.partition("/")[0]
    of = f"{100 * best.confidence:.4g} % ({kind})"
    lead = f"  rule {best.line}  "
    room = width - len(lead) - len(of) - _GAP
    yield [Span(lead, FAINT), Span(_cut(visible(best.text), room).ljust(room)),
           Span(" " * _GAP + of, FAINT)]  # fmt: skip
    if finding.reasons_total > 1:
        yield [Span(f"  and {counted(finding.reasons_total - 1, 'rule')} more", FAINT)]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + CUT
