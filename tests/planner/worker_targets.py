"""What the workers of the probe's tests do; importable, because spawned workers import it."""

from __future__ import annotations

import os
import time

MIB = 2**20


def hold(size_bytes: int) -> bytearray:
    """Touch that many bytes and hand them over to be kept."""
    return bytearray(b"1") * size_bytes


def fail() -> None:
    """Fail as a worker that cannot prepare."""
    raise RuntimeError("no such thing")


def die() -> None:
    """End without a word."""
    os._exit(3)


def sleep() -> None:
    """Never get ready."""
    time.sleep(60)
