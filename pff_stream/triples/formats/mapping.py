"""How the mappings `json-1` and `json-2` name things, as far as no document is needed for it.

`json-2` escapes what joins the parts of a path, so that two objects never have one name; `json-1`
does not. The rest of both is in `_document`.
"""

from __future__ import annotations

import re

MAPPING = "json-2"
ID_KEYS = ("@id", "id", "msisdn")
"""Tried where no key is given."""
_LINE = str.maketrans({"\t": "\\t", "\n": "\\n", "\\": "\\\\"})
_PATH = str.maketrans({"~": "~0", "/": "~1", "#": "~2"})
_WRITTEN = {"t": "\t", "n": "\n", "\\": "\\"}
_EMPTY_KEY = re.compile(r"~(0*)3")
_STEP = {"~3": "", "~4": ".", "~0": "~"}

IdParts = tuple[tuple[tuple[str, ...], ...], ...]
"""Of each part of an id the candidates, tried in order: keys that lead from the object to it."""


def escaped(name: str) -> str:
    """The name with tab, newline and backslash each written as two characters (as in JSON)."""
    return name.translate(_LINE)


def stem_name(stem: str, *, injective: bool) -> str:
    """What the documents of a file are named by that have no id."""
    return escaped(stem.translate(_PATH) if injective else stem)


def id_parts(id_key: str | None) -> IdParts:
    """What `--id-key` asks for: keys with commas between are parts of one id, all of them needed.

    A key with dots is a key of that very name, or else keys of objects in objects; in those a dot
    is written ~4, a ~ as ~0, the empty key as ~3.
    """
    if id_key is None:
        return (tuple((key,) for key in ID_KEYS),)
    return tuple(_candidates(part.strip() if "," in id_key else part) for part in id_key.split(","))


def _candidates(key: str) -> tuple[tuple[str, ...], ...]:
    steps = tuple(_unescaped(step) for step in key.split("."))
    return ((key,),) if steps == (key,) else ((key,), steps)


def _unescaped(step: str) -> str:
    for written, meant in _STEP.items():
        step = step.replace(written, meant)
    return step


def keys_of(relation: str, *, injective: bool, by_path: bool, path: str) -> list[str]:
    """The keys that lead to the values of a relation from the object that has them.

    `path` is what the relations of that object begin with, where they are paths. Of one that begins
    with something else the last key is taken.
    """
    if by_path:
        inside = relation.startswith(path)
        inner = relation[len(path) :] if inside else relation.rpartition(".")[2]
        written = inner.split(".") if injective else [inner]
        return [_as_read(_unescaped(step) if injective else step) for step in written]
    match = _EMPTY_KEY.fullmatch(relation) if injective else None
    if match is not None:
        return [f"~{match[1][1:]}3" if match[1] else ""]
    return [_as_read(relation)]


def _as_read(name: str) -> str:
    """The name with tab, newline and backslash as they are."""
    return re.sub(r"\\(.)", lambda found: _WRITTEN.get(found[1], found[0]), name)
