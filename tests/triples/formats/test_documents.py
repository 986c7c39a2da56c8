"""Documents line by line, and that blocks, sizes and layout of the JSON do not matter."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats import FORMATS
from pff_stream.triples.formats.json import DocumentReader, JsonFormat, document_stem
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions, EncodeOptions
from tests.triples.memory_writer import encoded


def lines_of(
    text: str | bytes,
    path: str = "test.json",
    options: DocumentOptions | None = None,
    policy: Any = "fail",
    cut: int = 1 << 18,
) -> list[str]:
    """The triples of one file as texts, parts separated by ` | `."""
    data = text if isinstance(text, bytes) else text.encode()
    reader = DocumentReader(options or DocumentOptions(), BadTriples(policy))
    blocks = (data[start : start + cut] for start in range(0, len(data), cut))
    found = b"".join(reader.triple_blocks(path, blocks, Unlimited())).decode()
    return [line.replace("\t", " | ") for line in found.split("\n")[:-1]]


DOCUMENT = """{
  "plan": "FIBRA500", "active": true, "lines": [
    {"services": [null, "sms", {"code": 5}], "price": 5.10}, {}, [["a", {"b": 1e5}]]
  ],
  "customer": {"name": "Ana", "address": {"city": "Faro"}}, "none": null, "o": {}, "l": []
}"""
TRIPLES = [
    "test | plan | FIBRA500",
    "test | active | true",
    "test | lines | test/lines/0",
    "test/lines/0 | services | sms",
    "test/lines/0 | services | test/lines/0/services/2",
    "test/lines/0/services/2 | code | 5",
    "test/lines/0 | price | 5.10",
    "test | lines | a",
    "test | lines | test/lines/2/0/1",
    "test/lines/2/0/1 | b | 1e5",
    "test | customer | test/customer",
    "test/customer | name | Ana",
    "test/customer | address | test/customer/address",
    "test/customer/address | city | Faro",
]


@pytest.mark.parametrize("cut", [1, 2, 7, 1 << 18])
def test_every_line_of_the_mapping(cut: int) -> None:
    """One document with everything in it gives the triples of the mapping, in the text's order."""
    assert lines_of(DOCUMENT, cut=cut) == TRIPLES


def test_path_predicates() -> None:
    """With `path` a relation is the keys from the document down, without indices."""
    found = lines_of(DOCUMENT, options=DocumentOptions(predicate="path"))
    assert [line.split(" | ")[1] for line in found] == [
        "plan",
        "active",
        "lines",
        "lines.services",
        "lines.services",
        "lines.services.code",
        "lines.price",
        "lines",
        "lines",
        "lines.b",
        "customer",
        "customer.name",
        "customer.address",
        "customer.address.city",
    ]


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ('{"@id": "x", "id": "y", "msisdn": "z"}', "x"),
        ('{"msisdn": "z", "id": "y"}', "y"),
        ('{"msisdn": 34600}', "34600"),
        ('{"id": null, "msisdn": "z"}', "z"),
        ('{"id": true, "a": 1}', "test"),
        ('{"id": {"b": 1}}', "test"),
        ('{"key": "k", "a": 1}', "test"),
    ],
)
def test_id_keys_name_documents(document: str, name: str) -> None:
    """A text or number under the first id key that has one is the name, else the file's stem."""
    assert {line.split(" | ")[0] for line in lines_of(document)} - {"test/id"} == {name}


def test_objects_inside_are_named_by_their_id() -> None:
    """An id key names a child too, and what lies below it."""
    assert lines_of('{"c": {"id": "x", "d": {"e": 1}}, "l": [{"id": 7}]}') == [
        "test | c | x",
        "x | id | x",
        "x | d | x/d",
        "x/d | e | 1",
        "test | l | 7",
        "7 | id | 7",
    ]
    options = DocumentOptions(id_key="key")
    assert lines_of('{"id": "x", "c": {"key": "k"}}', options=options) == [
        "test | id | x",
        "test | c | k",
        "k | key | k",
    ]


@pytest.mark.parametrize(
    ("text", "path", "subjects"),
    [
        ('{"a": 1}', "test.json", ["test"]),
        ('{"a": 1}\n', "test.jsonl", ["test#0"]),
        ('{"a": 1}\n{"a": 2}\n', "dir/test.json", ["test#0", "test#1"]),
        ('{"a": 1}{"a": 2}', "test.json", ["test#0", "test#1"]),
        ('[{"a": 1}]', "test.json", ["test#0"]),
        ('[null, {"a": 1}, {}, {"a": 2}]', "test.json.gz", ["test#1", "test#3"]),
        ('\ufeff {"a": 1}', "x.y.JSON.zst", ["x.y"]),
        ("", "test.jsonl", []),
        ("\n \n", "test.ndjson.gz", []),
        ("[]", "test.json", []),
        ("{}", "test.json", []),
        ('{"a": 1}', "-", ["stdin"]),
    ],
)
def test_stems_and_indices(text: str, path: str, subjects: list[str]) -> None:
    """Documents without an id are named by stem and index; a single one by the stem alone."""
    for cut in (1, 1 << 18):
        assert [line.split(" | ")[0] for line in lines_of(text, path, cut=cut)] == subjects


