"""Runs over a Dask cluster of real processes: the same bytes, whatever becomes of which process."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.dask_processes import ROOT, DaskProcesses, DaskWorker, Elsewhere, can_be_elsewhere
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running, digest, is_finished, starts

pytestmark = pytest.mark.cluster
pytest.importorskip("distributed")

EXAMPLE = ROOT / "docs" / "example"
PAUSE = 0.03
"""Before each task: time to meet a run in."""
SECONDS = 120.0


class Given:
    """Inputs that are many tasks, and what a run on this host makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules, self.graph = folder / "rules.pffr", folder / "graph.pffg"
        run = Running(
            folder, "compile", EXAMPLE / "umls_rules.tsv", "-o", self.rules, "--chunk-rules", "40"
        )
        assert run.end()[0] == 0
        assert Running(folder, "encode", EXAMPLE / "train.tsv", "-o", self.graph).end()[0] == 0
        out = folder / "here"
        assert Running(folder, *self.words(out)).end()[0] == 1
        self.digest = digest(out)

    def words(self, out: Path, *more: object) -> list[object]:
        """The command line of a run."""
        listed = ("--violations", out.parent / f"{out.name}.jsonl")
        return ["run", self.rules, self.graph, "--out", out, *listed, *more]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Made once."""
    return Given(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A cluster of two workers, one with a pool, for runs that kill none of them."""
    folder = tmp_path_factory.mktemp("lasting")
    with DaskProcesses(folder, pause=PAUSE, trace=str(folder / "trace")) as cluster:
        cluster.add(threads=2)
        cluster.add()
        yield cluster


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where worker processes tell of each task."""
    return tmp_path / "trace"


@pytest.fixture
def slow(tmp_path: Path, trace: Path) -> Iterator[DaskProcesses]:
    """A cluster whose tasks take their time, without a worker so far."""
    with DaskProcesses(tmp_path / "dask", pause=PAUSE, trace=str(trace)) as cluster:
        yield cluster


def begin(
    tmp_path: Path, given: Given, cluster: DaskProcesses, *more: object, **faults: Any
) -> Running:
    """A run over the cluster, whose worker processes meet the cluster's faults."""
    words = given.words(tmp_path / "out", "--cluster", cluster.address, *more)
    return Running(tmp_path, *words, elsewhere=1, calls=str(tmp_path / "calls"), **faults)


def until_begun(trace: Path, tasks: int) -> None:
    """Waits until so many tasks are begun."""
    assert within(SECONDS, lambda: len(starts(trace)) >= tasks)


def check_same(run: Running, tmp_path: Path, given: Given) -> str:
    """The run has ended as one on this host does; what it said."""
    code, said = run.end()
    assert code == 1, said
    assert digest(tmp_path / "out") == given.digest
    assert is_finished(tmp_path / "out")
    calls = json.loads((tmp_path / "calls").read_text())
    assert 1 < calls["most"] <= calls["window"]
    return said


def test_same_bytes(tmp_path: Path, given: Given, lasting: DaskProcesses) -> None:
    """Two hosts, each with a pool, make what one makes; nothing of the run stays with them.

    What they have found and not sent is no more than what they were given at once.
    """
    limits, most = [rlimits(worker) for worker in lasting.workers], 0
    run = begin(tmp_path, given, lasting, spool=0)
    while run.process.poll() is None:
        for path in lasting.folder.rglob("spool"):
            with suppress(OSError):
                most = max(most, path.stat().st_size)
        time.sleep(0.01)
    check_same(run, tmp_path, given)
    spooled = json.loads((tmp_path / "out" / "summary.json").read_text())["run"]["spooled_bytes"]
    assert 0 < most < 0.4 * spooled
    for worker in lasting.workers:
        check_clean(worker)
    # What holds worker processes to their plan is no limit of a process that others use, too.
    assert [rlimits(worker) for worker in lasting.workers] == limits


def rlimits(worker: DaskWorker) -> str:
    """The kernel's limits of the Dask worker itself."""
    return Path(f"/proc/{worker.dask_worker()}/limits").read_text()


def test_damaged_on_the_way(tmp_path: Path, given: Given, lasting: DaskProcesses) -> None:
    """Replies and files that come altered or cut are known by their checksums, and sent again."""
    sent, damaged = tmp_path / "sent", tmp_path / "damaged"
    run = begin(tmp_path, given, lasting, damage=str(damaged), unseen=str(sent))
    check_same(run, tmp_path, given)
    assert len(damaged.read_text()) == 3
    files = sum(path.stat().st_size for path in (given.rules, given.graph))
    assert files < int(sent.read_text()) <= 2 * files
    for worker in lasting.workers:
        check_clean(worker)


def test_interrupted(tmp_path: Path, given: Given, lasting: DaskProcesses) -> None:
    """Ctrl-C ends with 130, and nothing of the run is left; others of the cluster notice nothing.

    It is resumed while they have all of a worker, for which nobody waits.
    """
    from distributed import Client

    worker, taken = lasting.workers
    end, trace = tmp_path / "end", lasting.folder / "trace"
    trace.unlink()
    with Client(lasting.address, set_as_default=False) as other:
        theirs = {"long": other.submit(until_there, str(end), key="long", workers=["w1"])}
        theirs["done"] = other.submit(pow, 2, 10, key="done", workers=["w0"])
        run = begin(tmp_path, given, lasting)
        until_begun(trace, 20)
        os.kill(run.pid, signal.SIGINT)
        code, said = run.end()
        assert (code, "--resume" in said) == (130, True), said
        check_clean(worker)
        assert within(SECONDS, lambda: other.run_on_scheduler(keys_known) == sorted(theirs))
        words = ("run", "--resume", tmp_path / "out", "--cluster", lasting.address)
        again = Running(tmp_path, *words, elsewhere=1, calls=str(tmp_path / "calls"))
        check_same(again, tmp_path, given)
        assert (theirs["long"].status, theirs["done"].result(30)) == ("pending", 1024)
        end.touch()
        assert theirs["long"].result(30) == str(end)
    check_clean(worker)
    check_clean(taken)


