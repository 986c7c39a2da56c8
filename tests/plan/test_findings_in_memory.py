"""Temporary files of findings in a folder that is memory: a term of the plan, and bounded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pff_stream.errors import RefusedError
from pff_stream.files.temporary import IN_MEMORY_BYTES, room_on_disk
from pff_stream.observer import Silent
from pff_stream.pipeline.run import make_plan, run
from pff_stream.settings.commands import RunSettings
from planner.mounts import is_memory
from planner.plan import Plan

N = 500


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder on a tmpfs."""
    if not Path("/dev/shm").is_dir() or not is_memory("/dev/shm"):
        pytest.skip("no /dev/shm that is memory")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        if room_on_disk(folder, 1 << 40)[0] != IN_MEMORY_BYTES:
            pytest.skip("/dev/shm is nearly full")
        yield folder


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, object]:
    """One rule of 250,000 violations."""
    (tmp_path / "r.tsv").write_text("9\t8\t0.9\tr(X,Y) <= a(X,A), b(A,Y)\n")
    lines = [f"x{n}\ta\thub\nhub\tb\ty{n}\n" for n in range(N)]
    (tmp_path / "t.tsv").write_text("".join(lines))
    return {"rules": f"{tmp_path}/r.tsv", "triples": (f"{tmp_path}/t.tsv",), "workers": 1}


def in_memory(plan: Plan) -> dict[str, int]:
    """The term by phase."""
    terms = ((phase, term) for phase in plan.phases for term in phase.terms)
    return {phase.name: term.bytes for phase, term in terms if term.name == "findings in memory"}


@pytest.mark.thorough
def test_a_term_of_every_phase_that_has_them(
    memory: str, inputs: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None where they lie on a disk."""
    monkeypatch.setenv("TMPDIR", memory)
    found = in_memory(make_plan(RunSettings.of(**inputs), Silent()))
    assert found["list"] == found["join"] >= found["merge"] + IN_MEMORY_BYTES
    less = in_memory(make_plan(RunSettings.of(**inputs, max_disk_bytes=1 << 20), Silent()))
    assert found["list"] - less["list"] == IN_MEMORY_BYTES - (1 << 20)
    assert not in_memory(make_plan(RunSettings.of(**inputs, findings=0), Silent()))
    if not is_memory(str(tmp_path)):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        assert not in_memory(make_plan(RunSettings.of(**inputs), Silent()))


@pytest.mark.thorough
def test_what_does_not_fit_is_refused_or_listed_in_pages(
    memory: str, inputs: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first findings are found; all of them are too many."""
    monkeypatch.setenv("TMPDIR", memory)
    found = run(RunSettings.of(**inputs), Silent()).findings
    assert found is not None
    assert (found.total, found.written, found.cut_by_max_disk) == (N * N, 20, False)
    with pytest.raises(RefusedError, match="TMPDIR on a disk would do"):
        run(RunSettings.of(**inputs, floor=0.5, findings="all"), Silent())
