"""Records of rules that kill their worker, which this process writes itself."""

from __future__ import annotations

import os

from pff_stream.report.records import Outcome, Reason, Record, pack_record
from pff_stream.rules.file import RuleFile
from pff_stream.work.task import Run, Task, append_run


def write_failed(file: RuleFile, task: Task, cause: str, spool: str) -> Run:
    """Appends a record for each rule of the task to a spool, with the cause of its failure."""
    sources = sorted(
        int(source)
        for one in task.ranges
        for source in file.read_chunk(one.chunk).sources[one.start : one.stop]
    )
    reason = f"killed its worker: {cause}"
    records = b"".join(
        pack_record(Record(source, Outcome.FAILED, Reason.TEXT, text=reason)) for source in sources
    )
    descriptor = os.open(spool, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        return append_run(descriptor, memoryview(records))
    finally:
        os.close(descriptor)
