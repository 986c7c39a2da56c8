"""The folder of results: what it may hold before a run, and the mark of a run that is not finished.

A folder is new, empty, or holds the files of an earlier run and nothing else; anything else is
somebody's data and is left alone. While a run writes, the folder holds the mark `.unfinished`. Does
not cover: the files themselves (`report.writers`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pff_stream.errors import OutputError, UsageError
from pff_stream.report.writers import partial_name

VIOLATIONS = "violations.jsonl"
RULES = "rules.tsv"
OUTCOMES = "outcomes.tsv"
SUMMARY = "summary.json"
TASKS = "tasks"
MARK = ".unfinished"

TASK_LIST = "tasks.jsonl"

_FILES = (VIOLATIONS, RULES, OUTCOMES, SUMMARY, TASK_LIST)
_OURS = frozenset([*_FILES, *map(partial_name, _FILES), MARK])


@contextmanager
def results_folder(path: str, *, overwrite: bool) -> Iterator[str]:
    """Makes the folder ready and marks it as unfinished until the block ends well.

    Raises `UsageError` where the folder holds an unfinished run (unless `overwrite`) or anything
    that no run wrote, `OutputError` where it cannot be made. When the block fails, the results of
    an earlier run are still there, and a folder that was new is removed.
    """
    is_new = not os.path.lexists(path)
    try:
        os.makedirs(path, exist_ok=True)
        check_folder(path, overwrite=overwrite)
        mark = os.path.join(path, MARK)
        with open(mark, "w", encoding="utf-8") as file:
            json.dump({"process": os.getpid()}, file)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error
    try:
        yield path
    finally:
        with suppress(OSError):
            os.unlink(mark)
        if is_new:
            with suppress(OSError):
                os.rmdir(path)  # only where nothing was written


def clear_tasks(path: str) -> None:
    """Removes the task folders of an earlier run over a manifest: `check_folder` let them pass."""
    tasks = os.path.join(path, TASKS)
    if os.path.isdir(tasks) and not os.path.islink(tasks):
        shutil.rmtree(tasks)


def check_folder(path: str, *, overwrite: bool) -> None:
    """Raises as `results_folder` does for what an existing folder holds; changes nothing."""
    if not os.path.isdir(path):
        raise UsageError(f"--out {path}: found a file, expected a folder or a new name")
    for entry in os.scandir(path):
        if entry.name == TASKS and entry.is_dir(follow_symlinks=False):
            _check_tasks(entry.path)
        elif entry.name not in _OURS or entry.is_symlink() or not entry.is_file():
            raise UsageError(
                f"--out {path}: found {entry.name!r}, which no run of pff-stream writes; expected "
                "a new or empty folder, or the results of an earlier run"
            )
    if os.path.exists(os.path.join(path, MARK)) and not overwrite:
        raise UsageError(
            f"--out {path}: found an unfinished run; --overwrite starts it anew in this folder"
        )


def _check_tasks(tasks: str) -> None:
    for entry in os.scandir(tasks):
        if not entry.is_dir(follow_symlinks=False):
            raise UsageError(
                f"--out: found {entry.path!r}, which no run of pff-stream writes; expected the "
                "results of an earlier run"
            )
        check_folder(entry.path, overwrite=True)
