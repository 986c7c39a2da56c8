"""RDF that is made to take memory or time ends with an error, and parsers are bounded before."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pff_stream.errors import InputError, PffStreamError, RefusedError
from pff_stream.triples.encode_process import encode_in_process
from pff_stream.triples.formats import parser_memory
from pff_stream.triples.formats._nesting import JsonNesting, Nesting, TurtleNesting, XmlNesting
from pff_stream.triples.inputs import checked_lines, held_at_most
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.store import GraphStore
from tests.triples.held_counted import Counted, read_counted

MIB = 1 << 20
XML = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="a:">'


def deep(kind: type[Nesting], text: str, pieces: int = 3) -> int:
    """How deep a text is nested, however it is cut."""
    found = set()
    for n in (1, pieces, len(text) or 1):
        nesting = kind(1000)
        data = text.encode()
        for at in range(0, len(data), n):
            nesting.look(data[at : at + n])
        assert nesting.weight >= len(data)
        found.add(nesting.depth)
    [depth] = found
    return depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        (":a :b [ :c ( 1 2 ) ] . :d :e [ ] .", 2),
        ("<a:([> :b \"([{\" , '([{' , \"\" , '' .", 0),
        ('"""([{ " "" \\""" ([""" ( 1 )', 1),
        ("'''([ '' ''' [ ]", 1),
        ('"(\\"(" [ ]', 1),
        ("# ([{\n( )", 1),
        ("e:a\\(b ( )", 1),
        ("<<( :a :b <<( :c :d :e )>> )>> .", 4),
        ("<< :a :b :c >> << :a :b << :d :e :f >> >>", 2),
        ("{ :a :b :c } => { :d <= { :e :f [ ] } }", 3),
        ("] ] ] [ ]", 1),
        ('"broken ( \n ( )', 1),
    ],
)
def test_depth_of_turtle(text: str, depth: int) -> None:
    """Brackets count where they are none of a string, an IRI, a comment or an escape."""
    assert deep(TurtleNesting, text) == depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("", 0),
        ("<a><b/><b x='/>'>t</b></a>", 2),
        ('<?xml version="1.0"?><!-- <a><b> - -- --><a/>', 1),
        ("<a><![CDATA[ <b><c> ]] ]]></a>", 1),
        ("<!DOCTYPE a [ <!ENTITY e '<b><c>'> <!-- don't <d> --> ]><a>&e;</a>", 1),
        ("<a><b><c></c></b><b></b></a>", 3),
    ],
)
def test_depth_of_xml(text: str, depth: int) -> None:
    """Elements count where they are none of a comment, a value or a section."""
    assert deep(XmlNesting, text) == depth


def faults(text: str) -> set[str | None]:
    """What is wrong with entities, however the text is cut."""
    found = set()
    for n in (1, 5, len(text)):
        nesting = XmlNesting(10)
        for at in range(0, len(text), n):
            nesting.look(text[at : at + n].encode())
        found.add(nesting.fault)
    return found


def test_entities() -> None:
    """None is made of others, and what one stands for counts wherever it does."""
    doctype = "<!DOCTYPE a [ <!ENTITY e 'http://e.org/ns#'> {} ]><a>{}</a>"
    assert faults(doctype.format("", "&e;")) == {None}
    assert faults(doctype.format("<!ENTITY f '&#10;&#xA;'>", "")) == {None}
    assert faults(doctype.format("<!ENTITY f '&e;x'>", "")) == {"an entity that is made of others"}
    [fault] = faults(doctype.format(f"<!ENTITY f '{'x' * 70_000}'>", ""))
    assert fault is not None and "DOCTYPE" in fault
    nesting = XmlNesting(10)
    text = doctype.format("", "&e;" * 100).encode()
    nesting.look(text)
    assert nesting.weight >= len(text) + 100 * len("http://e.org/ns#")


def repeated(before: bytes, unit: bytes, n_bytes: int, after: bytes = b"") -> Iterator[bytes]:
    """A text of about so many bytes, in blocks."""
    block = unit * (MIB // 4 // len(unit))
    return itertools.chain([before], itertools.repeat(block, n_bytes // len(block) + 1), [after])


@pytest.mark.parametrize(
    ("text", "depth", "copied"),
    [
        ("", 0, 0),
        ('{"a": ["]}", "\\"{", {"b": []}]}', 4, 0),
        ('{"@context": {"a": "b"}, "c": "@context"}', 2, 9),
        ('{"@context": {"a": "b"}, "c": {"d": {}}}', 3, 27),
        ('{"\\u0040conte\\u0078t": {"a": "b"}}', 2, 9),
        ('{"@contexts": {"a": "b"}, "c@context": {"a": "b"}, "\\n@context": {}}', 2, 0),
        ('[{"@context": {"a": 1}}, {"@context": {"a": 1}}]', 3, 7),
        ('{"@context": {"a": {"@context": {"b": 1}}}}', 4, 28 + 7),
        ("}}] {", 1, 0),
    ],
)
def test_depth_of_json(text: str, depth: int, copied: int) -> None:
    """Brackets outside of texts; contexts once for each object that they hold in."""
    assert deep(JsonNesting, text) == depth
    nesting = JsonNesting(500)
    nesting.look(text.encode())
    assert nesting.most_copied == copied


def contexts_in_nodes(n_terms: int, levels: int) -> str:
    """A large context, of which a parser has a copy in each node within a node."""
    terms = ",".join(f'"t{n}":"http://x/t{n}"' for n in range(n_terms))
    nodes = "".join(f',"t1":{{"@context":{{}},"@id":"http://x/{n}"' for n in range(levels))
    return f'{{"@context":{{{terms}}},"@id":"http://x/a"{nodes}' + "}" * (levels + 1)


def contexts_in_contexts(levels: int) -> str:
    """Each is held once for each around it."""
    opened = '{"@vocab":"http://x/","a":{"@id":"http://x/a","@context":' * levels
    return f'{{"@context":{opened}{{}}' + "}}" * levels + ',"a":{"a":"x"}}'


COPIES = [contexts_in_nodes(3000, 100), contexts_in_contexts(240)]


@pytest.mark.thorough
@pytest.mark.parametrize("text", COPIES, ids=["nodes", "contexts"])
def test_copies_of_contexts(tmp_path: Path, text: str) -> None:
    """Some kilobytes that take over a hundred megabytes are refused before they do."""
    pytest.importorskip("pyoxigraph")
    path = tmp_path / "a.jsonld"
    path.write_text(text)
    with pytest.raises(RefusedError, match="what the parser holds"):
        list(checked_lines([str(path)], EncodeOptions(memory_bytes=100 * MIB)))
    taken = peak_of_parsing(path)
    counted = Counted()
    assert sum(map(len, read_counted([str(path)], EncodeOptions(), counted))) > 0
    assert taken <= counted.most


def peak_of_parsing(path: Path) -> int:
    """Bytes that the parser takes for a file, in a process of its own."""
    program = """if True:
        import pyoxigraph, resource, sys
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        before = peak()
        for _ in pyoxigraph.parse(path=sys.argv[1]): pass
        print(peak() - before)
    """
    command = [sys.executable, "-c", program, str(path)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


HOSTILE = {
    "literal.ttl": (b'<a:s> <a:p> "', b"x", "literal or another word of over"),
    "long.ttl": (b'<a:s> <a:p> """', b"x\n", "literal or another word of over"),
    "iri.trig": (b"<a:s> <a:p> <a:", b"x", "literal or another word of over"),
    "blank.ttl": (b"<a:s> <a:p> ", b" ", "bytes without a triple"),
    "comments.n3": (b"", b"# no triple\n", "bytes without a triple"),
    "prefixes.ttl": (b"", b"@prefix a: <http://e.org/a> .\n", "bytes without a triple"),
    "lists.ttl": (b"<a:s> <a:p> ", b"( ", "nested over 500 deep"),
    "nodes.ttl": (b"<a:s> <a:p> ", b"[ <a:p> ", "nested over 500 deep"),
    "formulas.n3": (b"<a:s> <a:p> ", b"{ <a:s> <a:p> ", "nested over 500 deep"),
    "terms.ttl": (b"<a:s> <a:p> ", b"<<( <a:s> <a:p> ", "nested over 500 deep"),
    "elements.rdf": (XML, b"<e:a><e:b>", "nested over 500 deep"),
    "text.rdf": (XML + b'<e:a r:about="a:b"><e:b>', b"x", "bytes without a triple"),
    "arrays.jsonld": (b'{"a:c":', b"[", "nested over 500 deep"),
    "objects.jsonld": (b"", b'{"a:c":', "nested over 500 deep"),
    "text.jsonld": (b'{"@id":"a:b","a:c":"', b"x", "literal or another word of over"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_texts(tmp_path: Path, name: str) -> None:
    """Whatever has no end ends with an error, soon."""
    pytest.importorskip("pyoxigraph")
    before, unit, said = HOSTILE[name]
    path = tmp_path / name
    with open(path, "wb") as file:
        file.writelines(repeated(before, unit, parser_memory.MAX_SILENT_BYTES + MIB))
    with pytest.raises(InputError, match=said) as caught:
        list(checked_lines([str(path)], EncodeOptions()))
    assert str(caught.value).startswith(f"{path}, line ")


@pytest.mark.thorough
def test_what_is_too_much_is_refused(tmp_path: Path) -> None:
    """Before the parser is given it: it would end the process."""
    pytest.importorskip("pyoxigraph")
    path = tmp_path / "a.jsonld"
    with open(path, "wb") as file:
        file.writelines(repeated(b'{"@id":"a:b","a:p":[', b'{"@id":"a:c"},', 2 * MIB, b'"x"]}'))
    with pytest.raises(RefusedError, match="what the parser holds"):
        list(checked_lines([str(path)], EncodeOptions(memory_bytes=64 * MIB)))
    options = EncodeOptions(memory_bytes=64 * MIB)
    with GraphStore.at_path(str(tmp_path / "graph")) as store, pytest.raises(RefusedError):
        encode_in_process([str(path)], options, store, fence_bytes=128 * MIB)
    counted = Counted()
    assert sum(map(len, read_counted([str(path)], EncodeOptions(), counted))) > 0
    assert counted.most <= held_at_most(str(path), EncodeOptions())


def test_long_lines_of_ntriples(tmp_path: Path) -> None:
    """One of over 64 MiB is none, and ends the reading; a shorter one is planned."""
    path = tmp_path / "a.nt"
    with open(path, "wb") as file:
        file.writelines(repeated(b'<a:s> <a:p> "', b"x", 65 * MIB))
    with pytest.raises(InputError, match=r"a\.nt, line 1: found a line of over 67108864 bytes"):
        list(checked_lines([str(path)], EncodeOptions()))
    with open(path, "wb") as file:
        file.writelines(repeated(b'<a:s> <a:p> "', b"x", 4 * MIB, b'" .\n'))
    with pytest.raises(RefusedError, match="what begins here"):
        list(checked_lines([str(path)], EncodeOptions(memory_bytes=8 * MIB)))
    assert sum(map(len, checked_lines([str(path)], EncodeOptions()))) > 4 * MIB


def test_labels_of_blank_nodes_are_told(tmp_path: Path) -> None:
    """They are held for as long as an input is read."""
    path = tmp_path / "a.nt"
    text = "".join(f"_:label{i} <a:p> _:other{i} .\n" for i in range(30_000))
    path.write_text(text, encoding="utf-8")
    counted = Counted()
    assert sum(map(len, read_counted([str(path)], EncodeOptions(), counted))) > 0
    assert counted.most > 60_000 * 20
    with pytest.raises(PffStreamError, match="labels of blank nodes"):
        list(checked_lines([str(path)], EncodeOptions(memory_bytes=MIB)))
