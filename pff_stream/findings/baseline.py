"""An earlier run's findings, by their keys: which of the present ones are new, which are fixed.

Of each line the key is kept, 8 bytes, sorted. What became of those that are not found any more is
looked up in a second pass. Does not cover: those of many documents (`baselines`), and what is done
about new ones.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pff_stream.errors import InputError
from pff_stream.notes import NoteKind, Notes
from pff_stream.report.found import Gone
from pff_stream.report.message import key_of
from pff_stream.report.read_findings import read_finding
from pff_stream.report.records import Names
from pff_stream.report.result_lines import ResultLines, shown

if TYPE_CHECKING:
    from pff_stream.report.streams import Finding
    from pff_stream.triples._graph import GraphView


OTHER_DOCUMENT = NoteKind("other_document", "", "")
"""Its places are whole sentences."""


class Known(NamedTuple):
    """A finding of an earlier run."""

    key: str
    score: float
    triple: Names


class Baseline:
    """Those of one graph; `floor`: above it new and fixed are judged."""

    def __init__(self, read: Callable[[], Iterator[Known]], floor: float) -> None:
        self._read = read
        self.floor = floor
        self.content_hash = ""
        """The same for the same keys and scores; of a file that was read whole."""
        self.notes = Notes()
        """What is to be said of it."""
        keys = array("Q", (int(known.key, 16) for known in read()))
        self._keys: NDArray[np.uint64] = np.frombuffer(keys, np.uint64) if keys else _NO_KEYS
        self._keys.sort()
        self._met = np.zeros(len(self._keys), np.bool_)

    def is_new(self, finding: Finding) -> bool:
        """Whether the baseline has it not, and it is above the floor of both; notes it as met."""
        key = np.uint64(int(finding.key, 16))
        at = int(np.searchsorted(self._keys, key))
        if at < len(self._keys) and self._keys[at] == key:
            self._met[at] = True
            return False
        return finding.score >= self.floor

    def gone(self, graph: GraphView) -> Gone:
        """What became of those that were not met; asked when all findings are through."""
        found = Gone()
        for known in self._read():
            at = int(np.searchsorted(self._keys, np.uint64(int(known.key, 16))))
            if self._met[at] or known.score < self.floor:
                continue
            subject, relation, object_ = (
                name.encode("utf-8", "surrogateescape") for name in known.triple
            )
            ids = graph.entity_id(subject), graph.relation_id(relation), graph.entity_id(object_)
            if min(ids) >= 0 and graph.has_triple(*ids):
                found.fixed += 1
            else:
                found.no_longer_predicted += 1
        return found


class BaselineLines:
    """The `findings.jsonl` of an earlier run; `InputError` where it cannot be compared with."""

    def __init__(self, path: str, ranked_by: str, floor: float) -> None:
        self.path = path
        self._ranked_by = ranked_by
        self.floor = floor
        """The higher one of both runs, when all lines have been read."""
        self._hashed = hashlib.blake2b(digest_size=16)

    @property
    def content_hash(self) -> str:
        """The same for the same keys and scores, of the lines that have been read once."""
        return self._hashed.hexdigest()

    def read(self) -> Iterator[tuple[str, Known]]:
        """Document and finding of each line."""
        lines = ResultLines(self.path)
        for text in lines:
            finding = read_finding(lines, text)
            if finding.ranked_by != self._ranked_by:
                raise lines.error(
                    f"a finding ranked by {shown(finding.ranked_by)}",
                    f"{self._ranked_by}, as this run ranks them",
                )
            if finding.floor is None:
                raise InputError(
                    f"{self.path}: found findings of a run without --floor, expected those of one "
                    "with --findings all --floor C: of others nobody knows which are missing"
                )
            self._hashed.update(f"{finding.key} {finding.score!r}\n".encode())
            self.floor = max(self.floor, finding.floor)
            yield finding.document, Known(finding.key, finding.score, finding.triple)


def baseline_of_graph(lines: BaselineLines, document: str) -> Baseline:
    """The findings to compare one graph with, by their triples; `InputError` for those of many.

    `document` names the graph; where the baseline is of a document of another name, it is said.
    """
    names: dict[str, None] = {}

    def read() -> Iterator[Known]:
        for name, known in lines.read():
            names[name] = None
            if len(names) > 1:
                found = " and ".join(shown(one) for one in names)
                raise InputError(
                    f"{lines.path}: found findings of the documents {found}, expected those of a "
                    "run over one: with --manifest they can be compared"
                )
            yield known._replace(key=key_of(document, known.triple))

    baseline = Baseline(read, lines.floor)
    baseline.content_hash, baseline.floor = lines.content_hash, lines.floor
    other = next(iter(names), "")
    if document and other and other != document:
        said = (
            f"{lines.path}: the document of the baseline is {shown(other)}, this one is "
            f"{shown(document)}: their findings are compared by triple"
        )
        baseline.notes.add(OTHER_DOCUMENT, "", 0, said)
    return baseline


_NO_KEYS = np.empty(0, np.uint64)
