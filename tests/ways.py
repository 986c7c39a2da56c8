"""The files that a setting passes from the command line to where it acts.

A file is one of them if its code has the setting's name: as a variable, an attribute, a parameter,
or alone in quotes. Text, comments and imports do not count. Where the name means something else,
too, as `graph`, a file counts that reads the setting off its group.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pff_stream.settings import commands, models, shards
from pff_stream.settings.command import CommandSettings
from pff_stream.settings.options import OPTIONS

PACKAGE = Path(__file__).parent.parent / "pff_stream"
IMPORT = re.compile(r"^ *(?:from .* )?c?import (?:\([^)]*\)|.*)$", re.MULTILINE)
PIECE = re.compile(
    r"""(?x) \"{3}[\s\S]*?\"{3} | \#.* | [bfr]*"(?: (\w+) | (?:\\.|[^"\\\n])* )" | (\w+|\.)"""
)
"""Text and comments as a whole, what stands alone in quotes, and words."""
SUFFIXES = (".py", ".pyx", ".pxi", ".pxd", ".pyi")
SETTINGS = (*OPTIONS, "triples")
WORDS = frozenset(
    [
        *("rules", "triples", "manifest", "workers", "budget_bytes", "plan", "semantics", "out"),
        *("rule_format", "violations", "report", "columns", "mapping", "graph", "check", "output"),
        *("format", "triple", "confidence", "relation", "findings", "score", "floor", "key"),
        *("shard", "cluster"),
    ]
)
"""Settings whose name means something else, too: a plan's workers, a file's rule format."""


@cache
def groups() -> dict[str, str]:
    """The names of a group's fields in the commands, and the class of each."""
    kinds = [one for one in vars(commands).values() if isinstance(one, type)]
    found = [kind for kind in kinds if issubclass(kind, CommandSettings)]
    return {
        name: getattr(group, "__name__", "")
        for kind in found
        for name, group in kind.kinds().items()
    }


@cache
def group_of(setting: str) -> str:
    """The class of the group that has it; empty for those that only the command line has."""
    kinds = [one for one in (*vars(models).values(), shards.ShardOptions) if isinstance(one, type)]
    found = [kind for kind in kinds if issubclass(kind, models.Options)]
    return next((kind.__name__ for kind in found if setting in kind.names()), "")


@cache
def words(path: Path) -> tuple[str, ...]:
    """The names, points and quoted names of a file's code, in their order."""
    text = IMPORT.sub("", path.read_text(encoding="utf-8"))
    return tuple(one[1] or one[2] for one in PIECE.finditer(text) if one[1] or one[2])


@cache
def read_off(path: Path) -> frozenset[tuple[str, str]]:
    """Name and attribute, of all that a file's code reads off something."""
    found = words(path)
    triples = zip(found, found[1:], found[2:], strict=False)
    return frozenset((a, c) for a, b, c in triples if b == ".")


@cache
def holders(path: Path, group: str) -> frozenset[str]:
    """What a file calls that group: a field, an annotated name, or one that is assigned a field."""
    names = {name for name, kind in groups().items() if kind == group}
    text = path.read_text(encoding="utf-8")
    if f": {group}" in text:
        names |= set(re.findall(rf"(\w+): {group}\b", text))
    for name in tuple(names):
        if f".{name}\n" in text:
            names |= set(re.findall(rf"(\w+) = [\w.]*\.{name}$", text, re.MULTILINE))
    return frozenset(names | ({"self"} if path.parent.name == "settings" else set()))


@cache
def code_files() -> tuple[Path, ...]:
    """All files of code of the package."""
    return tuple(path for path in PACKAGE.rglob("*") if path.suffix in SUFFIXES)


def files_of(setting: str) -> list[str]:
    """The way of a setting, in the order of names."""
    return sorted(str(path.relative_to(PACKAGE)) for path in code_files() if _passes(setting, path))


def _passes(setting: str, path: Path) -> bool:
    if setting not in WORDS or path.parent.name == "settings":
        return setting in words(path)
    off = read_off(path)
    return any((held, setting) in off for held in holders(path, group_of(setting)))
