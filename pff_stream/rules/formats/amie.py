"""AMIE's output: rules with what AMIE counted of them, among the lines of its log.

Versions from 2013 to 3.5, with a header or without. A line is a rule, the header, a namespace
(`p9:http://...`, behind the rules that use it), or log. What rules look like: `_amie_text`; what
stands behind them: `_amie_columns`. A worker imports this module where names of its graph have to
settle a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pff_stream.files.lines import MAX_LINE_BYTES
from pff_stream.rules.columns import (
    CONFIDENCE,
    HEAD_COVERAGE,
    PCA_CONFIDENCE,
    PCA_PREDICTIONS,
    PREDICTIONS,
    SUPPORT,
)
from pff_stream.rules.formats.interface import RuleFormat
from pff_stream.rules.rule import Lookup, Rejected, Rule

if TYPE_CHECKING:
    from pff_stream.rules._sink import RuleSink
    from pff_stream.rules.formats.interface import GraphNames

NAMESPACES_BYTES = 128 << 10
"""What the namespaces of a source take at most."""
UNCLEAR_BYTES = 2 << 20
"""What weighing the readings of one text holds at most (measured on texts made of separators)."""
_MARKS = (b"=> ", b"Rule\t", b"Assuming ", b"Starting the mining phase... ")
"""One of them is in whatever AMIE's output begins with."""


class AmieFormat(RuleFormat):
    """`body => head`, and columns as a header names them."""

    name = "amie"
    default_semantics = "homomorphism"
    columns = (PREDICTIONS, SUPPORT, CONFIDENCE, PCA_CONFIDENCE, PCA_PREDICTIONS, HEAD_COVERAGE)

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """By the first line that is a header, a rule, or what AMIE says before all."""
        if not any(mark in first_bytes for mark in _MARKS):
            return False
        # Here: most sources are AnyBURL's, and a small run notices what is imported.
        from pff_stream.rules.formats._amie_lines import is_amie

        return is_amie(first_bytes)

    def memory(self) -> Mapping[str, int]:
        """A line with its rule, the readings of an unclear text, and namespaces."""
        return {
            "line": 32 * MAX_LINE_BYTES,
            "unclear text": UNCLEAR_BYTES,
            "namespaces": NAMESPACES_BYTES,
        }

    def read(self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None) -> None:
        """One line at a time; where names have namespaces, once more from a temporary file."""
        from pff_stream.rules.formats._amie_lines import AmieReader

        AmieReader(rules, graph).read(blocks)

    def settle(self, text: bytes, has_entity: Lookup, has_relation: Lookup) -> Rule | Rejected:
        """The least odd reading whose names the graph has."""
        from pff_stream.rules.formats._amie_text import Unclear, read_text

        result = read_text(text.decode(), has_entity, has_relation)
        return result.rejected() if isinstance(result, Unclear) else result
