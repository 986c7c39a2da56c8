"""Reads what Parquet says of itself, in the compact protocol of Thrift, without building anything.

Whatever the bytes, no more is held than is asked for, and no more is read than there is.
"""

from __future__ import annotations

from collections.abc import Iterator

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
"""Kinds of values."""
_FIXED = {TRUE: 0, FALSE: 0, BYTE: 1, DOUBLE: 8, UUID: 16}
_VARIABLE = (I16, I32, I64)
_DEEPEST = 32


class DamagedError(ValueError):
    """What stands at `at` is none of it."""

    def __init__(self, at: int) -> None:
        super().__init__(f"byte {at}")
        self.at = at


class CompactReader:
    """Goes through `data` from byte `at` to byte `stop`; raises `DamagedError`.

    After `fields` or `elements` has told the kind of a value, the value is to be read or skipped.
    """

    def __init__(self, data: bytes | memoryview, at: int = 0, stop: int | None = None) -> None:
        self._data = data
        self._stop = len(data) if stop is None else stop
        self.at = at
        self.n_parts = 0
        """Structures and elements of lists so far."""

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of a structure."""
        self.n_parts += 1
        number = 0
        while header := self._byte():
            delta, kind = header >> 4, header & 15
            number = number + delta if delta else self.integer()
            yield number, kind

    def elements(self) -> Iterator[int]:
        """The kind of each element of a list."""
        header = self._byte()
        count, kind = header >> 4, header & 15
        if count == 15:
            count = self._varint()
        if count > self._stop - self.at:  # each has a byte
            raise DamagedError(self.at)
        self.n_parts += count
        for _ in range(count):
            yield kind

    def integer(self) -> int:
        """A number of any width."""
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def binary(self) -> bytes:
        """Text or bytes."""
        n = self._varint()
        if n > self._stop - self.at:
            raise DamagedError(self.at)
        self.at += n
        return bytes(self._data[self.at - n : self.at])

    def skip(self, kind: int, depth: int = 0) -> None:
        """Goes past a value."""
        if depth > _DEEPEST:
            raise DamagedError(self.at)
        if kind in _FIXED:
            self._pass(_FIXED[kind])
        elif kind in _VARIABLE:
            self._varint()
        elif kind == BINARY:
            self._pass(self._varint())
        elif kind in (LIST, SET):
            for element in self.elements():
                # A truth value in a list has a byte of its own.
                self.skip(BYTE if element in (TRUE, FALSE) else element, depth + 1)
        elif kind == STRUCT:
            for _, field in self.fields():
                self.skip(field, depth + 1)
        elif kind == MAP:
            self._skip_map(depth)
        else:
            raise DamagedError(self.at)

    def _skip_map(self, depth: int) -> None:
        count = self._varint()
        if count > self._stop - self.at:
            raise DamagedError(self.at)
        kinds = self._byte() if count else 0
        self.n_parts += 2 * count
        for _ in range(count):
            for kind in (kinds >> 4, kinds & 15):
                self.skip(BYTE if kind in (TRUE, FALSE) else kind, depth + 1)

    def _pass(self, n: int) -> None:
        if n > self._stop - self.at:
            raise DamagedError(self.at)
        self.at += n

    def _byte(self) -> int:
        if self.at >= self._stop:
            raise DamagedError(self.at)
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise DamagedError(self.at)
