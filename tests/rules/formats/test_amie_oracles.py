"""AMIE's rules on the graphs that they were mined from: the counts are those that AMIE gives.

The oracles hold the rules whose counts an independent evaluator confirmed, which are all.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pff_stream.triples._graph import GraphView
from tests.rules.formats.amie_counts import Counted, content, counted, graph_of_lines, oracle
from tests.triples.memory_writer import encoded

HERE = Path(__file__).parents[2] / "data"
AMIE = HERE / "amie"
SMALL_GRAPHS = {
    "nat": HERE / "nations" / "train.tsv.gz",
    "umls": HERE / "umls" / "train.tsv.gz",
    "edge": AMIE / "edge-as-amie-reads.tsv",
    "neq": AMIE / "neq.tsv",
}
LARGE_GRAPHS = {
    "nat": "nations/train.tsv",
    "umls": "umls/train.tsv",
    "wn": "wn18rr/train.tsv.gz",
    "fb": "fb15k237/train.tsv.gz",
    "edge": "amie/graphs/edge-as-amie-reads.tsv.gz",
    "earl": "amie/graphs/earl.tsv.gz",
    "neq": "amie/graphs/neq.tsv.gz",
}


def output_of(folder: Path, name: str) -> bytes:
    """What AMIE wrote under this name."""
    path = folder / f"{name}.out.gz"
    return content(path if path.exists() else folder / f"{name}.tsv.gz")


def agrees(folder: Path, name: str, graph: GraphView) -> int:
    """Every rule of an oracle has its counts, and AMIE's own columns agree; returns how many."""
    rules = counted(output_of(folder, name), graph)
    found = [
        (text, result.predictions, result.support, result.predictions - result.unknown)
        for text, result in zip(rules.texts, rules.results, strict=True)
    ]
    assert found == oracle(folder / "oracle" / f"{name}.tsv.gz")
    agrees_with_amie(rules)
    return len(found)


@pytest.mark.parametrize("name", ["earl-tsv", "earl-tsv-const", "earl-ttl", "earl-ttl-const"])
def test_rules_over_rdf(shared_data: Path, name: str) -> None:
    """What AMIE mined of RDF, in brackets or with prefixes, counts the same in its Turtle."""
    pytest.importorskip("pyoxigraph")
    turtle = shared_data / "rdf" / "earl-dotnetrdf.ttl.gz"
    graph = GraphView(encoded(turtle)[0])
    rules = counted(output_of(shared_data / "amie", name), graph)
    assert len(rules.texts) in (2, 48, 60)
    agrees_with_amie(rules)


def agrees_with_amie(rules: Counted) -> None:
    """Counts and shares are those in AMIE's columns, where it gives them."""
    for text, result, *said in zip(rules.texts, rules.results, *rules.miner.values(), strict=True):
        amie = dict(zip(rules.miner, said, strict=True))
        decided = result.predictions - result.unknown
        assert amie["support"] == result.support, text
        assert amie["predictions"] in (-1, result.predictions), text
        assert amie["pca_predictions"] in (-1, decided), text
        for name, total in (("confidence", result.predictions), ("pca_confidence", decided)):
            share = amie[name]
            assert math.isnan(share) or abs(share - result.support / total) < 1e-6, text
        assert 0 < amie["head_coverage"] <= 1


@pytest.mark.parametrize(
    "name", sorted(path.name.split(".")[0] for path in (AMIE / "oracle").iterdir())
)
def test_counts_are_those_of_the_oracle(name: str) -> None:
    """Predictions, support and PCA body size, of all versions and ways to write."""
    graph = graph_of_lines(content(SMALL_GRAPHS[name.split("-")[0]]))
    assert agrees(AMIE, name, graph)


@pytest.mark.parametrize(
    ("name", "other"),
    [("neq-lajus-datalog", "neq-lajus"), ("edge-const-datalog", "edge-const-lajus")],
)
def test_datalog_notation_is_counted_as_the_other(name: str, other: str) -> None:
    """Names with commas, parentheses and blanks in them included."""
    graph = graph_of_lines(content(SMALL_GRAPHS[name.split("-")[0]]))
    rules = counted(output_of(AMIE, name), graph)
    agrees_with_amie(rules)
    assert rules.results == counted(output_of(AMIE, other), graph).results


def test_literals_in_quotes_are_whole() -> None:
    """Two blanks and an arrow in a literal part nothing, with the graph's names or without."""
    lines = content(AMIE / "lit.tsv")
    # A full stop at the end of a line is cut by AMIE.
    graph = graph_of_lines(lines.replace(b"Washington, D.C.\n", b"Washington, D.C\n"))
    agrees_with_amie(counted(output_of(AMIE, "lit-v351"), graph))
    agrees_with_amie(counted(output_of(AMIE, "lit-v351"), graph, settled=True))


@pytest.mark.thorough
def test_every_rule_of_every_oracle(shared_data: Path) -> None:
    """All that AMIE mined for the oracles, of WN18RR and FB15k-237, too."""
    folder = shared_data / "amie"
    graphs: dict[str, GraphView] = {}
    total = 0
    for path in sorted((folder / "oracle").iterdir()):
        name = path.name.removesuffix(".tsv.gz")
        kind = name.split("-")[0]
        if kind not in graphs:
            graphs = {kind: graph_of_lines(content(shared_data / LARGE_GRAPHS[kind]))}
        total += agrees(folder, name, graphs[kind])
    assert total > 80_000


def test_namespaces_make_the_names_of_the_graph(shared_data: Path) -> None:
    """AMIE shortens names of Turtle; what it mined there counts as what it mined from TSV."""
    folder = shared_data / "amie"
    graph = graph_of_lines(content(folder / "graphs" / "earl.tsv.gz"))
    agrees_with_amie(counted(output_of(folder, "earl-ttl"), graph))
    rules = counted(output_of(folder, "earl-ttl-const"), graph)
    known = [at for at, text in enumerate(rules.texts) if "p10:" not in text]
    assert len(known) == 36
    for at in known:
        assert rules.results[at].support == rules.miner["support"][at]
