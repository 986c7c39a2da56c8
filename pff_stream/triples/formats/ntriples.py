"""N-Triples and N-Quads: feeds blocks to the compiled reader, and tells of lines that are none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.triples.formats._ntriples import StatementLines
from pff_stream.triples.formats.interface import LineBlocks, TripleSource

if TYPE_CHECKING:
    from pff_stream.triples.formats.rdf import Shared, Syntax

_LINE_FACTOR = 4
"""An unfinished line, its triple, the copy that is handed over, and room to grow."""


def statement_lines(source: TripleSource, syntax: Syntax, shared: Shared) -> LineBlocks:
    """The triples of an input as lines that know where they stand."""
    wanted = shared.options.graph_name
    graph = None if wanted is None else wanted.encode()
    parser = StatementLines(shared.blank_nodes, quads=syntax.has_graphs, graph=graph)
    return LineBlocks(_blocks(source, syntax, parser, shared), numbers=parser)


def _blocks(
    source: TripleSource, syntax: Syntax, parser: StatementLines, shared: Shared
) -> Iterator[bytes]:
    shared.blank_nodes.start_input()
    memory, n_taken = source.memory, 0
    for block in chain(source.blocks, (None,)):
        place = f"{source.name}, line {parser.line + 1}"
        try:
            if block is None:
                parser.finish()
            else:
                parser.feed(block)
            while (stopped := parser.run()) != parser.TAKEN:
                if stopped == parser.FULL:
                    n_taken += len(parser)
                    yield parser.take()
                else:
                    shared.bad.add(source.name, parser.line, parser.problem)
        except InputError as error:  # of bad lines, and of one that is too long
            raise _placed(error, source.name) from None
        held = shared.blank_nodes.held_bytes + _LINE_FACTOR * parser.held_bytes
        memory.expect(held, f"{place}: what begins here, with the labels of blank nodes before,")
        memory.hold(held)
    n_taken += len(parser)
    if len(parser):
        yield parser.take()
    if not n_taken:
        shared.say_nothing(source.name, syntax)


def _placed(error: InputError, name: str) -> InputError:
    """A message that begins with its place in the input gets the input's name."""
    text = str(error)
    return InputError(name + text) if text.startswith(",") else error
