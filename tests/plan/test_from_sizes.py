"""`plan --sizes --machine`: plans of what is only counted, on machines that are only told of."""

from __future__ import annotations

from pathlib import Path

import pytest

import pff_stream
from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.pipeline.plan_sizes import plan_sizes
from pff_stream.plan.blocks import bounded
from pff_stream.plan.from_sizes import Sizes, read_machines, read_sizes
from pff_stream.rules.file import RuleFile
from pff_stream.rules.sizes import RuleSizes
from pff_stream.triples.graph import attach, read_header
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
        ("300_000_000", "5_000_000_000", "found a largest relation of 5,000,000,000 triples, exp"),
        ("1_500_000_000", "5_000_000_000", "found 5,000,000,000 triples, expected at most"),
        ("100_000_000", "3_000_000_000", "found 3,000,000,000 entities, expected at most"),
        ("300_000_000", "1_600_000_000", "found a largest relation of 1,600,000,000 triples, ex"),
        ("10_000\n", "3_000_000_000\n", r":3: found 3,000,000,000 relations, expected at"),
        ("rules: 1_000_000\n", "", "found no rules, expected a number of them"),
        ("2GiB", "much", "found name_bytes: 'much', expected a size"),
        ("relations:", "relation:", "found relation, expected sample or one of triples"),
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


@pytest.fixture(scope="module")
def sample(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with compiled rules and an encoded graph."""
    folder = tmp_path_factory.mktemp("sample")
    pff_stream.encode(data / "umls" / "train.tsv.gz", folder / "g.pffg")
    pff_stream.compile(data / "umls" / "rules.tsv.gz", folder / "r.pffr")
    return folder


def test_sample_as_it_is(sample: Path) -> None:
    """With no scale it comes to the sizes of a run over the files themselves."""
    (sample / "sizes.yaml").write_text("sample: {rules: r.pffr, graph: g.pffg}\n")
    sizes = read_sizes(str(sample / "sizes.yaml"))
    of_run = sizes.on(2, 1, in_memory=False)
    with RuleFile(sample / "r.pffr") as file, attach(str(sample / "g.pffg")) as graph:
        assert of_run.rules == RuleSizes.of(file)
        assert of_run.blocks == bounded(graph.view, file.max_body_atoms)
    header = read_header(str(sample / "g.pffg"))
    assert of_run.graph.total_bytes == header.total_bytes
    assert (sizes.triples, sizes.entities) == (header.n_triples, header.n_entities)


def test_sample_scaled(sample: Path) -> None:
    """Counts grow by the scale; what is given beside it takes its place."""
    whole = "sample: {rules: r.pffr, graph: g.pffg, scale: %s}\n"
    (sample / "sizes.yaml").write_text(whole % 1)
    one = read_sizes(str(sample / "sizes.yaml"))
    (sample / "sizes.yaml").write_text(whole % 100 + "rules: 77\nlargest_relation: 1000\n")
    more = read_sizes(str(sample / "sizes.yaml"))
    assert (more.triples, more.name_bytes) == (100 * one.triples, 100 * one.name_bytes)
    assert (more.relations, more.rules, more.largest_relation) == (one.relations, 77, 1000)
    assert 90 * one.graph_bytes() < more.graph_bytes() <= 100 * one.graph_bytes()
    (sample / "machines.yaml").write_text(MACHINES)
    files_given = str(sample / "sizes.yaml"), str(sample / "machines.yaml")
    lines, fits = plan_sizes(*files_given, Silent())
    assert fits and "; the graph has about " in lines[0]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{}", r"sizes.yaml:1: found sample: \{\}, expected rules, graph and scale"),
        ("{graph: g.pffg, times: 3}", "found times in sample, expected one of rules, graph, scale"),
        ("{graph: g.pffg, scale: 0}", "found scale: 0, expected a number over 0, such as 100"),
        ("{graph: g.pffg, scale: much}", "found scale: 'much', expected a number over 0"),
        ("{graph: 3}", "found graph: 3, expected the path of an encoded graph"),
        ("{graph: none.pffg}", "none.pffg"),
        ("{graph: r.pffr}", "r.pffr.*expected"),
        ("{rules: g.pffg}", "g.pffg.*expected"),
        ("{graph: g.pffg}", "found no rules, expected a number of them, or a sample"),
        ("{rules: r.pffr}", "found no triples, expected a number of them, or a sample"),
        (
            "{rules: r.pffr, graph: g.pffg, scale: 1e7}",
            r"yaml:1: found 52,160,000,000 triples,",
        ),
    ],
)
def test_no_sample(sample: Path, given: str, told: str) -> None:
    """Each with what was expected."""
    (sample / "sizes.yaml").write_text(f"sample: {given}\n")
    with pytest.raises(InputError, match=told):
        read_sizes(str(sample / "sizes.yaml"))
