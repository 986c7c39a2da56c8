"""What a document came to that could not be checked, in the place of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pff_stream.notes import Notes

if TYPE_CHECKING:
    from pff_stream.errors import DocumentError
    from pff_stream.report.streams import Finding, RuleMetric


class FailedCheck:
    """A document among many that could not be checked: `error` says why; nothing is found in it."""

    ok = False
    unchecked = False
    findings: Sequence[Finding] = ()
    violated: Sequence[RuleMetric] = ()
    satisfied: Sequence[RuleMetric] = ()

    def __init__(self, name: str, error: DocumentError) -> None:
        self.name = name
        # Its traceback would hold the document as long as the error is kept.
        error.__context__ = None
        self.error = error.with_traceback(None)
        self.notes = Notes()
        self.seconds = 0.0

    def __repr__(self) -> str:
        return f"<{self.name}: failed, {self.error}>"

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: a failed document as in `documents.jsonl`."""
        return {
            "document": self.name,
            "outcome": "failed",
            "reason": str(self.error),
            "findings": [],
        }
