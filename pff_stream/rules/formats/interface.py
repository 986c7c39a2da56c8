"""What a rule format is: it recognises a source of rules, reads it, and settles doubtful texts.

The formats at hand are listed in this folder's `__init__`. docs/how-to-add.md adds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from pff_stream.files.lines import MAX_LINE_BYTES
from pff_stream.rules.rule import Rejected

if TYPE_CHECKING:
    from pff_stream.rules._sink import RuleSink
    from pff_stream.rules.columns import MinerColumn
    from pff_stream.rules.rule import Lookup, Rule


class GraphNames(Protocol):
    """The names of a graph, for settling what a text means while compiling it."""

    def entity_id(self, name: bytes, /) -> int:
        """The id of an entity, -1 if the graph has none of this name."""

    def relation_id(self, name: bytes, /) -> int:
        """The id of a relation, -1 if the graph has none of this name."""


class RuleFormat(Protocol):
    """One way to write rules. Has no state. Few need a `memory` and a `settle` of their own."""

    name: str
    """In the rule file's header, and a value of `--rule-format`."""
    default_semantics: str
    """What rules of this format mean where nobody says it: one of `_format.SEMANTICS`."""

    @property
    def columns(self) -> tuple[MinerColumn, ...]:
        """What its miners say of a rule; a column that no rule of a source has takes no room."""

    def matches(self, name: str, first_bytes: bytes) -> bool:
        """Whether it reads the source that messages call `name`: a path, `standard input`."""

    def memory(self) -> Mapping[str, int]:
        """Bytes that `read` holds at most, by name, beside the sink and a block of the source."""
        return {"line": 4 * MAX_LINE_BYTES}

    def read(
        self, blocks: Iterator[bytes], rules: RuleSink, graph: GraphNames | None
    ) -> int | None:
        """Puts every rule of the source, and every line that is none, into `rules`.

        Returns how many bytes of its memory it used, None for all of them. The names of a graph
        settle doubtful texts. UnreadableRulesError where the source as a whole cannot be meant.
        """

    def settle(self, text: bytes, has_entity: Lookup, has_relation: Lookup) -> Rule | Rejected:
        """The rule that a doubtful text is under a graph's names; for formats that keep such."""
        return Rejected(1, "a doubtful text", f"a clear one: {self.name} has no others")
