"""A file that is read for as long as a run lasts, and must stay what it was meanwhile."""

from __future__ import annotations

import logging
import os

from pff_stream.errors import InputError

_logger = logging.getLogger("pff_stream")


class AlteredError(InputError):
    """An input was written to while it was read: nothing that was computed is to be trusted."""


class OpenedFile:
    """A compiled or encoded file that is read for as long as a run lasts."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._before = os.fstat(descriptor)
        self._is_replaced = False

    def check(self) -> None:
        """`AlteredError` where it was written to or cut since it was opened.

        Where its name leads to another file by now, the run goes on with this one, and says so.
        """
        before, now = self._before, os.fstat(self._descriptor)
        if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            raise AlteredError(f"{self.path}: was written to during the run, which is void")
        if self._is_replaced:
            return
        try:
            self._is_replaced = not os.path.samestat(before, os.stat(self.path))
        except OSError:
            self._is_replaced = True
        if self._is_replaced:
            _logger.warning("%s: replaced during the run, which goes on with the old", self.path)
