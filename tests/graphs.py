"""Small graphs and chunks for tests, made by the real encoder and the real chunk builder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pff_stream.rules.chunk import RuleChunk, build_chunk
from pff_stream.rules.rule import Atom as RuleAtom
from pff_stream.rules.rule import Different, Term, Variable
from pff_stream.rules.rule import Rule as MeantRule
from pff_stream.triples._encode import Encoder
from pff_stream.triples._graph import GraphView
from pff_stream.triples.bad import BadTriples
from tests.reference import Atom, Const, Myself, Rule, Triple, Var, resolve


def graph_of(triples: Iterable[Triple], mapping: str = "tsv") -> GraphView:
    """The encoded graph of some triples, as if they came by this mapping."""
    encoder = Encoder(BadTriples("fail"))
    encoder.start_file("test")
    encoder.feed("".join("\t".join(triple) + "\n" for triple in triples).encode())
    encoder.end_file()
    encoder.finish_reading()
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), mapping)
    return GraphView(buffer)


def chunk_of_rules(rules: Sequence[Rule]) -> RuleChunk:
    """The evaluation chunk of some rules; their sources are their places in the sequence."""
    return build_chunk([_meant(rule) for rule in rules])


def _meant(rule: Rule) -> MeantRule:
    head, *body = (resolve(rule) if rule.body else rule).atoms
    over_objects = isinstance(head.left, Myself)
    if isinstance(head.left, Myself):
        head = Atom(head.relation, head.right, head.right)
    elif isinstance(head.right, Myself):
        head = Atom(head.relation, head.left, head.left)
    filters = tuple(Different(_term(left), _term(right)) for left, right in rule.filters)
    return MeantRule(_atom(head), tuple(map(_atom, body)), over_objects, filters)


def _atom(atom: Atom) -> RuleAtom:
    return RuleAtom(atom.relation, _term(atom.left), _term(atom.right))


def _term(term: object) -> Term:
    assert isinstance(term, Var | Const)
    return Variable(term.name) if isinstance(term, Var) else term.name
