"""A folder of results that is there for reports alone: it is gone when they are made.

Reports over many documents are made from their list, whether the user keeps it or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pff_stream.errors import KEPT
from pff_stream.files.temporary_folder import TemporaryFolder
from pff_stream.settings.commands import RunSettings


@contextmanager
def with_results(settings: RunSettings) -> Iterator[RunSettings]:
    """The settings, with a temporary folder where reports take one and the user names none."""
    if not settings.lacks_folder:
        yield settings
        return
    with TemporaryFolder() as folder:
        try:
            yield settings.into(folder.path)
        except BaseException as problem:
            # That what was computed is kept in the folder is not true of this one.
            notes = [one for one in getattr(problem, "__notes__", ()) if not one.startswith(KEPT)]
            problem.__notes__ = notes
            raise
