"""What is warned of where findings are ranked by what a document alone tells."""

from __future__ import annotations

from pff_stream.findings.confidence import Ranking
from pff_stream.notes import NoteKind, Notes

RANKED_BY = NoteKind("ranked_by", "", "")
"""Its places are whole sentences."""


def ranking_notes(ranking: Ranking, *, of_documents: bool) -> Notes:
    """That documents tell little of a confidence, where it is counted on them."""
    notes = Notes()
    if of_documents and ranking.kind.is_counted:
        notes.add(
            RANKED_BY,
            "",
            0,
            f"--confidence {ranking.kind.word} is counted on each document alone, which says "
            "little of a rule; give as RULES the rules.tsv of a run over reference data, which has "
            "exact counts as the miner's columns",
        )
    return notes
