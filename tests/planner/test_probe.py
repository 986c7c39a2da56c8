"""The probe's figure for one worker, times the workers, is what the tree really gains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from planner.probe import ProbeError, ProcessMemory, measure_self, probe_worker
from planner.probed import prepare_and_wait
from tests.planner.worker_targets import MIB, die, fail, hold, sleep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HELD = 5 * MIB

COMPARE = f"""
import json, multiprocessing, sys
from planner.probe import probe_worker
from planner.probed import prepare_and_wait
from planner.watch import TreeWatch
from tests.planner.worker_targets import hold

def gain(context, count):
    watch = TreeWatch()
    before = watch.sample()
    workers = []
    for _ in range(count):
        ours, theirs = context.Pipe()
        args = (theirs, hold, ({HELD},), 20.0)
        worker = context.Process(target=prepare_and_wait, args=args, daemon=True)
        worker.start()
        theirs.close()
        workers.append((worker, ours))
    for _, ours in workers:
        assert ours.recv() == ""
    after = watch.sample()
    for worker, ours in workers:
        worker.kill()
        worker.join()
        ours.close()
    return after - before

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    probe_worker(sys.argv[1], hold, ({HELD},))
    probe = probe_worker(sys.argv[1], hold, ({HELD},))
    print(json.dumps([probe.worker.bytes, probe.helpers_bytes, gain(context, 1), gain(context, 3)]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_one_worker_times_n_is_what_a_tree_gains(method: str) -> None:
    """One and three workers raise the tree by that many times the probe, within 0.3 MiB each."""
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, method], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    worker, helpers, one, three = json.loads(done.stdout)
    assert HELD < worker < HELD + 40 * MIB
    assert abs(one - worker) < 0.3 * MIB
    assert abs(three - 3 * worker) < 0.9 * MIB
    lowest, highest = {"fork": (0, 3), "spawn": (2, 15), "forkserver": (5, 40)}[method]
    assert lowest * MIB <= helpers <= highest * MIB


def test_this_process_is_measured() -> None:
    """The measure of oneself grows by what is touched, and counts its page tables."""
    before = measure_self()
    kept = hold(30 * MIB)
    grown = measure_self()
    assert 30 * MIB <= grown.bytes - before.bytes < 31 * MIB
    assert grown.page_table_bytes > before.page_table_bytes
    assert grown.data_bytes - before.data_bytes >= 30 * MIB
    assert len(kept) == 30 * MIB
    assert ProcessMemory(3, 4, 99).bytes == 7


@pytest.mark.parametrize(
    ("target", "message"),
    [(fail, "failed: RuntimeError: no such thing"), (die, "died before it was ready")],
)
def test_a_worker_that_cannot_prepare_is_an_error(target: object, message: str) -> None:
    """A worker that fails or dies ends the probe at once, with the reason."""
    assert callable(target)
    with pytest.raises(ProbeError, match=message):
        probe_worker("fork", target)


def test_a_worker_that_is_never_ready_is_an_error() -> None:
    """The probe does not wait for ever, and leaves no process behind."""
    from planner.watch import TreeWatch

    before = TreeWatch().descendants()
    with pytest.raises(ProbeError, match="not ready in time"):
        probe_worker("fork", sleep, timeout_seconds=0.2)
    assert TreeWatch().descendants() == before


def test_other_start_methods_are_refused() -> None:
    """A start method that makes no process is a mistake of the caller."""
    with pytest.raises(ValueError, match="'thread': expected one of fork"):
        probe_worker("thread", hold, (1,))


def test_an_answer_is_kept(tmp_path: Path) -> None:
    """An answer is taken from the cache for the same key only, and the cache keeps several."""
    cache = tmp_path / "deep" / "probes.json"

    def ask(version: str, size: int) -> int:
        probe = probe_worker("fork", hold, (size,), cache_path=cache, key={"numpy": version})
        return probe.worker.bytes

    first = ask("1", HELD)
    assert ask("1", 9 * HELD) == first
    assert ask("2", 4 * HELD) > first + 2 * HELD
    assert ask("1", 9 * HELD) == first
    assert [path.name for path in cache.parent.iterdir()] == ["probes.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format_version": 2, "probes": {"x": {}}}', "\xff" * 3]
)
def test_a_broken_cache_is_ignored(tmp_path: Path, text: str) -> None:
    """A cache that cannot be read is measured anew and replaced."""
    cache = tmp_path / "probes.json"
    cache.write_text(text, encoding="latin-1")
    assert probe_worker("fork", hold, (1,), cache_path=cache).worker.bytes > 0
    assert json.loads(cache.read_text())["format_version"] == 2


def test_a_cache_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    """Where no cache can be kept, the answer is given all the same and nothing is left."""
    (tmp_path / "file").write_text("")
    for cache in (tmp_path / "file" / "probes.json", tmp_path):
        assert probe_worker("fork", hold, (1,), cache_path=cache).worker.bytes > 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_probed_worker_is_light() -> None:
    """What the probe itself brings into a worker is its own module and nothing else."""
    code = (
        "import sys; had = set(sys.modules); import planner.probed; print(set(sys.modules) - had)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert eval(done.stdout) <= {"planner", "planner.probed", "__future__"}
    assert prepare_and_wait.__module__ == "planner.probed"
