"""Reads the text of a formula by itself and computes it: another way than the planner's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"\s*(\d+|[^\W\d]\w*|//|[-+/(),])")


def computed(text: str, inputs: Mapping[str, object]) -> int:
    """The number that a text gives with these inputs; ValueError where it is no formula."""
    tokens, at = list[str](), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text!r}: found {text[at:]!r}")
        tokens.append(found[1])
        at = found.end()
    value = _sum(tokens, inputs)
    if tokens:
        raise ValueError(f"{text!r}: left over: {tokens}")
    return value


def _sum(tokens: list[str], inputs: Mapping[str, object]) -> int:
    value = _product(tokens, inputs)
    while tokens and tokens[0] in "+-":
        sign = 1 if tokens.pop(0) == "+" else -1
        value += sign * _product(tokens, inputs)
    return value


def _product(tokens: list[str], inputs: Mapping[str, object]) -> int:
    value = _atom(tokens, inputs)
    while tokens and tokens[0] in ("x", "/", "//"):
        sign, other = tokens.pop(0), 0
        other = _atom(tokens, inputs)
        if sign == "x":
            value *= other
        else:
            up = other - 1 if sign == "/" else 0
            value = (value + up) // other
    return value


def _atom(tokens: list[str], inputs: Mapping[str, object]) -> int:
    if not tokens:
        raise ValueError("found the end, expected a number or a name")
    token = tokens.pop(0)
    if token == "-":
        return -_atom(tokens, inputs)
    if token == "(":
        value = _sum(tokens, inputs)
        _expect(")", tokens)
        return value
    if token in ("least", "most"):
        _expect("(", tokens)
        values = [_sum(tokens, inputs)]
        while tokens and tokens[0] == ",":
            tokens.pop(0)
            values.append(_sum(tokens, inputs))
        _expect(")", tokens)
        return min(values) if token == "least" else max(values)
    if token.isdigit():
        return int(token)
    given = inputs[token]
    assert isinstance(given, int)
    return given


def _expect(wanted: str, tokens: list[str]) -> None:
    if not tokens or tokens.pop(0) != wanted:
        raise ValueError(f"expected {wanted!r}")
