"""Lists a rule that has more violations than the disk has room for: page by page.

What is wanted of each page is kept (`findings/_large`), the rest is dropped before the next is
listed. Does not cover: which violations a page has, and how much room there is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from pff_stream.evaluate.options import Page
from pff_stream.findings._joined import Joined
from pff_stream.findings._large import LargeRule
from pff_stream.findings.order import ChosenRules
from pff_stream.inputs import GraphInput
from pff_stream.triples.graph import attach

MOST_PAGES = 1000
"""Each counts the rule again; one that would take more is left out."""
_MOST_REPEATS = 1000


class LargeRules:
    """Chooses one rule after the other, and joins what is wanted of it."""

    def __init__(
        self,
        chosen: ChosenRules,
        joined: Joined,
        graph: GraphInput,
        folder: str,
        list_page: Callable[[int, Page], None],
        room: Callable[[int, int, int], int],
    ) -> None:
        """`list_page` adds a page of the violations of the rules from a rank on to `joined`.

        `room` tells how many violations of each of some rules may be listed at once, beside those
        that are listed, where so many triples are wanted of them.
        """
        self._chosen = chosen
        self._joined = joined
        self._graph = graph
        self._folder = folder
        self._list_page = list_page
        self._room = room

    def list_next(self, missing: int) -> bool:
        """Chooses the next rule, for so many triples; False where its pages have no room."""
        chosen, joined = self._chosen, self._joined
        first, before = chosen.n, chosen.violations
        violations, n_rules = chosen.ahead(_MOST_REPEATS)
        most = self._room(before, n_rules, missing) if n_rules else 0
        if MOST_PAGES * most < max(1, violations):
            return False
        chosen.extend(1)
        with closing(LargeRule(joined, self._folder, first, missing)) as large:
            page, done = Page(most), 0
            while done < violations:
                large.begin_page()
                self._list_page(first, page)
                with attach(self._graph.name) as attached:
                    joined.look_at(attached.view)
                    n, last = large.end_page()
                    joined.look_at(None)
                done += n
                if n < most:
                    break
                page = Page(most, last)
            kept = large.finish()
        chosen.violations = before + kept
        return True
