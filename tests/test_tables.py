"""Rules and triples as tables: whatever gives a stream of Arrow, batch by batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pff_stream
from pff_stream import InputError, UsageError, validate
from pff_stream.files.arrow_library import is_table
from pff_stream.given import given_as_triples
from pff_stream.rules.given import lines_of
from pff_stream.triples.formats.arrow_rows import BLOCK_ROWS
from pff_stream.triples.inputs import checked_lines, triple_lines
from pff_stream.triples.options import EncodeOptions

pa = pytest.importorskip("pyarrow", reason="tables need the extra parquet")

ROWS = [
    ("ana", "knows", "bo"),
    ("bo", "knows", "ana"),
    ("cy", "knows", "ana"),
    ("cy", "likes", "cake"),
]
COLUMNS = {name: [row[i] for row in ROWS] for i, name in enumerate(("head", "relation", "tail"))}
LINES = "".join("\t".join(row) + "\n" for row in ROWS)
RULES = ["knows(X,Y) <= knows(Y,X)", "likes(X,tea) <= likes(X,A)"]
MINED: dict[str, list[Any]] = {
    "predicted": [3, 4],
    "support": [2, 1],
    "confidence": [0.5, 0.25],
    "rule": RULES,
}


def of_pandas(columns: dict[str, list[Any]]) -> Any:
    """A data frame of pandas."""
    return pytest.importorskip("pandas").DataFrame(columns)


def of_pandas_in_categories(columns: dict[str, list[Any]]) -> Any:
    """The same, each name stored once."""
    return of_pandas(columns).astype("category")


def of_polars(columns: dict[str, list[Any]]) -> Any:
    """A data frame of polars."""
    return pytest.importorskip("polars").DataFrame(columns)


def of_polars_in_categories(columns: dict[str, list[Any]]) -> Any:
    """The same, each name stored once."""
    polars = pytest.importorskip("polars")
    return of_polars(columns).with_columns(polars.all().cast(polars.Categorical))


def of_duckdb(columns: dict[str, list[Any]]) -> Any:
    """A relation of DuckDB."""
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().from_arrow(pa.table(columns))


def reader(columns: dict[str, list[Any]]) -> Any:
    """What can be read once."""
    return pa.table(columns).to_reader(max_chunksize=2)


class Stream:
    """What has nothing but a stream."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._table = pa.table(columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """That of a table."""
        stream: object = self._table.__arrow_c_stream__(requested_schema)
        return stream


MAKERS: list[Callable[[dict[str, list[Any]]], Any]] = [
    pa.table, pa.record_batch, reader, Stream, of_pandas, of_pandas_in_categories, of_polars,
    of_polars_in_categories, of_duckdb,
]  # fmt: skip


def lines(*inputs: Any, **options: Any) -> str:
    """What tables become."""
    return b"".join(checked_lines(inputs, EncodeOptions(**options))).decode()


@pytest.mark.parametrize("make", MAKERS)
def test_triples(make: Callable[[dict[str, list[Any]]], Any], tmp_path: Path) -> None:
    """The same lines, whoever holds the columns."""
    assert lines(make(COLUMNS)) == LINES
    others = {"a": COLUMNS["tail"], "b": COLUMNS["head"], "how": COLUMNS["relation"]}
    assert lines(make(others), column_names=("b", "how", "a")) == LINES
    report = pff_stream.encode(make(COLUMNS), tmp_path / "a.pffg")
    assert (report.n_triples, report.n_entities, report.n_relations) == (4, 4, 2)
    with pytest.raises(
        InputError, match=r"given as input 1: found the columns 'a', 'b', 'how', exp"
    ):
        lines(make(others))


@pytest.mark.parametrize("make", MAKERS)
def test_rules(make: Callable[[dict[str, list[Any]]], Any]) -> None:
    """Texts alone, or with the counts of the miner, in columns of any order."""
    assert b"".join(lines_of(make({"rule": RULES}))).decode().splitlines() == RULES
    if "categories" in make.__name__:
        return  # no numbers
    mined = b"".join(lines_of(make({"x": ["", ""], **MINED}))).decode().splitlines()
    assert mined == [f"3\t2\t0.5\t{RULES[0]}", f"4\t1\t0.25\t{RULES[1]}"]


@pytest.mark.thorough
def test_both_in_a_run(tmp_path: Path) -> None:
    """Outcomes and findings are those of the same texts and tuples."""
    table, rules = pa.table(COLUMNS), pa.table(MINED)
    expected = list(validate([tuple(row) for row in zip(*MINED.values(), strict=True)], ROWS))
    assert list(validate(rules, table)) == expected
    assert list(validate(rules, [table.slice(0, 2), table.slice(2)])) == expected
    path = tmp_path / "more.tsv"
    path.write_text("\t".join(ROWS[0]) + "\n")
    assert list(validate(rules, [path, table])) == expected
    violated, satisfied = pff_stream.validate_rules(rules, table)
    assert (list(violated), list(satisfied)) == (expected, [])
    pff_stream.encode(table, tmp_path / "a.pffg")
    pff_stream.compile(rules, tmp_path / "a.pffr")
    with pff_stream.run(tmp_path / "a.pffr", tmp_path / "a.pffg") as of_files:
        with pff_stream.run(rules, table) as of_tables:
            assert list(of_tables.findings) == list(of_files.findings)
            assert list(of_tables.metrics) == list(of_files.metrics)
            assert len(of_tables.findings) == 2


def test_columns_alone_are_texts(tmp_path: Path) -> None:
    """A single column is an iterable as any other."""
    columns: list[Any] = [pa.chunked_array([RULES]), pa.array(RULES)]
    known = [sys.modules[name] for name in ("pandas", "polars") if name in sys.modules]
    columns += [module.Series(RULES) for module in known]
    for column in columns:
        assert not is_table(column)
        assert b"".join(lines_of(column)).decode().splitlines() == RULES


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": RULES}, "found the columns 'x', expected one called rule"),
        ({"rule": [1]}, "rule 1: found 1, expected a text"),
        ({"rule": [RULES[0], None]}, "rule 2: found None, expected a text"),
        (
            {"rule": RULES, "confidence": [0.5, 1.0]},
            "confidence without predicted and support",
        ),
        ({**MINED, "support": [1, None]}, r"rule 2: found \(4, None, 0.25, 'likes"),
        ({"rule": ["a\nb"]}, "rule 1: found a line end"),
    ],
)
def test_rules_that_are_none(columns: Any, message: str, tmp_path: Path) -> None:
    """Told by what was found; nothing is written."""
    with pytest.raises(InputError, match=message):
        pff_stream.compile(pa.table(columns), tmp_path / "a.pffr")
    assert list(tmp_path.iterdir()) == []


def test_batch_by_batch() -> None:
    """No batch is asked for before the lines of the one before are taken."""
    asked = []

    def batches() -> Iterator[Any]:
        for number in range(5):
            asked.append(number)
            yield pa.record_batch({name: [f"{name}{number}"] for name in COLUMNS})

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    stream = pa.RecordBatchReader.from_batches(schema, batches())
    blocks = triple_lines([stream], EncodeOptions())
    for number in range(5):
        assert next(blocks) == f"head{number}\trelation{number}\ttail{number}\n".encode()
        assert asked == list(range(number + 1))


def test_blocks_are_small() -> None:
    """Of one large batch, and of long names: a dictionary holds each once, lines do not."""
    n = 3 * BLOCK_ROWS
    table = pa.table({"s": ["a"] * n, "p": ["r"] * n, "o": ["b"] * n}).combine_chunks()
    blocks = list(triple_lines([table], EncodeOptions()))
    assert [block.count(b"\n") for block in blocks] == [BLOCK_ROWS] * 3
    long = pa.array(["x" * 300_000] * 10).dictionary_encode()
    table = pa.table({"s": long, "p": ["r"] * 10, "o": ["b"] * 10})
    blocks = list(triple_lines([table], EncodeOptions()))
    assert sum(block.count(b"\n") for block in blocks) == 10
    assert max(map(len, blocks)) < 2 << 20


def test_what_fails_while_it_is_read() -> None:
    """Whoever makes the batches may fail: the error is told, with the place."""

    def batches() -> Iterator[Any]:
        yield pa.record_batch(COLUMNS)
        raise OSError("the line is dead")

    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    stream = pa.RecordBatchReader.from_batches(schema, batches())
    with pytest.raises(InputError, match="behind row 4: found an error: .*the line is dead"):
        lines(stream)


def test_bad_rows_are_told() -> None:
    """By the row of the table, or left out."""
    table = pa.table({**COLUMNS, "tail": ["bo", None, "ana", ""]})
    with pytest.raises(InputError, match=r"input 1, row 2: found no value \(null\) for the object"):
        lines(table)
    kept = lines(table, on_bad_triple="skip")
    assert kept == "\t".join(ROWS[0]) + "\n" + "\t".join(ROWS[2]) + "\n"


def test_what_is_given() -> None:
    """Tables and paths in a list are inputs of their own; a list of tuples is one."""
    table: Any = pa.table(COLUMNS)
    names = ("triples given by the caller",)
    assert given_as_triples(table) == (names, [table])
    mixed: Any = [table, Path("a.tsv")]
    assert given_as_triples(mixed) == (names, [table, "a.tsv"])
    paths: Any = ["a.tsv", Path("b.tsv")]
    assert given_as_triples(paths) == (("a.tsv", "b.tsv"), None)
    assert given_as_triples(ROWS) == (names, [ROWS])
    assert given_as_triples([]) == (names, [[]])


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pyarrow" else find(name, *more)
del sys.modules["pyarrow"]
from pff_stream.__main__ import main
sys.exit(main())
"""


@pytest.mark.thorough
def test_without_pyarrow(tmp_path: Path) -> None:
    """One line says what to install; nothing else needs it."""
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(COLUMNS), path)
    command = [sys.executable, "-c", WITHOUT, "triples", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"pff-stream: error: {path}: found no pyarrow, which reads it: "
        "pip install 'pff-stream[parquet]'\n"
    )
    (tmp_path / "a.tsv").write_text(LINES)
    command[-1] = str(tmp_path / "a.tsv")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, LINES)


def test_an_option_that_is_none(tmp_path: Path) -> None:
    """As on the command line."""
    with pytest.raises(UsageError, match="--columns: found 'a,b'"):
        pff_stream.encode(pa.table(COLUMNS), tmp_path / "a.pffg", columns="a,b")
