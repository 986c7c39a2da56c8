"""RDF: every syntax gives the triples of every other, named by the mapping `rdf-1`."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, PffStreamError
from pff_stream.findings.places import PlaceSources, find_places
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.inputs import checked_lines
from pff_stream.triples.options import EncodeOptions, RdfOptions
from tests.triples.memory_writer import encoded

DATA = Path(__file__).parent.parent.parent / "data" / "rdf"
BASE = "https://w3c.github.io/rdf-tests/rdf/rdf11/rdf-turtle/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
WHOLE = {".nt", ".nq"}
GRAPH = """@prefix : <http://e.org/> .
:a :p :b , "x"@EN-gb , 1 , [ :q "tab\\there" ] ; :r ( :c ) .
"""
LINES = [
    "http://e.org/a\thttp://e.org/p\thttp://e.org/b",
    'http://e.org/a\thttp://e.org/p\t"x"@en-gb',
    'http://e.org/a\thttp://e.org/p\t"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
    "http://e.org/a\thttp://e.org/p\t_:b0",
    '_:b0\thttp://e.org/q\t"tab\\there"',
    f"_:b1\t{RDF}first\thttp://e.org/c",
    "http://e.org/a\thttp://e.org/r\t_:b1",
    f"_:b1\t{RDF}rest\t{RDF}nil",
]


def lines(*paths: Path, options: EncodeOptions | None = None) -> list[str]:
    """The triples that inputs become."""
    given = [str(path) for path in paths]
    text = b"".join(checked_lines(given, options or EncodeOptions())).decode()
    return text.removesuffix("\n").split("\n") if text else []


def graph_options(graph_name: str) -> EncodeOptions:
    """Only the triples of this graph."""
    return EncodeOptions(rdf=RdfOptions(graph_name=graph_name))


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def canonical(rows: list[str]) -> list[str]:
    """The triples with blank nodes named by what is said of them, in one order."""
    ox = pytest.importorskip("pyoxigraph")

    def term(name: str) -> Any:
        if name.startswith("_:"):
            return ox.BlankNode(name[2:])
        if name.startswith(('"', "<<(")):
            [triple] = ox.parse(f"<a:a> <a:a> {name} .", format=ox.RdfFormat.N_TRIPLES)
            return triple.object
        return ox.NamedNode(name)

    dataset = ox.Dataset(ox.Quad(*map(term, row.split("\t"))) for row in rows)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return sorted(map(str, dataset))


def expected_of(path: Path) -> Path | None:
    """The file that says what is in this one."""
    stem = path.name.removesuffix("-in.jsonld")
    names = (f"{stem}-out.nq",) if stem != path.name else (f"{path.stem}.nt", f"{path.stem}.nq")
    found = [path.with_name(name) for name in names if path.with_name(name).exists()]
    return found[0] if found and path.suffix not in WHOLE else None


PAIRS = [(path, whole) for path in sorted(DATA.glob("*.*")) if (whole := expected_of(path))]


@pytest.mark.parametrize(("path", "whole"), PAIRS, ids=[path.name for path, _ in PAIRS])
def test_every_syntax_gives_the_same_triples(path: Path, whole: Path) -> None:
    """As the W3C's test suites say it, in files that belong together."""
    pytest.importorskip("pyoxigraph")
    folder = "rdf-xml/xmlbase/" if path.suffix == ".rdf" else ""
    options = EncodeOptions(rdf=RdfOptions(base_iri=f"{BASE}{folder}{path.name}"))
    found = lines(path, options=options)
    if path.name == "jsonld-di02-in.jsonld":  # it says nothing of directions, which RDF 1.2 has
        found = [line.replace("--rtl", "").replace("--ltr", "") for line in found]
    assert canonical(found) == canonical(lines(whole))


def test_files_that_are_none() -> None:
    """A negative test of the suite names its line and what was expected there."""
    with pytest.raises(InputError, match=r"bad-syntax-01\.nt, line \d+: found .*expected "):
        lines(DATA / "ntriples12-bad-syntax-01.nt")


