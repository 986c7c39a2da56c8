"""`plan --sizes --machine`: plans of what is only counted, on machines that are only told of."""

from __future__ import annotations

from pathlib import Path

import pytest

import pff_stream
from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.pipeline.plan_sizes import plan_sizes
from pff_stream.plan.from_sizes import Sizes, read_machines, read_sizes
from pff_stream.triples.graph import read_header
from tests.warm import run

WIKIDATA = (
    "triples: 1_500_000_000\nentities: 100_000_000\nrelations: 10_000\nrules: 1_000_000\n"
    "name_bytes: 2GiB\nlargest_relation: 300_000_000\n"
)
MACHINES = "machines:\n" + "".join(
    f"  - {{name: m{hosts}, cores: 16, memory: 128GiB, hosts: {hosts}}}\n" for hosts in (1, 8, 64)
)


def files(folder: Path, sizes: str = WIKIDATA, machines: str = MACHINES) -> tuple[str, str]:
    """Both files."""
    (folder / "sizes.yaml").write_text(sizes)
    (folder / "machines.yaml").write_text(machines)
    return str(folder / "sizes.yaml"), str(folder / "machines.yaml")


@pytest.mark.thorough
def test_as_large_as_wikidata(tmp_path: Path) -> None:
    """A line for each number of hosts, and the terms of every plan."""
    lines, fits = plan_sizes(*files(tmp_path), Silent())
    assert fits
    heads = [line for line in lines if line.startswith("m")]
    assert [head.split(":")[0] for head in heads] == ["m1", "m8", "m64"]
    assert all("workers; evaluation about" in head for head in heads)
    assert "  graph  " in lines[3] and "Largest phase" in lines[3]
    small = MACHINES.replace("128GiB", "1GiB")
    lines, fits = plan_sizes(*files(tmp_path, machines=small), Silent())
    assert not fits and "refused: needs" in lines[2]


def test_bound_of_a_graph_holds(data: Path, tmp_path: Path) -> None:
    """What is said of a graph by its counts is no less than it takes."""
    file = tmp_path / "graph.pffg"
    pff_stream.encode(data / "umls" / "train.tsv.gz", file)
    header = read_header(str(file))
    sizes = Sizes(
        header.n_triples, header.n_entities, header.n_relations, 10, 40 * header.n_entities, 0, 3
    )
    most = sizes.on(2, 1, in_memory=True).graph.total_bytes
    assert header.total_bytes <= most <= 4 * header.total_bytes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("300_000_000", "5_000_000_000", "found 5,000,000,000 largest relation, expected at most"),
        ("1_500_000_000", "5_000_000_000", "found 5,000,000,000 triples, expected at most"),
        ("100_000_000", "3_000_000_000", "found 3,000,000,000 entities, expected at most"),
        ("rules: 1_000_000\n", "", "found no rules, expected a number of them"),
        ("2GiB", "much", "found name_bytes: 'much', expected a size"),
        ("relations:", "relation:", "found relation, expected one of triples"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    """At once, with the line, and what a graph can have."""
    sizes, _ = files(tmp_path, sizes=WIKIDATA.replace(before, after, 1))
    with pytest.raises(InputError, match=told):
        read_sizes(sizes)


def test_machines_without_memory(tmp_path: Path) -> None:
    """A machine has cores and memory."""
    _, machines = files(tmp_path, machines="machines:\n  - {cores: 4}\n")
    with pytest.raises(InputError, match="expected cores, memory and hosts"):
        read_machines(machines)


@pytest.mark.thorough
def test_command(tmp_path: Path) -> None:
    """0 where it fits on one of the machines; both files are needed."""
    sizes, machines = files(tmp_path)
    assert "m64: 64 x 16 cores" in run("plan", "--sizes", sizes, "--machine", machines, check=0)
    assert "expected --sizes FILE --machine FILE" in run("plan", "--sizes", sizes, check=2)
