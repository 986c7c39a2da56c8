"""AMIE's output: rules with what AMIE counted of them, among the lines of its log.

Versions from 2013 to 3.5, with a header or without. A line is a rule, the header, a namespace
(`p9:http://...`, behind the rules that use it), or log. What rules look like: `_amie_text`; what
stands behind them: `_amie_columns`. A worker imports this module where names of its graph have to
settle a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pff_stream.files.lines import MAX_LINE_BYTES
from pff_stream.rules.formats._amie_columns import COLUMNS, layout_of
from pff_stream.rules.formats._amie_text import (
    ANYBURL_LINE,
    UNCLEAR_BYTES,
    VARIABLE,
    Unclear,
    read_text,
)
from pff_stream.rules.formats.interface import RuleFormat
from pff_stream.rules.rule import Lookup, Rejected, Rule

if TYPE_CHECKING:
    from pff_stream.rules._sink import RuleSink
    from pff_stream.rules.formats.interface import GraphNames

NAMESPACES_BYTES = 128 << 10
"""What the namespaces of a source take at most."""

_RULE_START = re.compile(
    rf"(?:^|[ (,]){VARIABLE}(?:  |[,)]|!=).*(?<! ) {{0,3}}=> "
    rf"(?:{VARIABLE}  \S.*|\S.*  {VARIABLE}"
    rf"|[^\t]+\({VARIABLE},[^\t]+\)|[^\t]+\([^\t]+,{VARIABLE}\))"
    r"(?:\t|\r?$)"
)
_LOG_START = re.compile(r"^Assuming \S+ as type relation\r?$|^Starting the mining phase\.\.\. ")


class AmieFormat(RuleFormat):
    """`body => head`, and columns as a header names them."""

    name = "amie"
    default_semantics = "homomorphism"
    columns = COLUMNS

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """By the first line that is a header, a rule, or what AMIE says before all."""
        for line in first_bytes.decode("utf-8", "replace").removeprefix("\ufeff").split("\n"):
            if ANYBURL_LINE.search(line):
                return False
            if layout_of(line.rstrip("\r").split("\t")) or _LOG_START.search(line):
                return True
            if _RULE_START.search(line):
                return True
        return False

    def memory(self) -> Mapping[str, int]:
        """A line with its rule, the readings of an unclear text, and namespaces."""
        return {
            "line": 32 * MAX_LINE_BYTES,
            "unclear text": UNCLEAR_BYTES,
            "namespaces": NAMESPACES_BYTES,
        }

    def read(self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None) -> None:
        """One line at a time; where names have namespaces, once more from a temporary file."""
        # Here: a worker that settles a text imports this module, and reads no source.
        from pff_stream.rules.formats._amie_lines import AmieReader

        AmieReader(rules, graph).read(blocks)

    def settle(self, text: bytes, has_entity: Lookup, has_relation: Lookup) -> Rule | Rejected:
        """The least odd reading whose names the graph has."""
        result = read_text(text.decode(), has_entity, has_relation)
        return result.rejected() if isinstance(result, Unclear) else result
