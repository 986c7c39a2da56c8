"""Inputs that can be read only once (standard input, pipes): copied while they are read.

A copy is packed (zstd, quickly) into a file that whoever wants it has made. It is made best effort:
one that would take too much disk, or cannot be written, is empty, and the reading goes on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pff_stream.errors import OutputError
from pff_stream.files.decoders import DecoderMemory
from pff_stream.files.packing import PackedWriter, zstd_compressor
from pff_stream.files.sources import BLOCK_BYTES, STANDARD_INPUT, Opener, open_blocks, shown
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import OpenFile

COPY_BYTES = 2 << 20
"""What packing a copy holds."""
_LEVEL, _WINDOW_LOG = 1, 18


def is_read_once(path: str) -> bool:
    """Whether an input is there and cannot be read a second time."""
    return path == STANDARD_INPUT or (os.path.exists(path) and not os.path.isfile(path))


@contextmanager
def copied(
    inputs: Iterable[object], folder: str, most_bytes: int | None
) -> Iterator[CopyingOpener]:
    """Opens inputs, and copies those that can be read only once into `folder` (None: none)."""
    with ExitStack() as stack:
        copies = {
            path: stack.enter_context(temporary_file(folder))[1]
            for path in inputs
            if most_bytes is not None and isinstance(path, str) and is_read_once(path)
        }
        yield CopyingOpener(copies, most_bytes or 0)


@dataclass(frozen=True, slots=True)
class CopyingOpener(Opener):
    """Opens inputs, and copies some of them."""

    copies: Mapping[str, str]
    """By path: an empty file, which becomes the copy."""
    most_bytes: int
    """What all copies together may take on the disk."""

    def __call__(
        self,
        path: str,
        block_bytes: int = BLOCK_BYTES,
        decoders: DecoderMemory | None = None,
    ) -> Generator[bytes]:
        """The blocks of the input."""
        blocks = open_blocks(path, block_bytes, decoders)
        copy = self.copies.get(path)
        if copy is None:
            return blocks
        if decoders is not None:
            decoders.met(_Copy(f"the copy of {shown(path)}"), COPY_BYTES)
        return self._copied(blocks, copy)

    def made(self) -> dict[str, str]:
        """The copies that hold their inputs, whole; the others are said."""
        for path in self.copies:
            if not is_whole(self.copies[path]):
                said = "%s: its copy found no room on the disk: where its triples stand is not told"
                logging.getLogger("pff_stream").warning(said, shown(path))
        return {path: copy for path, copy in self.copies.items() if is_whole(copy)}

    def _copied(self, blocks: Iterable[bytes], copy: str) -> Generator[bytes]:
        left: int | None = None
        with open(copy, "r+b", buffering=0) as file:
            opened = OpenFile(file.fileno(), copy)
            packer = zstd_compressor(copy, _LEVEL, _WINDOW_LOG)
            writer = PackedWriter(copy, opened, packer)
            fits = True
            for block in blocks:
                if left is None:  # copies of inputs before this one are whole by now
                    left = self.most_bytes - sum(map(os.path.getsize, self.copies.values()))
                if fits:
                    fits = _is_done(writer.write, memoryview(block)) and opened.written <= left
                    if not fits:
                        os.ftruncate(file.fileno(), 0)
                yield block
            fits = fits and _is_done(writer.commit)
            if not fits or (left is not None and opened.written > left):
                os.ftruncate(file.fileno(), 0)


@dataclass(frozen=True, slots=True)
class CopiesOpener(Opener):
    """Opens the copies in place of the inputs, and other inputs as they are."""

    copies: Mapping[str, str]

    def __call__(
        self,
        path: str,
        block_bytes: int = BLOCK_BYTES,
        decoders: DecoderMemory | None = None,
    ) -> Generator[bytes]:
        """The blocks of the input."""
        return open_blocks(self.copies.get(path, path), block_bytes, decoders)


def is_whole(copy: str) -> bool:
    """Whether it holds the input, whole."""
    try:
        return os.path.getsize(copy) > 0
    except OSError:
        return False


@dataclass(slots=True)
class _Copy:
    """What is told of the memory of copying."""

    name: str
    offset: int = 0
    is_file: bool = False

    def read(self, n: int) -> bytes:
        """Nothing."""
        return b""


def _is_done(write: Callable[..., object], *arguments: object) -> bool:
    """Whether the disk took it."""
    try:
        write(*arguments)
    except OutputError:
        return False
    return True
