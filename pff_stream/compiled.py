"""Says why nothing can be imported where the source lies on the path and not what is installed."""

from __future__ import annotations

import os
from importlib.machinery import EXTENSION_SUFFIXES

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def not_compiled(folder: str = _FOLDER) -> str | None:
    """What is wrong with the package in `folder`, and what to do; None where it is compiled."""
    first = os.path.join(folder, "files", "_pages")
    if any(os.path.exists(first + suffix) for suffix in EXTENSION_SUFFIXES):
        return None
    return (
        f"{folder} is the source of pff-stream, not compiled for this Python: run Python in "
        "another folder, where it finds what is installed, or compile here: pip install -e ."
    )
