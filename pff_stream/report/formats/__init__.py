"""Forms of a report, one module each: which there are, and which a folder of results has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pff_stream.report.formats.findings import Findings
from pff_stream.report.formats.lines import Outcomes, Rules, Violations
from pff_stream.report.formats.metrics import Metrics

if TYPE_CHECKING:
    from pff_stream.report.formats.interface import DrivenWriter, ResultWriter

FOLDER: tuple[type[DrivenWriter], ...] = (Rules, Outcomes, Metrics)
"""What the merge writes into a folder of results, beside the findings."""
DOCUMENT_FOLDER: tuple[type[DrivenWriter], ...] = (Violations, *FOLDER)
"""And into that of a document of a manifest, which has no findings."""
WRITERS: tuple[type[ResultWriter], ...] = (Findings, *FOLDER)
"""All forms of a report; a file's name chooses the first that has its suffix."""


def file_name(writer: type[ResultWriter] | ResultWriter) -> str:
    """The name of its file in a folder of results."""
    return writer.name + writer.suffix
