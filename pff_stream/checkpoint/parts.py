"""Parts of a run that are done: read, and held against each other before they are joined.

All of them must be there, each once, of the same rules, triples and settings, by the same version
of this program, and as they were written. What is not so is an `InputError` that says what. Does
not cover: what is made of them (`pipeline.joined`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pff_stream.checkpoint.part_files import (
    CHECKED,
    PART_FILE,
    PART_VERSION,
    checksum,
    head_checksum,
)
from pff_stream.checkpoint.resume import MAY_DIFFER
from pff_stream.checkpoint.state import open_private, read_settings
from pff_stream.errors import InputError
from pff_stream.files.saved import saved_json
from pff_stream.report.folder import PART, is_part, is_unfinished
from pff_stream.rules.shard import Shard
from pff_stream.settings.models import Inputs
from pff_stream.settings.options import OPTIONS
from pff_stream.version import VERSION
from pff_stream.words import counted

_SHOWN = 8
"""So many missing parts are named."""
_PATHS = frozenset(Inputs.names())
"""Other hosts may have these elsewhere: it is their contents that must be equal."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is done, by what it says of itself."""

    folder: str
    """As the user named it."""
    shard: Shard
    head: Mapping[str, Any]
    """`part.json`."""
    document: Mapping[str, Any]
    """`settings.json`."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """What it came to."""
        found: Mapping[str, Any] = self.head["summary"]
        return found

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Hashes of what it is made of."""
        found: Mapping[str, Any] = self.document["inputs"]
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """What it was told, by field."""
        return dict(self.document["settings"])

    def open(self, name: str, buffering: int = 0) -> IO[bytes]:
        """One of its files, to be read; `InputError` where it is none of a part."""
        try:
            return os.fdopen(open_private(self.folder, name, os.O_RDONLY, PART), "rb", buffering)
        except OSError as error:
            raise self.damaged(f"{name}: {error.strerror or error}") from error

    def damaged(self, found: str) -> InputError:
        """What is said where it is not as it was written."""
        return InputError(
            f"{self.folder}: part {self.shard} is damaged: {found}; make it again by `run --shard "
            f"{self.shard} --out {self.folder}`"
        )


def read_parts(folders: Sequence[str]) -> list[Part]:
    """All parts of a run, in their order, their agreement checked; their results are not yet."""
    parts = [_read(folder) for folder in folders]
    first = parts[0]
    for part in parts[1:]:
        _compare(first, part)
    seen: dict[int, Part] = {}
    for part in parts:
        other = seen.setdefault(part.shard.number, part)
        if other is not part:
            raise InputError(
                f"{part.folder}: found part {part.shard} a second time, it is in {other.folder}, "
                "too; expected each part once"
            )
    n_parts = first.shard.parts
    missing = [number + 1 for number in range(n_parts) if number not in seen]
    if missing:
        shown = ", ".join(f"{number}/{n_parts}" for number in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        are = "part is missing" if len(missing) == 1 else "parts are missing"
        raise InputError(
            f"{counted(len(missing), are, are)}: {shown}{more}; found "
            f"{counted(len(parts), 'part')}, expected all {n_parts}"
        )
    return [seen[number] for number in range(n_parts)]


def _read(folder: str) -> Part:
    """One of them; InputError where it is none, not done, or not as it was written."""
    if is_unfinished(folder):
        raise InputError(
            f"{folder}: found an unfinished run, expected a part that is done: "
            f"`pff-stream run --resume {folder}` goes on with it"
        )
    if not is_part(folder):
        raise InputError(
            f"{folder}: found no part of a run there, expected the folder of `run --shard I/N "
            "--out DIR`"
        )
    path = os.path.join(folder, PART, PART_FILE)
    document = read_settings(folder, PART)
    wrong = f"{path}: found no part that this version of pff-stream wrote"
    try:
        head = saved_json(path)
        if head_checksum(head) != head["crc32"]:
            raise InputError(f"{path}: is damaged: it has another checksum than it says")
        shard, kind = Shard.of(OPTIONS["shard"].read(head["shard"], path)), dict  # type: ignore[arg-type]
        fields = (head[name] for name in ("summary", "files"))
        if not all(isinstance(one, kind) for one in fields):
            raise ValueError
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(wrong) from error
    part = Part(folder, shard, head, document)
    version = head.get("part_version"), head.get("program")
    if version != (PART_VERSION, VERSION):
        raise InputError(
            f"{folder}: found a part of pff-stream {head.get('program')}, expected one of "
            f"{VERSION}, which joins them"
        )
    for name, found in head["files"].items():
        if name not in CHECKED:
            raise InputError(wrong)
        with part.open(name) as file:
            if checksum(file) != found:
                raise part.damaged(f"{name} has another checksum than when it was written")
    return part


def _compare(first: Part, other: Part) -> None:
    """InputError where two parts cannot be of one run."""
    pair = f"{other.folder} and {first.folder}"
    if first.shard.parts != other.shard.parts:
        raise InputError(
            f"{pair}: found parts of {other.shard.parts} and of {first.shard.parts}, expected "
            "parts of one number"
        )
    for name in {**first.inputs, **other.inputs}:
        if first.inputs.get(name) != other.inputs.get(name):
            raise InputError(
                f"{pair}: found parts of other {name} (hash {other.inputs.get(name)} and "
                f"{first.inputs.get(name)}), expected the same"
            )
    for name, one, two in _differing(first.settings, other.settings):
        option = OPTIONS.get(name)
        raise InputError(
            f"{pair}: found parts with other settings: {f'--{option.name}' if option else name} "
            f"is {two} and {one}, expected the same"
        )


def _differing(
    one: Mapping[str, Any], two: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    for name in sorted(one.keys() | two.keys()):
        is_same = one.get(name) == two.get(name)
        if name in _PATHS or name == "shard":
            continue
        if name == "violations":  # whether they are listed, not where
            is_same = (one.get(name) is None) == (two.get(name) is None)
        elif name in MAY_DIFFER:
            continue
        if not is_same:
            yield name, one.get(name), two.get(name)
