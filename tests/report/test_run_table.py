"""Places of runs: the same list whether it is in memory or goes on in a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pff_stream.errors import OutputError
from pff_stream.report.records import RUN, Run
from pff_stream.report.run_table import KEPT_RUNS, RunTable, table_bytes
from tests.report.by_hand import case_of, violated, write
from tests.report.cases import expected

RUNS = [Run(i % 3, i, 7 * i, i + 1) for i in range(2 * KEPT_RUNS + KEPT_RUNS // 2)]
"""More than are held: for the most part in a file."""
ENDS = (0, 1, KEPT_RUNS - 1, KEPT_RUNS, 2 * KEPT_RUNS - 1, 2 * KEPT_RUNS, len(RUNS) - 1)


def test_every_range(tmp_path: Path) -> None:
    """Any range of the table is what was added, across the end of the file too."""
    table = RunTable(RUNS[:4], os.fspath(tmp_path))
    table.add(RUNS[4:])
    assert len(table) == len(RUNS)
    for first in ENDS:
        for count in (0, 1, 2, KEPT_RUNS - 1, KEPT_RUNS, KEPT_RUNS + 1, len(RUNS) + 2):
            packed = table.read(first, count)
            assert [Run(*run) for run in RUN.iter_unpack(packed)] == RUNS[first : first + count]
    assert list(tmp_path.iterdir()) == []
    table.close()
    assert len(table) == 0


def test_closes_its_file(tmp_path: Path) -> None:
    """Nothing stays open behind it."""
    before = os.listdir("/dev/fd")
    table = RunTable(RUNS, os.fspath(tmp_path))
    assert len(os.listdir("/dev/fd")) == len(before) + 1
    table.close()
    assert os.listdir("/dev/fd") == before


def test_names_a_folder_that_cannot_hold_it(tmp_path: Path) -> None:
    """The folder is named, as it is for the results."""
    with pytest.raises(OutputError, match="missing"):
        RunTable(RUNS, os.fspath(tmp_path / "missing"))


def test_what_it_holds_is_bounded() -> None:
    """A table of ten million runs is planned like one of a few thousand."""
    assert table_bytes(10) == 270 < table_bytes(KEPT_RUNS) == table_bytes(10_000_000) < 1 << 16


@pytest.mark.thorough
def test_merges_from_the_file() -> None:
    """Merging in passes gives the same bytes when both lists of runs are in files."""
    records = [violated(i, 5, i % 6) for i in range(2 * KEPT_RUNS + 50)]
    want = expected(case_of(records)).violations
    for fan_in in (2, 128):
        _, data = write(case_of(records), *([record] for record in records), fan_in=fan_in)
        assert data == want
