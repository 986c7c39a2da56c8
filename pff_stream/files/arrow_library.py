"""Imports pyarrow where it is used first, and streams of Arrow that an object of Python gives.

Nothing else of the program imports it: it takes more memory than all of the rest together.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pff_stream.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    import pyarrow as pa

ROOM_BYTES, NUMPY_ROOM_BYTES = 28 << 20, 48 << 20
"""Address space that importing takes (26 and 43 MiB measured): libraries, and numpy's buffers."""
HELD_BYTES, NUMPY_HELD_BYTES = 14 << 20, 10 << 20
"""What is held of that, beside pages of program code (13 and 8.5 MiB measured)."""
_QUIET = {
    # The allocator of C gives back what is freed, and is held to the limits of the process.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Another allocator starts a thread as it is loaded; a process of several is not forked safely.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_OF_A_COLUMN = ("dtype", "chunks")
_held_bytes = 0


def is_loaded() -> bool:
    """Whether it was imported before, by whomever."""
    return "pyarrow.compute" in sys.modules


def room_bytes() -> int:
    """Address space that an import would need, or what is held where it is loaded."""
    if is_loaded():
        return _held_bytes
    return ROOM_BYTES if "numpy" in sys.modules else ROOM_BYTES + NUMPY_ROOM_BYTES


def held_bytes() -> int:
    """What is held of that, where this program has imported it."""
    return _held_bytes


def has_arrow() -> bool:
    """Whether it is installed; imports nothing."""
    from importlib.util import find_spec

    return "pyarrow" in sys.modules or find_spec("pyarrow") is not None


def check_arrow(what: str) -> None:
    """`UsageError` where there is no pyarrow, which `what` is read by; imports nothing."""
    if not has_arrow():
        raise UsageError(
            f"{what}: found no pyarrow, which reads it: pip install 'pff-stream[parquet]'"
        )


def import_arrow(what: str) -> Any:
    """The module, with `compute`; `UsageError` as by `check_arrow`."""
    check_arrow(what)
    global _held_bytes
    if not is_loaded():
        _held_bytes = HELD_BYTES if "numpy" in sys.modules else HELD_BYTES + NUMPY_HELD_BYTES
    missing = {name: value for name, value in _QUIET.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        import pyarrow as pa
        import pyarrow.compute

        pa.default_memory_pool()  # reads the environment
    except ImportError as error:
        raise UsageError(f"{what}: pyarrow, which reads it, cannot be imported: {error}") from None
    finally:
        for name in missing:
            os.environ.pop(name, None)
    return pa


def is_table(given: object) -> bool:
    """Whether an object gives a stream of columns with names, and is not a single column."""
    if isinstance(given, type) or not hasattr(given, "__arrow_c_stream__"):
        return False
    return not any(hasattr(given, name) for name in _OF_A_COLUMN)


def import_tables(given: Iterable[object]) -> None:
    """Imports what reads these objects, if any is a table: before it is measured what is held.

    Where there is none, that is said when the table is read.
    """
    if any(map(is_table, given)) and has_arrow():
        import_arrow("a table")


def open_stream(given: object, name: str) -> AbstractContextManager[Any]:
    """Its batches of rows, one after the other; `InputError` where it has no columns."""
    pa = import_arrow(name)
    reader: AbstractContextManager[Any]
    if isinstance(given, pa.Table):
        given = given.to_reader()
    if isinstance(given, pa.RecordBatchReader):
        reader = given  # as it is: some versions fail to hand views to themselves
        return reader
    try:
        reader = pa.RecordBatchReader.from_stream(given)
    except (pa.ArrowException, TypeError, ValueError, ImportError) as error:
        raise InputError(
            f"{name}: found {type(given).__name__}, expected a table or a data frame: {error}"
        ) from None
    return reader


def batches_of(reader: pa.RecordBatchReader, name: str) -> Iterator[pa.RecordBatch]:
    """The batches; `InputError` where whoever makes them fails."""
    import pyarrow as pa

    rows = 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, RuntimeError, ValueError) as error:
            raise InputError(f"{name}: behind row {rows}: found an error: {error}") from None
        yield batch
        rows += batch.num_rows
