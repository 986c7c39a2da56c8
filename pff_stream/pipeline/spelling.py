"""In what a name of the rules is written otherwise than a name of the graph, and which is nearest.

Two kinds of difference: spellings (brackets, prefixes, percent-encoding, case, ...), which make two
writings of one name, and marks (a list number, a miner's columns, `INVERSE_`), which are read as a
part of the name. Names only: nothing is known here of rules or graphs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from typing import NamedTuple
from urllib.parse import quote, unquote

_LONGEST = 100
"""Characters of a name that are compared."""
_MOST_MARKS = 3
_NAMESPACE = re.compile(r".*[/#:](?=[^/#:])", re.DOTALL)
_SEPARATORS = re.compile(r"[\s_\-]+")


class Spelling(NamedTuple):
    """Writings of one name, made the same."""

    said: str
    plain: Callable[[str], str]


def _unwrapped(name: str) -> str:
    return name[1:-1] if name[:1] == "<" and name[-1:] == ">" and len(name) > 2 else name


def _unquoted(name: str) -> str:
    for mark in "\"'`":
        if len(name) > 2 and name[0] == mark and mark in name[2:]:
            return name[1 : name.rindex(mark)]  # a language or a type may stand behind it
    return name


def _local(name: str) -> str:
    return _NAMESPACE.sub("", name, count=1)


SPELLINGS = (
    Spelling("blanks around it", str.strip),
    Spelling("quotes", _unquoted),
    Spelling("angle brackets", _unwrapped),
    Spelling("percent-encoding", unquote),
    Spelling("Unicode forms", lambda name: unicodedata.normalize("NFC", name)),
    Spelling("prefixes and whole IRIs", _local),
    Spelling("blanks, underscores and hyphens", lambda name: _SEPARATORS.sub("_", name)),
    Spelling("upper and lower case", str.casefold),
)


def plain(name: str, left_out: Spelling | None = None) -> str:
    """The name without its spelling; with `left_out` all but that is made the same."""
    for spelling in SPELLINGS:
        if spelling is not left_out:
            name = spelling.plain(name)
    return name


def spelled_otherwise(one: str, other: str) -> list[str]:
    """In what two writings of one name differ; nothing where they are different names."""
    if one == other or plain(one) != plain(other):
        return []
    return [each.said for each in SPELLINGS if plain(one, each) != plain(other, each)]


_NUMBER = r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_INVERSE = "an inverse mark (a head that is meant so has its variables exchanged)"
_MARKS = (
    (
        "columns separated by blanks, not by tabs",
        re.compile(rf"\s*(?:{_NUMBER}[ \u00a0]+){{2,}}(?P<name>\S.*)", re.DOTALL),
    ),
    (
        "columns separated by commas or the like, not by tabs",
        re.compile(rf"\s*(?:{_NUMBER}\s*[,;|]\s*){{2,}}(?P<name>\S.*)", re.DOTALL),
    ),
    (
        "a list number before the name",
        re.compile(
            r"\s*(?:\[\w{1,9}\]|\(\w{1,9}\)|\w{1,9}[.)]|(?:[Rr]ule\s*)?\w{1,9}:)\s*(?P<name>\S.*)",
            re.DOTALL,
        ),
    ),
    ("a number before the name", re.compile(rf"\s*{_NUMBER}[\s,;|]+(?P<name>\S.*)", re.DOTALL)),
    ("a list mark before the name", re.compile(r"\s*[-*+•·–—>]+\s+(?P<name>\S.*)", re.DOTALL)),
    ("a negation", re.compile(r"(?:(?i:not)[\s_(]+|[¬!~]\s*|\\\+\s*)(?P<name>\S.*)", re.DOTALL)),
    (
        _INVERSE,
        re.compile(
            r"(?:(?i:inverse|inv|reverse|rev)(?:[_\-. :]?(?i:of))?[_\-. :]+|[~^_\-*])"
            r"(?P<name>\S.*)",
            re.DOTALL,
        ),
    ),
    (
        _INVERSE,
        re.compile(
            r"(?P<name>\S.*?)(?:\s*\^?\{?[(\[]?-1[)\]]?\}?|⁻¹|"
            r"[_\-. ]+(?i:inverse|inv|reversed?|rev)|[\^~'])",
            re.DOTALL,
        ),
    ),
)


def marks(name: str) -> Iterator[tuple[list[str], str]]:
    """What may stand beside a name in what was read as one, and the rest; fewest marks first."""
    found: list[tuple[list[str], str]] = [([], name[:_LONGEST])]
    for _ in range(_MOST_MARKS):
        longer = []
        for said, rest in found:
            for mark, pattern in _MARKS:
                if (match := pattern.fullmatch(rest)) and mark not in said:
                    longer.append(([*said, mark], match["name"]))
        yield from longer
        found = longer


def has_columns(name: str) -> bool:
    """Whether a name begins with the columns of a miner beyond doubt: a count, a count, a share."""
    return (
        re.match(r"\s*\d+[\s,;|]+\d+[\s,;|]+(?:0?\.\d+|[01](?:\.0*)?)[\s,;|]+\S", name) is not None
    )


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that has most in common with a name; the first of equals."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(name[:_LONGEST])
    best, best_share = None, -1.0
    for candidate in candidates:
        matcher.set_seq1(candidate[:_LONGEST])
        if matcher.real_quick_ratio() > best_share and matcher.quick_ratio() > best_share:
            share = matcher.ratio()
            if share > best_share:
                best, best_share = candidate, share
    return best


def writings(name: str, namespaces: Iterable[str]) -> Iterator[str]:
    """How else a name may be written: without its own spelling, in each of these namespaces."""
    bare = unquote(_unwrapped(_unquoted(name.strip())))
    forms = dict.fromkeys((bare, _local(bare)))
    for form in list(forms):
        for blank in (" ", "_", "-"):
            forms[_SEPARATORS.sub(blank, form)] = None
        forms[unicodedata.normalize("NFC", form)] = forms[unicodedata.normalize("NFD", form)] = None
    for form in list(forms):
        changed = (form.lower(), form.upper(), form.capitalize(), form.title())
        forms |= dict.fromkeys((*changed, form[:1].lower() + form[1:], form[:1].upper() + form[1:]))
    for form in list(forms):
        forms[quote(form, safe="/:#,()")] = forms[quote(form, safe="")] = None
    for form in forms:
        for space in dict.fromkeys(("", *namespaces)):
            yield space + form
            yield f"<{space}{form}>"
        yield f'"{form}"'


def namespace(name: str) -> str:
    """What stands before the local part of a name; empty where there is nothing."""
    bare = _unwrapped(name)
    return bare[: len(bare) - len(_local(bare))]


_KINDS = (
    ("whole IRIs", re.compile(r"<?(?:\w+://|urn:)\S+>?")),
    ("numbers", re.compile(r"-?\d+")),
    ("prefixed names", re.compile(r"[A-Za-z][\w.-]*:[^\s/]\S*")),
    ("quoted", re.compile(r"([\"']).*\1\S*", re.DOTALL)),
    ("percent-encoded", re.compile(r".*%[0-9A-Fa-f]{2}.*", re.DOTALL)),
)
_MOST = 0.9


def kind_of_all(names: list[str]) -> str:
    """What nearly all of these names are; empty where they are of no one kind."""
    for said, pattern in _KINDS:
        if names and sum(pattern.fullmatch(name) is not None for name in names) >= _MOST * len(
            names
        ):
            return said
    return ""
