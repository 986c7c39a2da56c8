"""What is counted of AMIE's rules on a graph, beside what AMIE says of them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.evaluate.options import COUNTS_ONLY
from pff_stream.rules.file import RuleFile
from pff_stream.triples._encode import Encoder
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from tests.evaluate.evaluated import Result, read_records
from tests.rules.compiled import compiled


class Counted(NamedTuple):
    """Rules in the order of the source: texts, results, and columns of the miner by name."""

    texts: list[str]
    results: list[Result]
    miner: dict[str, list[float]]


def content(path: Path) -> bytes:
    """The bytes of a file, unpacked."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def graph_of_lines(lines: bytes) -> GraphView:
    """The encoded graph of lines of triples."""
    encoder = Encoder(BadTriples("fail"))
    encoder.start_file("test")
    encoder.feed(lines)
    encoder.end_file()
    encoder.finish_reading()
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), "tsv-1")
    return GraphView(buffer)


def counted(rules: bytes, graph: GraphView, *, settled: bool = False) -> Counted:
    """Compiles and counts AMIE's rules; none is rejected. `settled`: by names, when compiled."""
    with compiled(rules, on_bad_rule="fail", graph=graph if settled else None) as (report, file):
        assert (report.rule_format, report.rejected) == ("amie", 0)
        texts, miner = source_columns(file)
        evaluator = Evaluator(graph, file.semantics, COUNTS_ONLY)
        results: dict[int, Result] = {}
        for index in range(len(file.chunks)):
            chunk = file.read_chunk(index)
            evaluate_rules(
                evaluator,
                graph,
                chunk,
                0,
                chunk.n_rules,
                lambda view: read_records(bytes(view), graph, results),
            )
    return Counted(texts, [results[source] for source in range(len(texts))], miner)


def source_columns(file: RuleFile) -> tuple[list[str], dict[str, list[float]]]:
    """Texts and columns of the miner of all rules; -1 and NaN where there is no value."""
    texts: list[str] = []
    miner: dict[str, list[float]] = {column.name: [] for column in file.columns}
    for chunk in file.all_source_chunks():
        texts += [chunk.text(at).decode() for at in range(len(chunk.lines))]
        for column in file.columns:
            miner[column.name] += chunk.miner_column(column).tolist()
    return texts, miner


def oracle(path: Path) -> list[tuple[str, int, int, int]]:
    """Text, predictions, support and PCA predictions of each rule."""
    _, *lines = content(path).decode().splitlines()
    rows = (line.split("\t") for line in lines)
    return [(text, int(a), int(b), int(c)) for text, a, b, c in rows]
