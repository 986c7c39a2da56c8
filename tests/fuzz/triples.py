"""TSV: the encoder takes and refuses the same lines as a slow reader, wherever blocks end."""

from __future__ import annotations

from pff_stream.triples._encode import Encoder
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from tests.fuzz.target import ACCEPTED, REFUSED, Target, check_message

Triple = tuple[bytes, bytes, bytes]


def check(data: bytes) -> str:
    """Feeds the bytes in blocks and compares triples, counts and messages with the slow reader."""
    cut = 1 + data[0] % 64 if data else 1
    data = data[1:]
    bad = BadTriples("skip")
    encoder = Encoder(bad)
    encoder.start_file("t.tsv")
    for at in range(0, len(data), cut):
        encoder.feed(data[at : at + cut])
    encoder.end_file()
    n_read = encoder.n_read
    encoder.finish_reading()
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), "tsv")
    view = GraphView(buffer)
    view.check_contents()
    found = {
        (view.entity_name(s), view.relation_name(r), view.entity_name(o))
        for s, r, o in view.triples()
    }
    triples, lines = read_slowly(data)
    assert found == set(triples) and n_read == len(triples)
    assert bad.count == len(lines)
    for told, line in zip(bad.first, lines, strict=False):
        check_message(str(told), places=(f"t.tsv, line {line}: found ",))
    return REFUSED if lines else ACCEPTED


def read_slowly(data: bytes) -> tuple[list[Triple], list[int]]:
    """All triples in order, and the numbers of the lines that are wrong."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    triples, bad = [], []
    for number, line in enumerate(lines, 1):
        columns = line.removesuffix(b"\r").split(b"\t")
        if not line.removesuffix(b"\r").strip(b" \t"):
            continue
        if line.startswith(b"#") and len(columns) != 3:
            continue
        if len(columns) != 3 or not all(columns) or b"\0" in line or not _is_text(line):
            bad.append(number)
        elif b"me_myself_i" in (columns[0], columns[2]):
            bad.append(number)
        else:
            triples.append((columns[0], columns[1], columns[2]))
    return triples, bad


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


TARGET = Target(
    "triples",
    (
        b"\x05a\tr\tb\nb\tr\ta\r\n",
        b"\x3f\xef\xbb\xbfa\tr\tb\n\xc3\xa9\tq\t(n)\na\tr\tb\nX\tq\ta",
        b"\x01a\tme_myself_i\tb\nme_myself_i\tr\ta\n\n",
        b"\x09# a comment\n#a\tr\tb\n \t\r\na\tr\tb\n#\n",
    ),
    (b"\t", b"\n", b"\r\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"me_myself_i", b"a\tr\tb\n",
     b"\xf0\x9f\x98\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"(", b"A", b"#", b"\n#", b" "),
    check,
)  # fmt: skip
