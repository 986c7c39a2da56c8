"""What a run comes to: its totals, `summary.json`, and the text at the end without a folder.

Plain records in, bytes or lines out: nothing is measured, read or printed here. `summary.json` says
the same for the same inputs and settings, except under its key `run`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pff_stream.notes import Notes
from pff_stream.report.found import FoundTotals
from pff_stream.report.records import VACUOUS_REASONS, Counts, Json, Outcome, Reason
from pff_stream.report.totals import RunTotals, Totals
from pff_stream.words import counted

FORMAT_VERSION = 2

_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Summary:
    """Content of `summary.json`."""

    totals: RunTotals
    semantics: str
    settings: Mapping[str, Json]
    """What was asked for and changes the results."""
    inputs: Mapping[str, Json]
    """Name of each input to the hash of its content."""
    run: Mapping[str, Json]
    """All that may differ from run to run: budget, peaks, workers, seconds, versions, retries."""
    notes: Notes = field(default_factory=Notes)
    """What was skipped or noticed."""
    labels: Mapping[str, Json] = field(default_factory=dict)
    """What a manifest says and nobody here reads: `execution_id`, `sequence`."""

    @property
    def partial(self) -> bool:
        """Whether unknown predictions were left out of the counts (`--assumption partial`)."""
        return self.settings.get("assumption") == "partial"

    def to_json(self) -> dict[str, Json]:
        """The document, its keys in their order."""
        documents, totals = self.totals, self.totals.rules
        rules: dict[str, Json] = {"total": totals.rules}
        rules.update({outcome.word: totals.count(outcome) for outcome in Outcome})
        return {
            "format_version": FORMAT_VERSION,
            **self.labels,
            "documents": {"total": documents.documents, **documents.by_outcome},
            "rules": rules,
            "reasons": {reason.text: totals.because(reason) for reason in Reason if reason.text},
            "predictions": totals.predictions,
            "support": totals.support,
            "unknown": totals.counts.unknown,
            "violations": totals.violations,
            "violations_written": totals.violations_written,
            "truncated": {
                "max_examples": totals.cut_by_max_examples > 0,
                "max_violations": totals.cut_by_max_violations > 0,
            },
            "findings": None if documents.findings is None else documents.findings.to_json(),
            "notes": self.notes.to_json(),
            "semantics": self.semantics,
            "settings": self.settings,
            "inputs": self.inputs,
            "run": self.run,
        }

    def to_bytes(self) -> bytes:
        """The file, UTF-8, with a newline at the end; `ValueError` for NaN and infinity."""
        text = json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False, indent=2)
        return text.encode("utf-8", "surrogateescape") + b"\n"


NOT_A_SUMMARY = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What `read_summary` and `totals_of` raise for another document."""


def read_summary(document: Mapping[str, Any]) -> Summary:
    """The summary of a `summary.json`, with totals as `totals_of` and `RunTotals` tell them.

    Raises one of `NOT_A_SUMMARY` where it is no such document, or of another version.
    """
    documents = {word: int(count) for word, count in document["documents"].items()}
    totals = RunTotals.restored(totals_of(document), documents)
    found = document.get("findings")
    totals.findings = None if found is None else FoundTotals.from_json(found)
    content = Summary(totals, "", {}, {}, {}).to_json()
    return Summary(
        totals=totals,
        semantics=str(document["semantics"]),
        settings=dict(document["settings"]),
        inputs=dict(document["inputs"]),
        run=dict(document["run"]),
        notes=Notes.from_json(document["notes"]),
        labels={key: value for key, value in document.items() if key not in content},
    )


