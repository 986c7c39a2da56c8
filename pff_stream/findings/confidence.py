"""Which confidence rules are ranked by, and the order that it gives them.

The kinds are those of `--confidence`. Compiled code has the same order inline
(`_rank.pxd`). Does not cover: cuts, floors and scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from pff_stream.findings._confidence import rank_confidence
from pff_stream.rules.columns import CONFIDENCE
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile

__all__ = ["Kind", "Ranking", "rank_confidence", "rank_key", "ranked_by", "ranking_of"]


class Kind(IntEnum):
    """A kind of confidence; `word` is how `--confidence` names it."""

    MINER = 0
    """The miner's column `confidence`."""
    MINER_PCA = 1
    """The miner's column `pca_confidence`."""
    EXACT = 2
    """support / (predictions + unseen), on this graph."""
    PARTIAL = 3
    """support / (predictions - unknown + unseen), on this graph."""

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def named(cls, word: str) -> Kind:
        """The kind of this name; the option has read it."""
        return cls[word.upper().replace("-", "_")]

    @property
    def is_counted(self) -> bool:
        """Whether it is counted on this graph, else stated by the miner."""
        return self >= Kind.EXACT


@dataclass(frozen=True, slots=True)
class Ranking:
    """The kind that a run ranks its rules by."""

    kind: Kind
    note: str = ""
    """What is to be said of the choice, in one line; empty where all was asked for."""


def ranking_of(asked: str | None, file: RuleFile) -> Ranking:
    """The kind that was asked for; else the miner's, if every readable rule has it within 0..1."""
    if asked is not None:
        return Ranking(Kind.named(asked))
    readable = file.rules - file.rejected
    n_rules = next((one.in_range for one in file.columns if one.name == CONFIDENCE.name), 0)
    if n_rules == readable:
        return Ranking(Kind.MINER)
    return Ranking(
        Kind.EXACT,
        f"ranked by --confidence exact: the miner gives {readable - n_rules:,} of "
        f"{counted(readable, 'rule')} no confidence from 0 to 1",
    )


def ranked_by(kind: Kind, score: str, assumption: str) -> str:
    """What findings are ordered by and what they are of, as `miner/max/closed`."""
    return f"{kind.word}/{score}/{assumption}"


def rank_key(
    confidence: float, violations: int, text: bytes, source: int = 0
) -> tuple[float, int, bytes, int]:
    """Sorts rules into their order: what `sorted` takes as a key.

    Confidence falls, then violations rise, then the bytes of the text; rules of one text stay in
    the order of the rule file, `source`.
    """
    return -confidence, violations, text, source
