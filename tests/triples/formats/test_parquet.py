"""Triples in Parquet: any writer's pages become the same lines; what is none is told by its row."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, UsageError
from pff_stream.files.arrow_library import held_bytes, import_arrow
from pff_stream.settings.models import Inputs
from pff_stream.triples.inputs import checked_lines, held_at_most
from pff_stream.triples.options import EncodeOptions
from tests.triples.formats.forged_parquet import with_footer
from tests.triples.held_counted import Counted, read_counted
from tests.triples.memory_writer import encoded

pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra parquet")
pq: Any = pytest.importorskip("pyarrow.parquet")

NAMES = ("subject", "predicate", "object")
ROWS = [("ana", "knows", "bob"), ("bob", "knows", "zoë"), ("zoë", "likes", "ana")]


def table(rows: list[tuple[Any, ...]], names: tuple[str, ...] = NAMES) -> Any:
    """Rows as a table."""
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def written(path: Path, rows: Any = ROWS, names: tuple[str, ...] = NAMES, **options: Any) -> str:
    """A file with these rows, or this table."""
    pq.write_table(table(rows, names) if isinstance(rows, list) else rows, path, **options)
    return str(path)


def lines(*paths: str, **options: Any) -> str:
    """What the inputs become."""
    return b"".join(checked_lines(list(paths), EncodeOptions(**options))).decode()


def tsv(rows: list[tuple[Any, ...]]) -> str:
    """The same as lines."""
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "none", "use_dictionary": False, "data_page_size": 100},
        {"compression": "gzip", "dictionary_pagesize_limit": 64, "row_group_size": 700},
        {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"},
        {"use_dictionary": False, "column_encoding": "DELTA_LENGTH_BYTE_ARRAY"},
        {"write_statistics": False, "store_schema": False, "write_page_index": True},
    ],
)
def test_any_pages(options: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the encoding, compression, pages and row groups."""
    seeded = random.Random(7)
    rows = [
        (f"e{seeded.randrange(500)}", f"r{seeded.randrange(9)}", f"é{seeded.randrange(9000)}")
        for _ in range(9001)
    ]
    path = written(tmp_path / "a.parquet", rows, **options)
    assert lines(path) == tsv(rows)


@pytest.mark.parametrize(
    "kind",
    [
        "string", "large_string", "binary", "large_binary", "string_view", "binary_view",
        "dictionary", "dictionary of views",
    ],
)  # fmt: skip
def test_kinds_of_text(kind: str, tmp_path: Path) -> None:
    """Text of any type, also that of writers who do not say that it is text."""
    columns = []
    for i in range(3):
        column = pa.array([row[i] for row in ROWS])
        if kind == "dictionary":
            column = column.dictionary_encode()
        elif kind == "dictionary of views":
            encoded_column = column.dictionary_encode()
            views = encoded_column.dictionary.cast(pa.string_view())
            column = pa.DictionaryArray.from_arrays(encoded_column.indices, views)
        else:
            binary = column.cast(pa.binary()) if kind == "binary_view" else column
            column = binary.cast(getattr(pa, kind)())
        columns.append(column)
    rows = pa.table(columns, list(NAMES))
    assert b"".join(checked_lines([rows], EncodeOptions())).decode() == tsv(ROWS)
    if kind != "dictionary of views":  # which the writer cannot
        assert lines(written(tmp_path / "a.parquet", rows)) == tsv(ROWS)