def test_written_forms() -> None:
    """Numbers, true and false keep their text; texts keep all but tab, newline and backslash."""
    document = (
        r'{"a": [-0, 5.10, 1E+5, 12345678901234567890123, true, false, "a\tb\nc\\d\r\u00e9"]}'
    )
    values = [line.split(" | ")[2] for line in lines_of(document)]
    assert values == [
        "-0",
        "5.10",
        "1E+5",
        "12345678901234567890123",
        "true",
        "false",
        "a\\tb\\nc\\\\d\ré",
    ]


def test_names_are_escaped_everywhere() -> None:
    """Keys, ids and paths are escaped like values."""
    assert lines_of(r'{"id": "i\td", "k\ny": {"l\\": "v"}}') == [
        r"i\td | id | i\td",
        r"i\td | k\ny | i\td/k\ny",
        r"i\td/k\ny | l\\ | v",
    ]
    assert lines_of('{"a": 1}', "a\tb.json") == [r"a\tb | a | 1"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "line 1 (byte 0)", "an empty file"),
        (" \n", "line 2 (byte 2)", "an empty file"),
        ("5", "line 1 (byte 0)", "a number, expected an object"),
        ('"a"', "line 1 (byte 0)", "a string, expected an object"),
        ("null", "line 1 (byte 0)", "true, false or null, expected an object"),
        ("hello", "line 1 (byte 0)", "found 'h"),
        ('{"a": 1}\n 5', "line 2 (byte 10)", "a number"),
        ('{"a": 1}, {"a": 1}', "line 1 (byte 8)", "', "),
        ('{"a": 1} [{"a": 1}]', "line 1 (byte 9)", "'["),
        ("[5]", "line 1 (byte 1)", "a number in the top-level array"),
        ('[\n[{"a": 1}]]', "line 2 (byte 2)", "an array in the top-level array"),
        ('[{"a": 1} {"a": 1}]', "line 1 (byte 10)", "expected ',' or ']'"),
        ('[{"a": 1},]', "line 1 (byte 10)", "expected an object"),
        ('[{"a": 1}', "line 1 (byte 9)", "the end of the file in the top-level array"),
        ('[{"a": 1}] {}', "line 1 (byte 11)", "after the top-level array"),
        ("[nul]", "line 1 (byte 4)", "expected an object"),
        ('{"a": 1', "line 1 (byte 0)", "the end of the file in the document that begins here"),
        ('\n{"a": "}', "line 2 (byte 1)", "the end of the file in the document that begins here"),
        ('{"a":\n oops}', "line 2 (byte 7)", "'oops}': expecting value"),
        ('{"é": 1 "b": 2}', "line 1 (byte 9)", "expecting ',' delimiter"),
        ('{"a": "NaN", "b": NaN}', "line 1 (byte 18)", "NaN, which JSON does not have"),
        ('{"a": -Infinity}', "line 1 (byte 6)", "-Infinity, which JSON does not have"),
        ('{"a": "\t"}', "line 1 (byte 7)", "invalid control character"),
        (b'{"a": "\xff"}', "line 1 (byte 7)", "the byte 0xff, expected UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "line 1 (byte 7)", "the byte 0xed, expected UTF-8"),
        (b"\xff\xfe{\0}\0", "line 1 (byte 0)", "expected an object"),
        (b"\xef{}", "line 1 (byte 1)", "begins no JSON document"),
        (r'{"a": "\ud800"}', "line 1 (byte 0)", r"the lone surrogate \ud800"),
        (r'{"\udfff": null}', "line 1 (byte 0)", r"the lone surrogate \udfff"),
        (r'{"a": {"id": "\udbff"}}', "line 1 (byte 0)", r"the lone surrogate \udbff"),
    ],
)
@pytest.mark.parametrize("cut", [1, 1 << 18])
def test_malformed_documents(text: str | bytes, place: str, message: str, cut: int) -> None:
    """What is no document is named by file, line, byte, what was found and what was expected."""
    with pytest.raises(InputError) as caught:
        lines_of(text, cut=cut, policy="skip")
    assert str(caught.value).startswith(f"test.json, {place}: found ")
    assert message in str(caught.value)


def test_surrogate_pairs_are_characters() -> None:
    """A pair of escapes is one character and no error."""
    assert lines_of(r'{"a": "\ud83d\ude00"}') == ["test | a | \U0001f600"]


@pytest.mark.parametrize("bracket", ['{"a":', "[", '[{"a":'])
def test_deep_nesting(bracket: str) -> None:
    """Nesting is limited to 500, whatever the interpreter's own limit; 1,000,000 is no crash."""
    inner = {"[": '{"a":' + "[" * 499 + "1" + "]" * 499 + "}"}.get(bracket)
    fits = inner or '{"a":' * 500 + "1" + "}" * 500
    assert len(lines_of(fits)) == (1 if inner else 500)
    for depth in (501, 1000, 1_000_000):
        with pytest.raises(InputError, match="nested more than 500 deep"):
            lines_of('{"a":' + bracket * depth)


