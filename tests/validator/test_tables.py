"""Tables and arrays as documents of triples: the same as the triples as tuples."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pff_stream import AsyncValidator, DocumentError, Validator

RULES = [(3, 3, 1.0, "likes(X,Y) <= knows(X,Y)"), (2, 2, 1.0, "knows(X,Y) <= knows(Y,X)")]
TRIPLES = [("a", "knows", "b"), ("c", "knows", "7"), ("a", "likes", "b"), ("b", "knows", "a")]
COLUMNS = {
    name: [triple[place] for triple in TRIPLES]
    for place, name in enumerate(("subject", "relation", "object"))
}


def arrays() -> Iterator[Any]:
    """The triples as arrays of numpy."""
    mixed = [[*triple[:2], int(triple[2]) if triple[2] == "7" else triple[2]] for triple in TRIPLES]
    yield np.array(TRIPLES)
    yield np.array(TRIPLES, dtype="S")
    yield np.array(mixed, dtype=object)
    yield np.asfortranarray(np.array(TRIPLES))
    yield np.array([[*triple, "more"] for triple in TRIPLES])[:, :3]


def tables(library: str) -> Iterator[Any]:
    """The triples as tables of a library."""
    made = pytest.importorskip(library)
    pytest.importorskip("pyarrow")
    if library == "pyarrow":
        table = made.table(COLUMNS)
        yield from (table, table.to_batches()[0], table.to_reader(), table.select([2, 0, 1]))
    else:
        yield made.DataFrame(COLUMNS)


def told(result: Any) -> tuple[Any, ...]:
    """All that is told of a document."""
    rules = [(one.line, one.counts) for one in (*result.violated, *result.satisfied)]
    return result.ok, result.counts, rules, list(result.findings)


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars", "pyarrow"])
def test_tables_are_what_their_triples_are(library: str) -> None:
    """One by one, in streams, and from asyncio."""

    def made() -> list[Any]:
        return list(arrays() if library == "numpy" else tables(library))

    async def awaited() -> list[Any]:
        async with AsyncValidator(RULES, workers=0) as validator:
            return [told(await validator.check(one)) for one in made()]

    with Validator(RULES) as validator:
        expected = told(validator.check(TRIPLES))
        assert expected[3]
        assert expected[3][0].pointer is None
        for one in made():
            assert told(validator.check(one)) == expected
        named = [("document", one) for one in made()]
        assert [told(one) for one in validator.check_many(named, named=True)] == [expected] * len(
            named
        )
    assert asyncio.run(awaited()) == [expected] * len(named)


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 20_000])
def test_tables_go_to_workers(n: int) -> None:
    """Small ones with their message, large ones in a file."""
    array = np.array([(f"subject {i}", "knows", f"object {i % 100}") for i in range(n)])
    triples = [tuple(row) for row in array.tolist()]
    with Validator(RULES) as here, Validator(RULES, workers=1) as validator:
        expected = told(here.check(triples))
        assert told(validator.check(array)) == expected
        assert told(*validator.check_many([("document", array)], named=True)) == expected
        with pytest.raises(DocumentError, match="of shape"):
            validator.check(array[:, :2])
        assert told(validator.check(array)) == expected


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.array(TRIPLES)[:, :2],
            r"document: found an array of shape \(4, 2\), expected \(n, 3\)",
        ),
        (np.array(["a", "b", "c"]), r"shape \(3,\)"),
        (np.array("a"), r"shape \(\)"),
        (np.zeros((2, 3)), "document: found an array of float64, expected texts or whole numbers"),
        (np.zeros((2, 3), bool), "array of bool"),
        (
            np.array([["a", "r", "b"], ["a", "r", None]], dtype=object),
            r"document, row 2: found no value \(None\) for the object",
        ),
        (np.array([["a", 1.5, "b"]], dtype=object), "row 1: found float 1.5 for the relation"),
        (np.array([[b"\xff", b"r", b"b"]]), "row 1: found bytes .* for the subject"),
        (np.array([["a\tb", "r", "b"]]), "expected three names without tab and newline"),
        (np.array([["a", "", "b"]]), "found an empty"),
        (np.array([["a", "r", ""]], dtype=object), "row 1: found an empty object"),
    ],
)
def test_what_is_no_table_of_triples_is_told(array: Any, message: str) -> None:
    """With the row where one is at fault."""
    with Validator(RULES) as validator:
        with pytest.raises(DocumentError, match=message):
            validator.check(array)
        assert [one.error is not None for one in validator.check_many([array, TRIPLES])] == [
            True,
            False,
        ]


def test_rows_that_are_no_triples_are_skipped_where_that_is_wanted() -> None:
    """They are counted and told with their rows."""
    rows = np.array([*TRIPLES, ["a", None, "b"]], dtype=object)
    with Validator(RULES, on_bad_triple="skip") as validator:
        result = validator.check(rows)
        assert told(result) == told(validator.check(TRIPLES))
    (note,) = result.notes
    assert (note.count, note.first[0].number, note.first[0].unit) == (1, 5, "row")


def test_numbers_are_names_and_none_is_a_triple_less() -> None:
    """An array without rows is a document without triples."""
    with Validator([(3, 3, 1.0, "2(X,Y) <= 5(X,Y)")]) as validator:
        result = validator.check(np.array([[1, 5, 3]]))
        assert [one.triple for one in result.findings] == [("1", "2", "3")]
        assert validator.check(np.zeros((0, 3), dtype=int)).unchecked


def test_columns_of_tables_are_chosen_and_told() -> None:
    """By the names that tables of a run have, or by those that are given."""
    pa = pytest.importorskip("pyarrow")
    table = pa.table(COLUMNS)
    with Validator(RULES) as validator:
        with pytest.raises(DocumentError, match="found the columns 'a', 'b', 'c', expected"):
            validator.check(table.rename_columns(["a", "b", "c"]))
        with pytest.raises(DocumentError, match="row 1: found no value"):
            validator.check(pa.table({**COLUMNS, "object": [None, "b", "c", "d"]}))
        with pytest.raises(DocumentError, match="column 'object': found the type double"):
            validator.check(pa.table({**COLUMNS, "object": [1.0, 2.0, 3.0, 4.0]}))
        with pytest.raises(DocumentError, match=r"or a table$"):
            validator.check(table["subject"])
        expected = told(validator.check(TRIPLES))
    with Validator(RULES, columns="a,b,c") as validator:
        assert told(validator.check(table.rename_columns(["a", "b", "c"]))) == expected


def test_tables_have_the_bound_of_other_documents() -> None:
    """Their lines are held, and are no longer than a text may be."""
    with Validator(RULES, max_document=1000) as validator:
        with pytest.raises(DocumentError, match="of over 1000 bytes"):
            validator.check(np.array([("a" * 100, "r", f"b{i}") for i in range(100)]))
        assert not validator.check(np.array(TRIPLES)).ok
