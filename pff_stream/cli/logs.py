"""What the command says on standard error: logging set up once, as text or as JSON lines.

Only the command line calls this. Used as a library, pff_stream logs to `pff_stream` (and the
planner to `planner`) and leaves handlers, levels and the terminal to its caller.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

from pff_stream.cli.printable import printable

LOGGERS = ("pff_stream", "planner")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_SILENCE = logging.NullHandler()


class PlainFormatter(logging.Formatter):
    """`pff-stream: message`, with the level where it is worth a look or wanted."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text; a traceback follows on lines of its own."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        text = f"pff-stream: {level}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return printable(text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, then the extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as JSON; an extra field that is no JSON is written as text."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        return json.dumps(fields | extra, ensure_ascii=False, default=str)


class TalkHandler(logging.StreamHandler[TextIO]):
    """The one handler of the command; `before` runs first, to clear a progress line."""

    before: Callable[[], None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; never raises, since talk must not end a run."""
        if self.before is not None:
            self.before()
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Says nothing: standard error is gone, and there is no other place to say so."""


def set_up(
    *,
    quiet: bool = False,
    verbose: bool = False,
    log_json: bool = False,
    stream: TextIO | None = None,
) -> TalkHandler:
    """Attaches a fresh handler to the package's loggers, in place of one from before."""
    tear_down()
    handler = TalkHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonFormatter() if log_json else PlainFormatter())
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
    if not logging.root.handlers:
        # Else a library that logs (hashlib, where memory is short) would have all be said twice.
        logging.root.addHandler(_SILENCE)
    return handler


def tear_down() -> None:
    """Removes what `set_up` attached."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        for handler in [h for h in logger.handlers if isinstance(h, TalkHandler)]:
            logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    logging.root.removeHandler(_SILENCE)


def error(message: str, *, trace: bool = False) -> None:
    """Says why the command ends; the traceback only with `--verbose`."""
    logger = logging.getLogger(LOGGERS[0])
    logger.error(message, exc_info=trace and logger.isEnabledFor(logging.DEBUG))
