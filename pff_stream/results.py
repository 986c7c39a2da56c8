"""What a run from Python comes to: findings and rules as sequences that are read when asked for.

Results lie in a folder. Of a sequence only the place of each line is held, eight bytes a line; the
places are found when it is first asked for anything. Without a folder of the caller's they
lie in a temporary one, which is gone with the result.
"""

from __future__ import annotations

import json
import operator
import os
from array import array
from collections.abc import Callable, Collection, Iterator, Reversible, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar, overload

from pff_stream.closing import Closing
from pff_stream.files.arrow_library import has_arrow
from pff_stream.files.temporary_folder import TemporaryFolder
from pff_stream.report.folder import SUMMARY
from pff_stream.report.formats import file_name
from pff_stream.report.formats.findings import Findings
from pff_stream.report.formats.metrics import Metrics
from pff_stream.report.formats.tables import Columns, FindingColumns, MetricColumns, stream_of
from pff_stream.report.read_findings import read_finding
from pff_stream.report.read_metrics import read_metric
from pff_stream.report.records import Outcome
from pff_stream.report.result_lines import ResultLines

if TYPE_CHECKING:
    from pff_stream.notes import Notes
    from pff_stream.pipeline.conclude import Result
    from pff_stream.report.streams import Finding, RuleMetric

Item = TypeVar("Item")
_BLOCK_BYTES = 1 << 20


class ResultFolder:
    """Where results lie: the caller's folder, or a temporary one, gone when nobody holds it."""

    def __init__(self, out: str | None) -> None:
        self._temporary = TemporaryFolder() if out is None else None
        self.path: str = out or ""
        if self._temporary is not None:
            self.path = self._temporary.path

    def close(self) -> None:
        """Removes a temporary folder."""
        if self._temporary is not None:
            self._temporary.close()

    def open(self, name: str, buffering: int = -1) -> BinaryIO:
        """A file of results to be read; `ValueError` where they are removed."""
        if self._temporary is not None and not self._temporary.is_there:
            raise ValueError("the results are removed: the run's result was closed")
        return open(os.path.join(self.path, name), "rb", buffering)


class Lines(Collection[Item], Reversible[Item], Generic[Item]):
    """Records of a file of lines, each made when it is asked for; equal to any sequence alike.

    Not registered as a sequence, though it has all that one has: polars would hold all records then
    before it looked for a table.

    Raises `InputError` where the file is not what the run wrote, `ValueError` where the results are
    removed.
    """

    def __init__(
        self,
        folder: ResultFolder,
        name: str,
        read: Callable[[ResultLines, str], Item],
        columns: Columns[Item],
        *,
        skips: int = 0,
        keeps: Callable[[bytes], bool] | None = None,
        places: array[int] | None = None,
    ) -> None:
        """`skips` lines are no records; of the others those that `keeps` says."""
        self._folder = folder
        self._name = name
        self._read = read
        self._columns = columns
        self._skips = skips
        self._keeps = keeps
        self._found = places

    def __len__(self) -> int:
        return len(self._places())

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Lines[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Lines[Item]:
        places = self._places()
        if isinstance(index, slice):
            return Lines(self._folder, self._name, self._read, self._columns, places=places[index])
        with self._folder.open(self._name) as file:
            return self._record(file, places[index])

    def __iter__(self) -> Iterator[Item]:
        places = self._places()
        with self._folder.open(self._name) as file:
            for place in places:
                yield self._record(file, place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Sequence, Lines)):
            return NotImplemented
        return len(self) == len(other) and all(map(operator.eq, self, other))

    index = Sequence.index
    count = Sequence.count
    __contains__ = Sequence.__contains__
    __reversed__ = Sequence.__reversed__
    __hash__ = None  # type: ignore[assignment]

    @property
    def __arrow_c_stream__(self) -> Callable[..., object]:
        """Gives the records as a table, batch by batch; only where pyarrow is installed."""
        if not has_arrow():
            raise AttributeError("__arrow_c_stream__: found no pyarrow, which makes tables")
        return partial(stream_of, self, self._columns)

    def __repr__(self) -> str:
        return f"<{len(self)} records of {self._name}>"

    def _record(self, file: BinaryIO, place: int) -> Item:
        file.seek(place)
        text = file.readline().removesuffix(b"\n").decode("utf-8", "surrogateescape")
        return self._read(ResultLines(os.path.join(self._folder.path, self._name)), text)

    def _places(self) -> array[int]:
        """Where each record begins."""
        if self._found is None:
            found, place = array("Q"), 0
            with self._folder.open(self._name, _BLOCK_BYTES) as file:
                for number, line in enumerate(file):
                    if number >= self._skips and (self._keeps is None or self._keeps(line)):
                        found.append(place)
                    place += len(line)
            self._found = found
        return self._found


class RunResult(Closing):
    """A finished run; a context, at whose end a temporary folder of results is removed."""

    def __init__(self, folder: ResultFolder, result: Result) -> None:
        self._folder = folder
        self.folder = folder.path
        """Where the files of results lie."""
        self.exit_code = result.exit_code
        """What the command would have ended with."""
        self.reason = result.reason
        """Why it is not 0."""
        self.notes: Notes = result.notes
        """What was skipped or noticed."""
        with folder.open(SUMMARY) as file:
            self.summary: dict[str, Any] = json.loads(file.read().decode("utf-8", "replace"))
            """`summary.json`."""
        self.findings: Lines[Finding] = Lines(
            folder,
            file_name(Findings),
            read_finding,
            FindingColumns(),
            places=None if self.summary["findings"] else array("Q"),
        )
        """Missing triples, best first, with their reasons; as many as were asked for."""
        self.metrics: Lines[RuleMetric] = self._rules(None)
        """Every rule, in the order of the rules."""
        self.violated: Lines[RuleMetric] = self._rules(Outcome.VIOLATED)
        """The rules that miss a triple."""
        self.satisfied: Lines[RuleMetric] = self._rules(Outcome.SATISFIED)
        """The rules whose predictions are all triples of the graph."""

    def close(self) -> None:
        """Removes the results, where they lie in a temporary folder."""
        self._folder.close()

    def _rules(self, outcome: Outcome | None) -> Lines[RuleMetric]:
        partial = self.summary["settings"]["assumption"] == "partial"
        wanted = None if outcome is None else outcome.word.encode()

        def read(lines: ResultLines, text: str) -> RuleMetric:
            return read_metric(lines, text, partial=partial)

        def keeps(line: bytes) -> bool:
            return line.split(b"\t", 2)[1] == wanted

        is_kept = None if outcome is None else keeps
        return Lines(
            self._folder, file_name(Metrics), read, MetricColumns(), skips=1, keeps=is_kept
        )
