"""How results of workers on other hosts come to this one: `Carrier` for each kind of task."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pff_stream.errors import DamagedResultsError
from pff_stream.execute.files import OutputFile
from pff_stream.files.durable import naming
from pff_stream.work.look import Look, Pieces
from pff_stream.work.task import Answer, Part, Task, WorkerArguments, append_run, split_task

if TYPE_CHECKING:
    from pff_stream.work.documents import DocumentAnswer, DocumentArguments, DocumentTask

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class RulesCarrier:
    """Runs of records: from the spool of a host to the end of this one's."""

    def moved(self, arguments: WorkerArguments, folder: str) -> WorkerArguments:
        """With a spool in `folder`."""
        path = os.path.join(folder, "spool")
        with naming(path):
            os.close(os.open(path, _WRITE, 0o600))
        return arguments._replace(spool=OutputFile(path))

    def split(self, task: Look | Part | Task) -> Sequence[Task]:
        """Halves of its ranges, then of its rules."""
        return split_task(task) if isinstance(task, Task) else ()

    def pick_up(
        self,
        arguments: WorkerArguments,
        task: Look | Part | Task,
        answer: Answer | tuple[Pieces, ...],
    ) -> list[bytes]:
        """The runs."""
        if not isinstance(answer, Answer):
            return []
        spool = os.open(arguments.spool.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return [os.pread(spool, run.length, run.offset) for run in answer.runs]
        finally:
            os.close(spool)

    def put_down(
        self,
        arguments: WorkerArguments,
        task: Look | Part | Task,
        answer: Answer | tuple[Pieces, ...],
        parts: Sequence[memoryview],
    ) -> Answer | tuple[Pieces, ...]:
        """Appends them to the spool."""
        if not isinstance(answer, Answer):
            return answer
        for run, records in zip(answer.runs, parts, strict=True):
            _check(records, run.crc32)
        spool = os.open(arguments.spool.name, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            runs = tuple(append_run(spool, records) for records in parts)
        finally:
            os.close(spool)
        return answer._replace(runs=runs)

    def kept_bytes(self, arguments: WorkerArguments) -> int:
        """The spool."""
        return os.stat(arguments.spool.name).st_size

    def tidy(self, arguments: WorkerArguments) -> None:
        """Empties the spool; workers append to what is its end then."""
        os.truncate(arguments.spool.name, 0)


class DocumentsCarrier:
    """The files of rows and of findings of documents, one of each for a document."""

    def moved(self, arguments: DocumentArguments, folder: str) -> DocumentArguments:
        """With temporary files and those of documents in `folder`."""
        findings = arguments.findings
        if findings is not None:
            wanted = replace(findings.wanted, folder=folder)
            begin = None if findings.begin is None else os.path.join(folder, "found-")
            findings = findings._replace(wanted=wanted, begin=begin)
        return arguments._replace(
            temporary=folder,
            merging=replace(arguments.merging, temporary_dir=folder),
            rows=None if arguments.rows is None else os.path.join(folder, "rows-"),
            findings=findings,
        )

    def split(self, task: DocumentTask) -> Sequence[DocumentTask]:
        """None: a document is poisoned as a whole."""
        return ()

    def pick_up(
        self, arguments: DocumentArguments, task: DocumentTask, answer: DocumentAnswer
    ) -> list[bytes]:
        """Both files, which are removed; without a file no bytes."""
        return [_taken(path, task.number) for path, _ in _files(arguments, answer)]

    def put_down(
        self,
        arguments: DocumentArguments,
        task: DocumentTask,
        answer: DocumentAnswer,
        parts: Sequence[memoryview],
    ) -> DocumentAnswer:
        """Writes them under their names here."""
        for (begin, crc32), content in zip(_files(arguments, answer), parts, strict=True):
            _check(content, crc32)
            path = f"{begin}{task.number}"
            with naming(path):
                descriptor = os.open(path, _WRITE, 0o600)
                try:
                    rest = content
                    while len(rest):
                        rest = rest[os.write(descriptor, rest) :]
                finally:
                    os.close(descriptor)
        return answer

    def kept_bytes(self, arguments: DocumentArguments) -> int:
        """Nothing: files are removed one by one."""
        return 0

    def tidy(self, arguments: DocumentArguments) -> None:
        """There is nothing."""


def _files(arguments: DocumentArguments, answer: DocumentAnswer) -> list[tuple[str, int]]:
    """How the names of the files of an answer begin, each with the checksum of its content."""
    files = []
    if arguments.rows is not None and answer.rows is not None:
        files.append((arguments.rows, answer.rows))
    findings = arguments.findings
    if findings is not None and findings.begin is not None and answer.found is not None:
        files.append((findings.begin, answer.found.crc32))
    return files


def _taken(begin: str, number: int) -> bytes:
    path = f"{begin}{number}"
    with naming(path):
        with open(path, "rb", buffering=0) as file:
            content = file.read()
        os.unlink(path)
    return content


def _check(content: memoryview, expected: int) -> None:
    found = zlib.crc32(content)
    if found != expected:
        raise DamagedResultsError(
            f"results of another host: found checksum {found:08x}, expected {expected:08x}"
        )
