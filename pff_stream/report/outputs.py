"""The outputs of a run: which writer goes to which file, opened and kept together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pff_stream.files.writers import open_writer
from pff_stream.report.formats import FOLDER, file_name
from pff_stream.report.formats.interface import DrivenWriter, ResultWriter
from pff_stream.report.formats.lines import Violations
from pff_stream.report.streams import RunHeader

AnyWriter = TypeVar("AnyWriter", bound=ResultWriter)


@dataclass(frozen=True, slots=True)
class Output(Generic[AnyWriter]):
    """A writer and the file that it writes, `-` for standard output."""

    writer: AnyWriter
    path: str


def merged_outputs(folder: str | None, violations: str | None = None) -> list[Output[DrivenWriter]]:
    """What a merge writes: the files of a folder, violations in `violations` where that is said."""
    outputs: list[Output[DrivenWriter]] = []
    for writer in FOLDER:
        if writer is Violations and violations is not None:
            outputs.append(Output(writer(), violations))
        elif folder is not None:
            outputs.append(Output(writer(), os.path.join(folder, file_name(writer))))
    return outputs


@contextmanager
def opened(outputs: Sequence[Output[AnyWriter]], header: RunHeader) -> Iterator[list[AnyWriter]]:
    """Opens all outputs and begins their writers; keeps them at the end, an error abandons them."""
    with ExitStack() as stack:
        destinations = []
        for output in outputs:
            destination = open_writer(output.path)
            stack.callback(destination.abandon)
            destinations.append(destination)
            output.writer.begin(header, destination)
        yield [output.writer for output in outputs]
        for destination in destinations:
            destination.commit()
