"""Where the command's answers go: standard output and standard error.

Standard output that cannot be written ends the command (OutputError; BrokenPipeError stays what it
is, see `exit`). Standard error never does. Not done here: logs, progress, files.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO

from pff_stream.cli.printable import printable
from pff_stream.errors import OutputError

if TYPE_CHECKING:
    from pff_stream.report.terminal import Line

PLAIN = "plain"
_COLOURS = {"strong": "1", "place": "1", "new": "1;31", "expected": "33", "faint": "2"}
"""SGR codes by what a span is."""

_BREAKS = re.compile("(?<=[,;:]) ")
"""Where a line may go on in the next one: not within a path or a command."""


def say(text: str, *, to_stderr: bool = False, folds: bool = False) -> None:
    """Writes `text` and an end of line at once; nothing where the stream was never open.

    With `folds`, what does not fit the width of a terminal goes on in the next line.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None or not text:
        return
    shown = printable(text)
    if folds:
        shown = "\n".join(_folded(line, stream) for line in shown.split("\n"))
    try:
        stream.write(shown + "\n")
        stream.flush()
    except (OSError, ValueError) as error:
        if not to_stderr and isinstance(error, OSError):
            raise OutputError(f"standard output: {error.strerror or error}") from error


def say_spans(lines: Iterable[Line], *, to_stderr: bool = False) -> None:
    """Writes lines of spans, coloured where the stream is a terminal that allows it."""
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:
        return
    paints = _allows_colour(stream)
    texts = [
        "".join(_painted(printable(span.text), span.kind if paints else PLAIN) for span in line)
        if len(line) != 1 or line[0].kind != PLAIN
        else _folded(printable(line[0].text), stream)
        for line in lines
    ]
    try:
        stream.write("".join(f"{text.rstrip()}\n" for text in texts))
        stream.flush()
    except (OSError, ValueError) as error:
        if not to_stderr and isinstance(error, OSError):
            raise OutputError(f"standard output: {error.strerror or error}") from error


def _folded(line: str, stream: TextIO) -> str:
    """A line as it is, on a terminal that is too narrow as several."""
    if not stream.isatty():
        return line
    from pff_stream.words import columns_of

    columns = shutil.get_terminal_size().columns
    if columns_of(line) <= columns:
        return line
    indent = " " * (len(line) - len(line.lstrip(" ")) + 2)
    first, *parts = _BREAKS.split(line)
    rows = [first]
    for part in parts:
        if columns_of(rows[-1]) + 1 + columns_of(part) <= columns:
            rows[-1] += f" {part}"
        else:
            rows.append(f"{indent}{part}")
    return "\n".join(rows)


def _allows_colour(stream: TextIO) -> bool:
    """By NO_COLOR and FORCE_COLOR (no-color.org, force-color.org), else where it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _painted(text: str, kind: str) -> str:
    code = _COLOURS.get(kind)
    return f"\x1b[{code}m{text}\x1b[0m" if code and text.strip() else text


def standard_output() -> BinaryIO:
    """Standard output for bytes; OutputError where the process has none."""
    if sys.stdout is None:
        raise OutputError("standard output: it is closed")
    return sys.stdout.buffer


def flush() -> None:
    """Writes out what standard output still holds; OutputError where that fails."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def give_up_broken_streams() -> None:
    """Points a stream that cannot be flushed at the null device.

    Otherwise the interpreter tries again at its end and changes the exit code to 120.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
        except ValueError:
            continue
