"""What is said of a run that gives cause to look closer; most give none, and load nothing more."""

from __future__ import annotations

from pff_stream.inputs import GraphInput
from pff_stream.notes import Notes
from pff_stream.pipeline.suspicious import is_suspicious
from pff_stream.report.totals import Totals
from pff_stream.rules.file import RuleFile
from pff_stream.settings.models import InputOptions


def suspicions(totals: Totals, rules: RuleFile, graph: GraphInput, reading: InputOptions) -> Notes:
    """What is to be said of a run over a graph: nothing, or what `nothing_checked` finds out."""
    if not is_suspicious(totals):
        return Notes()
    from pff_stream.pipeline.nothing_checked import nothing_checked

    encoded = graph.encoded
    has_columns = encoded is not None and encoded.mapping.startswith("tsv")
    has_columns = has_columns and reading.format != "openke"
    return nothing_checked(totals, rules, graph, reading.columns if has_columns else None)
