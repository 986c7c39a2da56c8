"""Inputs that can be read only once are copied while they are read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from pff_stream.files.copies import CopiesOpener, copied
from pff_stream.files.decoders import DecoderMemory
from pff_stream.files.packing import zstd_compressor

TEXT = b"".join(b"s%d\tr\to%d\n" % (i, i) for i in range(20_000))


@contextmanager
def pipe(folder: Path, data: bytes, name: str = "pipe") -> Iterator[str]:
    """A named pipe out of which `data` comes."""
    path = folder / name
    os.mkfifo(path)
    thread = Thread(target=path.write_bytes, args=(data,))
    thread.start()
    yield str(path)
    thread.join()


def test_a_pipe_is_copied(tmp_path: Path) -> None:
    """What came is there again; files are not copied."""
    file = tmp_path / "file"
    file.write_bytes(b"1")
    with pipe(tmp_path, TEXT) as path, copied([path, str(file)], str(tmp_path), 1 << 20) as opener:
        decoders = DecoderMemory()
        assert b"".join(opener(path, 1000, decoders)) == TEXT
        assert b"".join(opener(str(file))) == b"1"
        assert list(opener.made()) == [path] and decoders.most_bytes > 0
        assert b"".join(CopiesOpener(opener.made())(path, 77)) == TEXT
        assert os.path.getsize(opener.copies[path]) < len(TEXT) / 4
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]


def test_a_packed_pipe(tmp_path: Path) -> None:
    """The copy is of the text."""
    packer = zstd_compressor("")
    data = packer.compress(TEXT) + packer.flush()
    with pipe(tmp_path, data) as path, copied([path], str(tmp_path), 1 << 20) as opener:
        assert b"".join(opener(path)) == TEXT
        assert b"".join(CopiesOpener(opener.made())(path)) == TEXT


def test_a_copy_that_takes_too_much(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All is read, nothing is kept, and it is said."""
    data = os.urandom(1 << 20)
    with pipe(tmp_path, data) as path, pipe(tmp_path, TEXT, "other") as other:
        with copied([path, other], str(tmp_path), 300_000) as opener:
            assert b"".join(opener(path)) == data
            assert os.path.getsize(opener.copies[path]) == 0
            assert b"".join(opener(other)) == TEXT
            assert list(opener.made()) == [other]
    assert f"{path}: its copy found no room on the disk" in caplog.text


def test_nothing_is_copied_unless_asked_for(tmp_path: Path) -> None:
    """No copy, no file."""
    with pipe(tmp_path, TEXT) as path, copied([path], str(tmp_path), None) as opener:
        assert b"".join(opener(path)) == TEXT
        assert opener.made() == {}


def test_an_empty_pipe(tmp_path: Path) -> None:
    """The copy of nothing is a copy."""
    with pipe(tmp_path, b"") as path, copied([path], str(tmp_path), 100) as opener:
        assert b"".join(opener(path)) == b""
        assert b"".join(CopiesOpener(opener.made())(path)) == b""
