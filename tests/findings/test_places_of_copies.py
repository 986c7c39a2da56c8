"""Where triples stand in inputs that can be read only once: their copies are read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from pff_stream.errors import InputError
from pff_stream.findings.places import NO_PLACES, Place, PlaceSources, Wanted, find_places
from pff_stream.inputs import open_graph
from pff_stream.notes import Notes
from pff_stream.settings.models import InputOptions, ResourceOptions
from pff_stream.triples.options import encode_options

DOCUMENT = b'{"id": "doc",\n "r": "y"}'
WANTED: list[Wanted] = [(b"doc", b"r", b"y"), (b"x", b"r", b"y"), (b"doc", b"q", None)]
ROOM = 1 << 20
STANDARD_INPUT = """
import sys
from pff_stream.findings.places import *
from pff_stream.inputs import open_graph
from pff_stream.settings.models import InputOptions, ResourceOptions
from pff_stream.triples.options import encode_options
reading, resources = InputOptions(), ResourceOptions(fence="none")
with open_graph(
    ["-"], reading, sys.argv[1], 1 << 28, resources=resources, copy_bytes=1000
) as graph:
    options = encode_options(reading)
    sources = PlaceSources(["-"], options, graph.input_hash, graph.copies)
    print(find_places(sources, [(b"doc", b"r", b"y"), (b"doc", b"q", None)]))
"""


@pytest.mark.parametrize("copy_bytes", [ROOM, 1, None])
def test_a_pipe_among_files(tmp_path: Path, copy_bytes: int | None) -> None:
    """Without a copy it has no places, and the others are compared alone."""
    file, pipe = tmp_path / "a.tsv", tmp_path / "pipe"
    file.write_bytes(b"\nx\tr\ty\n")
    os.mkfifo(pipe)
    thread = Thread(target=pipe.write_bytes, args=(DOCUMENT,))
    thread.start()
    inputs, notes, reading = [str(pipe), str(file)], Notes(), InputOptions()
    room = 1 << 28
    with open_graph(
        inputs,
        reading,
        str(tmp_path),
        room,
        resources=ResourceOptions(fence="none"),
        copy_bytes=copy_bytes,
    ) as graph:
        thread.join()
        assert graph.encoded is not None
        sources = PlaceSources(
            inputs,
            encode_options(reading),
            graph.input_hash,
            graph.copies,
            input_hashes=graph.encoded.input_hashes,
        )
        found = find_places(sources, WANTED, notes=notes)
        if copy_bytes == ROOM:
            place, absent = Place(str(pipe), 2, "/r"), Place(str(pipe), 1, "/q")
            assert found == [place, Place(str(file), 2, None), absent]
        else:
            assert found == [None, Place(str(file), 2, None), None]
        assert notes.count(NO_PLACES) == (copy_bytes != ROOM)
        file.write_bytes(b"x\tr\ty\n")
        with pytest.raises(InputError, match=r"a\.tsv.* was changed since it was encoded"):
            find_places(sources, WANTED)


@pytest.mark.thorough
def test_standard_input(tmp_path: Path) -> None:
    """Its copy is gone when the graph is closed."""
    done = subprocess.run(
        [sys.executable, "-c", STANDARD_INPUT, str(tmp_path)],
        input=DOCUMENT,
        capture_output=True,
        check=True,
    )
    place, absent = Place("standard input", 2, "/r"), Place("standard input", 1, "/q")
    assert done.stdout.decode().strip() == repr([place, absent])
    assert list(tmp_path.iterdir()) == []


def test_names_of_another_folder(tmp_path: Path) -> None:
    """A run that goes on tells the names that it was begun with."""
    file = tmp_path / "a.tsv"
    file.write_bytes(b"x\tr\ty\n")
    options = encode_options(InputOptions())
    sources = PlaceSources([str(file)], options, None, names={str(file): "data/a.tsv"})
    assert find_places(sources, WANTED) == [None, Place("data/a.tsv", 1, None), None]
