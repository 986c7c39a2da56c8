"""JSON Lines with lines that are no documents: skipped where that is asked for, and counted."""

from __future__ import annotations

import pytest

from pff_stream.errors import InputError
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.formats.json import DocumentReader
from pff_stream.triples.held import Unlimited
from pff_stream.triples.options import DocumentOptions

BROKEN = [
    ('{"a": 1', "the end: expecting ',' delimiter"),
    ('{"a": {"b": [1,', "the end: expecting value"),
    ('{"a": "x', "'\"x': unterminated string starting at"),
    ('{"a": oops}', "'oops}': expecting value"),
    ('{"a": NaN}', "NaN, which JSON does not have"),
    ("hello", "'hello', expected an object"),
    ("[1]", "'[1]', expected an object"),
    ("5", "'5', expected an object"),
    ('{"a": 1}}', "'}': extra data"),
    ('{"a": 1} {"a": 2}', "extra data"),
    ('{"a": "\\ud800"}', "the lone surrogate"),
    ('{"a": "' + "x" * 300 + '"}', "a document of over 200 bytes"),
    ('{"a":' * 501, "nested more than 500 deep"),
]


def read(text: str, policy: str, cut: int, path: str = "d.jsonl") -> tuple[list[str], BadTriples]:
    """The lines of a file and what was bad."""
    bad = BadTriples(policy)
    reader = DocumentReader(DocumentOptions(max_document_bytes=200), bad)
    data = text.encode()
    blocks = (data[at : at + cut] for at in range(0, len(data), cut))
    return b"".join(reader.triple_blocks(path, blocks, Unlimited())).decode().split("\n")[:-1], bad


@pytest.mark.parametrize(("line", "message"), BROKEN)
@pytest.mark.parametrize("cut", [1, 7, 1 << 18])
def test_a_broken_line_is_skipped_as_that_line(line: str, message: str, cut: int) -> None:
    """Those before and behind it are read, by their places in the file."""
    lines, bad = read(f'{{"a": 1}}\n{line}\n\n {{"a": 3}} \r\n{line}', "skip", cut)
    assert lines == ["d#0\ta\t1", "d#2\ta\t3"]
    assert bad.count == 2 and bad.first[0].number == 2 and bad.first[1].number == 5
    if len(line) < 200 or "over" in message:
        assert message in bad.first[0].reason, bad.first[0].reason
    if message != "extra data":  # two documents in a line are two
        with pytest.raises(InputError):
            read(f'{{"a": 1}}\n{line}\n', "fail", cut)


@pytest.mark.parametrize("cut", [1, 7, 1 << 18])
def test_a_document_of_several_lines_is_read(cut: int) -> None:
    """Up to a line that begins with another one."""
    text = '{"a": [\n  {"b": 1},\n 2]\n}\n{"a": [1,\n{"a": 3}\n{"a":\n'
    lines, bad = read(text, "skip", cut)
    assert lines == ["d#0\ta\td#0/a/0", "d#0/a/0\tb\t1", "d#0\ta\t2", "d#2\ta\t3"]
    assert [one.number for one in bad.first] == [5, 7]


def test_broken_lines_up_to_a_share() -> None:
    """They are bad triples like others."""
    lines, bad = read('{"a": 1}\noops\n', "50%", 9)
    assert lines == ["d#0\ta\t1"] and bad.count == 1


def test_a_broken_document_of_an_array_ends_the_file() -> None:
    """Where the next one begins cannot be told."""
    with pytest.raises(InputError, match="expecting value"):
        read('[{"a": 1}, {"a": oops}, {"a": 2}]', "skip", 9, "d.json")
