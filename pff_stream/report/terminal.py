"""Findings for a terminal: a table of missing triples, or a block each where documents have places.

Lines are made of spans, a text and what it is, so that whoever prints them can colour them. What
does not fit the width is cut, with a sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pff_stream.report.found import SHOWN_FACTS, FoundTotals
from pff_stream.report.labels import labelled
from pff_stream.report.message import message_of
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, Found
from pff_stream.report.summary import visible
from pff_stream.words import columns_of, counted

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
            yield from _block(one, width, labels, found.bases)
            yield []
    else:
        yield from _table(shown, width, labels)
    yield [Span(_of_all(found))]
    if found.note:
        yield [Span(_cut(found.note, width))]
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


def _kind(found: FoundTotals | Finding) -> str:
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
    columns = [
        _Column("#", is_right=True),
        _Column("missing triple", is_name=True),
        _Column("", is_name=True),
        _Column("", is_name=True),
        _Column("rules", is_right=True),
        _Column("best", is_right=True),
        _Column("has instead", is_name=True),
    ]
    rows = [
        [
            str(place),
            *(_named(name, labels) for name in one.triple),
            f"{one.reasons_total:,}",
            f"{one.score:.3f}",
            _instead(one, labels),
        ]
        for place, one in enumerate(shown, 1)
    ]
    if any(one.document for one in shown):
        columns.insert(1, _Column("document", is_name=True))
        for row, one in zip(rows, shown, strict=True):
            row.insert(1, visible(one.document))
    if any(one.new is not None for one in shown):
        columns.append(_Column(""))
        for row, one in zip(rows, shown, strict=True):
            row.append("NEW" if one.new else "")
    for place, column in enumerate(columns):
        column.size = max(columns_of(row[place]) for row in rows)
    _fit_titles(columns)
    _fit(columns, width)
    yield [Span(_titles(columns), FAINT)]
    for row, one in zip(rows, shown, strict=True):
        yield [Span(_row(row, columns), NEW if one.new else PLAIN)]


@dataclass(slots=True)
class _Column:
    """A column of the table."""

    title: str
    is_name: bool = False
    """Whether it has names, which are cut where they are too long."""
    is_right: bool = False
    size: int = 0


def _fit_titles(columns: Sequence[_Column]) -> None:
    """Makes columns as wide as their titles; that of the triple reaches over its three."""
    for place, column in enumerate(columns):
        reach = [column]
        while column.title and place + len(reach) < len(columns):
            following = columns[place + len(reach)]
            if following.title or not following.is_name:
                break
            reach.append(following)
        has = sum(one.size for one in reach) + _GAP * (len(reach) - 1)
        reach[-1].size += max(0, len(column.title) - has)


def _fit(columns: Sequence[_Column], width: int) -> None:
    """Makes the widest columns of names narrower until the row fits."""
    most = width - _GAP * (len(columns) - 1)
    while sum(one.size for one in columns) > most:
        widest = max((one for one in columns if one.is_name), key=lambda one: one.size)
        if widest.size <= _LEAST_COLUMN:
            return
        widest.size -= 1


def _titles(columns: Sequence[_Column]) -> str:
    line, end = "", 0
    for column in columns:
        title = column.title.rjust(column.size) if column.is_right else column.title
        # What is there already may reach over columns without a title.
        line = line.ljust(end) + title if title.strip() else line
        end += column.size + _GAP
    return line


def _row(cells: Sequence[str], columns: Sequence[_Column]) -> str:
    parts = []
    for cell, column in zip(cells, columns, strict=True):
        text = _cut(cell, column.size)
        blanks = " " * (column.size - columns_of(text))
        parts.append(blanks + text if column.is_right else text + blanks)
    return (" " * _GAP).join(parts).rstrip()


def _instead(finding: Finding, labels: Mapping[str, str]) -> str:
    names, total = _in_place(finding.found, by_object=finding.by_object)
    if not total:
        return "-"
    more = total - len(names[:1])
    return "".join(_named(name, labels) for name in names[:1]) + (f" +{more:,}" if more else "")


def _in_place(found: Found, *, by_object: bool) -> tuple[tuple[str, ...], int]:
    if by_object:
        return found.subjects, found.subjects_total
    return found.objects, found.objects_total


# --- documents ---------------------------------------------------------------------------------


def _block(
    finding: Finding, width: int, labels: Mapping[str, str], bases: Mapping[int, int]
) -> Iterator[Line]:
    """Where it is, what is expected and found, and the best rule with what it rests on."""
    where = finding.where
    place = finding.document or " ".join(map(visible, finding.triple))
    if where is not None:
        pointer = where.pointer or ""
        place = f"{visible(where.file)}:{where.line}  {visible(pointer)}".rstrip()
    if finding.new:
        yield _ended(Span("", PLACE), Span(place, PLACE), Span("NEW", NEW), width)
    else:
        yield [Span(_cut(place, width), PLACE)]
    yield [Span(_cut(f"  {_said(finding, labels)}", width), EXPECTED)]
    best = finding.reasons[0]
    for number, fact in enumerate(best.witness):
        lead = Span("  because  " if number == 0 else "           ")
        if number == SHOWN_FACTS:
            yield [lead, Span(CUT)]
            break
        at = best.where[number] if number < len(best.where) else None
        subject, relation, value = (_named(name, labels) for name in fact)
        told = f"{subject} {relation} = {value}"
        if at is None:
            yield [lead, Span(_cut(told, width - len(lead.text)))]
            continue
        told = f"{visible(at.pointer)} = {value}" if at.pointer is not None else told
        yield _ended(lead, Span(told), Span(f"(line {at.line})", FAINT), width)
    n = bases.get(best.line)
    of = f"{100 * best.confidence:.4g} % {'' if n is None else f'of {n:,} '}({_kind(finding)})"
    lead = Span(f"  rule {best.line}  ", FAINT)
    yield _ended(lead, Span(visible(best.text)), Span(of, FAINT), width)
    if finding.reasons_total > 1:
        yield [Span(f"  and {counted(finding.reasons_total - 1, 'rule')} more", FAINT)]


def _said(finding: Finding, labels: Mapping[str, str]) -> str:
    """What is expected and what is found, names with their labels."""
    subject, relation, object_ = (_named(name, labels) for name in finding.triple)
    found = replace(
        finding.found,
        objects=tuple(_named(name, labels) for name in finding.found.objects),
        subjects=tuple(_named(name, labels) for name in finding.found.subjects),
    )
    return message_of(
        (subject, relation, object_),
        found,
        (),
        by_object=finding.by_object,
        is_single=finding.message.startswith("expected "),
    )


def _ended(lead: Span, text: Span, end: Span, width: int) -> Line:
    """A line with something at its end; the text between is cut where it is too long."""
    room = width - len(lead.text) - len(end.text) - _GAP
    shown = _cut(text.text, room)
    blanks = " " * (max(0, room - columns_of(shown)) + _GAP)
    return [lead, Span(shown, text.kind), Span(blanks + end.text, end.kind)]


def _cut(text: str, room: int) -> str:
    """The text in so many columns, with a sign where something of it is left out."""
    if columns_of(text) <= room:
        return text
    kept, left = [], room - 1
    for character in text:
        left -= columns_of(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + CUT
