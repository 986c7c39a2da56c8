"""Lines of AMIE's output on their way into the sink.

A line is a rule, the header, a namespace, or log. Namespaces stand behind the rules that use them:
from the first rule on that may, lines wait in a temporary file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgpack

from pff_stream.files.lines import text_lines
from pff_stream.rules.formats._amie_columns import COUNTED, WITHOUT_HEADER, Layout, layout_of
from pff_stream.rules.formats._amie_readings import ARROW, HIDDEN_VARIABLE
from pff_stream.rules.formats._amie_text import VARIABLE, Unclear, expanded, read_text
from pff_stream.rules.rule import Lookup, Rejected, UnreadableRulesError

if TYPE_CHECKING:
    from pff_stream.files.lines import BadLine
    from pff_stream.rules._sink import RuleSink
    from pff_stream.rules.formats.interface import GraphNames

MAX_NAMESPACES_CHARACTERS = 1 << 15
"""Of all namespaces of a source together."""


MOST_UNCLEAR = 20
"""Texts that are looked at to tell whether they are rules of AMIE."""

_RULE_PART = re.compile(rf"=> |^{VARIABLE}(?:  |!=)|  {VARIABLE}(?:  |$)|[(,]{VARIABLE}[,)]")
"""What no line of the log has: a line with it is a rule, perhaps a broken one."""
_NAMESPACE = re.compile(r"(p[0-9]+):(\S+)")
_USES_NAMESPACE = re.compile(r'(?:^|[ (,^"=])p[0-9]+:')


def is_amie(first_bytes: bytes) -> bool:
    """Whether a source begins as AMIE's output: the first line that tells decides."""
    *lines, _ = (first_bytes + b"\n").decode("utf-8", "replace").split("\n")
    unclear = 0
    for line in lines:
        cells = line.removeprefix("\ufeff").rstrip("\r").split("\t")
        text = cells[0]
        if layout_of(cells) is not None or text.startswith("Starting the mining phase... "):
            return True
        if text.startswith("Assuming ") and text.endswith(" as type relation"):
            return True
        if _has_counts(cells):
            text = cells[3]
            if ARROW not in text:
                return False
        if "=> " in text and _RULE_PART.search(text) is not None and unclear < MOST_UNCLEAR:
            unclear += 1
            if not isinstance(read_text(text), Rejected):
                return True
        if ") <= " in text:
            return False
        before, arrow, behind = text.partition("=> ")
        if arrow and HIDDEN_VARIABLE.search(before) and HIDDEN_VARIABLE.search(behind):
            return True  # though it cannot be read: its variables are those of no other miner
    return False


def _has_counts(cells: list[str]) -> bool:
    """Whether a line has AnyBURL's columns, as `rules.tsv` of a run: counts before the rule."""
    return len(cells) == 4 and cells[0].isdigit() and cells[1].isdigit()


class AmieReader:
    """One source on its way into the sink."""

    def __init__(self, rules: RuleSink, graph: GraphNames | None) -> None:
        self._rules = rules
        self._layout: Layout | None = None
        self._has_header = False
        self._namespaces = rules.namespaces
        self._characters = 0
        self._waiting: io.BufferedRandom | None = None
        self._lookups: tuple[Lookup, Lookup] | tuple[()] = ()
        if graph is not None:
            self._lookups = (
                lambda name: graph.entity_id(name) >= 0,
                lambda name: graph.relation_id(name) >= 0,
            )

    def read(self, blocks: Iterator[bytes]) -> None:
        """Reads all lines."""
        try:
            for number, line in text_lines(blocks, self._bad):
                if self._waiting is None and _USES_NAMESPACE.search(line):
                    self._waiting = io.BufferedRandom(self._rules.open_temporary())
                if self._waiting is None:
                    self._line(number, line)
                else:
                    self._wait(number, line)
            if self._waiting is not None:
                self._read_waiting(self._waiting)
        finally:
            if self._waiting is not None:
                self._waiting.close()

    # Namespaces stand behind the rules that use them.

    def _bad(self, bad: BadLine) -> None:
        if self._waiting is None:
            self._rules.reject(*bad)
        else:
            self._put(bad)

    def _wait(self, number: int, line: str) -> None:
        match = _NAMESPACE.fullmatch(line)
        if match is None:
            self._put((number, line))
            return
        self._characters += len(line)
        if self._characters > MAX_NAMESPACES_CHARACTERS:
            found = f"namespaces of {self._characters} characters"
            raise UnreadableRulesError(number, found, f"at most {MAX_NAMESPACES_CHARACTERS}")
        self._namespaces.setdefault(match[1], match[2])

    def _put(self, fields: tuple[object, ...]) -> None:
        assert self._waiting is not None
        self._waiting.write(msgpack.packb(fields))

    def _read_waiting(self, waiting: io.BufferedRandom) -> None:
        waiting.seek(0)
        for fields in msgpack.Unpacker(waiting):
            if len(fields) == 2:
                self._line(*fields)
            else:
                self._rules.reject(*fields)

    # Lines.

    def _line(self, number: int, line: str) -> None:
        cells = line.split("\t")
        if len(cells) > 1:
            layout = layout_of(cells)
            if layout is not None:
                self._layout, self._has_header = layout, True
                return
        elif _RULE_PART.search(line) is None:
            return
        if _has_counts(cells) and ARROW not in cells[3]:
            expected = (
                "AMIE's own notation: -ofmt anyburl leaves inequalities out and changes names"
            )
            raise UnreadableRulesError(number, "a rule in AnyBURL's notation", expected)
        layout = self._layout
        if layout is None:
            counted = _has_counts(cells)
            layout = self._layout = COUNTED if counted else WITHOUT_HEADER.get(len(cells))
            if layout is None:
                raise UnreadableRulesError(
                    number,
                    _columns(cells),
                    "a header that names them (Rule, Head Coverage, ...), or without one "
                    "the rule and AMIE's seven columns, five (-ostd) or none",
                )
        if len(cells) != layout.n_cells:
            before = "the header" if self._has_header else "the first rule"
            expected = f"{layout.n_cells}, as in {before}"
            self._rules.reject(number, line, 1, _columns(cells), expected)
            return
        values = layout.values(cells)
        if isinstance(values, Rejected):
            self._reject(number, cells[layout.rule], values)
            return
        self._rule(number, cells[layout.rule], values)

    def _rule(self, number: int, text: str, values: dict[str, float | int | None]) -> None:
        result = read_text(text, *self._lookups)
        if isinstance(result, Unclear) and (self._lookups or self._namespaces):
            result = result.rejected()
        if isinstance(result, Rejected):
            self._reject(number, text, result)
        elif isinstance(result, Unclear):
            self._rules.add(number, text, result.readings[0], values, doubtful=True)
        else:
            rule = expanded(result, self._namespaces) if self._namespaces else result
            self._rules.add(number, text, rule, values)

    def _reject(self, number: int, text: str, why: Rejected) -> None:
        self._rules.reject(number, text, why.column, why.found, why.expected)


def _columns(cells: list[str]) -> str:
    return f"{len(cells)} columns" if len(cells) > 1 else "one column"
