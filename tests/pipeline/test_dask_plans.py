"""What a cluster may take part with: plans of hosts, versions, warnings, and nothing by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pff_stream.pipeline.cluster import is_open
from tests.dask_processes import ROOT, DaskProcesses
from tests.execute.pool_processes import within
from tests.pipeline.faults import Running

EXAMPLE = ROOT / "docs" / "example"
RULES, TRIPLES = EXAMPLE / "umls_rules.tsv", EXAMPLE / "train.tsv"
MIB = 1 << 20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Three workers of one host: one with hardly any room, one with some, one without a limit."""
    pytest.importorskip("distributed")
    with DaskProcesses(tmp_path_factory.mktemp("dask")) as made:
        for limit in ("64MiB", "2GiB", "0"):
            made.add("--memory-limit", limit)
        yield made


@pytest.mark.quick
@pytest.mark.parametrize(
    ("where", "warns"),
    [
        ("tcp://127.0.0.1:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://10.0.0.7:8786", True),
        ("tcp://scheduler.example:8786", True),
        ("tls://scheduler.example:8786", False),
    ],
)
def test_open_connections(where: str, warns: bool) -> None:
    """A plain connection to another host is told of."""
    assert is_open(where) is warns


@pytest.mark.quick
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "http://10.0.0.7:8786"), "expected tcp://HOST:PORT"),
        (("--cluster", "tcp://"), "expected tcp://HOST:PORT"),
        (("--cluster", "a.json", "--start-method", "fork"), "--start-method"),
        (("--cluster", "a.json", "--shard", "1/2", "--out", "part"), "--shard"),
    ],
)
def test_meaningless_clusters(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be meant is refused with 2, before anything is reached."""
    from pff_stream.cli.main import main

    assert main(["run", str(RULES), str(TRIPLES), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.thorough
def test_missing_library(tmp_path: Path) -> None:
    """Without `distributed` one line says how to install it."""
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from pff_stream.cli.main import main\n"
        f"sys.exit(main(['plan', {str(RULES)!r}, {str(TRIPLES)!r}, '--cluster', 'a.json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "pip install 'pff-stream[dask]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.thorough
def test_nothing_by_itself(tmp_path: Path) -> None:
    """Dask's own variable makes no run look for a cluster, nor import anything of Dask."""
    code = (
        "import sys\nfrom pff_stream.cli.main import main\n"
        f"code = main(['run', {str(RULES)!r}, {str(TRIPLES)!r}, '--fail-on', 'none', '--quiet'])\n"
        "assert code == 0, code\nassert 'distributed' not in sys.modules"
    )
    environment = {**os.environ, "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@pytest.mark.cluster
def test_nobody_there(tmp_path: Path) -> None:
    """No scheduler at an address is an error with 3, and starts none."""
    run = Running(tmp_path, "plan", RULES, TRIPLES, "--cluster", "tcp://127.0.0.1:1")
    code, said = run.end()
    assert (code, "no scheduler answers there" in said) == (3, True), said


@pytest.mark.cluster
def test_plans_of_hosts(tmp_path: Path, cluster: DaskProcesses) -> None:
    """Each worker makes a plan; one has no room, and is told what would do."""
    words = ("plan", RULES, TRIPLES, "--cluster", cluster.file, "-o", tmp_path / "plan.json")
    code, said = Running(tmp_path, *words).end()
    assert code == 0, said
    made = json.loads((tmp_path / "plan.json").read_text())
    assert sorted(name.split()[0] for name in made["hosts"]) == ["w1", "w2"]
    ((name, why),) = made["refused"].items()
    assert name.startswith("w0")
    assert "as Dask counts it" in why
    assert "its memory limit 64.0 MiB x 0.70 leaves 44.8 MiB; start it with --memory-limit" in why
    for plan in made["hosts"].values():
        terms = {term["name"] for phase in plan["phases"] for term in phase["terms"]}
        assert {"Dask worker", "answers", "workers", "graph"} <= terms
        assert plan["settings"]["workers"] == 1


@pytest.mark.cluster
def test_one_too_few(tmp_path: Path, cluster: DaskProcesses) -> None:
    """Where --workers is said, a worker that has no room is one too few."""
    words = ("run", RULES, TRIPLES, "--workers", "1", "--cluster", cluster.address)
    code, said = Running(tmp_path, *words).end()
    assert code == 3, said
    assert "w0 (tcp://" in said
    assert "start it with --memory-limit" in said


@pytest.mark.cluster
def test_sent_files(tmp_path: Path, cluster: DaskProcesses) -> None:
    """Where hosts see none of the inputs, they are sent; the results are the same bytes."""
    # As from another host: paths of this process's descriptors are nobody else's.
    out = tmp_path / "out"
    words = ("run", RULES, TRIPLES, "--cluster", cluster.address, "--out", out)
    sent = tmp_path / "sent"
    run = Running(tmp_path, *words, unseen=str(sent), elsewhere=1)
    assert run.end()[0] == 1
    assert Running(tmp_path, "run", RULES, TRIPLES, "--out", tmp_path / "here").end()[0] == 1
    for name in ("findings.jsonl", "metrics.tsv", "rules.tsv"):
        assert (out / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    # Once to the host, of which both are workers.
    assert int(sent.read_text()) < 4 * MIB
    for worker in cluster.workers:
        assert within(60.0, lambda worker=worker: not worker.kept())  # type: ignore[misc]


@pytest.mark.cluster
def test_other_versions(tmp_path: Path) -> None:
    """A worker with another library, or that cannot use this one, is refused with 2, by name."""
    pytest.importorskip("distributed")
    old = tmp_path / "old" / "msgpack-0.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: msgpack\nVersion: 0.1\n")
    none = tmp_path / "none" / "pff_stream"
    none.mkdir(parents=True)
    (none / "__init__.py").write_text("raise ImportError('is of another Python')\n")
    with DaskProcesses(tmp_path / "dask") as made:
        made.add()
        made.add(path=str(old.parent))
        made.add(path=str(none.parent))
        code, said = Running(tmp_path, "run", RULES, TRIPLES, "--cluster", made.address).end()
    assert code == 2, said
    assert "w1 (tcp://" in said
    assert "found msgpack 0.1, expected" in said
    assert "w2 (tcp://" in said
    assert "pff-stream cannot be used there: " in said
    assert "is of another Python" in said