def test_numbers(tmp_path: Path) -> None:
    """Whole numbers are written as such, whatever their width."""
    rows = pa.table(
        {
            "h": pa.array([1, 2, 255], pa.uint8()),
            "r": pa.array([-1, 0, 7], pa.int16()),
            "t": pa.array([2**64 - 1, 0, 10], pa.uint64()),
        }
    )
    expected = "1\t-1\t18446744073709551615\n2\t0\t0\n255\t7\t10\n"
    assert lines(written(tmp_path / "a.parquet", rows)) == expected
    coded = pa.table({name: rows[name].dictionary_encode() for name in "hrt"})
    assert b"".join(checked_lines([coded], EncodeOptions())).decode() == expected


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (("subject", "relation", "object"), ()),
        (("Head", "RELATION", "Tail"), ()),
        (("s", "p", "o"), ()),
        (("from", "how", "to"), ("from", "how", "to")),
        (("a.b", "c d", "ö"), ("a.b", "c d", "ö")),
    ],
)
def test_columns_by_name(names: tuple[str, ...], asked: tuple[str, ...], tmp_path: Path) -> None:
    """In any order, beside any others, also such as are named like parts of them."""
    rows = table(ROWS, names)
    more = {
        "nested": pa.array([[{"x": 1}], [], None]),
        names[0] + "x": pa.array([1.5, 2.5, None]),
        "record": pa.array([{names[0]: "no"}] * 3),
    }
    columns = {**more, names[2]: rows[2], names[0]: rows[0], names[1]: rows[1]}
    path = written(tmp_path / "a.parquet", pa.table(columns))
    assert lines(path, column_names=asked) == tsv(ROWS)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["x"]}, "found the columns 'a', expected subject,predicate,object or .*--columns"),
        ({"s": [1.5], "p": ["r"], "o": ["x"]}, "column 's': found the type double, expected text"),
        ({"s": [True], "p": ["r"], "o": ["x"]}, "column 's': found the type bool, expected text"),
        ({"s": [["x"]], "p": ["r"], "o": ["x"]}, "column 's': found lists or records"),
        ({"s": [{"x": 1}], "p": ["r"], "o": ["x"]}, "column 's': found lists or records"),
        ({}, "found the columns none"),
    ],
)
def test_other_columns_are_refused(columns: Any, message: str, tmp_path: Path) -> None:
    """What is there is said, and what would do."""
    path = written(tmp_path / "a.parquet", pa.table(columns))
    with pytest.raises(InputError, match=rf"a\.parquet: {message}"):
        lines(path)
    assert held_at_most(path, EncodeOptions()) == 0 or "type" in message


BAD = [
    ((None, "r", "x"), r"found no value \(null\) for the subject, expected a name"),
    (("x", "r", None), r"found no value \(null\) for the object, expected a name"),
    (("x", "", "y"), r"found an empty relation in 'x\\t\\ty', expected a name"),
    (("x\ty", "r", "z"), "expected three names without tab and newline"),
    (("x", "r", "z\n"), "expected three names without tab and newline"),
    (("x", "r", "z\0"), "found a NUL character"),
    (("x", "r", "me_myself_i"), "found the entity me_myself_i"),
]


