"""The settings of a run whose parts are joined: those of the parts, and what `join` was told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pff_stream.checkpoint.parts import Part
from pff_stream.errors import InputError, UsageError
from pff_stream.report.folder import PART
from pff_stream.settings.commands import JoinSettings, RunSettings
from pff_stream.settings.models import Inputs, OutputOptions, ResourceOptions

_KEPT = ("max_disk_bytes",)
"""Of the resources, what findings depend on."""


def joined_settings(parts: Sequence[Part], said: Mapping[str, Any]) -> RunSettings:
    """What a run would be told that is all parts at once; `said` is what `join` was told.

    Inputs are where the first part says that has them all.
    """
    told = JoinSettings.of(**said)
    first = parts[0].settings
    if told.output.violations is not None and first.get("violations") is None:
        raise UsageError(
            f"--violations: found {told.output.violations}, but the parts were made without: they "
            "kept no violations by rule; expected none, or parts made with --violations"
        )
    for part in parts:
        if os.path.realpath(part.folder) == os.path.realpath(str(said["out"])):
            raise UsageError(f"--out: found {said['out']}, a part; expected another folder")
    left_out = {*OutputOptions.names(), *ResourceOptions.names(), "shard"} - {*_KEPT}
    values = {name: first[name] for name in RunSettings.names() if name in first}
    values = {name: value for name, value in values.items() if name not in left_out}
    values |= _inputs(parts) | dict(said)
    try:
        return RunSettings.of(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{parts[0].folder}: found other settings than a run writes ({error})"
        ) from error


def _inputs(parts: Sequence[Part]) -> dict[str, Any]:
    """Where the inputs are: as one of the parts has them, the first whose files are there."""
    found = [_inputs_of(part) for part in parts]
    return next(filter(_are_there, found), found[0])


def _inputs_of(part: Part) -> dict[str, Any]:
    values = part.settings
    found = {name: values[name] for name in Inputs.names()}
    for name, kept in part.document["kept"].items():
        path = os.path.join(part.folder, PART, kept)
        found[name] = path if name == "rules" else (path,)
    return found


def _are_there(inputs: Mapping[str, Any]) -> bool:
    listed = [one if isinstance(one, (list, tuple)) else [one] for one in inputs.values()]
    return all(os.path.exists(path) for paths in listed for path in paths if path is not None)
