"""Forms of a report, one module each: which there are, and which a folder of results has."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

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
"""The forms that a folder of results has; a report may have them, too."""


class Form(NamedTuple):
    """A form that a report has; its module is imported where one is asked for."""

    name: str
    suffix: str
    """Empty where only the name chooses it."""
    place: str
    """Module and class."""

    def writer(self) -> type[ResultWriter]:
        """Its class."""
        module, _, name = self.place.partition(":")
        writer: type[ResultWriter] = getattr(import_module(module), name)
        return writer


def _only_in_reports(name: str, suffix: str, writer: str) -> Form:
    """Its module is a file beside this one, named as the form."""
    return Form(name, suffix, f"{__name__}.{name}:{writer}")


FORMS = (
    *(Form(one.name, one.suffix, f"{one.__module__}:{one.__name__}") for one in WRITERS),
    _only_in_reports("sarif", ".sarif", "Sarif"),
    _only_in_reports("junit", ".xml", "JUnit"),
    _only_in_reports("html", ".html", "Html"),
    _only_in_reports("markdown", ".md", "Markdown"),
    _only_in_reports("github", "", "GitHub"),
    _only_in_reports("gitlab", "", "GitLab"),
)
"""All forms of a report; a file's name chooses the first that has its suffix."""


def file_name(writer: type[ResultWriter] | ResultWriter) -> str:
    """The name of its file in a folder of results."""
    return writer.name + writer.suffix
