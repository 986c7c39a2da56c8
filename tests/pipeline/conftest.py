"""Counts what the fault tests did to processes and tells it at the end of the session."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import pytest

from tests.pipeline.faults import Running, digest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Signals that met a living process, by victim, and how a run took them."""
    properties = [
        (name, value)
        for report in (
            *terminalreporter.getreports("passed"),
            *terminalreporter.getreports("failed"),
        )
        for name, value in getattr(report, "user_properties", ())
    ]
    met = Counter[str](str(value) for name, value in properties if name == "fault")
    for what, count in sorted(met.items()):
        terminalreporter.write_line(f"{count:5} {what}")
    took = defaultdict[str, list[float]](list)
    for name, value in properties:
        if name == "retried":
            took[value[0]] += value[1]
    for what, seconds in sorted(took.items()):
        terminalreporter.write_line(
            f"{len(seconds):5} kills of busy workers until the task began again, {what}: "
            f"median {1e3 * median(seconds):.0f} ms, worst {1e3 * max(seconds):.0f} ms"
        )


@pytest.fixture(scope="module")
def inputs(data: Path) -> tuple[str, str]:
    """Rules and triples."""
    return str(data / "umls" / "rules.tsv.gz"), str(data / "umls" / "train.tsv.gz")


@pytest.fixture(scope="module")
def undisturbed(inputs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the results that nobody meddled with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert Running(folder, "run", *inputs, "--out", folder / "r").end()[0] == 1
    return digest(folder / "r")


@pytest.fixture(scope="module")
def prepared(inputs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same compiled and encoded: no encoder is there to be killed."""
    folder = tmp_path_factory.mktemp("prepared")
    made = str(folder / "rules.pffr"), str(folder / "triples.pffg")
    for command, source, target in zip(("compile", "encode"), inputs, made, strict=True):
        assert Running(folder, command, source, "-o", target).end()[0] == 0
    return made


@pytest.fixture(scope="module")
def undisturbed_prepared(
    prepared: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The hash of their results: findings from a graph file name no lines."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert Running(folder, "run", *prepared, "--out", folder / "r").end()[0] == 1
    return digest(folder / "r")
