"""Names of RDF as rules spell them, and as miners are given them."""

from __future__ import annotations

import mmap
from collections import Counter
from pathlib import Path

import pytest

from pff_stream.errors import UsageError
from pff_stream.evaluate._blocks import BlockEvaluator
from pff_stream.evaluate._kernel import Evaluator, TableCounter
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.chunk import RuleChunk
from pff_stream.triples._graph import GraphView
from pff_stream.triples._resident import ResidentRelations
from pff_stream.triples.inputs import checked_lines
from pff_stream.triples.options import EncodeOptions
from tests.evaluate.evaluated import Result, read_records
from tests.graphs import chunk_of_rules
from tests.reference import Atom, Const, Rule, Var
from tests.triples.memory_writer import encoded

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
GRAPH = f"""<a:s> <a:p> <a:o> .
<a:s> <a:p> "5"^^<{XSD}integer> .
<a:s> <a:p> "7"^^<{XSD}integer> .
<a:s> <a:p> "7"^^<{XSD}double> .
<a:s> <a:p> "x" .
<a:s> <a:p> "x"@en .
<a:s> <a:p> _:b .
<a:s> <a:p> <<( <a:s> <a:p> <a:o> )>> .
"""
FOUND = {
    "a:s": "a:s",
    "<a:s>": "a:s",
    '"5"': f'"5"^^<{XSD}integer>',
    "5": f'"5"^^<{XSD}integer>',
    f'"5"^^<{XSD}integer>': f'"5"^^<{XSD}integer>',
    '"5"^^p10:integer>': f'"5"^^<{XSD}integer>',
    "x": '"x"',
    '"x"': '"x"',
    '"x"@en': '"x"@en',
    "_:b0": "_:b0",
    "<<( <a:s> <a:p> <a:o> )>>": "<<( <a:s> <a:p> <a:o> )>>",
}
NOT_FOUND = [
    "7", '"7"', "<<a:s>>", "<>", "<", "", '"', '""', "a:p", "<a:p>", '"x"@de', "x" * 300,
    '"5"^^p10:int>', '"5"^^p10:>', '"5"^^p10', '"5"^^<', '"5"^^', '^^"5"^^:x>',
]  # fmt: skip


