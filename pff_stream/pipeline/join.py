"""Joins the parts of a run: the same results as of one run, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pff_stream.checkpoint.join_settings import joined_settings
from pff_stream.checkpoint.parts import read_parts
from pff_stream.observer import Observer
from pff_stream.pipeline.conclude import Result
from pff_stream.pipeline.evaluate import started
from pff_stream.pipeline.prepare import prepared
from pff_stream.pipeline.run import check_asked, ended
from pff_stream.report.folder import made_folder


def join(folders: Sequence[str], said: Mapping[str, Any], observer: Observer) -> Result:
    """Makes results of all parts; `said` are options of `JoinSettings` by field.

    Raises `InputError` where a part is missing, there twice, unfinished, damaged, or of another
    run; nothing is written then.
    """
    parts = read_parts(folders)
    settings = joined_settings(parts, said)
    check_asked(settings)
    with (
        made_folder(str(said["out"])),
        prepared(settings, observer, parts=parts) as ready,
        started(ready, observer) as running,
    ):
        return ended(running, settings, observer)
