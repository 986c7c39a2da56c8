"""AnyBURL's rules: the specification of the fast compiler, and the format that reads lines of them.

Names are read verbatim (`_readings`) where the names of a graph say so, else without the blanks
around them (`_blanks`). A worker imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pff_stream.rules import rule
from pff_stream.rules._format import FLAG_AMBIGUOUS, FLAG_BLANKS, FLAG_UNSETTLED
from pff_stream.rules.columns import CONFIDENCE, PREDICTIONS, SUPPORT
from pff_stream.rules.formats._blanks import (
    BlankChart,
    has_blank_names,
    has_blanks,
    may_be_meant_otherwise,
    plain_path,
    trimmed,
    without,
)
from pff_stream.rules.formats._chart import MAX_TEXT_MEMORY_BYTES, Chart, Path
from pff_stream.rules.formats._readings import (
    MAX_READINGS,
    Named,
    Reading,
    Unsettled,
    checked,
    completed,
    direct_path,
    is_variable,
    narrowed,
    read_verbatim,
    show,
    with_self,
)
from pff_stream.rules.formats.interface import RuleFormat
from pff_stream.rules.keys import rule_keys
from pff_stream.rules.rule import Lookup, Rejected

if TYPE_CHECKING:
    from pff_stream.rules._sink import RuleSink
    from pff_stream.rules.formats.interface import GraphNames


def read_rule(
    text: bytes, has_entity: Lookup | None = None, has_relation: Lookup | None = None
) -> Reading | Unsettled | Rejected:
    """The reading of one rule text (valid UTF-8, no line end), with or without a graph's names.

    A name with blanks around it is the graph's where that has it so; else it is meant without.
    """
    text = completed(text)
    as_it_stands = read_verbatim(text, has_entity, has_relation)
    if not has_blanks(text):
        return as_it_stands
    if has_entity is not None and has_relation is not None:
        if _has_all(as_it_stands, has_entity, has_relation):
            return as_it_stands
        named = _named_by(has_entity, has_relation)
    else:
        named = _trimmed
    path = plain_path(text)
    if path is not None:
        return _of_path(text, path, named)
    if isinstance(as_it_stands, Reading) and not may_be_meant_otherwise(text, as_it_stands.spans):
        return as_it_stands
    chart = BlankChart(without(text), with_self(has_entity), has_relation)
    return _meant(text, as_it_stands, chart, named, with_graph=has_entity is not None)


def settle(text: bytes, has_entity: Lookup, has_relation: Lookup) -> Reading | Rejected:
    """The one reading of a text under a graph's names, or why there is none."""
    result = read_rule(text, has_entity, has_relation)
    if not isinstance(result, Unsettled):
        return result
    shown = " or ".join(show(reading) for reading in result.readings[:3])
    count = f"{len(result.readings)}" if len(result.readings) < MAX_READINGS else "64 or more"
    return Rejected(1, f"{count} readings: {shown}", "one reading with names of the graph")


def _trimmed(name: bytes, is_relation: bool) -> bytes:
    return trimmed(name)


def _named_by(has_entity: Lookup, has_relation: Lookup) -> Named:
    """Each name as the graph has it, with its blanks or without."""

    def named(name: bytes, is_relation: bool) -> bytes:
        has = has_relation if is_relation else has_entity
        return name if is_variable(name) or has(name) else trimmed(name)

    return named


def _has_all(
    result: Reading | Unsettled | Rejected, has_entity: Lookup, has_relation: Lookup
) -> bool:
    """Whether it is one reading, and the graph has all of its names."""
    return isinstance(result, Reading) and all(
        has_relation(atom.relation)
        and all(is_variable(term) or has_entity(term) for term in (atom.subject, atom.object))
        for atom in (result.head, *result.body)
    )


def _of_path(text: bytes, path: Path, named: Named) -> Reading | Rejected:
    """The reading of a text that is clear but for its blanks."""
    result = checked(text, path, False, named)
    if isinstance(result, Rejected):
        return result
    is_plain = direct_path(text) == path and not has_blank_names(text, path)
    return result if is_plain else replace(result, blanks=True)


