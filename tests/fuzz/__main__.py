"""Runs one fuzz target: `python -m tests.fuzz TARGET [--inputs N] [--seed S] [--atheris]`.

With `--atheris` the Python code is instrumented and libFuzzer chooses the inputs; without it a
seeded mutator does, guided by the coverage of the compiled modules where they were built for that
(`coverage.c`). The input at hand stands in a file, so that a crash of the process leaves it.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import logging
import mmap
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.fuzz.mutate import MAX_BYTES, mutated
from tests.fuzz.target import Target
from tests.fuzz.targets import PLACES, target

HANG_SECONDS = 60
GUARDED_TOGETHER, GUARD_SECONDS = 100, 600
MEMORY_FOLDER = Path("/dev/shm")
MOST_KEPT = 5000
SHARE_OF_NEW = 0.5


class Coverage:
    """What was reached in compiled modules; without `coverage.c` nothing is known and nothing new."""

    def __init__(self) -> None:
        self._seen = 0
        self._taken: ctypes.Array[ctypes.c_uint8] | None = None
        try:
            function = ctypes.CDLL(None).pff_taken
        except AttributeError:
            return
        function.restype = ctypes.POINTER(ctypes.c_uint8 * 65536)
        self._taken = function().contents

    @property
    def places(self) -> int:
        """Branches taken so far."""
        return self._seen

    def is_new(self) -> bool:
        """Whether the last input took a branch that none took before."""
        if self._taken is None:
            return False
        seen = bytes(self._taken).count(1)
        is_new, self._seen = seen > self._seen, seen
        return is_new


def fuzz(chosen: Target, inputs: int, seed: int, seconds: float, at_hand: mmap.mmap) -> int:
    """Checks `inputs` mutated inputs; ends at the first finding."""
    random, coverage = Random(seed), Coverage()
    corpus, outcomes = list(chosen.seeds), Counter[str]()
    started, worked = time.monotonic(), time.process_time()
    done = 0
    for done in range(1, inputs + 1):
        data = (
            corpus[done - 1] if done <= len(chosen.seeds) else mutated(random, corpus, chosen.words)
        )
        at_hand[:] = (len(data).to_bytes(4, "little") + data).ljust(len(at_hand), b"\0")
        if done % GUARDED_TOGETHER == 1:  # arming it starts a thread, which costs more than a check
            faulthandler.dump_traceback_later(GUARD_SECONDS, exit=True)
        try:
            outcomes[chosen.check(data)] += 1
        except BaseException:
            print(f"{chosen.name}: finding at input {done}, seed {seed}: {data!r}", flush=True)
            raise
        if coverage.is_new() and len(corpus) < MOST_KEPT:
            corpus.append(data)
        if time.monotonic() - started > seconds:
            break
    faulthandler.cancel_dump_traceback_later()
    took, worked = time.monotonic() - started, time.process_time() - worked
    print(
        f"{chosen.name}: {done} inputs, {took:.0f} s ({worked:.0f} s CPU), seed {seed}, {dict(outcomes)}, "
        f"{len(corpus)} kept, {coverage.places} branches",
        flush=True,
    )
    return 0


def main() -> int:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=PLACES)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true", help="coverage-guided, by libFuzzer")
    parser.add_argument("--repeat", type=Path, help="check the one input that a crash left")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    faulthandler.enable()
    if MEMORY_FOLDER.is_dir() and "TMPDIR" not in os.environ:
        tempfile.tempdir = str(MEMORY_FOLDER)  # most of a small file's time is the disk's
    if arguments.repeat:
        left = arguments.repeat.read_bytes()
        print(target(arguments.target).check(left[4 : 4 + int.from_bytes(left[:4], "little")]))
        return 0
    if arguments.atheris:
        import atheris

        with atheris.instrument_imports(include=["pff_stream", "planner"]):
            chosen = target(arguments.target)
        runs = [sys.argv[0], f"-runs={arguments.inputs}", f"-seed={arguments.seed}"]
        if arguments.seconds != float("inf"):
            runs.append(f"-max_total_time={arguments.seconds:.0f}")
        runs += [f"-timeout={HANG_SECONDS}", f"-max_len={MAX_BYTES}", "-rss_limit_mb=4096"]
        atheris.Setup(runs, lambda data: chosen.check(data) and None)
        atheris.Fuzz()
        return 0
    name = Path(f"fuzz-{arguments.target}.input")
    with name.open("w+b") as file:
        file.truncate(MAX_BYTES + 64)
        with mmap.mmap(file.fileno(), MAX_BYTES + 64) as at_hand:
            chosen = target(arguments.target)
            code = fuzz(chosen, arguments.inputs, arguments.seed, arguments.seconds, at_hand)
    name.unlink()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
