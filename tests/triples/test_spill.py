"""Encoding triples that do not fit the memory: they lie in files, and the graph is the same."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from pff_stream.errors import OutputError, RefusedError
from pff_stream.triples._encode import Encoder
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.encode import encode_quietly
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.store import GraphStore


def lines(n_triples: int, n_entities: int, seed: int) -> bytes:
    """Lines of triples, many of them repeated."""
    rng = random.Random(seed)
    return b"".join(
        b"e%d\tr%d\te%d\n" % (rng.randrange(n_entities), rng.randrange(7), rng.randrange(99))
        for _ in range(n_triples)
    )


def encoded(text: bytes, spill: tuple[int, int], spill_bytes: int) -> bytes:
    """The graph of some lines, by an encoder with these files."""
    encoder = Encoder(BadTriples("fail"), spill=spill, spill_bytes=spill_bytes)
    encoder.start_file("test")
    for start in range(0, len(text), 1 << 16):
        encoder.feed(text[start : start + (1 << 16)])
    encoder.end_file()
    encoder.finish_reading()
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), "tsv")
    return bytes(buffer)


@pytest.mark.thorough
@pytest.mark.parametrize("n_triples", [1, 100, 6000, 250_000])
@pytest.mark.parametrize("spill_bytes", [0, 1000, 1 << 20, 1 << 40])
def test_same_graph(n_triples: int, spill_bytes: int, tmp_path: Path) -> None:
    """From the first record on, in the middle, or never: the same bytes."""
    text = lines(n_triples, 50_000, n_triples)
    with open(tmp_path / "a", "w+b") as records, open(tmp_path / "b", "w+b") as pairs:
        files = records.fileno(), pairs.fileno()
        found = encoded(text, files, spill_bytes)
        spilled = os.fstat(files[0]).st_size > 0
    assert spilled == (12 * n_triples > max(spill_bytes, 0xFFFF if spill_bytes else 0))
    assert found == encoded(text, (-1, -1), 0)


def test_full_disk() -> None:
    """Where the files may grow no more, that is said; no signal and no talk of memory."""
    import resource

    text = lines(20_000, 100, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            with open(f"/var/tmp/spill-{os.getpid()}", "w+b") as file:
                os.unlink(file.name)
                encoded(text, (file.fileno(), file.fileno()), 0)
            word = b"done"
        except (MemoryError, OutputError) as error:
            word = f"{type(error).__name__}: {error}".encode()
        os.write(write, word)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    expected = "OutputError: temporary files have no room for the triples: "
    assert said == expected + os.strerror(errno.EFBIG)


@pytest.mark.thorough
def test_files_instead_of_a_refusal(tmp_path: Path) -> None:
    """With a folder for them, triples that are too many are no reason to refuse."""
    path = tmp_path / "triples.tsv"
    path.write_bytes(16 * lines(150_000, 900, 3))  # over the 16 MiB after which is asked
    options = EncodeOptions(memory_bytes=6 << 20)
    with (
        GraphStore.at_path(tmp_path / "refused") as store,
        pytest.raises(RefusedError, match=r"out of memory .* --budget [0-9]+MiB would do"),
    ):
        encode_quietly([str(path)], store, options)
    graphs = []
    for name, how in (
        ("spilled", options._replace(spill_folder=str(tmp_path))),
        ("whole", EncodeOptions()),
    ):
        with GraphStore.at_path(tmp_path / name) as store:
            encode_quietly([str(path)], store, how)
            store.seal()
        graphs.append((tmp_path / name).read_bytes())
    assert graphs[0] == graphs[1]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["spilled", "triples.tsv", "whole"]
