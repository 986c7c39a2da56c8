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
    of: str = ""
    """The form of which it is another one, where a file has this suffix: `metrics=x.parquet`."""

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
    *(
        Form(name, ".parquet", f"{__name__}.parquet:{writer}", of)
        for name, writer, of in (
            ("parquet", "ParquetFindings", "findings"),
            ("parquet-metrics", "ParquetMetrics", "metrics"),
            ("parquet-outcomes", "ParquetOutcomes", "outcomes"),
        )
    ),
    _only_in_reports("github", "", "GitHub"),
    _only_in_reports("gitlab", "", "GitLab"),
)
"""All forms of a report."""


def form_of(name: str | None, path: str) -> Form | None:
    """The form that is asked for: by its name, else the first that has the suffix of the file.

    None where there is none. A name that stands for two forms is that of the file's suffix.
    """
    fits = [form for form in FORMS if form.suffix and path.endswith(form.suffix)]
    if name is None:
        return fits[0] if fits else None
    named = [form for form in fits if name == form.of]
    return next(iter(named + [form for form in FORMS if form.name == name]), None)


def file_name(writer: type[ResultWriter] | ResultWriter) -> str:
    """The name of its file in a folder of results."""
    return writer.name + writer.suffix
