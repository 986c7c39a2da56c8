"""The rules of a validator: compiled, indexed by what a document may have, and told of by ordinal.

Made once and then only read, by any number of threads. Both parts lie in files without a name, of
which only the pages that are looked at are in memory.
"""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from itertools import accumulate
from typing import IO, TYPE_CHECKING

from pff_stream.execute.files import InputFile
from pff_stream.files.temporary import temporary_file
from pff_stream.findings.catalogue import RuleCatalogue, write_catalogue
from pff_stream.findings.confidence import Ranking, ranking_of
from pff_stream.inputs import Rules, open_rules
from pff_stream.notes import say
from pff_stream.pipeline.ranked import ranking_notes
from pff_stream.report.sums import mined_values
from pff_stream.rules._table import RuleTable, TableBuilder
from pff_stream.rules.asked import Relations, asked_relations

if TYPE_CHECKING:
    from pff_stream.evaluate.options import EvaluatorOptions
    from pff_stream.notes import Notes
    from pff_stream.report.streams import MinerValues
    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.given import RulesGiven
    from pff_stream.rules.share import CompileShare
    from pff_stream.settings.commands import ValidatorSettings
    from pff_stream.settings.models import InputOptions

KEPT_CHUNKS = 4
"""Source chunks that are held while outcomes of rules are told."""


class ValidatorRules:
    """Rules that documents are checked by; what is open is closed with the last who has them."""

    def __init__(
        self, opened: Rules, settings: ValidatorSettings, folder: str, stack: ExitStack
    ) -> None:
        """Reads and indexes all rules; takes over from `stack` what closes their file."""
        evaluation = settings.evaluation
        least = evaluation.min_support or 0, evaluation.min_confidence or 0.0
        opened.check_complete()
        self.file: RuleFile = opened.file
        self.source = opened.source
        self.source_hash = opened.source_hash
        self.notes: Notes = opened.notes
        self.ranking: Ranking = ranking_of(evaluation.confidence, self.file)
        self.relations: Relations = asked_relations(evaluation.relation, self.file)
        self.semantics = settings.reading.semantics or self.file.semantics
        self.firsts = [0, *accumulate(int(n) for n in self.file.source_chunks["rules"])]
        """Ordinal of the first rule of each source chunk, and of the one behind the last."""
        self.shared = opened.shared
        """The rule file, for workers."""
        self._table, name = _table(self.file, least, self.relations, folder, stack)
        self.shared_table = self._shared(name, "the table of the rules")
        texts, name = _catalogue(self.file, self.ranking, least, folder, stack)
        self.shared_catalogue = self._shared(name, "the texts of the rules")
        self.catalogue = RuleCatalogue(texts)
        self._is_ranking_told = not self.ranking.kind.is_counted
        self.forked()
        weakref.finalize(self, stack.pop_all().close)

    def forked(self) -> None:
        """In a child of a fork, and at the beginning: no other thread is at the rules."""
        # A chunk that is told of may be another thread's next one.
        self._lock = threading.Lock()
        self._mined = lru_cache(KEPT_CHUNKS)(partial(_mined, self.file))

    def tell_ranking(self) -> None:
        """With the first findings: warns once where documents alone tell the confidence."""
        if not self._is_ranking_told:
            self._is_ranking_told = True
            say(ranking_notes(self.ranking, of_documents=True))

    def _shared(self, name: str, shown: str) -> InputFile:
        content_hash = f"{self.shared.content_hash}-{shown}"
        return InputFile(name, os.stat(name).st_size, content_hash, shown)

    @property
    def table_bytes(self) -> int:
        """Of the index."""
        return len(self._table)

    def table(self) -> RuleTable:
        """The rules as a table, with room of its own to count one graph after the other."""
        return RuleTable(self._table)

    def is_table_usable(self, counting: EvaluatorOptions) -> bool:
        """Whether documents can be counted by the table at all."""
        return counting.max_work is None

    def mined(self, index: int) -> list[MinerValues]:
        """What the miner wrote beside each rule of a source chunk."""
        with self._lock:
            return self._mined(index)

    def mined_of(self, source: int) -> MinerValues:
        """What the miner wrote beside one rule."""
        index = bisect_right(self.firsts, source) - 1
        return self.mined(index)[source - self.firsts[index]]


@contextmanager
def opened_rules(
    path: str, reading: InputOptions, folder: str, share: CompileShare, given: RulesGiven | None
) -> Iterator[tuple[Rules, ExitStack]]:
    """The compiled rules, and what closes them when the caller has taken it over."""
    with ExitStack() as stack:
        rules = stack.enter_context(open_rules(path, reading, folder, share, given))
        yield rules, stack


def _mined(file: RuleFile, index: int) -> list[MinerValues]:
    return mined_values(file.read_source_chunk(index))


def _table(
    file: RuleFile,
    least: tuple[int, float],
    relations: Relations,
    folder: str,
    stack: ExitStack,
) -> tuple[mmap.mmap, str]:
    """The index, mapped, and the name that others open it by."""
    builder = TableBuilder(*least, relations, keeps_filtered=False)
    buffer = bytearray(file.max_chunk_bytes)
    for index in range(len(file.chunks)):
        builder.add(file.read_chunk(index, buffer))
    target, name = stack.enter_context(temporary_file(folder))
    size = builder.size()
    os.posix_fallocate(target.fileno(), 0, size)
    with mmap.mmap(target.fileno(), size) as room:
        builder.write_into(room)
    return _mapped(target), name


def _catalogue(
    file: RuleFile, ranking: Ranking, least: tuple[int, float], folder: str, stack: ExitStack
) -> tuple[mmap.mmap, str]:
    """What is told of the rules, mapped, and the name that others open it by."""
    target, name = stack.enter_context(temporary_file(folder))
    support, confidence = least
    write_catalogue(
        file, ranking.kind, target, folder, min_support=support, min_confidence=confidence
    )
    return _mapped(target), name


def _mapped(file: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
