"""Documents are summed in the order of the manifest, and few answers wait for their turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pff_stream.execute.interface import Crew
from pff_stream.execute.job import Job
from pff_stream.observer import Silent
from pff_stream.pipeline.evaluate import Running
from pff_stream.pipeline.in_turn import InTurn
from pff_stream.pipeline.run import run
from pff_stream.plan.by_document import OUT_OF_TURN
from pff_stream.settings.commands import RunSettings
from pff_stream.work.documents import DocumentAnswer


def test_order() -> None:
    """What comes early waits, and comes out in order; too far ahead there is no room."""
    turns = InTurn[str](3, 4)
    assert [turns.has_room(number) for number in (0, 3, 6, 7)] == [True, True, True, False]
    assert list(turns.take(5, "five")) == []
    assert list(turns.take(4, "four")) == []
    assert len(turns) == 2
    assert list(turns.take(3, "three")) == ["three", "four", "five"]
    assert (len(turns), turns.has_room(9)) == (0, True)


class FirstIsLast(Crew[Any, Any]):
    """Workers of which one has the first document for as long as others have anything to do."""

    pids = property(lambda self: [])

    def __init__(self) -> None:
        self.begun = 0
        self.begun_before_first = 0
        self._first: Any = None

    def dispatch(self, queue: Any) -> None:
        """Answers all but the first at once."""
        while item := queue.take():
            self.begun += 1
            if item.task.number == 0:
                self._first = item
            else:
                queue.answered(item, DocumentAnswer(None, "is none"), 0.0)

    def wait(self, queue: Any, seconds: float) -> None:
        """Now nobody has anything else to do."""
        if seconds and self._first is not None:
            self.begun_before_first = self.begun
            queue.answered(self._first, DocumentAnswer(None, "is none"), 0.0)
            self._first = None

    def retire(self, queue: Any) -> bool:
        """None of them."""
        return False

    def close(self, *, kill: bool) -> None:
        """There is nothing."""


class _Executor:
    """Hands out that crew."""

    def __init__(self) -> None:
        self.made = FirstIsLast()

    def crew(self, job: Job) -> Crew[Any, Any]:
        """It."""
        return self.made


@pytest.mark.quick
def test_bounded(tmp_path: Path) -> None:
    """A document that takes long holds back what comes far behind it."""
    n = 2 * OUT_OF_TURN
    (tmp_path / "rules.tsv").write_text("9\t3\t0.5\tspeed(X,Y) <= code(X,Y)\n")
    (tmp_path / "d.tsv").write_text("a\tspeed\tb\n")
    lines = "".join(f"  - d{number}: d.tsv\n" for number in range(n))
    (tmp_path / "m.yaml").write_text(f"tasks:\n{lines}")
    executor, windows = _Executor(), []

    def begun(running: Running) -> None:
        running.executor = executor  # type: ignore[assignment]  # no more is asked of it
        windows.append(running.work.window)

    settings = RunSettings.of(
        rules=str(tmp_path / "rules.tsv"),
        manifest=str(tmp_path / "m.yaml"),
        out=str(tmp_path / "out"),
        workers=2,
        start_method="thread",
    )
    run(settings, Silent(), begun)
    assert executor.made.begun == n
    assert executor.made.begun_before_first == windows[0] + OUT_OF_TURN
    listed = (tmp_path / "out" / "documents.jsonl").read_text().splitlines()
    assert [json.loads(line)["document"] for line in listed] == [f"d{i}" for i in range(n)]
