"""How inputs are read, by the settings: where temporary files go, what triples look like.

`compile` and `encode` import this and neither numpy nor anything of a run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pff_stream.errors import OutputError

if TYPE_CHECKING:
    from pff_stream.run.settings import RunSettings, TriplesSettings
    from pff_stream.triples.encode import EncodeOptions


def working_folder(near: str | None = None) -> str:
    """Where temporary files go: beside the output, else TMPDIR, else a folder on a disk.

    /tmp is often memory; a spool there would count against the budget.
    """
    candidates = [near, os.environ.get("TMPDIR"), "/var/tmp", "/tmp"]
    for folder in candidates:
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise OutputError(f"no folder for temporary files: tried {', '.join(filter(None, candidates))}")


def encode_options(settings: RunSettings | TriplesSettings) -> EncodeOptions:
    """How the settings want triples to be read."""
    from pff_stream.triples.documents import DocumentOptions
    from pff_stream.triples.encode import EncodeOptions, parse_columns

    return EncodeOptions(
        columns=parse_columns(settings.columns),
        on_bad_triple=getattr(settings, "on_bad_triple", "fail"),
        documents=DocumentOptions(
            id_key=settings.id_key,
            predicate="path" if settings.predicate == "path" else "key",
            max_document_bytes=settings.max_document_bytes,
        ),
    )
