"""Turns sizes that people write into bytes, and bytes into sizes that people read.

K, M, G, T and KiB, MiB, GiB, TiB are binary; kB, MB, GB, TB are decimal. Case does not matter.
"""

from __future__ import annotations

_BINARY = ("", "K", "M", "G", "T")
_HIGHEST_BYTES = 2**63 - 1
_LONGEST = 40  # characters; nothing that is meant is longer, and int() of a megabyte takes minutes
_DIGITS = frozenset("0123456789")


def _units() -> dict[str, int]:
    units = {"": 1, "B": 1}
    for power, letter in enumerate(_BINARY[1:], 1):
        units[letter] = units[f"{letter}I"] = units[f"{letter}IB"] = 1024**power
        units[f"{letter}B"] = 1000**power
    return units


def parse_size(text: str) -> int:
    """Bytes of a size such as `512MiB`, `4G`, `1.5 GiB`, `100MB` or `1000000`, rounded down.

    Raises ValueError that says what was found and what is expected.
    """
    stripped = text.strip()
    shown = repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")
    if stripped.startswith("-"):
        raise ValueError(f"{shown}: a size cannot be negative")
    end = 0
    while end < len(stripped) and (stripped[end] in _DIGITS or stripped[end] == "."):
        end += 1
    whole, dot, part = stripped[:end].partition(".")
    unit = _units().get(stripped[end:].strip().upper())
    good = whole and "." not in part and bool(part) == bool(dot) and len(stripped) <= _LONGEST
    if not good or unit is None:
        raise ValueError(
            f"{shown} is not a size: expected a number and a unit of B, KiB, MiB, GiB, TiB "
            "(K, M, G, T for short) or kB, MB, GB, TB, for example 512MiB or 1.5G"
        )
    divisor: int = 10 ** len(part)
    size_bytes = int(whole + part) * unit // divisor
    if size_bytes > _HIGHEST_BYTES:
        raise ValueError(f"{shown}: no machine has that much memory")
    return size_bytes


def format_size(size_bytes: int) -> str:
    """A size for people: `0 B`, `1023 B`, `1.5 GiB`; one decimal, binary units.

    Raises ValueError on a negative one.
    """
    if size_bytes < 0:
        raise ValueError(f"{size_bytes}: a size cannot be negative")
    if size_bytes < 1024:
        return f"{size_bytes} B"
    for power in range(1, len(_BINARY)):
        # Tenths in integers, half up: a float would show some sizes differently on both sides.
        tenths = (size_bytes * 20 + 1024**power) // (2 * 1024**power)
        if tenths < 10240 or power == len(_BINARY) - 1:
            break
    return f"{tenths // 10}.{tenths % 10} {_BINARY[power]}iB"


def option_size(size_bytes: int) -> str:
    """A size to paste into an option: the next whole MiB, so never less than what is needed."""
    if size_bytes < 0:
        raise ValueError(f"{size_bytes}: a size cannot be negative")
    return f"{-(-size_bytes // 2**20)}MiB"
