"""What runs that were killed left outside of their folders of results, removed by every start.

It is little: the file of a reservation and the folder that it is in, a control group without
processes, where memory and files cannot be without a name, those with the name of a dead process,
and temporary folders of Python callers. Does not cover: folders of results, which are gone on with,
and what lies beside an output (`files.named`).
"""

from __future__ import annotations

import os

from pff_stream.errors import OutputError
from pff_stream.files.named import SHARED_MEMORY, remove_stale, temporary_folder
from pff_stream.files.temporary import working_folder
from pff_stream.files.temporary_folder import remove_stale_folders
from pff_stream.limits.fence import GROUP_NAME
from planner.fence import remove_stale_groups
from planner.reserve import remove_stale_reservations


def remove_leftovers() -> None:
    """Never raises: what cannot be removed stays."""
    try:
        remove_stale_reservations("pff-stream")
        remove_stale_groups(GROUP_NAME)
    except OSError:
        pass
    for folder in (SHARED_MEMORY, temporary_folder()):
        if os.path.isdir(folder):
            remove_stale(folder)
    try:
        remove_stale_folders(working_folder())
    except (OSError, OutputError):
        pass
