"""Damage to every kind of file is an error with the place of it, never a wrong answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pff_stream.errors import InputError, UsageError
from pff_stream.files.sources import open_blocks
from pff_stream.plan.budget import read_plan
from pff_stream.rules.compile import RuleOptions, compile_rules
from pff_stream.rules.file import RuleFile
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import read_manifest
from pff_stream.settings.models import InputOptions
from pff_stream.settings.resolve import gather, resolve
from pff_stream.triples._triple_lines import MAX_LINE_BYTES
from pff_stream.triples.graph import verify
from pff_stream.triples.inputs import checked_lines
from pff_stream.triples.options import EncodeOptions, encode_options
from tests.test_bad_input import RULE, TRIPLES
from tests.triples.memory_writer import encoded

pytestmark = pytest.mark.thorough

DEEP = b"[" * 1000 + b"]" * 1000
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "NUL": lambda data: data[:3] + b"\0" + data[3:],
    "no UTF-8": lambda data: data[:3] + b"\xff" + data[3:],
    "a lone surrogate": lambda data: data[:3] + b"\xed\xa0\x80" + data[3:],
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "deep": lambda data: DEEP,
    "deep inside": lambda data: re.sub(rb'"b"| 2$| a.json$|X,Y|\bb\b', DEEP, data),
    "over the limit": lambda data: re.sub(rb"X|\ba\b|2", b"a" * 70_000, data, count=1),
}

WHOLE = {
    "rules.tsv": RULE.encode(),
    "triples.tsv": TRIPLES.encode(),
    "document.json": b'{"id": "a", "r": "b"}',
    "lines.jsonl": b'{"id": "a", "r": "b"}\n{"id": "c", "r": "d"}\n',
    "manifest.yaml": b"tasks:\n- a: a.json\n",
    "config.yaml": b"workers: 2\n",
    "plan.json": b"{}",
    "rules.pffr": b"",
    "graph.pffg": b"",
}

TEXTS = [name for name in WHOLE if name not in ("plan.json", "rules.pffr", "graph.pffg")]

READ = {
    *((name, damage) for name in WHOLE for damage in ("BOM", "CRLF") if name in TEXTS),
    ("triples.tsv", "deep inside"), ("triples.tsv", "over the limit"),
}  # fmt: skip
"""What is read all the same: nothing in it is damage to this kind of file."""


def read_as(path: Path) -> None:
    """Reads a file as the command does that takes it."""
    name = str(path)
    if path.name == "rules.tsv":
        options = RuleOptions(on_bad_rule="fail", memory_bytes=32 << 20)
        compile_rules(open_blocks(name), None, source_name=name, options=options)
    elif path.suffix in (".tsv", ".json", ".jsonl") and path.name != "plan.json":
        reading = encode_options(InputOptions(max_document_bytes=65536))
        encoded(name, options=reading)
    elif path.name == "manifest.yaml":
        list(read_manifest(name).documents())
    elif path.name == "config.yaml":
        resolve(RunSettings, gather({"config": name, "rules": "r", "triples": ("t",)}, {}))
    elif path.name == "plan.json":
        read_plan(name)
    elif path.suffix == ".pffr":
        RuleFile(name).close()
    else:
        verify(name)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", WHOLE)
def test_every_damage_to_every_file(name: str, damage: str, tmp_path: Path) -> None:
    """It is read as what it is, or one line names the file and what was found."""
    path = tmp_path / name
    path.write_bytes(DAMAGES[damage](WHOLE[name]))
    if (name, damage) in READ:
        read_as(path)
        return
    with pytest.raises((InputError, UsageError), match=re.escape(str(path))) as refused:
        read_as(path)
    assert len(str(refused.value).replace(str(path), "").partition("; the first:")[0]) < 200


@pytest.mark.parametrize("block_bytes", [1, 7, 1 << 18])
def test_triples_that_are_printed_are_checked(tmp_path: Path, block_bytes: int) -> None:
    """TSV is checked line by line, whatever the blocks, and comes out in one order and form."""
    path = tmp_path / "t.tsv"
    options = EncodeOptions(columns=(1, 0, 2), block_bytes=block_bytes)
    path.write_bytes(b"\xef\xbb\xbfr\ta\tb\r\nr\tb\tNA\r\nq\tc\td")
    assert b"".join(checked_lines([str(path)], options)) == b"a\tr\tb\nb\tr\tNA\nc\tq\td\n"
    for text, line, found in (
        (b"a\tb\tc\n\nx\ty\n", 3, "2 columns"),
        (b"a\tb\tc\nx\ty", 2, "2 columns"),
        (b"a\tb\tc\nd\te\tf\nx\t\xff\ty\n", 3, "the byte 0xff"),
        (b"me_myself_i\tb\tc\nb\tme_myself_i\tc", 2, "the entity me_myself_i"),
    ):
        path.write_bytes(text)
        with pytest.raises(InputError, match=f"t.tsv, line {line}: found {found}"):
            list(checked_lines([str(path)], options))


def test_a_line_that_is_too_long(tmp_path: Path) -> None:
    """A line has an end before the largest that is taken, or is refused."""
    path = tmp_path / "t.tsv"
    path.write_bytes(b"a" * (MAX_LINE_BYTES + 2))
    with pytest.raises(InputError, match="line 1: found a line of over"):
        list(checked_lines([str(path)], EncodeOptions(block_bytes=1 << 24)))
