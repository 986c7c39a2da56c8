"""Command lines: whatever is written, a command ends with a code that the documentation has."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

from pff_stream.cli import main as cli
from pff_stream.errors import RefusedError
from pff_stream.plan.sweep import parse_sweep
from pff_stream.settings.options import OPTIONS
from tests.cli.fake_engine import FakeEngine
from tests.fuzz.target import ACCEPTED, REFUSED, Target

OWN = tempfile.TemporaryDirectory(prefix="pff-stream-fuzz-")


def check(data: bytes) -> str:
    """Arguments apart by newlines; the engine computes nothing."""
    # Nothing outside of the folder of this run may be written to.
    text = data.replace(b"..", b"_").replace(b"/", b"_").replace(b"\0", b"")
    arguments = [os.fsdecode(word) for word in text.split(b"\n")]
    with _quiet():
        code = cli.main(arguments, _Engine())
    assert code in (0, 1, 2, 3, 74), (arguments, code)
    return REFUSED if code == 2 else ACCEPTED


class _Engine(FakeEngine):
    """One that refuses what it would have to prepare."""

    def make_sweep(self, settings: object, text: str, observer: object) -> NoReturn:
        """Reads what is to be swept, then refuses."""
        parse_sweep(text)
        raise RefusedError("refused: nothing is prepared here")


@contextmanager
def _quiet() -> Iterator[None]:
    """A folder of its own, and nobody who reads what is said."""
    folder, streams = os.getcwd(), (sys.stdout, sys.stderr)
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        try:
            os.chdir(OWN.name)
            sys.stdout = sys.stderr = nowhere
            yield
        finally:
            sys.stdout, sys.stderr = streams
            for entry in os.listdir():
                shutil.rmtree(entry) if os.path.isdir(entry) else os.unlink(entry)
            os.chdir(folder)


TARGET = Target(
    "command-line",
    (
        b"run\nr.tsv\nt.tsv\n--workers\n2\n--budget=1GiB",
        b"plan\nr.tsv\nt.tsv\n--json\n--sweep\nworkers=1..4",
        b"compile\nr.tsv\n-o\nr.pffr\n--on-bad-rule\n5%",
        b"encode\nt.tsv\n-o\ng.pffg\n--columns\no,p,s",
        b"triples\nd.json\n--max-document\n1MiB",
    ),
    (
        *(f"\n--{option.name}".encode() for option in OPTIONS.values()),
        *(
            b"\n",
            b"=",
            b"-",
            b"--",
            b"\n--help",
            b"\n--version",
            b"\n-o\nx",
            b"\nrun",
            b"\nplan",
            b"1..16",
        ),
        *(
            b"\xff",
            b"\xed\xa0\x80",
            b"9" * 400,
            b"1e400",
            b"-1",
            b"nan",
            b"0x10",
            b"\xd9\xa3",
            b"5%",
            b"1GiB",
        ),
        *(
            b"homomorphism",
            b"fork",
            b"rate>5%",
            b"count>1",
            b"s,p,o",
            b"auto",
            b"\n--sweep\nworkers=1..2",
        ),
    ),
    check,
)