def test_names(tmp_path: Path) -> None:
    """Of IRIs, literals and blank nodes; two inputs number theirs on, whatever their labels."""
    pytest.importorskip("pyoxigraph")
    turtle = written(tmp_path, "a.ttl", GRAPH)
    assert lines(turtle) == LINES
    assert lines(turtle) == lines(turtle)
    second = written(tmp_path, "b.nt", "_:b0 <a:p> _:b .\n_:b <a:p> _:b0 .\n")
    assert lines(turtle, second)[len(LINES) :] == ["_:b2\ta:p\t_:b3", "_:b3\ta:p\t_:b2"]
    assert encoded(turtle)[1].mapping == "rdf-1"
    assert encoded(turtle)[0] == encoded(turtle)[0]


@pytest.mark.parametrize("suffix", [".nt", ".nq", ".ttl", ".trig", ".rdf", ".n3", ".jsonld"])
def test_one_graph_in_all_syntaxes(tmp_path: Path, suffix: str) -> None:
    """Written by pyoxigraph; packed as other inputs are."""
    ox = pytest.importorskip("pyoxigraph")
    kinds = {".jsonld": ox.RdfFormat.JSON_LD, ".rdf": ox.RdfFormat.RDF_XML}
    kind = kinds.get(suffix) or ox.RdfFormat.from_extension(suffix[1:])
    data = ox.serialize(ox.parse(GRAPH, format=ox.RdfFormat.TURTLE), format=kind)
    found = canonical(lines(written(tmp_path, f"a{suffix}", data)))
    assert found == canonical(LINES)
    for name, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        packed = written(tmp_path, f"p{suffix}.{name}", pack(data))
        assert canonical(lines(packed)) == found
    names = {".nt": "ntriples", ".nq": "nquads", ".ttl": "turtle", ".rdf": "rdfxml"}
    name = names.get(suffix, suffix[1:])
    other = written(tmp_path, "other.txt", b"\xef\xbb\xbf" + data)
    assert canonical(lines(other, options=EncodeOptions(format=name))) == found


def pieces(text: bytes, n: int) -> Iterator[bytes]:
    """The text in blocks of `n` bytes."""
    return (text[at : at + n] for at in range(0, len(text), n))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64])
def test_blocks_end_anywhere(n: int) -> None:
    """Lines, characters and words go over their ends."""
    from pff_stream.triples.formats._ntriples import StatementLines
    from pff_stream.triples.formats._rdf_terms import BlankNodes

    text = (
        '\ufeff# comment\r\n<a:é> <a:p> "\\u00e9\\U0001F600é"@FR .\n\n_:x.y<a:p>_:é. # end\n'
        '<a:s>\t<a:p>\t<<(<a:s> <a:p> <<( _:x.y <a:q> "\ufffe"^^<a:d>)>> )>>  .\r<a:b><a:c><a:d>.'
    ).encode()
    parser = StatementLines(BlankNodes(), quads=False)
    found = b""
    numbers: list[int] = []
    for block in [*pieces(text, n), None]:
        parser.finish() if block is None else parser.feed(block)
        assert parser.run() == parser.TAKEN
        if len(parser):
            numbers += list(parser)
            found += parser.take()
    assert numbers == [2, 4, 5, 5]
    assert found.decode().split("\n") == [
        'a:é\ta:p\t"é😀é"@fr',
        "_:b0\ta:p\t_:b1",
        'a:s\ta:p\t<<( <a:s> <a:p> <<( _:b0 <a:q> "\\uFFFE"^^<a:d> )>> )>>',
        "a:b\ta:c\ta:d",
        "",
    ]


