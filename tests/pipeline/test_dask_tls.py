"""A Dask cluster that speaks TLS: with the right certificate, a wrong one, and none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.dask_processes import ROOT, DaskProcesses
from tests.pipeline.faults import Running, digest

pytestmark = pytest.mark.cluster
pytest.importorskip("distributed")

EXAMPLE = ROOT / "docs" / "example"
RULES, TRIPLES = EXAMPLE / "umls_rules.tsv", EXAMPLE / "train.tsv"
SETTING = "DASK_DISTRIBUTED__COMM__TLS__"


def certificate(folder: Path) -> dict[str, str]:
    """Makes a key and its certificate, and says them as settings of Dask for every role."""
    folder.mkdir()
    key, made = str(folder / "key.pem"), str(folder / "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=a test", "-keyout", key, "-out", made]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except OSError:
        pytest.skip("no openssl here, which makes certificates")
    roles = ("SCHEDULER", "WORKER", "CLIENT")
    return {f"{SETTING}CA_FILE": made} | {
        f"{SETTING}{role}__{what}": path
        for role in roles
        for what, path in (("KEY", key), ("CERT", made))
    }


def test_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right one makes the same bytes; without it one line says why nothing is done."""
    right, wrong = certificate(tmp_path / "right"), certificate(tmp_path / "wrong")

    def run(out: str, *more: object) -> tuple[int, str]:
        return Running(tmp_path, "run", RULES, TRIPLES, "--out", tmp_path / out, *more).end()

    assert run("here")[0] == 1
    for name, value in right.items():
        monkeypatch.setenv(name, value)
    with DaskProcesses(tmp_path / "dask", protocol="tls") as cluster:
        assert cluster.address.startswith("tls://127.0.0.1:")
        cluster.add("--protocol", "tls")
        where = ("--cluster", cluster.address)
        code, said = run("there", *where)
        assert (code, "encrypted" in said) == (1, False), said
        assert digest(tmp_path / "there") == digest(tmp_path / "here")

        for name, value in wrong.items():
            monkeypatch.setenv(name, value)
        code, said = run("out-wrong", *where)
        assert (code, "certificate" in said) == (3, True), said
        assert "Traceback" not in said

        for name in wrong:
            monkeypatch.delenv(name)
        code, said = run("out-none", *where)
        assert (code, "distributed.comm.tls" in said) == (2, True), said
    assert not any((tmp_path / name).exists() for name in ("out-wrong", "out-none"))
