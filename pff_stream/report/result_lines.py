"""Lines of a file of results, one by one, and errors that name the present one."""

from __future__ import annotations

from collections.abc import Iterator

from pff_stream.errors import InputError

MAX_LINE_BYTES = 1 << 20
"""A longer line of results is not read back."""
LINE_COPIES = 16
"""A line as read, as text (of up to four bytes a character), and what is made of it: a finding of
very many reasons takes most, while the one before it is still held."""
_SHOWN = 80


class ResultLines:
    """Lines of a file one by one, without their ends, and errors that name the present one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self._lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._lines)

    def _read(self) -> Iterator[str]:
        try:
            with open(self.path, "rb") as file:
                while line := file.readline(MAX_LINE_BYTES):
                    self.number += 1
                    if not line.endswith(b"\n"):
                        is_long = len(line) == MAX_LINE_BYTES
                        found = "a line of 1 MiB or more" if is_long else "a line that is cut"
                        raise self.error(found, "a shorter one" if is_long else "a whole one")
                    yield line[:-1].decode("utf-8", "surrogateescape")
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}") from error

    def error(self, found: str, expected: str) -> InputError:
        """The error for the present line; at the end, for the last."""
        return InputError(f"{self.path}:{self.number}: found {found}, expected {expected}")


def shown(text: str) -> str:
    """A line for a message: cut, and nothing in it that a terminal would take for more."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