BAD = {
    '"s" <a:p> <a:o> .': "column 1, expected a subject",
    "<a:s> _:p <a:o> .": "column 7, expected a predicate",
    "<a:s> <a:p> .": "column 13, expected an object",
    "<a:s> <a:p> <a:o>": "the end of the line",
    "<a:s> <a:p> <a:o> <a:g> .": "column 19, expected a full stop",
    "<a:s> <a:p> <o> .": "'<o> .' at column 13, expected an absolute IRI",
    "<a:s> <a:p> <a:o o> .": "column 17, expected an IRI without this character",
    "<a:s> <a:p> <a:\\u0020> .": "an IRI without this character",
    '<a:s> <a:p> "o .': "a literal that ends in a quote",
    '<a:s> <a:p> "\\q" .': "expected an escape",
    '<a:s> <a:p> "\\ud800" .': "an escape that is a character",
    '<a:s> <a:p> "o"@e-123456789 .': "a language tag",
    '<a:s> <a:p> "o"@en--up .': "--ltr or --rtl",
    '<a:s> <a:p> "o"^^x .': "a datatype",
    "<a:s> <a:p> <a:o> . <a:s>": "the end of the line behind a statement",
    "<a:s> <a:p> _:-a .": "a blank node",
    "<a:s> <a:p> << <a:s> <a:p> <a:o> >> .": "<<( )>>",
    "<a:s> <a:p> " + "<<( <a:s> <a:p> " * 101: "nested at most 100 deep",
}


@pytest.mark.parametrize("line", list(BAD))
def test_bad_lines(tmp_path: Path, line: str) -> None:
    """The first ends the reading with its place; or they are skipped and counted."""
    path = written(tmp_path, "a.nt", f"<a:a> <a:p> <a:b> .\n{line}\n<a:c> <a:p> <a:d> .\n")
    with pytest.raises(InputError) as caught:
        lines(path)
    assert str(caught.value).startswith(f"{path}, line 2: found ")
    assert BAD[line] in str(caught.value)
    skipping = EncodeOptions(on_bad_triple="skip")
    assert lines(path, options=skipping) == ["a:a\ta:p\ta:b", "a:c\ta:p\ta:d"]
    assert encoded(path, options=skipping)[1].n_bad == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Said with the byte."""
    path = written(tmp_path, "a.nt", b'<a:s> <a:p> "\xff" .')
    with pytest.raises(InputError, match="line 1: found the byte 0xff at byte 14"):
        lines(path)


def test_a_named_graph(tmp_path: Path) -> None:
    """Its triples alone, with the blank nodes that they have; the same from N-Quads and TriG."""
    quads = written(
        tmp_path,
        "a.nq",
        "_:x <a:p> <a:o> <a:g> .\n<a:s> <a:p> _:y <a:h> .\n<a:s> <a:p> <a:o> .\n"
        "<a:s> <a:p> _:g _:g .\n",
    )
    assert lines(quads) == [
        "_:b0\ta:p\ta:o", "a:s\ta:p\t_:b1", "a:s\ta:p\ta:o", "a:s\ta:p\t_:b2",
    ]  # fmt: skip
    assert lines(quads, options=graph_options("a:h")) == ["a:s\ta:p\t_:b0"]
    _, report = encoded(quads, options=graph_options("a:none"))
    assert report.n_read == 0 and "no triple in the graph a:none" in report.warnings[0]
    for name in ("a.nt", "a.tsv", "a.json"):
        other = written(tmp_path, name, "{}" if name == "a.json" else "<a:s> <a:p> <a:o> .\n")
        with pytest.raises(InputError, match="with --graph-name"):
            lines(other, options=graph_options("a:h"))
    pytest.importorskip("pyoxigraph")
    sport = DATA / "sportquads.trig"
    one = lines(sport, options=graph_options("http://example.org/graph/students"))
    assert 0 < len(one) < len(lines(sport))


WRONG = {
    ".ttl": (b"@prefix : <a:> .\n:a :b :c .\n:a :b\n:c :d .", r"line 4 .*found no Turtle"),
    ".trig": (b"\n<a:g> { <a:s> <a:p> <o> }", r"line 2 .*--base IRI"),
    ".n3": (b"<a:s> <a:p>\n[ .", r"line 2 .*found no N3"),
    ".rdf": (b"<a:a xmlns:a='a:'>\n<a:b>\n</a:a>", r"line 3: found no RDF/XML"),
    ".jsonld": (b'{"@id":\n"a:b",,}', r"line 2 .*found no JSON-LD"),
}


@pytest.mark.parametrize("suffix", list(WRONG))
def test_errors_of_parsers_name_their_place(tmp_path: Path, suffix: str) -> None:
    """File, line, and what the parser says."""
    pytest.importorskip("pyoxigraph")
    text, said = WRONG[suffix]
    path = written(tmp_path, f"a{suffix}", text)
    with pytest.raises(InputError, match=said) as caught:
        lines(path)
    assert str(caught.value).startswith(str(path)) and caught.value.exit_code == 2


def test_contexts_are_never_fetched(tmp_path: Path) -> None:
    """Nothing here talks to a network."""
    pytest.importorskip("pyoxigraph")
    text = '{"@context": "https://schema.org/", "@id": "a:b", "name": "x"}'
    with pytest.raises(InputError, match="never fetched"):
        lines(written(tmp_path, "a.jsonld", text))


def test_owl_and_xml_by_what_is_inside(tmp_path: Path) -> None:
    """Such files may be anything."""
    pytest.importorskip("pyoxigraph")
    xml = f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Bag rdf:about="a:b"/></rdf:RDF>'
    expected = [f"a:b\t{RDF}type\t{RDF}Bag"]
    assert lines(written(tmp_path, "a.owl", xml)) == lines(written(tmp_path, "a.xml", xml))
    assert lines(tmp_path / "a.owl") == expected
    turtle = f"@prefix r: <{RDF}> .\n<a:b> a r:Bag ."
    assert lines(written(tmp_path, "b.owl", turtle)) == expected
    with pytest.raises(PffStreamError):
        lines(written(tmp_path, "b.xml", "<html><body/></html>"))


def test_triples_know_their_lines(tmp_path: Path) -> None:
    """Those of parsers stand where their last word does; of JSON-LD none is told."""
    pytest.importorskip("pyoxigraph")
    turtle = "@prefix : <a:> .\n:a :b :c ;\n\n  :d [\n    :e :f ] .\n"
    quads = "# first\n<a:a> <a:b> <a:c> <a:g> .\n\n_:x <a:e> <a:f> .\n"
    xml = f"""<r:RDF xmlns:r="{RDF}" xmlns:e="a:">\n<r:Description r:about="a:a">
