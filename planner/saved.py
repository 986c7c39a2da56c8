"""Whether JSON is what a plan was saved as: each value of its type, no figure that no machine has.

Not done here: whether the sums hold (`plan`), what the settings mean (the product's own).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MOST = 1 << 62
"""Above every count of bytes; what is more was not planned."""


def check_saved(saved: Mapping[str, Any]) -> None:
    """Raises ValueError that names the first value that no plan has, and what it should be."""
    _count("budget_bytes", saved["budget_bytes"])
    _count("peak_bytes", saved["peak_bytes"])
    _of("budget_source", saved["budget_source"], str, "text")
    _of("fits", saved.get("fits", True), bool, "true or false")
    for one in _items("limits", saved["limits"]):
        for name in ("kind", "source"):
            _of(f"limits: {name}", one[name], str, "text")
        _count("limits: bytes", one["bytes"])
        _of("limits: deciding", one["deciding"], bool, "true or false")
    for phase in _items("phases", saved["phases"]):
        _of("phases: name", phase["name"], str, "text")
        _count("phases: bytes", phase.get("bytes", 0))
        _check_terms("phases: terms", phase["terms"])
    _check_terms("terms", saved.get("terms", []))
    for name in ("suggestions", "notes"):
        for line in _of(name, saved[name], list, "a list"):
            _of(name, line, str, "text")
    _check_values("settings", saved["settings"])
    _check_values("machine", saved.get("machine", {}))
    _of("identity", saved.get("identity", {}), dict, "an object")


def _check_terms(where: str, terms: Any) -> None:
    for term in _items(where, terms):
        for name in ("name", "formula", "source"):
            _of(f"{where}: {name}", term[name], str, "text")
        _of(f"{where}: group", term.get("group", ""), str, "text")
        for name in ("per_worker", "at_most"):
            _of(f"{where}: {name}", term.get(name, False), bool, "true or false")
        _count(f"{where}: bytes", term["bytes"])
        _check_values(f"{where}: inputs", term["inputs"])


def _check_values(where: str, values: Any) -> None:
    """Of an object: texts, true, false, null, and finite figures."""
    for name, value in _of(where, values, dict, "an object").items():
        if value is None or isinstance(value, (str, int)):
            continue
        if not isinstance(value, float) or not math.isfinite(value):
            raise _wrong(f"{where}: {name}", value, "a figure or text")


def _items(where: str, values: Any) -> list[Mapping[str, Any]]:
    found = _of(where, values, list, "a list")
    return [_of(where, one, dict, "objects") for one in found]


def _count(where: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
        raise _wrong(where, value, "a whole number from 0")


def _of(where: str, value: Any, kind: type, expected: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong(where, value, expected)
    return value


def _wrong(where: str, value: Any, expected: str) -> ValueError:
    text = ascii(value)
    found = text if len(text) <= 60 else f"{text[:60]}..."
    return ValueError(f"not a saved plan: {where}: found {found}, expected {expected}")