def _meant(
    text: bytes,
    as_it_stands: Reading | Unsettled | Rejected,
    chart: Chart,
    named: Named,
    with_graph: bool,
) -> Reading | Unsettled | Rejected:
    """What is meant by a text whose separators are not clear, blanks left out."""
    without_blanks = narrowed(chart, with_graph=with_graph, named=named)
    if _n_atoms(without_blanks) > _n_atoms(as_it_stands):
        result = without_blanks
    elif isinstance(as_it_stands, Rejected):
        return as_it_stands
    else:
        found = [checked(text, one.spans, one.ambiguous, named) for one in _all(as_it_stands)]
        readings = tuple(one for one in found if isinstance(one, Reading))
        if len(readings) < 2:
            result = (*readings, *found)[0]
        else:
            result = Unsettled(readings)
    if isinstance(result, Rejected) or result == as_it_stands:
        return result
    marked = [replace(one, blanks=True) for one in _all(result)]
    return marked[0] if isinstance(result, Reading) else Unsettled(tuple(marked))


def _all(result: Reading | Unsettled) -> tuple[Reading, ...]:
    return (result,) if isinstance(result, Reading) else result.readings


def _n_atoms(result: Reading | Unsettled | Rejected) -> int:
    """Atoms of the body; a text that is rejected has less than any."""
    return -1 if isinstance(result, Rejected) else len(_all(result)[0].body)


class AnyBurlFormat(RuleFormat):
    """`predicted TAB correct TAB confidence TAB rule`, or the rule alone: any text."""

    name = "anyburl"
    default_semantics = "object-identity"
    columns = (PREDICTIONS, SUPPORT, CONFIDENCE)

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """Whatever no format before it reads."""
        return True

    def memory(self) -> Mapping[str, int]:
        """A line that runs on from block to block, and the readings of one ambiguous text."""
        from pff_stream.rules.formats._anyburl import READER_BYTES

        return {"line": READER_BYTES, "ambiguous text": MAX_TEXT_MEMORY_BYTES}

    def read(self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None) -> int:
        """Reads lines in compiled code; only texts that are not clear come back here."""
        # Here: a worker that settles a text imports this module, and reads no source.
        from pff_stream.rules.formats._anyburl import READER_BYTES, AnyBurlReader

        was_asked = False

        def read_text(text: bytes) -> tuple[int, bytes, bytes] | tuple[int, str, str]:
            nonlocal was_asked
            was_asked = True
            return _answer(text, graph)

        reader = AnyBurlReader(rules, read_text, graph)
        for block in blocks:
            reader.feed(block)
        reader.finish()
        return READER_BYTES + MAX_TEXT_MEMORY_BYTES * was_asked

    def settle(self, text: bytes, has_entity: Lookup, has_relation: Lookup) -> rule.Rule | Rejected:
        """By the order of preferences that docs/formats.md gives."""
        result = settle(text, has_entity, has_relation)
        return result if isinstance(result, Rejected) else result.rule()


def _answer(
    text: bytes, graph: GraphNames | None
) -> tuple[int, bytes, bytes] | tuple[int, str, str]:
    """Flags, body key and head key of a text; or column, found and expected."""
    if graph is None:
        result = read_rule(text)
    else:
        result = settle(
            text,
            lambda name: graph.entity_id(name) >= 0,
            lambda name: graph.relation_id(name) >= 0,
        )
    if isinstance(result, Rejected):
        return result.column, result.found, result.expected
    if isinstance(result, Unsettled):
        first = result.readings[0]
        flags = FLAG_AMBIGUOUS | FLAG_UNSETTLED | FLAG_BLANKS * first.blanks
        return (flags, *rule_keys(first.rule()))
    flags = FLAG_AMBIGUOUS * result.ambiguous | FLAG_BLANKS * result.blanks
    return (flags, *rule_keys(result.rule()))
