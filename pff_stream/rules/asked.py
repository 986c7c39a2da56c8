"""`--relation`: which head relations are asked for, by the names that the heads of rules have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pff_stream.errors import UsageError

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile

Relations = tuple[tuple[bytes, bool], ...]
"""Name, and whether it stands for all names that begin with it."""

_MOST_NAMES, _SHOWN = 4096, 3
"""Names of heads that are held beside a wrong one, and those that are shown."""


def asked_relations(asked: Sequence[str], file: RuleFile) -> Relations:
    """What is asked for, in the terms of the rule file; reads the heads of all its rules.

    `R*` is a prefix unless a head has a relation of that very name. `UsageError` for what no rule
    predicts: all of its rules would be left out, and nothing said.
    """
    if not asked:
        return ()
    wanted = [name.encode("utf-8", "surrogateescape") for name in asked]
    named: set[bytes] = set()
    begun: set[bytes] = set()
    heads: dict[bytes, None] = {}
    for name in _head_relations(file):
        named.update(one for one in wanted if one == name)
        begun.update(one for one in wanted if one.endswith(b"*") and name.startswith(one[:-1]))
        if len(heads) < _MOST_NAMES:
            heads[name] = None
    # The names of a graph may settle a text with several readings for another relation.
    if not (file.ambiguous or file.unsettled):
        for one in wanted:
            if one not in named and one not in begun:
                raise UsageError(_unknown(one, heads))
    return tuple(
        (one[:-1], True) if one.endswith(b"*") and one not in named else (one, False)
        for one in wanted
    )


def _unknown(name: bytes, heads: Iterable[bytes]) -> str:
    from difflib import get_close_matches

    def text(raw: bytes) -> str:
        return raw.decode("utf-8", "surrogateescape")

    near = get_close_matches(text(name), map(text, heads), _SHOWN)
    hint = f"; the nearest: {', '.join(near)}" if near else ""
    return (
        f"--relation: found {text(name)!r}, which is the head relation of no rule, expected one "
        f"that rules predict, or a prefix of such with * behind it{hint}"
    )


def _head_relations(file: RuleFile) -> Iterator[bytes]:
    """The relations of heads, those of each chunk once."""
    buffer = bytearray(file.max_chunk_bytes)
    for index in range(len(file.chunks)):
        chunk = file.read_chunk(index, buffer)
        for number in sorted(set(chunk.heads[::3].tolist())):
            yield chunk.name(number)
