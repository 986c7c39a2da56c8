"""RDF by the mapping `rdf-1`: which inputs are RDF, and in what syntax each is written.

N-Triples and N-Quads are read by compiled code of this project (`ntriples`), all others by
pyoxigraph (`rdf_parsed`), which is imported when it is used. How terms are named: docs/inputs.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from pff_stream.errors import InputError
from pff_stream.files.decoders import unpacked_name
from pff_stream.files.known import check_text
from pff_stream.triples.formats.interface import (
    LineBlocks,
    TripleFormat,
    TripleReader,
    TripleSource,
)

if TYPE_CHECKING:
    from pff_stream.triples._places import WantedPlaces
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.formats._rdf_terms import BlankNodes
    from pff_stream.triples.options import EncodeOptions, RdfOptions

MAPPING = "rdf-1"


class Syntax(NamedTuple):
    """One way to write RDF."""

    name: str
    """A value of `--format`."""
    title: str
    """In messages."""
    suffixes: tuple[str, ...]
    parsed_as: str | None = None
    """What pyoxigraph calls it; None: it is not parsed by it."""
    has_graphs: bool = False


SYNTAXES = (
    Syntax("ntriples", "N-Triples", (".nt",)),
    Syntax("nquads", "N-Quads", (".nq",), has_graphs=True),
    Syntax("turtle", "Turtle", (".ttl",), "TURTLE"),
    Syntax("trig", "TriG", (".trig",), "TRIG", has_graphs=True),
    Syntax("rdfxml", "RDF/XML", (".rdf",), "RDF_XML"),
    Syntax("jsonld", "JSON-LD", (".jsonld",), "JSON_LD", has_graphs=True),
    Syntax("n3", "N3", (".n3",), "N3"),
)
_BY_CONTENT = (".owl", ".xml")
_XML_MARK = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML_STARTS = (b"<?xml", b"<!", b"<rdf:")
_TURTLE_MARKS = (b"@prefix", b"@base", b"prefix ", b"base ")


class RdfFormat(TripleFormat):
    """Files by their suffixes, and everything that is asked for by the name of a syntax."""

    mapping = MAPPING
    name = SYNTAXES[0].name
    other_names = tuple(syntax.name for syntax in SYNTAXES[1:])
    has_graphs = True

    def matches(self, given: object, first_bytes: bytes) -> bool:
        """By the name, also of a packed file; `.owl` and `.xml` only where RDF is inside."""
        return isinstance(given, str) and _syntax(given, first_bytes) is not None

    def held_at_most(self, path: str, n_bytes: int, options: EncodeOptions) -> int:
        """Of JSON-LD the whole; of the others what a file of that size may make the parser hold."""
        syntax = _asked(options.format) or _syntax(path, b"")
        if syntax is None or syntax.parsed_as is None:
            return 0
        from pff_stream.triples.formats.parser_memory import at_most

        return at_most(syntax.name, n_bytes, options.documents.at_most(n_bytes))

    def reader(self, options: EncodeOptions, bad: BadTriples) -> TripleReader:
        """Needs the options for RDF."""
        return RdfReader(options, bad)


class RdfReader(TripleReader):
    """Numbers the blank nodes of all inputs of a graph; has one reader for each syntax."""

    def __init__(self, options: EncodeOptions, bad: BadTriples) -> None:
        from pff_stream.triples.formats._rdf_terms import BlankNodes

        self._format = options.format
        self._options: RdfOptions = options.rdf
        self._of_document = options.documents.at_most(sys.maxsize)
        self._bad = bad
        self._blank_nodes = BlankNodes()
        self._by_line = False
        self._said: list[str] = []
        self.prefixes: dict[str, str] = {}

    def lines(self, source: TripleSource) -> LineBlocks:
        """The triples of an input, of one graph of it if that was asked for."""
        syntax = _asked(self._format) or _syntax(str(source.given), source.first_bytes)
        assert syntax is not None  # or it would not have been chosen
        check_text(source.name, source.first_bytes, syntax.title)
        if self._options.graph_name is not None and not syntax.has_graphs:
            raise InputError(
                f"{source.name}: found {syntax.title}, which has no named graphs, expected "
                "N-Quads, TriG or JSON-LD with --graph-name"
            )
        if syntax.parsed_as is None:
            from pff_stream.triples.formats.ntriples import statement_lines

            return statement_lines(source, syntax, self._shared())
        from pff_stream.triples.formats.rdf_parsed import parsed_lines

        return parsed_lines(source, syntax, self._shared(), by_line=self._by_line)

    def find(self, wanted: WantedPlaces) -> bool:
        """Lines are enough; parsers are fed line by line, so that these are known."""
        self._by_line = True
        return False

    def warnings(self) -> list[str]:
        """Of inputs without a triple."""
        return self._said

    def _shared(self) -> Shared:
        return Shared(
            self._options,
            self._blank_nodes,
            self._bad,
            self._said,
            self._of_document,
            self.prefixes,
        )


class Shared(NamedTuple):
    """What the inputs of one graph have in common."""

    options: RdfOptions
    blank_nodes: BlankNodes
    bad: BadTriples
    said: list[str]
    of_document: int
    """Bytes that a document of JSON-LD may have."""
    prefixes: dict[str, str]
    """What the first input declares before its first triple."""

    def say_nothing(self, name: str, syntax: Syntax) -> None:
        """Why an input gave no triple, where there is a reason to look for."""
        if self.options.graph_name is not None:
            self.said.append(f"{name}: has no triple in the graph {self.options.graph_name}")
        elif syntax.name == "jsonld":
            self.said.append(
                f"{name}: has no triple: keys that no @context maps say nothing in JSON-LD; "
                "--format json reads it as a plain document"
            )


def _asked(name: str) -> Syntax | None:
    return next((syntax for syntax in SYNTAXES if syntax.name == name), None)


def _syntax(path: str, first_bytes: bytes) -> Syntax | None:
    name = unpacked_name(path).lower()
    if name.endswith(_BY_CONTENT):
        first = first_bytes.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        if _XML_MARK in first and (first.startswith(_XML_STARTS) or b"xmlns" in first):
            return _asked("rdfxml")
        is_turtle = name.endswith(".owl") and first.startswith(_TURTLE_MARKS)
        return _asked("turtle") if is_turtle else None
    return next((one for one in SYNTAXES if name.endswith(one.suffixes)), None)
