"""Reads the values of options, from text or as Python has them.

Each reader answers the value of the settings' field, and raises ValueError or TypeError where it is
none. What was expected then, the table of options says (`options`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable

from pff_stream.settings.columns import parse_columns

MAX_COUNT = 2**63 - 1

_WHOLE = re.compile(r"[0-9]+(?:_[0-9]+)*", re.ASCII)
_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


def read_whole(minimum: int) -> Callable[[object], int]:
    """Reads a whole number from `minimum` to 2**63 - 1; digits may be grouped by underscores."""

    def parse(value: object) -> int:
        if isinstance(value, str):
            if not _WHOLE.fullmatch(value.strip()):
                raise ValueError
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError
        if not minimum <= value <= MAX_COUNT:
            raise ValueError
        return value

    return parse


def read_size(minimum: int) -> Callable[[object], int]:
    """Reads bytes from a number or from text such as 512MiB; at least `minimum` bytes."""

    def parse(value: object) -> int:
        if isinstance(value, str):
            from planner.sizes import parse_size

            value = parse_size(value)
        return read_whole(minimum)(value)

    return parse


def read_choice(*choices: str) -> Callable[[object], str]:
    """Reads one of these words."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError
        return value

    return parse


def read_fraction(value: object) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError
    number = float(value)
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise ValueError
    return number


def read_findings(value: object) -> str | int:
    """Reads a whole number from 0, or `all`."""
    return "all" if value == "all" else read_whole(0)(value)


def read_flag(value: object) -> bool:
    """Yes or no, in one of the usual words."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in _YES + _NO:
        raise ValueError
    return text in _YES


def read_text(value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def read_iri(value: object) -> str:
    """An absolute IRI, without brackets around it."""
    text = read_text(value)
    iri = text[1:-1] if text[0] == "<" and text[-1] == ">" else text
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", iri) is None or re.search(r'[\0-\x20<>"{}|^`\\]', iri):
        raise ValueError
    return iri


def read_id_key(value: object) -> str:
    """Up to 8 keys with commas between, each a key or keys joined by dots."""
    text = read_text(value)
    parts = text.split(",")
    if len(parts) > 8 or text.count(".") > 20 or not all(part.strip() for part in parts):
        raise ValueError
    return text


def read_key(value: object) -> str:
    """Reads the key of a finding: 16 hex digits."""
    text = read_text(value).lower()
    if len(text) != 16 or not set(text) <= set("0123456789abcdef"):
        raise ValueError
    return text


def read_several(value: object) -> tuple[str, ...]:
    """One value, or a list of them."""
    values = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(read_path(one) for one in values)


def read_names(value: object) -> tuple[str, ...]:
    """One name, or a list of them."""
    values = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(read_text(one) for one in values)


def read_functional(value: object) -> tuple[str, ...]:
    """One R=subject or R=object, or a list of them."""
    values = value if isinstance(value, (list, tuple)) else (value,)
    for one in values:
        relation, _, place = read_text(one).rpartition("=")
        if not relation or place not in ("subject", "object"):
            raise ValueError
    return tuple(values)


def read_triple(value: object) -> tuple[str, ...]:
    """Three names."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise ValueError
    return tuple(read_text(one) for one in value)


def read_path(value: object) -> str:
    """A path without NUL, or `-`."""
    text = os.fspath(value) if isinstance(value, (str, os.PathLike)) else ""
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError
    return text


def read_file(value: object) -> str:
    """A path that is not `-`."""
    text = read_path(value)
    if text == "-":
        raise ValueError
    return text


def read_cluster(value: object) -> str:
    """An address of a scheduler, or the path of its file."""
    text = read_file(value)
    kind, mark, place = text.partition("://")
    if mark and (kind not in ("tcp", "tls") or not place):
        raise ValueError
    return text


def read_columns(value: object) -> str:
    """Columns of triples, by their letters or, as names, as they are."""
    text = read_text(value)
    if parse_columns(text).names:
        return text
    return ",".join(part.strip() for part in text.lower().split(","))


def read_shard(value: object) -> str:
    """Reads which part of how many, as 2/5; parts are counted from 1."""
    found = _SHARD.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError
    return f"{int(found[1])}/{int(found[2])}"
