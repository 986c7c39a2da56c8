"""Who shows the progress of a run: by what a command writes to, by what a caller wants."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from pff_stream.observer import Observer, Silent

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.progress.terminal import Shown, TerminalLine


def choose_observer(
    stream: TextIO | None,
    quiet: bool,
    log_json: bool,
    environ: Mapping[str, str] | None = None,
    shown: Shown = str,
) -> Observer:
    """The observer for `stream`: none if quiet, a line on a terminal, else log lines.

    A stream that is closed is told nothing. `shown` makes a text safe for a terminal.
    """
    if quiet or stream is None:
        return Silent()
    if log_json or not _can_redraw(stream, environ):
        from pff_stream.progress.lines import LogLines

        return LogLines()
    return _terminal_line(stream, environ, shown)


@contextmanager
def watched(progress: bool | Told) -> Iterator[Observer]:
    """The observer for a caller from Python, closed at the end.

    True: standard error is written to. A function is called, see `Calls`.
    """
    if callable(progress):
        from pff_stream.progress.calling import Calls

        calls = Calls(progress)
        try:
            yield calls
        except BaseException:
            calls.give_up()
            raise
        calls.close()
    elif not progress or sys.stderr is None:
        yield Silent()
    elif _can_redraw(sys.stderr):
        line = _terminal_line(sys.stderr)
        logger = logging.getLogger("pff_stream")

        def clear(record: logging.LogRecord) -> bool:
            line.clear()  # what is logged stands on a line of its own
            return True

        logger.addFilter(clear)
        try:
            yield line
        finally:
            logger.removeFilter(clear)
            line.close()
    else:
        from pff_stream.progress.lines import LogLines, written_to

        yield LogLines(written_to(sys.stderr))


def _can_redraw(stream: TextIO, environ: Mapping[str, str] | None = None) -> bool:
    """A terminal that cannot move back on its line (TERM=dumb) is treated as a log."""
    environ = os.environ if environ is None else environ
    return environ.get("TERM") != "dumb" and stream.isatty()


def _terminal_line(
    stream: TextIO, environ: Mapping[str, str] | None = None, shown: Shown = str
) -> TerminalLine:
    from pff_stream.progress.terminal import TerminalLine

    environ = os.environ if environ is None else environ
    return TerminalLine(stream, colour=not environ.get("NO_COLOR"), shown=shown)
