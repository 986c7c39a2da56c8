"""The folder of results: what it may hold before a run, and how an unfinished run is told.

A folder is new, empty, or holds the files of earlier runs and nothing else; anything else is
somebody's data and is left alone. While a run is not finished, the folder holds a private folder
`.unfinished` with what is needed to go on (`unfinished`). Does not cover: the files themselves
(`files.writers`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from pff_stream.errors import OutputError, UsageError
from pff_stream.files.durable import naming
from pff_stream.files.named import is_beside
from pff_stream.files.writers import STANDARD_OUTPUT, check_output
from pff_stream.report.formats import DOCUMENT_FOLDER, WRITERS, file_name

SUMMARY = "summary.json"
TASKS = "tasks"
DOCUMENT_LIST = "documents.jsonl"
_OLD_LIST = "tasks.jsonl"
"""Its name in earlier results."""

STATE = ".unfinished"
STATE_SETTINGS = "settings.json"
"""Written last: a state without it is of a run that had computed nothing."""
PART = "part"
"""What the state of a part of a run becomes, when the part is done."""
REMAINS = ".finished"
"""What was the state of a run that is finished, and is being removed."""

FOLDER_FILES = tuple(map(file_name, WRITERS))
"""The results of a graph, beside the summary."""
DOCUMENT_FILES = tuple(file_name(writer) for writer in DOCUMENT_FOLDER)
"""What the merge of a document writes."""
_RESULTS = frozenset([*FOLDER_FILES, *DOCUMENT_FILES, DOCUMENT_LIST, _OLD_LIST])
_FILES = _RESULTS | {SUMMARY}


@contextmanager
def made_folder(path: str) -> Iterator[str]:
    """Makes a folder where there is none; one that was new and is empty at the end is removed.

    Raises `OutputError` where it cannot be made.
    """
    is_new = not os.path.lexists(path)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made: {error.strerror or error}") from error
    try:
        yield path
    finally:
        if is_new:
            with suppress(OSError):
                os.rmdir(path)


def is_unfinished(path: str) -> bool:
    """Whether a folder holds a run that can be resumed."""
    return os.path.isfile(os.path.join(path, STATE, STATE_SETTINGS))


def is_part(path: str) -> bool:
    """Whether a folder holds a part of a run that is done."""
    return os.path.isfile(os.path.join(path, PART, STATE_SETTINGS))


def clear_tasks(path: str) -> None:
    """Removes the task folders of an earlier run over a manifest: `check_folder` let them pass."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(path, _OLD_LIST))
    tasks = os.path.join(path, TASKS)
    if os.path.isdir(tasks) and not os.path.islink(tasks):
        shutil.rmtree(tasks)


def clear_others(path: str, written: Collection[str], violations: str | None) -> None:
    """Removes results of an earlier run that this one did not write again.

    `written` are names of files in the folder; `violations` is where the list by rule went.
    """
    kept = set(written)
    if violations not in (None, STANDARD_OUTPUT):
        kept |= {name for name in _RESULTS if _is_same(os.path.join(path, name), str(violations))}
    with naming(path):
        for name in _RESULTS - kept:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))
        if DOCUMENT_LIST not in kept:
            clear_tasks(path)
        shutil.rmtree(os.path.join(path, PART), ignore_errors=True)


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def check_outputs(out: str | None, violations: str | None, *, overwrite: bool) -> None:
    """Refuses outputs that cannot be meant, before anything is computed; creates nothing."""
    if out is not None and os.path.lexists(out):
        check_folder(out, overwrite=overwrite)
    if violations not in (None, STANDARD_OUTPUT):
        check_output(str(violations))


def check_folder(path: str, *, overwrite: bool) -> None:
    """Raises `UsageError` for what a run must not replace; changes nothing.

    That is an unfinished run (unless `overwrite`), and anything that no run wrote.
    """
    if not os.path.isdir(path):
        raise UsageError(f"--out {path}: found a file, expected a folder or a new name")
    for entry in os.scandir(path):
        if entry.name == TASKS and entry.is_dir(follow_symlinks=False):
            _check_tasks(entry.path)
        elif entry.name in (STATE, PART, REMAINS) and entry.is_dir(follow_symlinks=False):
            continue
        elif entry.is_symlink() or not entry.is_file() or not _is_ours(entry.name):
            raise UsageError(
                f"--out {path}: found {entry.name!r}, which no run of pff-stream writes; expected "
                "a new or empty folder, or the results of an earlier run"
            )
    if is_unfinished(path) and not overwrite:
        raise UsageError(
            f"--out {path}: found an unfinished run; --resume {path} goes on with it, "
            "--overwrite starts anew in this folder"
        )


def _is_ours(name: str) -> bool:
    """Whether a run writes files of this name, or one that was killed left it."""
    return name in _FILES or is_beside(name, _FILES)


def _check_tasks(tasks: str) -> None:
    for entry in os.scandir(tasks):
        if not entry.is_dir(follow_symlinks=False):
            raise UsageError(
                f"--out: found {entry.path!r}, which no run of pff-stream writes; expected the "
                "results of an earlier run"
            )
        check_folder(entry.path, overwrite=True)
