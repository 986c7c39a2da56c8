"""JSON: documents become the triples of a slow mapping, or are refused with their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from pff_stream.errors import InputError
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions
from tests.fuzz.target import ACCEPTED, REFUSED, Target, check_message
from tests.triples.formats.document_reference import Counted, Reference, Written, is_good

PATHS = ("test.json", "test.jsonl")
MOST_BYTES = 2000


def check(data: bytes) -> str:
    """Reads the bytes in blocks and compares every line with the slow mapping."""
    path, cut = PATHS[data[0] & 1] if data else PATHS[0], 1 + (data[0] >> 1) if data else 1
    by_path = bool(data[1:2] > b"\x7f")
    data = data[2:]
    bad = Counted()
    options = DocumentOptions(predicate="path" if by_path else "key", max_document_bytes=MOST_BYTES)
    reader = DocumentReader(options, bad)
    blocks = (data[at : at + cut] for at in range(0, len(data), cut))
    try:
        lines = b"".join(reader.triple_blocks(path, blocks, Unlimited())).decode().split("\n")[:-1]
    except InputError as error:
        check_message(str(error), places=(f"{path}, line ",))
        assert "found " in str(error), error
        assert not _must_be_read(data), (data, str(error))
        return REFUSED
    reference = Reference(by_path=by_path)
    wanted = [line for d, name in _documents(data, path) for line in reference.document(d, name)]
    good = [line for line in wanted if is_good(line)]
    assert lines == ["\t".join(line) for line in good], (lines, good)
    assert bad.count == len(wanted) - len(good)
    return ACCEPTED


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _documents(data: bytes, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every document with the name that it has without an id."""
    text = data.decode().removeprefix("\ufeff")
    decoder = json.JSONDecoder(parse_int=Written, parse_float=Written, parse_constant=_refuse)
    at, values = _blank(text, 0), list[Any]()
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        at = _blank(text, at)
        values.append(value)
    if values and isinstance(values[0], list):
        assert len(values) == 1
        yield from ((v, f"test#{i}") for i, v in enumerate(values[0]) if v is not None)
        return
    assert values or path == "test.jsonl"
    for index, value in enumerate(values):
        alone = len(values) == 1 and path == "test.json"
        yield value, "test" if alone else f"test#{index}"


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _must_be_read(data: bytes) -> bool:
    """Whether there is no excuse for refusing the bytes: one small, shallow, plain object."""
    try:
        value = json.loads(data.decode(), parse_constant=_refuse)  # bytes could be UTF-16
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and len(data) < 500 and not data.startswith(b"\xef\xbb\xbf")


TARGET = Target(
    "documents",
    (
        b'\x10\0{"id": "5", "plan": {"code": 1.50, "lines": [1, [null, {"a": true}]]}}',
        b'\x21\0{"a": 1e5, "a": "\\u00e9\\n"}\n{"msisdn": 12, "b": []}\n{}',
        b'\xff\xff[{"a": {"b": {"@id": "x", "c": "\\ud83d\\ude00"}}}, null, {"": "", "k": "me_myself_i"}]',
        b"\x10\0" + b'{"a":[' * 20 + b"]}" * 20,
    ),
    (b"{", b"}", b"[", b"]", b",", b":", b'"', b'"id"', b'"a"', b"null", b"true", b"NaN", b"-Infinity",
     b"\\", b'\\"', b"\\u0000", b"\\ud800", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\t", b"\n", b"1E+5",
     b"-0", b"01", b'{"a":' * 300, b"[" * 1100, b'"me_myself_i"', b'"@id":"\\t"', b" "),
    check,
)  # fmt: skip