def view(folder: Path, name: str, text: str) -> GraphView:
    """The graph of a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return GraphView(encoded(path)[0])


def test_names_are_found_by_their_spellings(tmp_path: Path) -> None:
    """Brackets, and literals without datatype or quotes where exactly one fits."""
    graph = view(tmp_path, "a.nt", GRAPH)
    for name, meant in FOUND.items():
        entity = graph.entity_id(name.encode())
        assert entity >= 0 and graph.entity_name(entity).decode() == meant, name
    assert [name for name in NOT_FOUND if graph.entity_id(name.encode()) >= 0] == []
    assert graph.relation_id(b"<a:p>") == graph.relation_id(b"a:p") == 0
    assert graph.relation_id(b"<a:s>") == -1


def test_other_graphs_have_their_names_alone(tmp_path: Path) -> None:
    """Names of TSV are what they are."""
    graph = view(tmp_path, "a.tsv", '<s>\tp\t"5"\n')
    assert graph.entity_id(b"<s>") == 0 and graph.entity_id(b"s") == -1
    assert graph.entity_id(b"5") == -1 and graph.relation_id(b"<p>") == -1


RULED = f"""<a:a> <a:p> <a:b> .
<a:b> <a:q> <a:c> .
<a:a> <a:r> <a:c> .
<a:d> <a:p> <a:b> .
<a:d> <a:age> "5"^^<{XSD}integer> .
"""


def rules(left: str, right: str, five: str) -> list[Rule]:
    """Three rules with names written so."""

    def name(local: str) -> str:
        return f"{left}a:{local}{right}"

    x, y, z = Var("X"), Var("Y"), Var("Z")
    long = Rule(Atom(name("r"), x, y), (Atom(name("p"), x, z), Atom(name("q"), z, y)))
    constant = Rule(Atom(name("p"), x, Const(name("b"))), (Atom(name("age"), x, Const(five)),))
    return [long, constant, Rule(Atom(name("r"), x, Const(name("c"))), ())]


def test_rules_of_any_spelling_say_the_same(tmp_path: Path) -> None:
    """Of a graph in memory, and of one that is read in blocks."""
    path = tmp_path / "a.nt"
    path.write_text(RULED, encoding="utf-8")
    data = encoded(path)[0]
    (tmp_path / "graph").write_bytes(data)
    with open(tmp_path / "graph", "rb") as file:
        mapped = GraphView(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    resident = ResidentRelations(mapped, str(tmp_path / "graph"), 1 << 20)
    graph, options = GraphView(data), EvaluatorOptions()
    for five in (f'"5"^^<{XSD}integer>', '"5"', "5"):
        for spelled in (rules("", "", five), rules("<", ">", five)):
            for evaluator in (
                Evaluator(graph, "homomorphism", options=options),
                BlockEvaluator(mapped, "homomorphism", resident, options=options),
            ):
                assert counted(evaluator, chunk_of_rules(spelled), graph) == [
                    ("violated", 2, 1),
                    ("satisfied", 1, 1),
                    ("satisfied", 1, 1),
                ]


def counted(evaluator: Evaluator, chunk: RuleChunk, graph: GraphView) -> list[tuple[str, int, int]]:
    """Outcome, predictions and support of each rule."""
    results: dict[int, Result] = {}
    evaluator.evaluate(
        chunk, 0, chunk.n_rules, lambda view: read_records(bytes(view), graph, results)
    )
    return [(one.outcome, one.predictions, one.support) for one in results.values()]


def test_tables_of_rules_may_mix_spellings(tmp_path: Path) -> None:
    """Documents are checked against a table in which their names are looked up."""
    five = f'"5"^^<{XSD}integer>'
    mixed = [
        Rule(Atom(relation, Var("X"), Const(object_)), (Atom(age, Var("X"), Const(value)),))
        for relation, object_, age, value in (
            ("a:p", "a:b", "a:age", five),
            ("<a:p>", "<a:b>", "<a:age>", '"5"'),
            ("a:p", "<a:b>", "<a:age>", "5"),
            ("<a:p>", "a:b", "a:age", "6"),
        )
    ]
    plain = rules("", "", five)
    bracketed = rules("<", ">", "5")
    path = tmp_path / "a.nt"
    path.write_text(RULED, encoding="utf-8")
    graph = GraphView(encoded(path)[0])
    chunk = chunk_of_rules([*plain, *bracketed, *mixed])
    builder = TableBuilder()
    builder.add(chunk)
    buffer = bytearray(builder.size())
    builder.write_into(buffer)
    outcomes, sums, _ = TableCounter(graph, "homomorphism").count_table(RuleTable(buffer))
    results = counted(Evaluator(graph, "homomorphism", options=EvaluatorOptions()), chunk, graph)
    assert results[6:] == [("satisfied", 1, 1)] * 3 + [("vacuous", 0, 0)]
    said = Counter(outcome for outcome, _, _ in results)
    assert outcomes[:3] == tuple(said[one] for one in ("satisfied", "violated", "vacuous"))
    assert sums[:2] == (sum(one[1] for one in results), sum(one[2] for one in results))


def printed(path: Path, iri: str) -> list[list[str]]:
    """The names that `triples --iri` writes."""
    text = b"".join(checked_lines([str(path)], EncodeOptions(), iri)).decode()
    return [line.split("\t") for line in text.splitlines()]


def test_names_for_miners(tmp_path: Path) -> None:
    """Only IRIs are written otherwise, and no two of them alike."""
    path = tmp_path / "a.nt"
    path.write_text(
        f'<http://e/D.C.> <{RDF}type> "<x>" .\n_:n <rdf:type> <<( <a:s> <a:p> "x"@en )>> .\n'
        f"<{RDF}> <http://www.w3.org/2004/02/skos/core#broader> <http://e/D.C.> .\n",
        encoding="utf-8",
    )
    assert printed(path, "bracketed")[:2] == [
        ["<http://e/D.C.>", f"<{RDF}type>", '"<x>"'],
        ["_:b0", "<rdf:type>", '<<( <a:s> <a:p> "x"@en )>>'],
    ]
    assert printed(path, "prefixed") == [
        ["http://e/D.C.", "rdf:type", '"<x>"'],
        ["_:b0", "<rdf:type>", '<<( <a:s> <a:p> "x"@en )>>'],
        [RDF, "skos:broader", "http://e/D.C."],
    ]
    other = tmp_path / "a.tsv"
    other.write_text("a\tr\tb\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is no RDF"):
        printed(other, "bracketed")


def test_prefixes_of_the_input_come_first(tmp_path: Path) -> None:
    """Those that stand before its first triple."""
    pytest.importorskip("pyoxigraph")
    path = tmp_path / "a.ttl"
    path.write_text(
        "@prefix e: <http://e/> . @prefix rdf: <http://other/> .\n"
        f"e:a rdf:p <{RDF}b> .\n@prefix l: <http://l/> . l:a e:p l:b .",
        encoding="utf-8",
    )
    assert printed(path, "prefixed") == [
        ["e:a", "rdf:p", f"{RDF}b"],
        ["http://l/a", "e:p", "http://l/b"],
    ]
