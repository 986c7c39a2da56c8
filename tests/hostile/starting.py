"""The command in a process of its own, under limits and with streams as a test wants them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

COMMAND = [sys.executable, "-m", "pff_stream"]
RULES = "0\t0\t0\tr(X,Y) <= s(X,Y)\n"
TRIPLES = "a\ts\tb\na\tr\tb\nc\ts\td\n"


def inputs(folder: Path) -> list[str]:
    """A rule that is violated once, and its triples."""
    rules, triples = folder / "r.tsv", folder / "g.tsv"
    rules.write_text(RULES)
    triples.write_text(TRIPLES)
    return [str(rules), str(triples)]


def started(
    arguments: list[str],
    prepare: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs the command; `prepare` is called in the new process before."""
    return subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
        preexec_fn=prepare,
        env={**os.environ, **(environment or {})},
    )
