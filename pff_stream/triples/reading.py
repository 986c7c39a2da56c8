"""Feeds the lines of all inputs to the encoder, and keeps account of the memory that this takes.

Covers: the hash of the lines, what is refused after its beginning, the counts that the memory
depended on. Does not cover: sorting and writing (`_encode`, `encode`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pff_stream.errors import RefusedError
from pff_stream.files import _pages
from pff_stream.files.decoders import DecoderMemory
from pff_stream.triples._encode import PAIR_BYTES, Encoder
from pff_stream.triples._name_runs import NameRuns
from pff_stream.triples._triple_lines import RECORD_BYTES
from pff_stream.triples.sizes import (
    FILES_BYTES,
    EncodeCounts,
    NameRunCounts,
    reading_bytes,
    sorting_bytes,
)
from pff_stream.words import counted
from planner.sizes import format_size

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.inputs import OpenedInputs
    from pff_stream.triples.options import EncodeOptions

_BLOCKS = 4
"""Of text, at a time."""
_SPILL_SHARE = 4
"""Triples that take more than this part of the memory lie in a file instead."""
_ASK_BYTES = 16 << 20
"""Bytes read between two looks at whether all of it can fit."""
_LEAST_NAMES_BYTES = 1 << 20
"""Names of entities that are not written to a file before they take so much."""
_SMALL_BYTES = 1 << 20
"""What a reader holds up to here is not told from what it held at another time."""


class Reading:
    """Feeds the lines of all inputs to the encoder and to the hash.

    Is told by readers of documents what they hold (a `HeldMemory`), and by decoders.
    """

    def __init__(
        self,
        options: EncodeOptions,
        bad: BadTriples,
        spill: tuple[int, int, int] | None = None,
        on_spill: Callable[[int], object] | None = None,
    ) -> None:
        memory_bytes = options.memory_bytes
        self._spill_bytes: int | None = None
        self._runs: NameRuns | None = None
        if spill is None or memory_bytes is None:
            self.encoder = Encoder(bad)
        else:
            self._spill_bytes = memory_bytes // _SPILL_SHARE
            self._runs = NameRuns(spill[2])
            self.encoder = Encoder(
                bad, spill=spill[:2], spill_bytes=self._spill_bytes, runs=self._runs
            )
        self._names_when_spilled = 0
        self._spilled_first = False  # before names went to their file
        self._on_spill = on_spill
        self.hash = hashlib.blake2b(digest_size=16)
        self.input_hashes: dict[str, bytes] = {}
        self._options = options
        self._memory_bytes = memory_bytes
        self._total_bytes: int | None = None  # of all inputs, where that is known
        self._read_bytes = 0
        self._asked_bytes = 0
        self.decoders = DecoderMemory(memory_bytes, options.window_bytes, self._beside_decoders)
        self._held_now = 0  # by readers
        self._held_bytes = 0  # by them at most, at any time
        self._most_bytes = 0  # together with what the encoder held then
        self._document_bytes = 0  # that the rest leaves of it, when all is read

    def read_all(self, inputs: OpenedInputs, *, each: bool = False) -> None:
        """Reads everything; with `each` every input has a hash of its own, too."""
        self._total_bytes = inputs.plain_bytes()
        for opened in inputs.all:
            lines = opened.lines
            self.encoder.start_file(
                opened.name,
                lines.columns,
                verbatim=not lines.is_raw,
                n_columns=lines.n_columns,
                more_columns=lines.more_columns,
                cuts_dots=lines.cuts_dots,
            )
            own = hashlib.blake2b(digest_size=16) if each else None
            self._feed(lines.blocks if own is None else _hashed(lines.blocks, own.update))
            if own is not None:
                self.input_hashes[opened.name] = own.digest()
        _pages.trim()  # what decoders and readers left free is not there when triples are sorted
        beside = self._most_bytes - self._encoder_bytes()
        self._document_bytes = max(beside, min(self._held_bytes, _SMALL_BYTES))

    def fits(self, n_bytes: int) -> bool:
        """Whether a reader's `n_bytes` fit beside what is held already."""
        if self._memory_bytes is None or n_bytes <= _SMALL_BYTES:
            return True
        if n_bytes + self._encoder_bytes() > self._memory_bytes and self._can_part:
            self.encoder.start_run()
        return n_bytes + self._encoder_bytes() <= self._memory_bytes

    def expect(self, n_bytes: int, what: str) -> None:
        """`RefusedError` where they do not; it says what would do."""
        if self._memory_bytes is not None and not self.fits(n_bytes):
            needed = n_bytes + self._encoder_bytes()
            raise RefusedError(
                f"refused: {what} takes {format_size(n_bytes)} to read, "
                f"{format_size(needed)} with what is read already{self._room()}: "
                f"--budget {_enough(needed)}MiB would do"
            )

    def hold(self, n_bytes: int) -> None:
        """A reader holds so many bytes now, beside names and records."""
        if n_bytes > _SMALL_BYTES:
            self._most_bytes = max(self._most_bytes, n_bytes + self._encoder_bytes())
        self._held_now = n_bytes
        self._held_bytes = max(self._held_bytes, n_bytes)

    def _beside_decoders(self) -> int:
        """What is held beside them while a part of an input is about to be decoded."""
        # It is not said how much the decoder wants: the names leave it half of the memory.
        memory_bytes = self._memory_bytes or 0
        if self._can_part and 2 * self.encoder.entity_names_bytes > memory_bytes:
            self.encoder.start_run()
        return reading_bytes(replace(self._now(), decoder_bytes=0)) + self._held_now

    def _encoder_bytes(self) -> int:
        """What reading holds now, beside what readers hold."""
        return reading_bytes(self._now())

    def _now(self) -> EncodeCounts:
        return replace(self.counts(None), document_bytes=0, name_runs=None)

    @property
    def _can_part(self) -> bool:
        """Whether names can go to a file, and are worth it."""
        return self._runs is not None and self.encoder.entity_names_bytes > _LEAST_NAMES_BYTES

    def _leave_room(self, block_bytes: int) -> None:
        """Tells the encoder what names may take while it reads the next block."""
        if self._memory_bytes is None or self._spill_bytes is None:
            return
        encoder = self.encoder
        records = 0
        if not encoder.spilled:
            self._names_when_spilled = encoder.entity_names_bytes
            # Arrays grow by a quarter; a line has six bytes at least.
            records = RECORD_BYTES * (5 * encoder.n_read // 4 + block_bytes // 6)
            records = min(records, self._spill_bytes)
        others = max(self._held_now, self._document_bytes) + self.decoders.most_bytes
        blocks = _BLOCKS * max(self._options.block_bytes, block_bytes)
        files = FILES_BYTES if encoder.spilled or self._are_in_runs else 0
        if not self._are_in_runs:
            self._spilled_first = encoder.spilled
        room = self._memory_bytes - records - others - blocks - files - _SMALL_BYTES
        encoder.most_names_bytes = max(room, _LEAST_NAMES_BYTES)

    def counts(self, graph_bytes: int | None) -> EncodeCounts:
        """What the memory depended on so far; the graph is known when all is read and sorted."""
        encoder = self.encoder
        return EncodeCounts(
            n_read=encoder.n_read,
            n_entities=encoder.n_entities,
            n_relations=encoder.n_relations,
            entity_name_bytes=encoder.entity_name_bytes,
            relation_name_bytes=encoder.relation_name_bytes,
            largest_relation_read=encoder.largest_relation_read,
            n_triples=encoder.n_triples,
            graph_bytes=graph_bytes,
            decoder_bytes=self.decoders.most_bytes,
            document_bytes=self._document_bytes,
            spilled_at_bytes=self._spilled_at(),
            name_runs=self._name_runs(),
            sorts_in_file=encoder.sorts_in_place,
            block_bytes=self._options.block_bytes,
            held_bytes=self._held_bytes,
            expected_decoder_bytes=self.decoders.expected_bytes,
        )

    def _spilled_at(self) -> int | None:
        if self._spill_bytes is None or not self.encoder.spilled:
            return None
        since = max(0, self._most_names() - self._names_when_spilled)
        # Before the first file there was no page cache of one.
        is_first = self._spilled_first or not self._are_in_runs
        return max(0, self._spill_bytes - since - FILES_BYTES * is_first)

    def _most_names(self) -> int:
        """What names of entities took in memory at most."""
        if self._runs is None or not self._runs.n_runs:
            return self.encoder.entity_names_bytes
        return max(self._runs.first_held_bytes, self._runs.held_bytes)

    def _name_runs(self) -> NameRunCounts | None:
        runs = self._runs
        if runs is None or not runs.n_runs:
            return None
        before_files = 0 if self._spilled_first else FILES_BYTES
        held_bytes = max(runs.held_bytes, runs.first_held_bytes - before_files, 0)
        return NameRunCounts(
            held_bytes, runs.merging_bytes, runs.map_bytes, runs.rank_bytes,
            runs.window_bytes or held_bytes, runs.longest_bytes,
        )  # fmt: skip

    def finish(self) -> None:
        """Sorts what was read, by the first way that fits.

        With names and a relation in memory, with the names in their file, or nothing in memory.
        """
        memory_bytes = self._memory_bytes

        def choose_way() -> tuple[bool, bool]:
            counts = self.counts(None)
            if memory_bytes is None or sorting_bytes(counts) <= memory_bytes:
                return False, False
            if self._sorting_at_least() - FILES_BYTES > memory_bytes:
                raise self.refusal()
            parted = self._with_names_parted(counts)
            return self._can_part, sorting_bytes(parted) > memory_bytes

        self.encoder.finish_reading(choose_way)

    def _with_names_parted(self, counts: EncodeCounts) -> EncodeCounts:
        """As if all names had gone to their file."""
        return replace(counts, name_runs=counts.name_runs or NameRunCounts(0, 0, 0, 0, 0, 0))

    @property
    def disk_bytes(self) -> int:
        """Of temporary files, at most."""
        of_names = 0 if self._runs is None else self._runs.end_bytes
        of_triples = RECORD_BYTES + PAIR_BYTES if self.encoder.spilled else 0
        return of_names + of_triples * self.encoder.n_read

    def _feed(self, blocks: Iterable[bytes]) -> None:
        feed, update = self.encoder.feed, self.hash.update
        for block in blocks:
            update(block)
            self._leave_room(len(block))
            feed(block)
            self._read_bytes += len(block)
            if self._on_spill is not None and (self.encoder.spilled or self._are_in_runs):
                self._leave_cache(len(block))
                self._on_spill(FILES_BYTES)
                self._on_spill = None
            if self._read_bytes - self._asked_bytes >= _ASK_BYTES:
                self._refuse_early()
        self.encoder.end_file()

    def _leave_cache(self, block_bytes: int) -> None:
        """Parts with names that are in the way of what files need."""
        self._leave_room(block_bytes)
        encoder = self.encoder
        if self._can_part and 5 * encoder.entity_names_bytes // 4 > encoder.most_names_bytes:
            encoder.start_run()

    @property
    def _are_in_runs(self) -> bool:
        return self._runs is not None and self._runs.n_runs > 0

    def _refuse_early(self) -> None:
        """Ends the reading where even the least that is to be expected is too much."""
        self._asked_bytes = self._read_bytes
        needed = self._needed_bytes(at_least=True)
        if self._memory_bytes is not None and needed is not None and needed > self._memory_bytes:
            raise self.refusal()

    def _needed_bytes(self, *, at_least: bool) -> int | None:
        """What encoding all will need if lines go on as they began; None where nobody can say.

        At least: if no new name comes. At most: if new names come as often as they did; they become
        rarer.
        """
        if self._total_bytes is None or not self._read_bytes:
            return None
        share = max(1.0, self._total_bytes / self._read_bytes)
        names_share = 1.0 if at_least else share
        counts = EncodeCounts(
            n_read=int(share * self.encoder.n_read),
            n_entities=0 if self._runs else int(names_share * self.encoder.n_entities),
            n_relations=self.encoder.n_relations,
            entity_name_bytes=(
                _LEAST_NAMES_BYTES
                if self._runs
                else int(names_share * self.encoder.entity_name_bytes)
            ),
            relation_name_bytes=self.encoder.relation_name_bytes,
            largest_relation_read=0,
            decoder_bytes=self.decoders.most_bytes,
            document_bytes=0,
            block_bytes=self._options.block_bytes,
        )
        reading = reading_bytes(counts, with_records=self._spill_bytes is None)
        if self._runs is not None and not at_least:
            reading += FILES_BYTES
        return max(reading, self._sorting_at_least())

    def _sorting_at_least(self) -> int:
        """What sorting takes, by the way that takes least; 0 before all is read."""
        if not self.encoder.largest_relation_read:
            return 0
        counts = self._with_names_parted(self.counts(None)) if self._runs else self.counts(None)
        return sorting_bytes(replace(counts, sorts_in_file=self.encoder.spilled))

    def _room(self) -> str:
        """What may be used, and what says so; empty where nothing does."""
        if self._memory_bytes is None:
            return ""
        source = self._options.memory_source
        return f"; {format_size(self._memory_bytes)} may be used{source and f' ({source})'}"

    def refusal(self) -> RefusedError:
        """Says how far it came, and what would do."""
        said = (
            "refused: out of memory while encoding, "
            f"after {counted(self.encoder.n_read, 'triple')} with "
            f"{counted(self.encoder.n_entities, 'entity', 'entities')}{self._room()}"
        )
        needed = self._needed_bytes(at_least=False) or self._sorting_at_least()
        if not needed:
            return RefusedError(said)
        return RefusedError(
            f"{said}: at most about {format_size(needed)} are needed, "
            f"--budget {_enough(needed)}MiB would do"
        )


def _hashed(blocks: Iterable[bytes], update: Callable[[bytes], object]) -> Iterable[bytes]:
    for block in blocks:
        update(block)
        yield block


def _enough(needed_bytes: int) -> int:
    """A budget in MiB: arrays grow by a quarter; sorting takes room for the largest relation."""
    return -(-3 * needed_bytes // 2 >> 20) + 64
