"""All violated rules of a run in their order, which comes of the merge.

Where the first N findings are wanted, the first rules are kept in memory (`_shortlist`), and all
are put in order only if these are not enough. Else they are sorted as they come (`_ranking`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pff_stream.findings._ranked_rows import take_rows
from pff_stream.findings._ranking import RankedRules, Ranking
from pff_stream.findings._shortlist import Shortlist
from pff_stream.findings._sorted import Sorter
from pff_stream.findings.terms import RANKING_BYTES, shortlist_room

if TYPE_CHECKING:
    from pff_stream.rules.source_chunk import SourceChunk


class RuleOrder:
    """Takes the rules of a pass (`formatter`), then gives entries in order, as `_ranking` has them.

    `limit` is how many findings are enough; None: all rules of `floor` and more. `chunks` reads the
    source chunks of the rule file again.
    """

    def __init__(
        self,
        kind: int,
        floor: float | None,
        limit: int | None,
        folder: str,
        chunks: Callable[[], Iterable[SourceChunk]],
    ) -> None:
        self.kind = kind
        """Of confidence."""
        self._folder = folder
        self._chunks = chunks
        self._order = Sorter(folder, RANKING_BYTES)
        self._first: Shortlist | None = None
        self._all: Ranking | None = None
        if limit is None:
            self._all = Ranking(Sorter(folder, RANKING_BYTES), self._order, kind, floor)
        else:
            self._first = Shortlist(kind, shortlist_room(limit), folder)

    @property
    def formatter(self) -> RankedRules:
        """What the pass gives each rule to."""
        made = self._first or self._all
        assert made is not None
        return made

    def read(self, rows: bytes) -> None:
        """Takes some rules as `_ranked_rows` wrote them down, in place of a pass; then `end`."""
        take_rows(self.formatter, rows)

    @property
    def enough(self) -> int:
        """What `RankedRows` leave texts out by; 0: they do not."""
        return 0 if self._first is None else self._first.enough

    def end(self, without_value: int) -> None:
        """Comes behind all rules; so many others have no confidence."""
        self.formatter.pass_over(without_value)
        self.formatter.end()

    @property
    def without_value(self) -> int:
        """Violated rules that are not in force."""
        taken = self._first or self._all
        assert taken is not None
        return taken.without_value

    def __iter__(self) -> Iterator[bytes]:
        """All entries, once."""
        first = self._first
        if first is None:
            yield from self._order
            return
        n_first = first.give(self._order)
        yield from self._order
        if n_first < first.n:
            self._sort_all(first)
            yield from islice(self._order, n_first, None)

    def _sort_all(self, first: Shortlist) -> None:
        """Puts all rules in order: what was noted of them, with their texts."""
        self._order.close()
        self._order = Sorter(self._folder, RANKING_BYTES)
        ranking = Ranking(Sorter(self._folder, RANKING_BYTES), self._order, self.kind)
        first.rewind()
        for chunk in self._chunks():
            first.put_all(ranking, chunk)
        first.close()
        ranking.end()

    def close(self) -> None:
        """Gives back all memory and files."""
        if self._first is not None:
            self._first.close()
        self._order.close()