@pytest.mark.parametrize(("row", "message"), BAD)
def test_rows_that_are_no_triples(row: Any, message: str, tmp_path: Path) -> None:
    """The row is told, by its number in the file; under a policy it is left out."""
    good = [("a", f"r{i}", "b") for i in range(5000)]
    rows = [*good, row, ("x", "r", "last")]
    path = written(tmp_path / "a.parquet", rows, row_group_size=3000)
    with pytest.raises(InputError, match=rf"a\.parquet, row 5001: .*{message}"):
        lines(path)
    assert lines(path, on_bad_triple="skip") == tsv([*good, rows[-1]])
    with pytest.raises(InputError, match="1 of 5,002 triples could not be read"):
        encoded(path, options=EncodeOptions(on_bad_triple="0.01%"))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Neither as bytes, nor where they are said to be text."""
    for kind in (pa.binary(), pa.string()):
        broken = pa.array([b"x", b"\xff"]).view(kind)
        rows = pa.table({"s": broken, "p": ["r", "r"], "o": ["y", "y"]})
        path = written(tmp_path / "a.parquet", rows)
        with pytest.raises(
            InputError, match=r"row 2: found b'\\xff' for the subject, expected UTF"
        ):
            lines(path)


def test_recognised(tmp_path: Path) -> None:
    """By its suffix or its beginning; a gene of that name in a text is none."""
    path = Path(written(tmp_path / "a.parquet"))
    assert lines(str(path.rename(tmp_path / "noname"))) == tsv(ROWS)
    assert lines(written(tmp_path / "B.PQ", []), on_bad_triple="skip") == ""
    gene = tmp_path / "genes.txt"
    gene.write_text("PAR1\tin\tblood\n")
    assert lines(str(gene)) == "PAR1\tin\tblood\n"
    both = lines(str(gene), str(tmp_path / "noname"))
    assert both == "PAR1\tin\tblood\n" + tsv(ROWS)


def test_a_folder_of_parts(tmp_path: Path) -> None:
    """Stands for its parts, in the order of their names; what Spark writes beside them is none."""
    folder = tmp_path / "all.parquet"
    folder.mkdir()
    for number in (2, 0, 1):
        written(folder / f"part-{number}.snappy.parquet", [ROWS[number]])
    (folder / "_SUCCESS").touch()
    written(folder / "_old.parquet", [("no", "no", "no")])
    written(folder / ".part.parquet.crc", [("no", "no", "no")])
    assert lines(str(folder)) == tsv(ROWS)
    assert Inputs.of(triples=(str(folder),)).triples == tuple(
        str(folder / f"part-{number}.snappy.parquet") for number in range(3)
    )
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="none: cannot be read: Is a directory"):
        lines(str(tmp_path / "none"))


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    """Named by what was found."""
    path = tmp_path / "a.parquet"
    path.write_text("a\tr\tb\n")
    with pytest.raises(InputError, match=r"a\.parquet: found b'a\\tr\\t' at its beginning"):
        lines(str(path))
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"found b'' at its beginning"):
        lines(str(path))
    whole = Path(written(path)).read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="the file is truncated"):
        lines(str(path))
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress(whole))
    with pytest.raises(InputError, match="found a packed Parquet file, expected it unpacked"):
        lines(str(packed))
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe, open(reading, "rb"):
        pipe.write(whole)
        pipe.flush()
        with pytest.raises(InputError, match="found a pipe, expected Parquet in a file"):
            lines(f"/dev/fd/{reading}")
    (tmp_path / "t.tsv").write_text("a\tr\tb\n")
    with pytest.raises(UsageError, match=r"--columns: found names in 'x,y,z', and .*t\.tsv is"):
        lines(str(tmp_path / "t.tsv"), column_names=("x", "y", "z"))


@pytest.mark.parametrize("seed", range(3))
def test_damaged_bytes(seed: int, tmp_path: Path) -> None:
    """Whatever byte is another: lines, or an error that names the file."""
    rows = [(f"e{i}", "r", f"e{i * 7 % 50}") for i in range(300)]
    path = tmp_path / "a.parquet"
    whole = Path(written(path, rows, row_group_size=150)).read_bytes()
    seeded = random.Random(seed)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(seeded.choice((1, 1, 4))):
            data[seeded.randrange(len(data))] = seeded.randrange(256)
        path.write_bytes(data)
        try:
            lines(str(path), on_bad_triple="skip")
        except InputError as error:
            assert str(path) in str(error)
        held_at_most(str(path), EncodeOptions())


@pytest.mark.thorough
@pytest.mark.parametrize("n_names", [3, 2000])
@pytest.mark.parametrize(
    "name", ["e{}", "a somewhat longer name of an entity {}", "x" * 3000 + "{}"]
)
def test_bound(name: str, n_names: int, tmp_path: Path) -> None:
    """Reading never holds more than was said before, which is not far above a small file."""
    rows = [(name.format(i % n_names), "r", name.format(i * 7 % n_names)) for i in range(3000)]
    import_arrow("a test")
    ways: tuple[dict[str, Any], ...] = ({}, {"use_dictionary": False}, {"row_group_size": 500})
    for number, options in enumerate(ways):
        path = written(tmp_path / f"{number}.parquet", rows, **options)
        options_of_encoding = EncodeOptions()
        bound = held_at_most(path, options_of_encoding)
        before = pa.total_allocated_bytes()
        counted = Counted()
        most = 0
        for _ in read_counted([path], options_of_encoding, counted):
            most = max(most, pa.total_allocated_bytes() - before)
        assert most <= counted.most - held_bytes() and counted.most <= bound
        assert bound - held_bytes() < 16 << 20 or len(name) > 100


def test_a_footer_that_takes_much_is_refused(tmp_path: Path) -> None:
    """Before pyarrow reads it: a few bytes of a footer are a thousand there."""
    path = tmp_path / "a.parquet"
    path.write_bytes(with_footer(list(NAMES), columns=30_000))
    bound = held_at_most(str(path), EncodeOptions())
    assert bound > 30_000 * 700
    counted = Counted()
    for _ in read_counted([str(path)], EncodeOptions(), counted):
        pass
    assert counted.expected >= 30_000 * 700
