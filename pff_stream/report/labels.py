"""`--names FILE`: labels of ids, for people: beside the ids, never in place of them.

A line is an id, a tab and its label; of an id that stands twice the first label counts. Only labels
that are wanted are kept, whatever the length of the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pff_stream.errors import InputError
from pff_stream.files.lines import BadLine, text_lines
from pff_stream.files.sources import open_blocks
from pff_stream.report.streams import Finding


def read_labels(path: str, wanted: Collection[str] = frozenset()) -> dict[str, str]:
    """The labels of these ids; `InputError` with the line where the file is none of labels."""

    def refuse(bad: BadLine) -> None:
        raise InputError(f"{path}:{bad.number}: found {bad.found}, expected {bad.expected}")

    found: dict[str, str] = {}
    for number, line in text_lines(open_blocks(path), refuse):
        if not line:
            continue
        name, tab, label = line.partition("\t")
        if not tab or not name:
            expected = "an id, a tab and a label"
            raise InputError(f"{path}:{number}: found {line[:80]!r}, expected {expected}")
        if name in wanted and name not in found and label:
            found[name] = label
    return found


def shown_names(findings: Iterable[Finding]) -> set[str]:
    """The names that showing these findings takes."""
    names: set[str] = set()
    for one in findings:
        names.update(one.triple, one.found.subjects, one.found.objects)
        for reason in one.reasons:
            for fact in reason.witness:
                names.update(fact)
    return names


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """A name with its label behind it, if it has one."""
    label = labels.get(name)
    return name if label is None else f"{name} ({label})"