def totals_of(document: Mapping[str, Any]) -> Totals:
    """The totals that a `summary.json` tells; of what caps cut only whether, and no worst rules.

    Raises one of `NOT_A_SUMMARY` where it is no such document.
    """
    if document["format_version"] != FORMAT_VERSION:
        found = document["format_version"]
        raise ValueError(f"found format version {found!r}, expected {FORMAT_VERSION}")
    cut = document["truncated"]
    return Totals(
        outcomes=tuple(int(document["rules"][outcome.word]) for outcome in Outcome),
        counts=Counts(*(int(document.get(name, 0)) for name in Counts._fields)),
        violations=int(document["violations"]),
        violations_written=int(document["violations_written"]),
        cut_by_max_examples=int(cut["max_examples"]),
        cut_by_max_violations=int(cut["max_violations"]),
        reasons=tuple(int(document["reasons"].get(reason.text, 0)) for reason in Reason),
    )


def summary_lines(
    run: RunTotals, semantics: str, *, lists_documents: bool = False, partial: bool = False
) -> Iterator[str]:
    """The first lines of what a run comes to: documents where it has a list of them, counts."""
    totals = run.rules
    found = ", ".join(
        f"{totals.count(outcome):,} {outcome.word}" for outcome in Outcome if totals.count(outcome)
    )
    if lists_documents:
        became = ", ".join(f"{count:,} {word}" for word, count in run.by_outcome.items() if count)
        yield f"{counted(run.documents, 'document')}: {became}"
        checks = counted(totals.rules, "check")
        yield f"{checks} of a rule on a document ({semantics})" + (f": {found}" if found else "")
    else:
        yield f"{counted(totals.rules, 'rule')} ({semantics})" + (f": {found}" if found else "")
    yield from reason_lines(totals)
    yield (
        f"{counted(totals.predictions, 'prediction')}, {totals.support:,} of them in the graph, "
        f"{counted(totals.violations, 'violation')}"
        + (f", {totals.counts.unknown:,} unknown" if partial else "")
    )
    yield from cap_lines(totals)


def reason_lines(totals: Totals) -> Iterator[str]:
    """Why rules are vacuous, where that is known of all, and how many have an unknown head."""
    found = {reason: totals.because(reason) for reason in VACUOUS_REASONS}
    if totals.count(Outcome.VACUOUS) == sum(found.values()) > 0:
        yield "vacuous: " + ", ".join(
            f"{count:,} {reason.text}" for reason, count in found.items() if count
        )
    if totals.because(Reason.HEAD_RELATION_ABSENT):
        reason = Reason.HEAD_RELATION_ABSENT
        yield f"violated: {totals.because(reason):,} {reason.text}"


def failure_lines(run: RunTotals) -> Iterator[str]:
    """The documents that could not be evaluated: the first ones, and how many more."""
    for failure in run.failures:
        yield f"failed: {visible(failure.document)}: {visible(failure.reason)}"
    if run.failed > len(run.failures):
        yield f"failed: {run.failed - len(run.failures):,} more"


def worst_lines(totals: Totals) -> Iterator[str]:
    """The rules with the most violations, where they are known."""
    if totals.worst:
        yield ""
        yield _title(totals)
        width = max(len("violations"), *(len(f"{rule.violations:,}") for rule in totals.worst))
        places = max(len("line"), *(len(str(rule.line)) for rule in totals.worst))
        yield f"{'violations':>{width}}  {'line':>{places}}  rule"
        for rule in totals.worst:
            text = visible(rule.text)
            yield f"{rule.violations:>{width},}  {rule.line:>{places}}  {text}"


def cap_lines(totals: Totals) -> Iterator[str]:
    """One line for each cap that cut something."""
    if totals.cut_by_max_examples:
        yield (
            f"--max-examples left out {counted(totals.cut_by_max_examples, 'violation')} "
            "(counted, without example)"
        )
    if totals.cut_by_max_violations:
        yield (
            f"--max-violations left out {counted(totals.cut_by_max_violations, 'example')} "
            f"after the first {totals.violations_written:,}"
        )


def visible(text: str) -> str:
    """`text` for a terminal: what does not print is escaped, what is very long is cut."""
    if len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _title(totals: Totals) -> str:
    violated, shown = totals.count(Outcome.VIOLATED), len(totals.worst)
    if shown < violated:
        return f"the {shown} of {counted(violated, 'violated rule')} with the most violations:"
    return "violated rules, most violations first:"
