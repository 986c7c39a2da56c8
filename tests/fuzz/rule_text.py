"""Rule text: the compiled reader and the specification agree, whatever the bytes."""

from __future__ import annotations

from math import isfinite

from pff_stream.rules.compile import MIN_MEMORY_BYTES
from pff_stream.rules.formats._readings import Unsettled
from pff_stream.rules.formats.anyburl import read_rule, settle
from pff_stream.rules.rule import Rejected
from tests.fuzz.target import ACCEPTED, REFUSED, Target
from tests.rules.compiled import Names, compiled, decoded_file, expected
from tests.rules.texts import NAME_PIECES, PIECES

NAMES = Names({b"a", b"b", b"(n)", b"A), r(B", b"p,q"}, {b"r", b"q", b"h", b"r(X,Y), q"})


def check(data: bytes) -> str:
    """Compiles the lines as a file and holds every rule against the reading of its text."""
    names = NAMES if data[:1] > b"\x7f" else None
    data = data[1:]
    lines = _rule_lines(data)
    blocks = [data[:7], data[7:]]
    with compiled(blocks, graph=names, memory_bytes=MIN_MEMORY_BYTES) as (report, file):
        found = decoded_file(file)
        chunks = [file.read_source_chunk(i) for i in range(len(file.source_chunks))]
        assert len(found) == report.rules - report.rejected == len(lines) - report.rejected
        kept = [chunk.text(i) for chunk in chunks for i in range(len(chunk))]
        reasons = [chunk.reason(i) for chunk in chunks for i in range(len(chunk))]
    for ordinal, line in enumerate(lines):
        text = _text_of(line)
        if text is None:
            assert reasons[ordinal].startswith("column ") and ordinal not in found, line
            continue
        assert kept[ordinal] == (text + b" " if text.endswith(b" <=") else text), line
        if names is None:
            result = read_rule(text)
        else:
            result = settle(text, names.has_entity, names.has_relation)
        if isinstance(result, Rejected):
            assert ordinal not in found and reasons[ordinal].startswith("column "), line
        elif isinstance(result, Unsettled):
            first = result.readings[0]
            assert found[ordinal] == expected(first, flags=3 + 4 * first.blanks), line
        else:
            flags = int(result.ambiguous) + 4 * result.blanks
            assert found[ordinal] == expected(result, flags=flags), line
    return ACCEPTED if found else REFUSED


def _rule_lines(data: bytes) -> list[bytes]:
    """The lines that hold rules or should; all of them are short."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    lines = [line.removesuffix(b"\r") for line in lines]
    return [line for line in lines if not line.startswith(b"#") and line.strip(b" ")]


def _text_of(line: bytes) -> bytes | None:
    """The rule of a line; None where encoding or columns are wrong."""
    try:
        columns = line.decode().split("\t")
    except UnicodeDecodeError:
        return None
    if "\0" in line.decode() or len(columns) not in (1, 4):
        return None
    if len(columns) == 4 and not all(map(_is_number, columns[:3], (int, int, float))):
        return None
    return columns[-1].encode()


def _is_number(text: str, kind: type[int] | type[float]) -> bool:
    if kind is int:
        return text.isascii() and text.isdigit() and len(text) <= 18
    try:
        number = float(text)
    except ValueError:
        return False
    if len(text) > 63:
        return False
    return set(text) <= set("0123456789.eE+-") and text[0] not in "+-" and isfinite(number)


TARGET = Target(
    "rule-text",
    (
        b"\0h(X,Y) <= r(X,A), q(A,Y)\n7\t3\t0.5\th(X,c) <= r(X,a)\n# c\n\nh(X,c) <=\n",
        b"\x80\xef\xbb\xbfh(X,(n)) <= r(X,A), r(A,a, b)\r\nh(me_myself_i,Y) <= \r\n",
        b"\0p,q(X,a,b) <= p,q(X,A), knows(A,pessoa 54, (n))\nlives in(X,k <= m) <= r(X,Y)\n",
    ),
    (
        *(piece.encode() for piece in (*PIECES, *NAME_PIECES)),
        *(b"\n", b"\r\n", b"\t", b"7\t3\t0.5\t", b"1e5", b"\0", b"\xff", b"\xef\xbb\xbf"),
        *(b"\xed\xa0\x80", b"#", b"\xc3\xa9", b"9223372036854775808", b"nan", b"inf", b"1e999"),
    ),
    check,
)
