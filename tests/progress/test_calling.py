"""Progress for callers from Python: a function that may be slow, may fail, and may not be there."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path

import pytest

import pff_stream
from pff_stream import Progress
from pff_stream.checkpoint.resume import run_settings
from pff_stream.observer import Silent
from pff_stream.pipeline import run as running
from pff_stream.progress.calling import Calls
from pff_stream.progress.choose import watched
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.resolve import Layers

EXAMPLE = Path(__file__).parents[2] / "docs" / "example"
RULES = "4\t4\t1.0\tlanguage(X,portuguese) <= country(X,pt)\n"
TRIPLES = "a\tcountry\tpt\nb\tcountry\tpt\na\tlanguage\tportuguese\n"


class Stopped(Exception):
    """What a function raises."""


class StopsAtMerge(Silent):
    """Ends the run when all is evaluated."""

    def phase(self, name: str, total: int | None, unit: str = "rules", done: int = 0) -> None:
        """Raises when the merge begins."""
        if name == "merge":
            raise Stopped


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """A file of one rule."""
    path = tmp_path / "rules.tsv"
    path.write_text(RULES)
    return str(path)


@pytest.fixture
def triples(tmp_path: Path) -> str:
    """A file of three triples."""
    path = tmp_path / "graph.tsv"
    path.write_text(TRIPLES)
    return str(path)


@pytest.mark.thorough
def test_every_phase_is_told_to_its_end(rules: str, triples: str) -> None:
    """From the first phase to the last, each with all that it had to do."""
    told: list[Progress] = []
    with pff_stream.run(rules, triples, findings=5, progress=told.append) as result:
        assert len(result.findings) == 1
    phases = dict.fromkeys(one.phase for one in told)
    assert list(phases) == ["compile", "encode", "evaluate", "merge", "findings"]
    last = {one.phase: one for one in told}
    assert (last["compile"].done, last["compile"].total) == (len(RULES), len(RULES))
    assert (last["evaluate"].done, last["evaluate"].fraction) == (1, 1.0)
    assert (last["merge"].done, last["findings"].done) == (1, 1)
    assert last["evaluate"].planned_bytes is not None and last["compile"].planned_bytes is None


@pytest.mark.thorough
def test_parts_and_what_joins_them_are_told(rules: str, triples: str, tmp_path: Path) -> None:
    """As a run is."""
    told: list[Progress] = []
    out = tmp_path / "part"
    pff_stream.run_shard("1/1", rules, triples, out=out, progress=told.append)
    assert "evaluate" in {one.phase for one in told}
    told.clear()
    pff_stream.join([out], progress=told.append).close()
    assert {"merge", "findings"} <= {one.phase for one in told}


def test_encode_counts_what_it_reads(triples: str, tmp_path: Path) -> None:
    """Bytes of the inputs, told by the process that reads them."""
    told: list[Progress] = []
    pff_stream.encode(triples, tmp_path / "graph.pffg", progress=told.append)
    assert {one.phase for one in told} == {"encode"} and told[-1].unit == "bytes"
    assert told[-1].fraction == 1.0


def test_compile_counts_what_it_reads(rules: str, tmp_path: Path) -> None:
    """Bytes of the rule text."""
    told: list[Progress] = []
    pff_stream.compile(rules, tmp_path / "rules.pffr", progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].phase) == (len(RULES), len(RULES), "compile")


@pytest.mark.parametrize("threads", [1, 2])
def test_check_many_counts_documents(rules: str, threads: int) -> None:
    """Those whose result was asked for; a source without a length has no total."""
    told: list[Progress] = []
    documents = [{"id": "a", "country": "pt"}] * 3
    with pff_stream.Validator(rules, threads=threads) as validator:
        assert len(list(validator.check_many(documents, progress=told.append))) == 3
        assert (told[-1].phase, told[-1].done, told[-1].total) == ("check", 3, 3)
        assert len(list(validator.check_many(iter(documents[:2]), progress=told.append))) == 2
        source = (one for one in documents)
        assert len(list(validator.check_many(source, progress=told.append))) == 3
        assert (told[-1].done, told[-1].total) == (3, None)


@pytest.mark.thorough
@pytest.mark.parametrize("ordered", [True, False])
def test_outcomes_that_are_not_drawn_leave_no_thread(
    rules: str, triples: str, ordered: bool
) -> None:
    """Closed in the middle, the caller is told nothing more."""
    told: list[Progress] = []
    outcomes = pff_stream.validate(rules, triples, ordered=ordered, progress=told.append)
    next(outcomes)
    outcomes.close()
    assert told and not named_threads()


@pytest.mark.thorough
def test_what_the_function_raises_ends_the_run(rules: str, triples: str) -> None:
    """And comes out of the call, whatever it was."""

    def stop(progress: Progress) -> None:
        if progress.phase == "merge":
            raise Stopped

    with pytest.raises(Stopped):
        pff_stream.run(rules, triples, progress=stop)
    assert not named_threads()


def test_what_it_raises_at_the_very_end_is_raised(rules: str, triples: str) -> None:
    """There is no later moment."""

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(stop) as observer:
        observer.phase("evaluate", 1)


def test_an_error_of_the_run_is_not_hidden(tmp_path: Path) -> None:
    """What the run raises is raised, though a function is at work."""
    with pytest.raises(pff_stream.InputError):
        pff_stream.run(tmp_path / "none", tmp_path / "none", progress=lambda progress: None)
    assert not named_threads()


def test_a_slow_function_is_not_waited_for() -> None:
    """States between two calls are skipped; the run goes on while the function is at work."""
    entered, go_on = threading.Event(), threading.Event()
    told: list[int] = []

    def slow(progress: Progress) -> None:
        told.append(progress.done)
        entered.set()
        go_on.wait()

    calls = Calls(slow)
    calls.phase("evaluate", 1_000)
    entered.wait()
    for _ in range(1_000):  # would never end if it waited
        calls.advance(1)
    go_on.set()
    calls.close()
    assert told[0] == 0 and told[-1] == 1_000 and len(told) <= 3
    calls.close()  # nothing is left to tell
    assert not named_threads()


@pytest.mark.thorough
def test_true_writes_to_standard_error(
    rules: str, triples: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line on a terminal, gone at the end; nothing of a short run in a log."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        pff_stream.run(rules, triples, progress=True).close()
    assert "evaluate [" in terminal.getvalue() and terminal.getvalue().endswith(" \r")
    assert log.getvalue() == ""


def test_without_standard_error_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of a window system."""
    monkeypatch.setattr(sys, "stderr", None)
    with watched(True) as observer:
        observer.phase("evaluate", 1)


def named_threads() -> list[str]:
    """Threads of progress that do not end; those that were given up end soon."""
    threads = [one for one in threading.enumerate() if one.name == "pff-stream progress"]
    for thread in threads:
        thread.join(60)
    return [thread.name for thread in threads if thread.is_alive()]


@pytest.mark.thorough
def test_a_resumed_run_begins_where_it_was(tmp_path: Path) -> None:
    """Rules that are done already are done from the first line on, and counted once."""
    out = str(tmp_path / "out")
    paths = {"rules": EXAMPLE / "umls_rules.tsv", "triples": [EXAMPLE / "umls_document.json"]}
    settings = RunSettings.of(**paths, out=out, workers=1, start_method="thread", reserve_bytes=0)
    with pytest.raises(Stopped):
        running.run(settings, StopsAtMerge())
    told: list[Progress] = []
    with watched(told.append) as observer:
        layers = Layers({"resume": out, "start_method": "thread"}, {}, None)
        running.run(run_settings(layers), observer)
    first, *_, last = [one for one in told if one.phase == "evaluate"]
    assert (first.done, first.total, first.rate) == (4_000, 4_000, None)
    assert (last.done, last.total) == (4_000, 4_000)