<e:b r:resource="a:c"/>\n</r:Description>\n</r:RDF>"""
    wanted = [(b"a:a", b"a:b", b"a:c"), (b"_:b0", b"a:e", b"a:f")]
    for name, text, places in (
        ("a.ttl", turtle, [2, 5]),
        ("a.trig", "@prefix : <a:> . :g {\n:a :b :c ;\n\n  :d [\n    :e :f ] }", [2, 5]),
        ("a.n3", turtle, [2, 5]),
        ("a.nq", quads, [2, 4]),
        ("a.rdf", xml, [3, None]),
        ("a.jsonld", '{"@id": "a:a", "a:b": {"@id": "a:c"}}', [None, None]),
    ):
        path = written(tmp_path, name, text)
        report = encode_quietly([str(path)], PrivateGraph(), EncodeOptions())
        sources = PlaceSources([str(path)], EncodeOptions(), report.input_hash)
        found = find_places(sources, wanted)
        assert [place and place.line for place in found] == places, name


def test_formulas_of_n3_are_not_said(tmp_path: Path) -> None:
    """Their triples are spoken of; rules with variables are no RDF."""
    pytest.importorskip("pyoxigraph")
    path = written(tmp_path, "a.n3", "@prefix : <a:> . :a :p { :x :y :z } . :a :q :c .")
    assert lines(path) == ["a:a\ta:p\t_:b0", "a:a\ta:q\ta:c"]
    path = written(tmp_path, "b.n3", "@prefix : <a:> . { ?x :y :z } => { ?x :q :c } .")
    with pytest.raises(InputError, match="variables are not allowed"):
        lines(path)
