"""The texts that a finished run read, found again for reports: only as they were then.

A text is what it was where its triples have the hash that the run wrote down, and where all that is
marked still stands in the lines that the findings name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pff_stream.errors import InputError, RefusedError
from pff_stream.files.decoders import PACKED_SUFFIXES, DecoderMemory
from pff_stream.files.sources import open_blocks
from pff_stream.findings.places import ANY, Place, PlaceSources, Wanted, find_places
from pff_stream.report.records import Json, Names
from pff_stream.report.source import (
    LARGEST_WINDOW_BYTES,
    MOST_DOCUMENT_BYTES,
    MOST_LINES_BYTES,
    Source,
    Sources,
)
from pff_stream.report.streams import DocumentSummary, Finding
from pff_stream.report.summary import Summary
from pff_stream.settings.models import InputOptions, Inputs
from pff_stream.triples.options import EncodeOptions, encode_options
from planner.sizes import format_size

_KEY = "input_paths"


def kept_paths(inputs: Inputs) -> dict[str, Json]:
    """What the summary of a run keeps of where its inputs are: from any folder."""
    paths = [os.path.abspath(path) for path in inputs.triples if path != "-"]
    manifest = None if inputs.manifest is None else os.path.abspath(inputs.manifest)
    return {_KEY: {"triples": [*paths], "manifest": manifest}}


class SourcesOfRun(Sources):
    """Those that the summary of a run names."""

    def __init__(self, summary: Summary) -> None:
        self._options = _options(summary.settings)
        kept: Any = summary.run.get(_KEY)
        kept = kept if isinstance(kept, dict) else {}
        self._triples = [str(path) for path in kept.get("triples") or ()]
        manifest = kept.get("manifest")
        self._folder = None if manifest is None else os.path.dirname(str(manifest))

    def reading_bytes(self) -> int | None:
        """What reading its texts again takes, by their sizes; None where these do not tell."""
        if not self._triples or any(
            path.lower().endswith(PACKED_SUFFIXES) for path in self._triples
        ):
            return None
        # Only here: a run that makes no report has no use for it.
        from pff_stream.report.formats.marked import source_bytes

        return source_bytes(sum(map(os.path.getsize, filter(os.path.isfile, self._triples))))

    def of(self, document: DocumentSummary, marks: Sequence[Finding]) -> Source:
        """The text of this document, if it is what it was."""
        files = self._files(marks)
        if not files:
            return Source("it is not known where the text is")
        paths = self._triples or list(files.values())
        if not all(map(os.path.isfile, paths)):
            return Source("source not found")
        most = MOST_DOCUMENT_BYTES if any(one.pointer for one in marks) else MOST_LINES_BYTES
        try:
            if _is_over(paths, most):
                return Source(f"its text is over {format_size(most)}")
            is_same = self._is_same(paths, files, document.triples, marks)
        except (InputError, RefusedError, ValueError):
            is_same = False
        return Source("", files, _blocks) if is_same else Source("source changed")

    def _files(self, marks: Sequence[Finding]) -> dict[str, str]:
        """Path of each file that findings name; empty where one is not known."""
        files: dict[str, str] = {}
        for place in (place for one in marks for place in _places(one) if place is not None):
            path = self._path(place.file)
            if path is None:
                return {}
            files[place.file] = path
        return files

    def _path(self, name: str) -> str | None:
        if self._folder is not None:
            return os.path.join(self._folder, name)
        known = [path for path in self._triples if path in (name, os.path.abspath(name))]
        if not known:  # a report from another folder than the run's
            end = os.sep + os.path.normpath(name)
            known = [path for path in self._triples if path.endswith(end)]
        return known[0] if len(known) == 1 else None

    def _is_same(
        self, paths: list[str], files: Mapping[str, str], expected: str, marks: Sequence[Finding]
    ) -> bool:
        wanted = [one for finding in marks for one in _wanted(finding)]
        sources = PlaceSources(paths, self._options, bytes.fromhex(expected))
        found = iter(find_places(sources, wanted, decoders=_decoders()))
        for finding in marks:
            told = [next(found) for _ in _wanted(finding)]
            instead, facts = told[:3], told[3:]
            place = finding.where
            if place is not None and not any(_is_at(one, place, files) for one in instead):
                return False
            where = finding.reasons[0].where
            if not all(
                one is None or _is_at(other, one, files)
                for other, one in zip(facts, where, strict=False)
            ):
                return False
        return True


def _options(settings: Mapping[str, Any]) -> EncodeOptions:
    """How the run read its triples."""
    known = {name: settings[name] for name in InputOptions.fields() if name in settings}
    return encode_options(InputOptions(**known), LARGEST_WINDOW_BYTES)


def _decoders() -> DecoderMemory:
    return DecoderMemory(window_bytes=LARGEST_WINDOW_BYTES)


def _blocks(path: str) -> Iterator[bytes]:
    return open_blocks(path, decoders=_decoders())


def _is_over(paths: Sequence[str], most: int) -> bool:
    n_bytes = 0
    for path in paths:
        for block in _blocks(path):
            n_bytes += len(block)
            if n_bytes > most:
                return True
    return False


def _places(finding: Finding) -> Iterator[Place | None]:
    yield finding.where
    yield from finding.reasons[0].where


def _is_at(found: Place | None, told: Place, files: Mapping[str, str]) -> bool:
    """Whether what is found now is in the line that was told."""
    return found is not None and (found.file, found.line) == (files[told.file], told.line)


def _wanted(finding: Finding) -> Iterator[Wanted]:
    """What may stand in the finding's place, any of three, then what its reason says."""
    subject, relation, object_ = _bytes(finding.triple)
    yield ANY, relation, object_
    yield subject, relation, ANY
    yield subject, relation, None
    yield from map(_bytes, finding.reasons[0].witness)


def _bytes(triple: Names) -> tuple[bytes, bytes, bytes]:
    subject, relation, object_ = (name.encode("utf-8", "surrogateescape") for name in triple)
    return subject, relation, object_
