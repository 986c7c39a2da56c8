"""An executor whose workers see none of the parent's files, but what was sent to their folder."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import Any

from pff_stream.cli.engine import Engine
from pff_stream.execute.executors import ForkServer
from pff_stream.execute.files import InputFile, OutputFile, renamed
from pff_stream.execute.interface import Crew
from pff_stream.execute.job import Job

FOLDER = "FOLDER_ELSEWHERE"
"""Variable that names the folder."""


class Elsewhere(ForkServer):
    """A folder stands for another host: files lie there by their contents, and are sent once."""

    name = "elsewhere"

    def crew(self, job: Job) -> Crew[Any, Any]:
        """Workers that know names of the folder only."""
        return super().crew(replace(job, arguments=renamed(job.arguments, self._sent)))

    def _sent(self, file: InputFile | OutputFile) -> str:
        folder = os.environ[FOLDER]
        if isinstance(file, OutputFile):
            path = os.path.join(folder, f"spool-{os.getpid()}-{len(os.listdir(folder))}")
            os.symlink(file.name, path)
            return path
        path = os.path.join(folder, f"content-{file.content_hash}")
        if not os.path.exists(path):
            shutil.copyfile(file.name, path)
            assert os.path.getsize(path) == file.size_bytes
        return path


class EngineElsewhere(Engine):
    """The program's own work, whose workers are elsewhere."""

    def run(self, settings: Any, observer: Any) -> Any:
        """Plans as for a fork server, and runs."""
        from pff_stream.pipeline.run import run

        def begun(running: Any) -> None:
            running.executor = Elsewhere()

        return run(settings, observer, begun)


def main() -> None:
    """The command with this executor."""
    from pff_stream.cli.main import main as command

    sys.exit(command(engine=EngineElsewhere()))
