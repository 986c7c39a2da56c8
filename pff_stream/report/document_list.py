"""`documents.jsonl`: a line for each document of a manifest, with all that is counted of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pff_stream.report.found import FoundTotals
from pff_stream.report.records import Counts, Json, Outcome, Reason
from pff_stream.report.streams import ABSENT, CONFLICT
from pff_stream.report.totals import Failure, RunTotals, Totals

_COMPARED = ("new", "fixed", "no_longer_predicted")
_CUTS = ("violations_written", "cut_by_max_examples", "cut_by_max_violations")
_BY_TEXT = {reason.text: reason for reason in Reason if reason.text}


@dataclass(frozen=True, slots=True)
class FoundInDocument:
    """What the findings of a document come to."""

    written: int
    """Of them, in `findings.jsonl`."""
    total: int
    """Triples that rules in force predict and the document does not have."""
    conflict: int
    """Of those that were written."""
    absent: int
    all_rules: bool
    """Whether all violated rules that have a confidence are in force."""
    best: dict[str, Json] | None
    """The first of them: key, triple, score and message; None: there is none."""
    without_confidence: int = 0
    """Violated rules that have none of the kind that rules are ranked by."""
    new: int | None = None
    """Of those that were written, the baseline has not; None, as what follows: there is none."""
    fixed: int | None = None
    no_longer_predicted: int | None = None

    @classmethod
    def of(cls, totals: FoundTotals) -> FoundInDocument:
        """The findings of one document; the first is the best."""
        best = totals.first[0] if totals.first else None
        shown: dict[str, Json] | None = None
        if best is not None:
            shown = {
                "key": best.key,
                "triple": list(best.triple),
                "score": best.score,
                "message": best.message,
            }
        kinds, gone = totals.kinds, totals.gone
        return cls(
            totals.written,
            totals.total,
            kinds[CONFLICT],
            kinds[ABSENT],
            totals.is_all,
            shown,
            totals.without_value,
            totals.new,
            None if gone is None else gone.fixed,
            None if gone is None else gone.no_longer_predicted,
        )

    @classmethod
    def read(cls, value: dict[str, Any]) -> FoundInDocument:
        """What `asdict` gave; KeyError, TypeError or ValueError where it did not."""
        best = value["best"]
        if best is not None:
            _checked(best, dict)
            if not isinstance(best["score"], (int, float)):
                raise TypeError("a score that is no number")
        written, total, conflict, absent = (
            _count(value[name]) for name in ("written", "total", CONFLICT, ABSENT)
        )
        without = _count(value["without_confidence"])
        compared = (_count(value[name]) for name in _COMPARED) if "new" in value else ()
        is_all = _checked(value["all_rules"], bool)
        return cls(written, total, conflict, absent, is_all, best, without, *compared)

    def to_json(self) -> dict[str, Json]:
        """For the line of its document; what was compared only where there is a baseline."""
        told = asdict(self).items()
        return {name: one for name, one in told if one is not None or name not in _COMPARED}

    def add_to(self, totals: FoundTotals) -> None:
        """Adds it to what the findings of all documents come to."""
        totals.written += self.written
        totals.total += self.total
        totals.kinds[CONFLICT] += self.conflict
        totals.kinds[ABSENT] += self.absent
        totals.is_all = totals.is_all and self.all_rules
        totals.without_value += self.without_confidence
        if self.new is not None and totals.gone is not None:
            totals.n_new += self.new
            totals.gone.fixed += self.fixed or 0
            totals.gone.no_longer_predicted += self.no_longer_predicted or 0
        if self.best is not None:
            score = float(self.best["score"])  # type: ignore[arg-type]
            totals.best = score if totals.best is None else max(totals.best, score)


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document and what it came to."""

    name: str
    """As the manifest has it."""
    totals: Totals | None
    """None where it could not be evaluated."""
    reason: str = ""
    """Why it could not."""
    triples: str = ""
    """The hash of its triples."""
    folder: str | None = None
    """Its folder of results, from that of the run; None: it has none."""
    found: FoundInDocument | None = None
    """What was found in it; None: nobody looked."""

    def add_to(self, totals: RunTotals) -> None:
        """Adds it to what all documents come to."""
        if self.totals is None:
            totals.add_failed(Failure(self.name, self.reason))
        else:
            totals.add(self.totals)
        if self.found is not None and totals.findings is not None:
            self.found.add_to(totals.findings)

    def to_line(self) -> bytes:
        """The line with its end."""
        line: dict[str, Json] = {"document": self.name}
        if self.folder is not None:
            line["folder"] = self.folder
        totals = self.totals
        if totals is None:
            line |= {"outcome": "failed", "reason": self.reason}
        else:
            line |= {
                "outcome": totals.word,
                "rules": {outcome.word: totals.count(outcome) for outcome in Outcome},
                "reasons": {
                    text: totals.because(reason)
                    for text, reason in _BY_TEXT.items()
                    if totals.because(reason)
                },
                **totals.counts._asdict(),
                "violations": totals.violations,
                **{name: getattr(totals, name) for name in _CUTS if getattr(totals, name)},
                "triples": self.triples,
            }
        if self.found is not None:
            line["findings"] = self.found.to_json()
        return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"


def listed_document(line: dict[str, Any]) -> ListedDocument:
    """The document of a line; KeyError, TypeError or ValueError where no run wrote it."""
    name, folder = _checked(line["document"], str), line.get("folder")
    if folder is not None:
        _checked(folder, str)
    if line["outcome"] == "failed":
        return ListedDocument(name, None, _checked(line["reason"], str), folder=folder)
    rules, reasons = _checked(line["rules"], dict), _checked(line["reasons"], dict)
    by_reason = {_BY_TEXT[text]: _count(n) for text, n in reasons.items()}
    totals = Totals(
        outcomes=tuple(_count(rules[outcome.word]) for outcome in Outcome),
        counts=Counts(*(_count(line[one]) for one in Counts._fields)),
        violations=_count(line["violations"]),
        reasons=tuple(by_reason.get(reason, 0) for reason in Reason),
        violations_written=_count(line.get(_CUTS[0], 0)),
        cut_by_max_examples=_count(line.get(_CUTS[1], 0)),
        cut_by_max_violations=_count(line.get(_CUTS[2], 0)),
    )
    if totals.word != line["outcome"]:
        raise ValueError(f"outcome {line['outcome']!r}")
    found = FoundInDocument.read(line["findings"]) if "findings" in line else None
    return ListedDocument(name, totals, "", _checked(line["triples"], str), folder, found)


def _count(value: Any) -> int:
    number: int = _checked(value, int)
    if number < 0:
        raise ValueError(f"count {number}")
    return number


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:  # exactly: a bool is no number here
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
