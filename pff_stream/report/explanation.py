"""What `explain` says of one triple: the rules that predict it, and what stands in its place.

The same as data, as JSON and as text for people. Does not cover: how it is found (`run.explain`).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pff_stream.report.streams import Found
from pff_stream.words import counted

WIDTH = 80
Names = tuple[str, str, str]
"""Subject, relation, object."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that predicts the triple."""

    rule: int
    """Its line in the rules, from 1."""
    rule_text: str
    confidence: float | None
    """Of the kind that reasons are ordered by; None where the rule has none."""
    violations: int | None
    """Of the rule on this graph, where they were counted, else None."""
    witness: tuple[Names, ...]
    """The triples of one grounding, an atom of the body each; empty for a rule without a body."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rules that predict one triple, best first."""

    triple: Names
    in_graph: bool
    ranked_by: str
    """Kind of confidence, as `--confidence` names it."""
    reasons: tuple[Reason, ...]
    found: Found
    not_looked_at: int
    """Rules that could not be read."""
    document: str = ""
    """Its name in the manifest, or the stem of a JSON file; empty for a graph."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            **({"document": self.document} if self.document else {}),
            "triple": list(self.triple),
            "in_graph": self.in_graph,
            "ranked_by": self.ranked_by,
            "reasons_total": len(self.reasons),
            "reasons": [
                {
                    "rule": reason.rule,
                    "rule_text": reason.rule_text,
                    "confidence": reason.confidence,
                    "violations": reason.violations,
                    "witness": [list(triple) for triple in reason.witness],
                }
                for reason in self.reasons
            ],
            "found": {
                "objects": list(self.found.objects),
                "objects_total": self.found.objects_total,
                "subjects": list(self.found.subjects),
                "subjects_total": self.found.subjects_total,
            },
            "not_looked_at": self.not_looked_at,
        }

    def lines(self, width: int = WIDTH) -> list[str]:
        """For people; what is wider goes on in the next line, and nothing is left out."""
        subject, relation, object_ = self.triple
        where = f"the document {self.document}" if self.document else "the graph"
        is_there = f"is in {where}" if self.in_graph else f"is not in {where}"
        found = self.found
        lines = _wrapped("", f"{_joined(self.triple)}  {is_there}", width)
        lines += _wrapped(
            "  ", f"objects of {subject}  {relation}: " + _some(found.objects, found.objects_total),
            width,
        )  # fmt: skip
        lines += _wrapped(
            "  ",
            f"subjects of {relation}  {object_}: " + _some(found.subjects, found.subjects_total),
            width,
        )
        n = len(self.reasons)
        rules = counted(n, "rule predicts it", "rules predict it")
        lines += ["", f"{rules}, by {self.ranked_by} confidence" if n else "no rule predicts it"]
        for reason in self.reasons:
            lines += ["", *self._reason(reason, width)]
        if self.not_looked_at:
            lines += ["", f"{counted(self.not_looked_at, 'rule')} could not be read: not looked at"]
        return lines

    def _reason(self, reason: Reason, width: int) -> Iterator[str]:
        confidence = "-" if reason.confidence is None else f"{reason.confidence:.3f}"
        yield from _wrapped("", f"{confidence}  line {reason.rule}  {reason.rule_text}", width)
        for place, triple in enumerate(reason.witness):
            yield from _wrapped("  because  " if not place else " " * 11, _joined(triple), width)


def _joined(triple: Names) -> str:
    return "  ".join(triple)


def _some(names: tuple[str, ...], total: int) -> str:
    """The first names, and how many more there are."""
    if not total:
        return "none"
    more = total - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _wrapped(indent: str, text: str, width: int) -> list[str]:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return textwrap.wrap(
        shown,
        width,
        initial_indent=indent,
        subsequent_indent=" " * (len(indent) + 2),
        drop_whitespace=True,
        replace_whitespace=False,
        break_on_hyphens=False,
    )
