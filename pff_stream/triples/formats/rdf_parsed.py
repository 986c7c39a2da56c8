"""Turtle, TriG, RDF/XML, JSON-LD and N3 to triple lines, by pyoxigraph.

Covers: what the parser is fed and how much it may hold, names of terms by the mapping `rdf-1`,
messages. Does not cover: parsing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pff_stream.errors import InputError, PffStreamError, UsageError
from pff_stream.triples.formats import parser_memory
from pff_stream.triples.formats._nesting import JsonNesting, Nesting, TurtleNesting, XmlNesting
from pff_stream.triples.formats._rdf_terms import MAX_DEPTH as MAX_TERM_DEPTH
from pff_stream.triples.formats.interface import LineBlocks, TripleSource

if TYPE_CHECKING:
    from pff_stream.triples.formats.rdf import Shared, Syntax

_BATCH = 4096
_PIECE_BYTES = 1 << 16
_TOLD_BYTES = 1 << 18
"""What is held may be so much more before it is told again."""
_BOM = b"\xef\xbb\xbf"
_BUFFER = "buffer maximal size"
_PREFIX = "Parser error at "


def parsed_lines(
    source: TripleSource, syntax: Syntax, shared: Shared, *, by_line: bool
) -> LineBlocks:
    """The triples of an input; `UsageError` without pyoxigraph.

    With `by_line` the lines know where they stand: a parser that is given line after line gives a
    triple when it has its last word. JSON-LD gives it later, and no place is told.
    """
    try:
        import pyoxigraph
    except ImportError:
        raise UsageError(
            f"{source.name}: found {syntax.title}, which is read by pyoxigraph: "
            "pip install 'pff-stream[rdf]'"
        ) from None
    tells = by_line and syntax.name != "jsonld"
    text = _Text(source, syntax, shared, by_line=tells or syntax.name == "rdfxml")
    numbers: list[int] | None = [] if tells else None
    reading = _Parsed(pyoxigraph, source, syntax, shared, text)
    return LineBlocks(reading.blocks(numbers), numbers=numbers)


class _Text:
    """The file that the parser reads: blocks, in pieces, with an eye on what it holds of them."""

    def __init__(
        self, source: TripleSource, syntax: Syntax, shared: Shared, *, by_line: bool
    ) -> None:
        self.line = 0
        """The last one that was begun, from 1."""
        self._source = source
        self._syntax = syntax
        self._shared = shared
        self._by_line = by_line
        self._most_bytes = parser_memory.silent_at_most(syntax.name, shared.of_document)
        self._factor = parser_memory.BYTES[syntax.name]
        kind = {"rdfxml": XmlNesting, "jsonld": JsonNesting}.get(syntax.name, TurtleNesting)
        self._nesting: Nesting = kind(parser_memory.MAX_DEPTH)
        self._block = b""
        self._at = 0
        self._is_new_line = self._is_start = True
        self._before = self._fed = 0  # at the last triple; now
        self._told = 0

    def read(self, n: int = _PIECE_BYTES) -> bytes:
        """At most `n` bytes, none at the end."""
        if self._at == len(self._block) and not self._next_block():
            return b""
        stop = self._at + min(n, _PIECE_BYTES)
        if self._by_line:
            stop = min(stop, self._block.find(b"\n", self._at) + 1 or stop)
        piece = self._block[self._at : stop]
        self._at += len(piece)
        self.line += self._is_new_line
        self._is_new_line = piece.endswith(b"\n")
        self.line += piece.count(b"\n") - self._is_new_line
        self._check(piece)
        return piece

    def gave_triple(self) -> None:
        """What was read before is nothing that is held now."""
        self._before = self._fed

    def _next_block(self) -> bool:
        block = next(self._source.blocks, b"")
        if self._is_start:
            block = block.removeprefix(_BOM) or next(self._source.blocks, b"")
        self._block, self._at, self._is_start = block, 0, False
        return bool(block)

    def _check(self, piece: bytes) -> None:
        """Refuses what the parser should not see, before it does."""
        nesting, name = self._nesting, self._source.name
        nesting.look(piece)
        self._fed = nesting.weight
        if nesting.fault is not None:
            raise InputError(f"{name}, line {self.line}: found {nesting.fault}, expected none")
        if nesting.depth > parser_memory.MAX_DEPTH:
            raise InputError(
                f"{name}, line {nesting.line}: found {self._syntax.title} nested over "
                f"{parser_memory.MAX_DEPTH} deep, expected at most that"
            )
        silent = self._fed - self._before
        if silent > self._most_bytes:
            hint = " (--max-document allows more)" if self._syntax.name == "jsonld" else ""
            raise InputError(
                f"{name}, line {self.line}: found {silent} bytes without a triple, expected one in "
                f"{self._most_bytes} bytes{hint}"
            )
        held = parser_memory.PARSER_BYTES + self._factor * silent
        held += self._shared.blank_nodes.held_bytes
        if isinstance(nesting, JsonNesting):
            held += parser_memory.levels_bytes(nesting.depth, nesting.most_copied)
        if abs(held - self._told) > _TOLD_BYTES:
            self._told = held
            memory = self._source.memory
            memory.expect(held, f"{name}, line {self.line}: what the parser holds of the text")
            memory.hold(held)


class _Parsed:
    """The parser of one input at work."""

    def __init__(
        self, pyoxigraph: Any, source: TripleSource, syntax: Syntax, shared: Shared, text: _Text
    ) -> None:
        self._oxigraph = pyoxigraph
        self._source = source
        self._syntax = syntax
        self._shared = shared
        self._text = text

    def blocks(self, numbers: list[int] | None) -> Iterator[bytes]:
        """Blocks of lines; `numbers` are those of the lines in the last one."""
        self._shared.blank_nodes.start_input()
        wanted = self._shared.options.graph_name
        name, gave_triple, text = self._name, self._text.gave_triple, self._text
        is_n3, default = self._syntax.name == "n3", self._oxigraph.DefaultGraph()
        lines: list[str] = []
        n_taken = 0
        for quad in self._quads():
            gave_triple()
            if wanted is not None and getattr(quad.graph_name, "value", None) != wanted:
                continue
            if is_n3 and quad.graph_name != default:
                continue  # of a formula, which is spoken of, and not said
            line = f"{name(quad.subject)}\t{name(quad.predicate)}\t{name(quad.object)}\n"
            lines.append(line)
            if numbers is not None:
                numbers.append(text.line)
            if len(lines) == _BATCH or len(line) > _PIECE_BYTES:
                n_taken += len(lines)
                yield "".join(lines).encode()
                lines.clear()
                if numbers is not None:
                    numbers.clear()
        if lines:
            yield "".join(lines).encode()
        elif not n_taken:
            self._shared.say_nothing(self._source.name, self._syntax)

    def _quads(self) -> Iterator[Any]:
        """What the parser gives; its errors as ours.

        They are raised behind the handlers: an error with a MemoryError in its past is taken for
        a want of memory.
        """
        kind = getattr(self._oxigraph.RdfFormat, self._syntax.parsed_as or "")
        base = self._shared.options.base_iri
        try:
            parser = self._oxigraph.parse(self._text, format=kind, base_iri=base)
            for first in parser:
                if not self._shared.prefixes:
                    self._shared.prefixes.update(parser.prefixes)
                yield first
                break
            yield from parser
            return
        except SyntaxError as error:
            wrong: PffStreamError = self._wrong(error)
        except MemoryError as error:
            if _BUFFER not in str(error):
                raise
            wrong = InputError(
                f"{self._source.name}, line {self._text.line}: found a literal or another word of "
                f"over {parser_memory.MAX_SILENT_BYTES} bytes, expected a shorter one"
            )
        except ValueError as error:
            if base is None:
                raise
            wrong = UsageError(f"--base: found {base!r}: {error}")
        raise wrong

    def _wrong(self, error: SyntaxError) -> InputError:
        """Where the parser stopped, and what it says."""
        said = (error.msg or "no reason").removeprefix(_PREFIX)
        line = f"line {self._text.line}"
        if error.lineno is not None:
            place, _, reason = said.partition(": ")
            line, said = (place, reason) if reason else (f"line {error.lineno}", said)
        hint = ""
        if "No scheme found" in said:
            hint = " (a relative one is resolved with --base IRI)"
        elif "LoadDocumentCallback" in said:
            said, hint = "a context elsewhere, which is never fetched", ", expected it in the file"
        return InputError(
            f"{self._source.name}, {line}: found no {self._syntax.title}: {said}{hint}"
        )

    def _name(self, term: Any) -> str:
        """What a term is called in the graph."""
        kind = type(term).__name__
        if kind == "NamedNode":
            return str(term.value)
        if kind == "Literal":
            return str(term)
        if kind == "BlankNode":
            return self._shared.blank_nodes.name(term.value)
        return self._written(term, 1)

    def _written(self, term: Any, depth: int) -> str:
        """A term in the form of N-Triples."""
        kind = type(term).__name__
        if kind == "BlankNode":
            return self._shared.blank_nodes.name(term.value)
        if kind != "Triple":
            return str(term)
        if depth > MAX_TERM_DEPTH:
            raise InputError(
                f"{self._source.name}, line {self._text.line}: found triple terms nested over "
                f"{MAX_TERM_DEPTH} deep, expected at most that"
            )
        parts = (term.subject, term.predicate, term.object)
        return f"<<( {' '.join(self._written(part, depth + 1) for part in parts)} )>>"
