"""A number together with how it was computed, in words: neither can be had without the other.

    workers, buffer = given("workers", 3), given("buffer", 65536)
    formula = workers * (2 * buffer + 4096)
    formula.value, str(formula), formula.inputs
    428032, "workers x (2 x buffer + 4096)", {"workers": 3, "buffer": 65536}

Each operator computes the number and writes the text from the same operands, constants included. So
the text of a term of memory cannot say anything else than what was computed.

In the text `x` is a product, `/` a quotient that is rounded up, `//` one that is rounded down, and
`least(a, b)` and `most(a, b)` choose among numbers. All numbers are whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import add, floordiv, mul, sub

_SUM, _QUOTIENT, _PRODUCT, _ATOM = range(4)
"""How strongly a text holds together: what binds less stands in brackets."""
_WORDS = ("x", "least", "most")


class Formula:
    """A whole number, the text that says how it came about, and what it was computed from.

    Made by `given` and by operators on what was given; plain ints stand for constants. Raises
    ValueError where one name stands for two numbers.
    """

    __slots__ = ("_binding", "_text", "inputs", "value")

    value: int
    inputs: Mapping[str, int]
    """The numbers that the text names, in its order."""

    def __init__(self, value: int, text: str, inputs: Mapping[str, int], binding: int) -> None:
        self.value = value
        self.inputs = inputs
        self._text = text
        self._binding = binding

    def __bool__(self) -> bool:
        return self.value != 0

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<{self._text} = {self.value}>"

    def __add__(self, other: Formula | int) -> Formula:
        return _joined(self, "+", _formula(other))

    def __radd__(self, other: int) -> Formula:
        return _joined(_formula(other), "+", self)

    def __sub__(self, other: Formula | int) -> Formula:
        return _joined(self, "-", _formula(other))

    def __rsub__(self, other: int) -> Formula:
        return _joined(_formula(other), "-", self)

    def __mul__(self, other: Formula | int) -> Formula:
        return _joined(self, "x", _formula(other))

    def __rmul__(self, other: int) -> Formula:
        return _joined(_formula(other), "x", self)

    def __truediv__(self, other: Formula | int) -> Formula:
        """Rounded up, as a bound is."""
        return _joined(self, "/", _formula(other))

    def __floordiv__(self, other: Formula | int) -> Formula:
        """Rounded down."""
        return _joined(self, "//", _formula(other))

    def in_brackets(self, least: int) -> str:
        """The text, in brackets where it binds less."""
        return f"({self._text})" if self._binding < least else self._text


_BINDINGS = {
    "+": (_SUM, _SUM, _SUM),
    "-": (_SUM, _SUM, _QUOTIENT),
    "x": (_PRODUCT, _PRODUCT, _PRODUCT),
    "/": (_QUOTIENT, _PRODUCT, _ATOM),
    "//": (_QUOTIENT, _PRODUCT, _ATOM),
}
"""Of each sign: its own, and the least that its left and its right operand need."""


def given(name: str, value: int) -> Formula:
    """A number that a formula is computed from, by its name: one word, of letters, digits and _.

    Raises ValueError where the name is none, or a word of formulas.
    """
    if not name.isidentifier() or name in _WORDS:
        raise ValueError(f"found {name!r} as the name of an input, expected one word")
    return Formula(int(value), name, {name: int(value)}, _ATOM)


def constant(value: int) -> Formula:
    """A number that depends on nothing."""
    return _formula(value)


def stated(value: int, text: str) -> Formula:
    """A number with a text that somebody else vouches for, to go on from."""
    return Formula(value, text, {}, _ATOM if text.isidentifier() or text.isdigit() else _SUM)


def least(*of: Formula | int) -> Formula:
    """The smallest of several numbers."""
    return _chosen("least", min, of)


def most(*of: Formula | int) -> Formula:
    """The largest of several numbers."""
    return _chosen("most", max, of)


def _chosen(
    word: str, choose: Callable[[Iterable[int]], int], of: Sequence[Formula | int]
) -> Formula:
    formulas = [_formula(one) for one in of]
    inputs: Mapping[str, int] = {}
    for one in formulas:
        inputs = _both(inputs, one.inputs)
    text = f"{word}({', '.join(map(str, formulas))})"
    return Formula(choose(one.value for one in formulas), text, inputs, _ATOM)


def _formula(value: Formula | int) -> Formula:
    """Itself, or a constant."""
    if isinstance(value, Formula):
        return value
    return Formula(value, str(value), {}, _ATOM if value >= 0 else _SUM)


_COMPUTE: dict[str, Callable[[int, int], int]] = {
    "+": add,
    "-": sub,
    "x": mul,
    "/": lambda a, b: -(-a // b),
    "//": floordiv,
}


def _joined(left: Formula, sign: str, right: Formula) -> Formula:
    binding, of_left, of_right = _BINDINGS[sign]
    return Formula(
        _COMPUTE[sign](left.value, right.value),
        f"{left.in_brackets(of_left)} {sign} {right.in_brackets(of_right)}",
        _both(left.inputs, right.inputs),
        binding,
    )


def _both(some: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    if not more:
        return some
    for name in some.keys() & more.keys():
        if some[name] != more[name]:
            raise ValueError(f"{name} is {some[name]} and {more[name]} in one formula")
    return {**some, **more}
