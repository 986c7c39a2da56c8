"""The rules of a compiled file as lines of another notation, in the order of the source."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pff_stream.errors import InputError
from pff_stream.notes import NOT_CONVERTED, Notes, say
from pff_stream.rules.formats import named
from pff_stream.rules.formats._amie_text import expanded
from pff_stream.rules.notations import NOTATIONS, NotConvertedError, known, read_plainly
from pff_stream.rules.rule import Rejected, Rule

if TYPE_CHECKING:
    from pff_stream.rules.file import RuleFile
    from pff_stream.rules.formats.interface import RuleFormat
    from pff_stream.rules.source_chunk import SourceChunk

_logger = logging.getLogger("pff_stream")


class Converted:
    """Lines of a file's rules, and notes of those that have none."""

    def __init__(self, file: RuleFile, source: str, notation: str) -> None:
        """`InputError` where the file's own format is not known here."""
        self._file = file
        self._source = source
        self._notation = NOTATIONS[notation]
        own = named(file.rule_format)
        if own is None:
            raise InputError(
                f"{source}: found rules of the format {file.rule_format!r}, "
                "expected one that is known here"
            )
        self._own: RuleFormat = own
        self.notes = Notes()
        self.n_converted = 0

    @property
    def meaning(self) -> str | None:
        """What has to be said where the rules are read, so that they mean what they meant."""
        if self._file.semantics == self._notation.format.default_semantics:
            return None
        return f"--semantics {self._file.semantics}"

    def tell(self) -> None:
        """Says what was not converted; `InputError` where that is all."""
        say(self.notes)
        if not self.n_converted:
            raise InputError(f"{self._source}: found no rule that can be converted, expected one")
        if self.meaning is not None:
            _logger.warning(
                "a notation does not say what variables mean: read these with %s", self.meaning
            )

    def lines(self) -> Iterator[bytes]:
        """One for each rule that can be converted, with its newline; a header before them."""
        if self._notation.header:
            yield self._notation.header.encode() + b"\n"
        for chunk in self._file.all_source_chunks():
            columns = {
                column.name: chunk.miner_column(column).tolist() for column in self._file.columns
            }
            for at in range(len(chunk)):
                values = known({name: column[at] for name, column in columns.items()})
                try:
                    line = self._notation.line(self._rule(chunk, at), values)
                except NotConvertedError as error:
                    number = int(chunk.lines[at])
                    self.notes.add(NOT_CONVERTED, self._source, number, str(error))
                else:
                    self.n_converted += 1
                    yield line.encode() + b"\n"

    def _rule(self, chunk: SourceChunk, at: int) -> Rule:
        reason = chunk.reason(at)
        if reason:
            raise NotConvertedError(f"it could not be read: {reason}")
        rule = read_plainly(self._own, chunk.text(at))
        if isinstance(rule, Rejected):
            raise NotConvertedError(f"found {rule.found}, expected {rule.expected}")
        return expanded(rule, self._file.namespaces) if self._file.namespaces else rule
