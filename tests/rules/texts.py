"""Random rule texts: malformed, adversarial, and rules whose names are made of separators."""

from __future__ import annotations

import re

from hypothesis import strategies as st

PIECES = (
    *("(", ")", ",", ", ", " <= ", " <=", " ", "X", "Y", "A", "a", "b", "(n)", "k <= m", "p,q"),
    *("r(X,Y)", "h(X,a)", "r(X,A)", "q(A,Y)", "r(X,A), q(A,Y)", "r(a,b)", "r(X,a, (n))", "rel(1)"),
    *("h(X,Y) <= ", "h(X,c) <= ", "h(b,X) <= ", "me_myself_i", "h(me_myself_i,Y) <= "),
)

NAME_PIECES = ("a", "b", "(", ")", ",", ", ", "X", " <= ", "(n)", "r(X,a), q")

raw_texts = st.text(alphabet="(),<= XYab", min_size=1, max_size=24)
pieced_texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)
plain_names = st.sampled_from(("r", "q", "aa", "me_myself_i", "DE"))
odd_names = st.lists(st.sampled_from(NAME_PIECES), min_size=1, max_size=3).map("".join)
names = st.one_of(plain_names, plain_names, odd_names)
terms = st.one_of(*[st.sampled_from("XYAB")] * 2, names)
atoms = st.builds("{}({},{})".format, names, terms, terms)
rule_texts = st.builds(
    lambda head, body: f"{head} <= {', '.join(body)}", atoms, st.lists(atoms, max_size=3)
)
"""Whole rules, at times unsafe."""


@st.composite
def _with_blanks(draw: st.DrawFn) -> str:
    """A rule with blanks where people write them."""
    parts = re.split("([(),]|<=)", draw(rule_texts))
    around = st.sampled_from(("", "", " ", "  "))
    return "".join(draw(around) + part if index else part for index, part in enumerate(parts))


texts = st.one_of(rule_texts, rule_texts, _with_blanks(), pieced_texts, raw_texts).map(str.encode)
"""One text of any kind, never blank as a line unless of spaces."""

known_names = st.frozensets(
    st.one_of(plain_names, odd_names).map(str.encode), min_size=1, max_size=6
)
"""Names that a graph has."""
