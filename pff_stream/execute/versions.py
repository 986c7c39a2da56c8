"""Versions of what processes on several hosts must have alike."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("numpy", "msgpack", "pff-stream")


def versions() -> dict[str, str]:
    """Of Python (major and minor) and of libraries in this process."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
