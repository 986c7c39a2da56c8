"""Blanks around the names, the commas and the `<=` of a rule text, where people write them.

A name is what stands between separators, blanks included, and a graph may have such names. Where it
has none, a name is meant without the blanks around it. Covers where such blanks are and a text read
without them; who chooses between that and the names verbatim is `anyburl`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from pff_stream.rules.formats._chart import Chart, Path, Span
from pff_stream.rules.formats._readings import ARROW, is_variable

_ATOM = re.compile(rb"[^(),]+(\()[^(),]+(,)[^(),]+\)")
_APART = re.compile(rb" *, ")
_ARROW = re.compile(rb" +<= ")
_LETTER = re.compile(rb"[(,](?: +[A-Z] *| *[A-Z] +)[,)]")
_ANY = re.compile(rb"^ | $|\( | [(),]|\)  +<=|<=  +[^ ]|(?<!\)), |,  ")
_AROUND = ((re.compile(rb"\) +<= +"), b") <= "), (re.compile(rb"\) *, +"), b"), "))


def trimmed(name: bytes) -> bytes:
    """The name without the blanks around it; blanks alone are a name."""
    return name.strip(b" ") or name


def has_blanks(text: bytes) -> bool:
    """Whether a text has any blanks that its separators do not need, at a place for them."""
    return _ANY.search(text) is not None


def has_blank_names(text: bytes, spans: Sequence[Span]) -> bool:
    """Whether a name of these spans has blanks around it."""
    names = (
        text[begin:stop]
        for start, opened, comma, end in spans
        for begin, stop in ((start, opened), (opened + 1, comma), (comma + 1, end - 1))
    )
    return any(trimmed(name) != name for name in names)


def may_be_meant_otherwise(text: bytes, spans: Sequence[Span]) -> bool:
    """Whether a name of these spans has blanks around it, or the text a variable with such."""
    return has_blank_names(text, spans) or _LETTER.search(text) is not None


def plain_path(text: bytes) -> Path | None:
    """The spans of a text with no more `(`, `)` and `,` than it needs, beside blanks; else None."""
    arrow = text.find(ARROW)
    if arrow < 0 or text.find(ARROW, arrow + 1) >= 0:
        return None
    head = _ATOM.match(text)
    apart = head and _ARROW.match(text, head.end())
    if not head or not apart:
        return None
    path = [_span(head)]
    at = apart.end()
    if not text[at:].strip(b" "):
        return path
    while atom := _ATOM.match(text, at):
        path.append(_span(atom))
        between = _APART.match(text, atom.end())
        if between is None:
            return path if atom.end() == len(text) else None
        at = between.end()
    return None


def _span(atom: re.Match[bytes]) -> Span:
    return atom.start(), atom.start(1), atom.start(2), atom.end()


def without(text: bytes) -> bytes:
    """The text without blanks before it, before commas that part atoms, and around `<=`."""
    text = text.lstrip(b" ")
    for found, instead in _AROUND:
        text = found.sub(instead, text)
    return text


class BlankChart(Chart):
    """A chart for which blanks around a name are not part of it."""

    def _variable_ways(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for opened in self._opens[bisect_left(self._opens, start + 1) :]:
            if opened >= end:
                return
            first = bisect_left(self._commas, opened + 2)
            commas = self._commas[first : bisect_left(self._commas, end - 2)]
            for comma in dict.fromkeys((*commas[:1], *commas[-1:])):
                self._spend(1)
                if self._variables((start, opened, comma, end)):
                    yield opened, comma

    def _variables(self, span: Span) -> int:
        _, opened, comma, end = span
        bits = 0
        for begin, stop in ((opened + 1, comma), (comma + 1, end - 1)):
            name = trimmed(self.text[begin:stop])
            if is_variable(name):
                bits |= 1 << name[0] - 65
        return bits

    def _is_name(self, start: int, end: int, relation: bool) -> bool:
        name = trimmed(self.text[start:end])
        if not relation and is_variable(name):
            return True
        has = self._has_relation if relation else self._has_entity
        if super()._is_name(start, end, relation):
            return True
        return has is not None and has(name)
