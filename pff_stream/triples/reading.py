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
from pff_stream.triples._encode import Encoder
from pff_stream.triples.sizes import FILES_BYTES, EncodeCounts, reading_bytes
from pff_stream.words import counted
from planner.sizes import format_size

if TYPE_CHECKING:
    from pff_stream.triples.bad import BadTriples
    from pff_stream.triples.inputs import OpenedInputs
    from pff_stream.triples.options import EncodeOptions

_SPILL_SHARE = 4
"""Triples that take more than this part of the memory lie in a file instead."""
_ASK_BYTES = 16 << 20
"""Bytes read between two looks at whether all of it can fit."""
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
        spill: tuple[int, int] | None = None,
        on_spill: Callable[[int], object] | None = None,
    ) -> None:
        memory_bytes = options.memory_bytes
        self._spill_bytes: int | None = None
        if spill is None or memory_bytes is None:
            self.encoder = Encoder(bad)
        else:
            self._spill_bytes = memory_bytes // _SPILL_SHARE
            self.encoder = Encoder(bad, spill=spill, spill_bytes=self._spill_bytes)
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
        return n_bytes + self._encoder_bytes() <= self._memory_bytes

    def expect(self, n_bytes: int, what: str) -> None:
        """`RefusedError` where they do not; it says what would do."""
        if self._memory_bytes is not None and not self.fits(n_bytes):
            needed = n_bytes + self._encoder_bytes()
            raise RefusedError(
                f"refused: {what} takes {format_size(n_bytes)} to read, "
                f"{format_size(needed)} with what is read already; "
                f"{format_size(self._memory_bytes)} may be used: "
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
        counts = replace(self.counts(None), decoder_bytes=0, document_bytes=0)
        return reading_bytes(counts) + self._held_now

    def _encoder_bytes(self) -> int:
        """What reading holds now, beside what readers hold."""
        return reading_bytes(replace(self.counts(None), document_bytes=0))

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
            spilled_at_bytes=self._spill_bytes if encoder.spilled else None,
            block_bytes=self._options.block_bytes,
            held_bytes=self._held_bytes,
            expected_decoder_bytes=self.decoders.expected_bytes,
        )

    def _feed(self, blocks: Iterable[bytes]) -> None:
        feed, update = self.encoder.feed, self.hash.update
        for block in blocks:
            update(block)
            feed(block)
            self._read_bytes += len(block)
            if self._on_spill is not None and self.encoder.spilled:
                self._on_spill(FILES_BYTES)
                self._on_spill = None
            if self._read_bytes - self._asked_bytes >= _ASK_BYTES:
                self._refuse_early()
        self.encoder.end_file()

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
            n_entities=int(names_share * self.encoder.n_entities),
            n_relations=self.encoder.n_relations,
            entity_name_bytes=int(names_share * self.encoder.entity_name_bytes),
            relation_name_bytes=self.encoder.relation_name_bytes,
            largest_relation_read=0,
            decoder_bytes=self.decoders.most_bytes,
            document_bytes=0,
            block_bytes=self._options.block_bytes,
        )
        return reading_bytes(counts, with_records=self._spill_bytes is None)

    def refusal(self) -> RefusedError:
        """Says how far it came, and what would do."""
        said = (
            "refused: out of memory while encoding, "
            f"after {counted(self.encoder.n_read, 'triple')} with "
            f"{counted(self.encoder.n_entities, 'entity', 'entities')}"
        )
        if self._memory_bytes is not None:
            said += f"; {format_size(self._memory_bytes)} may be used"
        needed = self._needed_bytes(at_least=False)
        if needed is None:
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
