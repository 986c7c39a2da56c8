"""All readings of one text of AMIE's, each with how odd it is.

Bodies are read from their end: at each place the least odd ways to go on are kept. So the work
grows with the places and not with the readings, and it is bounded (`MAX_STEPS`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial

from pff_stream.rules.rule import Atom, Different, Lookup, Rule, Term, Variable

MAX_STEPS = 20_000
"""Ways to read a part of one text that are looked at; real texts need less than a thousand."""
MAX_READINGS = 16
"""That are kept of a text, or of the rest of one."""
ARROW = " => "
APART = "  "

_VARIABLE = re.compile(r"\?_?[a-z][0-9]{0,2}")
_INEQUALITY = re.compile(r"(\?_?[a-z][0-9]{0,2})!=")
_LITERAL = re.compile(r""""(?:\\.|[^"\\]|"(?![ @^]|$))*"(?:@[\w-]+|\^\^(?:<[^>]*>|[^\s<]+))?""")
"""In quotes, with a language or a type; quotes within it only where no blank follows."""
_FIRST_VARIABLE = re.compile(r"\(\?_?[a-z][0-9]{0,2},")
HIDDEN_VARIABLE = re.compile(r"(?:^|[ (,])\?_?[a-z][0-9]{0,2}(?:!=|[ ),]|$)")
_variables: dict[str, Variable] = {}

Cost = tuple[int, int, int, int]
"""Names that hide a variable, pieces (negated), other odd names, names with separators in them."""
Piece = Atom | Different
Rest = tuple[Cost, tuple[Piece, ...]]
"""What the end of a body can be: the pieces in order, and their cost."""


class TooManyWaysError(Exception):
    """A text has more ways to be read than are looked at."""


def term_of(name: str) -> Term:
    """A variable of AMIE, `?a` or `?_b12`, or a constant."""
    if name[:1] != "?":
        return name
    known = _variables.get(name)
    if known is None:
        if _VARIABLE.fullmatch(name) is None:
            return name
        known = _variables[name] = Variable(name)
    return known


class Weighed:
    """The readings of one text, each with how odd it is.

    Where a graph is given, those of its names alone: of all readings too few are kept to choose
    from.
    """

    def __init__(
        self, has_entity: Lookup | None = None, has_relation: Lookup | None = None
    ) -> None:
        self._has_entity, self._has_relation = has_entity, has_relation
        self._known: dict[tuple[str, bool], bool] = {}
        self._steps = 0
        self._opened: list[int] = []

    def readings(self, text: str) -> Iterator[tuple[Rule, Cost]]:
        """All that are worth a look; the least odd ones have the least cost."""
        whole, cut = _tokens(text), text.strip(" ").split(APART)
        yield from self._plain(whole)
        if cut != whole:
            yield from self._plain(cut)  # the quotes may part nothing
        yield from self._datalog(text)

    def _plain(self, tokens: list[str]) -> Iterator[tuple[Rule, Cost]]:
        for at, token in enumerate(tokens):
            if _LITERAL.fullmatch(token):
                continue
            before, arrow, behind = (" " + token).partition(ARROW)
            while arrow:
                ending = [before.strip(" ")] if before.strip(" ") else []
                body, head = [*tokens[:at], *ending], [behind, *tokens[at + 1 :]]
                heads = list(self.plain_atoms(head, 0, len(head)))
                yield from self._joined(heads, partial(self._plain_body, body))
                more, arrow, behind = behind.partition(ARROW)
                before += ARROW + more

    def _datalog(self, text: str) -> Iterator[tuple[Rule, Cost]]:
        at = text.find(ARROW)
        while at >= 0:
            head_text, body_text = text[at + len(ARROW) :].strip(" "), text[:at].strip(" ")
            self._opened = _places(head_text, "(")
            heads = list(self.datalog_atoms(head_text, 0, len(head_text)))
            self._opened = _places(body_text, "(")
            yield from self._joined(heads, partial(self._datalog_body, body_text))
            at = text.find(ARROW, at + 1)

    def _joined(
        self, heads: list[tuple[Atom, Cost]], read_body: Callable[[], list[Rest]]
    ) -> Iterator[tuple[Rule, Cost]]:
        bodies: list[Rest] | None = None
        for head, head_cost in heads:
            bodies = read_body() if bodies is None else bodies
            for cost, pieces in bodies:
                atoms = tuple(piece for piece in pieces if isinstance(piece, Atom))
                filters = tuple(piece for piece in pieces if isinstance(piece, Different))
                named = {term for atom in (head, *atoms) for term in atom.terms}
                # AMIE forbids a variable to be the head's constant.
                strange = sum(term not in named for one in filters for term in one.terms)
                if atoms:
                    yield (
                        Rule(head, atoms, filters=filters),
                        _sum(head_cost, cost, (0, 0, strange, 0)),
                    )

    def _step(self, characters: int = 0) -> None:
        self._steps += 1 + characters // 64
        if self._steps > MAX_STEPS:
            raise TooManyWaysError

    def heads(self, text: str) -> Iterator[tuple[Atom, Cost]]:
        """The ways to read a text as one atom, in either notation."""
        parts = text.split(APART)
        self._opened = _places(text, "(")
        yield from self.plain_atoms(parts, 0, len(parts))
        yield from self.datalog_atoms(text, 0, len(text))

    def _is_known(self, name: str, *, is_relation: bool = False) -> bool:
        """Whether the graph has it; so is a variable, and any name where no graph is given."""
        has = self._has_relation if is_relation else self._has_entity
        if has is None or (not is_relation and isinstance(term_of(name), Variable)):
            return True
        known = self._known.get((name, is_relation))
        if known is None:
            self._step(len(name))
            known = self._known[name, is_relation] = has(name.encode())
        return known

    def _atom(self, subject: str, relation: str, object_: str) -> Iterator[tuple[Atom, Cost]]:
        """The atom of three names, none where they cannot be one."""
        names = (subject, relation, object_)
        if any(not name or name[0] == " " or name[-1] == " " for name in names):
            return
        left, named, right = (term_of(name) for name in names)
        if isinstance(named, Variable) or not (
            isinstance(left, Variable) or isinstance(right, Variable)
        ):
            return
        if (
            self._is_known(relation, is_relation=True)
            and self._is_known(subject)
            and self._is_known(object_)
        ):
            yield Atom(named, left, right), _sum(_ONE_MORE, *map(_cost_of, names))

    # Two blanks apart.

    def plain_atoms(self, tokens: list[str], begin: int, end: int) -> Iterator[tuple[Atom, Cost]]:
        """The ways to read tokens as one atom."""
        for first in range(begin + 1, end - 1):
            for second in range(first + 1, end):
                self._step(sum(map(len, tokens[begin:end])) if end - begin > 3 else 0)
                bounds = ((begin, first), (first, second), (second, end))
                yield from self._atom(*(APART.join(tokens[a:b]) for a, b in bounds))

    def _plain_body(self, tokens: list[str]) -> list[Rest]:
        rests: list[list[Rest]] = [[] for _ in tokens] + [[(_NOTHING, ())]]
        for begin in range(len(tokens) - 1, -1, -1):
            found = rests[begin]
            for filters, subject, behind in self._begun(tokens, begin):
                if not subject:
                    self._add(found, filters, rests[behind])
                    continue
                rest = [subject, *tokens[behind:]]
                for end in range(behind + 2, len(tokens) + 1):
                    if not rests[end]:
                        continue
                    for atom, cost in self.plain_atoms(rest, 0, end - behind + 1):
                        self._add(found, [*filters, (atom, cost)], rests[end])
            _keep_best(found)
        return rests[0]

    def _begun(
        self, tokens: list[str], begin: int
    ) -> Iterator[tuple[list[tuple[Piece, Cost]], str, int]]:
        """Inequalities, what is left of the token that they end in, and the token behind that."""
        for behind in range(begin + 1, len(tokens) + 1):
            text = APART.join(tokens[begin:behind])
            for filters, subject in self._inequalities(text):
                if behind == begin + 1 or len(subject) < len(tokens[behind - 1]):
                    yield filters, subject, behind
            if _INEQUALITY.match(tokens[begin]) is None:
                return  # only a constant goes on over two blanks

    def _inequalities(self, token: str) -> list[tuple[list[tuple[Piece, Cost]], str]]:
        """Inequalities before the rest of a token, one blank behind each; the rest may be empty."""
        found: list[tuple[list[tuple[Piece, Cost]], str]] = []
        before: list[tuple[Piece, Cost]] = []
        match = _INEQUALITY.match(token)
        while match is not None:
            constant = token[match.end() :]
            for end in (*_places(constant, " "), len(constant)):
                self._step(len(constant))
                name, token = constant[:end], constant[end + 1 :]
                if not name or name[-1] == " " or not self._is_known(name):
                    continue
                one: Piece = Different(term_of(match[1]), term_of(name))
                pieces = [*before, (one, _sum(_cost_of(name), _ONE_MORE))]
                if _INEQUALITY.match(token) is None:
                    found.append((pieces, token))
                if _VARIABLE.match(token) is not None:
                    before = pieces
                    break  # no name goes on behind a variable
            match = _INEQUALITY.match(token)
        return found or [([], token)]

    # Datalog.

    def datalog_atoms(self, text: str, begin: int, end: int) -> Iterator[tuple[Atom, Cost]]:
        """The ways to read text[begin:end] as `relation(subject,object)`, one a variable."""
        self._step()
        last_comma = text.rfind(",", begin, end - 1)
        if text[end - 1 : end] != ")" or last_comma < 0:
            return
        ends_in_variable = _VARIABLE.fullmatch(text, last_comma + 1, end - 1) is not None
        for at in range(bisect_left(self._opened, begin + 1), len(self._opened)):
            opened = self._opened[at]
            if opened >= end:
                return
            self._step(end - begin)
            subject = _FIRST_VARIABLE.match(text, opened, end)
            comma = subject.end() - 1 if subject else last_comma
            if subject or (ends_in_variable and opened < comma):
                parts = text[opened + 1 : comma], text[begin:opened], text[comma + 1 : end - 1]
                yield from self._atom(*parts)
            if subject and ends_in_variable and comma < last_comma:
                parts = (
                    text[opened + 1 : last_comma],
                    text[begin:opened],
                    text[last_comma + 1 : end - 1],
                )
                yield from self._atom(*parts)

    def _datalog_body(self, text: str) -> list[Rest]:
        ends = [at + 1 for at in _places(text, ")") if text[at + 1 : at + 2] in ("", " ")]
        starts = [0, *(at + 1 for at in _places(text, " "))]
        rests: dict[int, list[Rest]] = {len(text): [(_NOTHING, ())]}
        for begin in reversed(starts):
            found: list[Rest] = []
            match = _INEQUALITY.match(text, begin)
            if match is not None:
                for end in (*(at - 1 for at in starts if at - 1 > match.end()), len(text)):
                    self._step(end - begin)
                    name = text[match.end() : end]
                    if not self._is_known(name):
                        continue
                    filtered: Piece = Different(term_of(match[1]), term_of(name))
                    cost = _sum(_cost_of(name), _ONE_MORE)
                    self._add(found, [(filtered, cost)], self._behind(rests, text, end))
            for end in ends[bisect_left(ends, begin + 1) :]:
                self._step()
                if behind := self._behind(rests, text, end):
                    for piece in self.datalog_atoms(text, begin, end):
                        self._add(found, [piece], behind)
            _keep_best(found)
            rests[begin] = found
        return rests.get(0, [])

    def _behind(self, rests: dict[int, list[Rest]], text: str, end: int) -> list[Rest]:
        """What can follow behind a piece, one blank on."""
        return rests.get(end if end == len(text) else end + 1, [])

    def _add(self, found: list[Rest], pieces: list[tuple[Piece, Cost]], behind: list[Rest]) -> None:
        for cost, rest in behind:
            self._step()
            cost = _sum(cost, *(each for _, each in pieces))
            found.append((cost, (*(piece for piece, _ in pieces), *rest)))


_NOTHING: Cost = (0, 0, 0, 0)
_ONE_MORE: Cost = (0, -1, 0, 0)


def _sum(*costs: Cost) -> Cost:
    hidden, atoms, odd, spaces = (sum(each) for each in zip(*costs, strict=True))
    return hidden, atoms, odd, spaces


def _cost_of(name: str) -> Cost:
    """How odd a name is that was read as one."""
    if isinstance(term_of(name), Variable) or _LITERAL.fullmatch(name):
        return _NOTHING
    depth = least = 0
    for character in name:
        depth += (character == "(") - (character == ")")
        least = min(least, depth)
    is_odd = bool(depth or least < 0) + (name[:1] == '"')
    return (
        HIDDEN_VARIABLE.search(name) is not None,
        0,
        is_odd,
        (APART in name) + (ARROW.strip() in name),
    )


def _keep_best(found: list[Rest]) -> None:
    found.sort(key=lambda rest: rest[0])
    del found[MAX_READINGS:]


def _places(text: str, mark: str, begin: int = 0, end: int | None = None) -> list[int]:
    end = len(text) if end is None else end
    return [at for at in range(begin, end) if text[at] == mark]


def _tokens(text: str) -> list[str]:
    """The text cut at two blanks, literals in quotes left whole."""
    tokens: list[str] = []
    text = text.strip(" ")
    at = 0
    while at < len(text):
        inequality = _INEQUALITY.match(text, at)
        start = inequality.end() if inequality else at
        literal = _LITERAL.match(text, start) if text[start : start + 1] == '"' else None
        if literal is not None and text[literal.end() : literal.end() + 1] in ("", " "):
            start = literal.end()
        end = text.find(APART, start)
        end = len(text) if end < 0 else end
        tokens.append(text[at:end])
        at = end + len(APART)
    return tokens