def test_large_documents() -> None:
    """A document over the limit is refused where it is met; many small ones are no large one."""
    options = DocumentOptions(max_document_bytes=100)
    small = '{"a": "' + "x" * 85 + '"}'
    assert len(lines_of("[" + ",".join([small] * 50) + "]", options=options)) == 50
    for text in (' {"a": "' + "x" * 95 + '"}', '\n{"a": "' + "x" * 200):
        for cut in (1, 64, 1000):
            with pytest.raises(InputError, match=r"\(byte 1\): found a document of over 100 bytes"):
                lines_of(text, options=options, cut=cut)


def test_text_is_bounded() -> None:
    """A document whose triples are far larger than itself is handed on in small blocks."""
    text = json.dumps({"k" * 20_000: {"a": list(range(300))}}).encode()
    reader = DocumentReader(DocumentOptions(), BadTriples())
    sizes = [len(block) for block in reader.triple_blocks("test.json", iter([text]), Unlimited())]
    assert sum(sizes) > 6_000_000 and max(sizes) < 600_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r'{"a": "x\u0000", "b": 1}', "a NUL character"),
        ('{"a": "me_myself_i", "b": 1}', "the entity me_myself_i"),
    ],
)
def test_values_that_are_no_names(text: str, found: str) -> None:
    """What cannot be an entity or a relation is a bad triple, under the policy for those."""
    with pytest.raises(InputError, match=f"test.json, line 1: .*found {found}"):
        lines_of(text)
    assert lines_of(text, policy="skip") == ["test | b | 1"]


def test_me_myself_i_within_a_name_is_fine() -> None:
    """Only the whole name is reserved."""
    assert lines_of('{"a": "me_myself_i_too", "me_myself_i": 1}') == [
        "test | a | me_myself_i_too",
        "test | me_myself_i | 1",
    ]


def test_duplicate_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last one wins, with one warning for all."""
    path = tmp_path / "test.json"
    path.write_text('{"a": 1, "a": 2, "b": {"c": 1, "c": 2, "c": 3}}')
    with caplog.at_level(logging.WARNING, "pff_stream"):
        _, report = encoded(path)
    assert report.n_triples == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"3 keys stand twice in one JSON object: the last one was taken (first: {path}, line 1)"
    ]


def test_two_files_of_one_stem(tmp_path: Path) -> None:
    """They are refused where both have documents without an id, and fine where an id tells them."""
    paths = [tmp_path / "a" / "test.json", tmp_path / "b" / "test.json"]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_text(json.dumps([{"key": number, "v": 1}, {"key": -number - 1, "v": 1}]))
    with pytest.raises(InputError, match="--id-key"):
        encoded(*paths)
    options = EncodeOptions(documents=DocumentOptions(id_key="key"))
    _, report = encoded(*paths, options=options)
    assert report.mapping == "json-2" and report.n_triples == 8


def test_triples_join_documents(tmp_path: Path) -> None:
    """Background triples name what is in a document; the graph has the document's mapping."""
    (tmp_path / "a.json").write_text('{"x": {"y": 1}}')
    (tmp_path / "b.tsv").write_text("a/x\tis\tq\n")
    for inputs in (("a.json", "b.tsv"), ("b.tsv", "a.json")):
        data, report = encoded(*(tmp_path / name for name in inputs))
        assert report.mapping == "json-2" and report.n_triples == 3
        assert GraphView(data).n_entities == 4  # a, a/x, 1 and q


class Old(JsonFormat):
    """Names documents as json-1 does, whatever is asked for."""

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """By another suffix."""
        return str(given).endswith(".old")

    def reader(self, options: EncodeOptions, bad: BadTriples) -> DocumentReader:
        """For the old one."""
        return DocumentReader(DocumentOptions(mapping="json-1"), bad)


def test_mappings_cannot_be_mixed(tmp_path: Path) -> None:
    """Names that are made in two ways in one graph are refused before anything is read."""
    for name in ("a.json", "b.old", "c.tsv"):
        (tmp_path / name).write_text("broken")
    options = EncodeOptions(formats=(Old(), *FORMATS))
    with pytest.raises(InputError, match=r"--mapping.*a.json \(json-2\), .*b.old \(json-1\)"):
        encoded(*(tmp_path / name for name in ("a.json", "b.old", "c.tsv")), options=options)


def is_json(path: str) -> bool:
    """By its name alone."""
    return JsonFormat().matches(path, b"")


def test_names_of_files() -> None:
    """Files are JSON by their suffix, also below a suffix of compression."""
    assert all(map(is_json, ("a.json", "a.JSONL", "d/a.ndjson", "a.json.gz", "a.jsonl.bz2")))
    assert not any(map(is_json, ("a.tsv", "json", "a.json.lz4", "a.gz", "a.json.tsv", "-")))
    assert document_stem("d/.json") == ".json" and document_stem("a.b.jsonl.gz") == "a.b"