def until_there(path: str) -> str:
    """On a worker: what another client has it do."""
    while not os.path.exists(path):
        time.sleep(0.05)
    return path


def keys_known(dask_scheduler: Any) -> list[str]:
    """On the scheduler: all that it was asked for and keeps."""
    return sorted(map(str, dask_scheduler.tasks))


def test_hosts_apart(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """Hosts that see nothing of each other get the files; one is killed, one has a full disk.

    What was sent is gone at the end.
    """
    if not can_be_elsewhere():
        pytest.skip("no namespaces may be made here, as which another host is seen")
    dies = slow.add(nanny=True, elsewhere=Elsewhere(given.folder))
    stays = slow.add(elsewhere=Elsewhere(given.folder, disk="200m"))
    full = slow.add(elsewhere=Elsewhere(given.folder, disk="64k"))
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    os.kill(dies.dask_worker(), signal.SIGKILL)
    said = check_same(run, tmp_path, given)
    assert "takes no part: w2 (tcp://" in said
    assert "No space left on device" in said
    for worker in (dies, stays, full):
        check_clean(worker)


def check_clean(worker: DaskWorker) -> None:
    """No process and no folder of a run is left with a Dask worker."""
    assert within(SECONDS, lambda: not worker.pool() and not worker.kept())
    assert worker.process.poll() is None


def test_killed_worker(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """What a worker had when it was killed is done by another."""
    dies, _ = slow.add(), slow.add()
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    dies.process.send_signal(signal.SIGKILL)
    check_same(run, tmp_path, given)


def test_restarted_worker(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """The only worker is killed; the one that its nanny starts has a plan, and takes part."""
    worker = slow.add(nanny=True)
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    os.kill(worker.dask_worker(), signal.SIGKILL)
    check_same(run, tmp_path, given)


def test_killed_nanny(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """A nanny that is killed takes its worker along; another goes on."""
    dies, _ = slow.add(nanny=True), slow.add()
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    dies.process.send_signal(signal.SIGKILL)
    check_same(run, tmp_path, given)


def test_killed_scheduler(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """The run ends with 3 and keeps what it has; it is resumed on this host."""
    slow.add()
    run = begin(tmp_path, given, slow)
    until_begun(trace, 40)
    slow.scheduler.kill()
    code, said = run.end()
    assert (code, "the scheduler of the cluster is gone" in said) == (3, True), said
    assert "--resume" in said
    again = Running(tmp_path, "run", "--resume", tmp_path / "out")
    code, said = again.end()
    assert (code, "resumed" in said) == (1, True), said
    assert digest(tmp_path / "out") == given.digest


def test_killed_client(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """Whatever hangs on a client that is killed ends with it; its run can be resumed there."""
    worker = slow.add()
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    os.kill(run.pid, signal.SIGKILL)
    assert run.end()[0] == -signal.SIGKILL
    check_clean(worker)
    words = ("run", "--resume", tmp_path / "out", "--cluster", slow.address)
    again = Running(tmp_path, *words, elsewhere=1, calls=str(tmp_path / "calls"))
    check_same(again, tmp_path, given)


def test_lost_result(tmp_path: Path, given: Given, slow: DaskProcesses, trace: Path) -> None:
    """Results that were not fetched when their worker was killed are made again."""
    dies, _ = slow.add(), slow.add()
    run = begin(tmp_path, given, slow)
    until_begun(trace, 20)
    os.kill(run.pid, signal.SIGSTOP)
    assert within(SECONDS, lambda: _is_idle(trace))
    dies.process.send_signal(signal.SIGKILL)
    dies.process.wait(10)
    os.kill(run.pid, signal.SIGCONT)
    check_same(run, tmp_path, given)


def test_killer_rule(tmp_path: Path, given: Given) -> None:
    """A rule that its worker process dies of is found by the pool of its host, and alone fails."""
    with DaskProcesses(tmp_path / "dask", kill=1234) as cluster:
        worker = cluster.add()
        code, said = begin(tmp_path, given, cluster).end()
        assert code == 4, said
        assert "1 rule could not be evaluated" in said
        assert worker.process.poll() is None
    rows = (tmp_path / "out" / "outcomes.tsv").read_text().splitlines()
    assert sum("failed" in row for row in rows) == 1


def test_killer_of_hosts(tmp_path: Path, given: Given) -> None:
    """A task that Dask workers die of is suspected after two, tried alone and in parts, and fails.

    All else is done.
    """
    with DaskProcesses(tmp_path / "dask", kill_host=1234) as cluster:
        cluster.add(nanny=True)
        cluster.add(nanny=True)
        code, said = begin(tmp_path, given, cluster).end(600)
    assert code == 4, said
    rows = (tmp_path / "out" / "outcomes.tsv").read_text().splitlines()
    assert sum("its host was lost" in row for row in rows) == 1


def _is_idle(trace: Path) -> bool:
    """Whether no task is begun for a while."""
    before = len(starts(trace))
    time.sleep(10 * PAUSE + 1.0)
    return len(starts(trace)) == before
