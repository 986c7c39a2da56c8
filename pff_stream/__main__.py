"""Starts the command, in a module that a spawned process can import without the command's imports.

A worker that is started afresh imports the main module of its parent again; what stands at the top
of this one is all that it then pays for. Exit code 1 is the verdict's alone: what goes wrong before
the command can say so is said here.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
STACK_BYTES = 256 << 10
"""What is needed for the deepest recursion that Python does not refuse (over 128 KiB)."""
_SMALL_STACK = (
    b"pff-stream: error: refused: a stack of %d KiB is needed at least (RLIMIT_STACK is %d KiB)\n"
)
_SHORT = b"pff-stream: error: refused: out of memory, or of open files, while the program starts"


def _end(said: bytes, code: int) -> NoReturn:
    """Ends the process at once; that nobody hears it changes nothing."""
    try:
        os.write(2, said)
    except OSError:
        pass
    os._exit(code)


_short = _SHORT + b" (see `ulimit -a`)\n"
"""What is said then, with the limits of this process as soon as they are known."""
_SPARE_BYTES = 256 << 10
_spare: bytearray | None = None
"""Address space that is given back before it is said: nothing can be said without any."""


def _look_at_limits() -> None:
    """Reads them while there is room: behind a failed import there may be none.

    On a stack that is too small, recursion would end the process before Python could refuse it.
    """
    global _short, _spare
    try:
        _spare = bytearray(_SPARE_BYTES)
        from pff_stream.limits.set_limits import limits_set, soft_limit

        stack = soft_limit("RLIMIT_STACK")
        if stack is not None and stack < STACK_BYTES:
            _end(_SMALL_STACK % (STACK_BYTES >> 10, stack >> 10), 3)
        found = limits_set("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_NOFILE")
        if found:
            _short = _SHORT + found.encode() + b"\n"
        limits_set("RLIMIT_AS", "RLIMIT_DATA")  # told again where memory is out
    except Exception:
        return


def _end_short() -> NoReturn:
    """Ends the process where it lacks memory or descriptors, and says what limits it has."""
    global _spare
    _spare = None
    _end(_short, 3)


def _interrupted(*_: object) -> NoReturn:
    """Ends the process as the command does after Ctrl-C."""
    _end(b"pff-stream: error: interrupted\n", 130)


def _terminated(*_: object) -> NoReturn:
    """Ends the process as the command does after SIGTERM."""
    _end(b"pff-stream: error: terminated\n", 143)


def _occupy_streams() -> None:
    """Takes the numbers of standard streams that are closed: no other file may get them.

    Reading the input and writing the output fail as if they were closed; talk goes nowhere.
    """
    for descriptor, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            try:
                if os.open(os.devnull, flags) == descriptor:
                    os.set_inheritable(descriptor, True)
            except OSError:
                _end_short()


def _is_short(error: Exception) -> bool:
    try:
        from pff_stream.limits.room import has_room, is_of_loader
    except Exception:
        return True  # not even this can be imported
    return not has_room() or (isinstance(error, ImportError) and is_of_loader(str(error)))


def _command() -> Callable[[], int]:
    """Imports the command."""
    try:
        from pff_stream.cli.main import main as command
    except (MemoryError, OSError, SystemError):  # the last where even an exception has no room
        _end_short()
    except Exception as error:
        if _is_short(error):
            _end_short()
        sys.excepthook(type(error), error, error.__traceback__)
        os._exit(70)
    return command


def main() -> int:
    """Runs the command and returns its exit code."""
    # Before numpy is imported: no algebra is done here, its threads cost address space, and a
    # process of several threads cannot be forked safely.
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    # Imports make no garbage worth a collection; the command turns it on again behind them.
    gc.disable()
    _look_at_limits()
    _occupy_streams()
    # Until the command has set itself up there is nothing to clean up; a KeyboardInterrupt would
    # show a trace, or be swallowed by a callback of the import.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, _interrupted)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)
    command = _command()
    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = command()
    except KeyboardInterrupt:  # before or behind all that it sets up
        _interrupted()
    except MemoryError:
        _end_short()
    except SystemError as error:  # where even an exception has no room
        if not _is_short(error):
            raise
        _end_short()
    # The interpreter collects twice more at its end; what is frozen it leaves alone (30 ms).
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
