"""Says in one line why a plan takes fewer workers than it was allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.machine import Machine
from planner.model import Settings

if TYPE_CHECKING:
    from pff_stream.run.settings import RunSettings


def why_fewer(
    settings: RunSettings, machine: Machine, pieces: int, word: str, chosen: Settings | None
) -> list[str]:
    """A note where `chosen` has fewer workers than --max-workers or the cores would allow.

    `pieces` is what there is to share out, in `word`s. None where the number was asked for.
    """
    if chosen is None or settings.workers is not None:
        return []
    workers = int(chosen["workers"] or 1)
    asked = settings.max_workers or machine.cores
    said = f"{workers} instead of {asked} workers"
    if workers < min(asked, machine.cores, max(1, pieces)):
        return [f"{said}: more do not fit the budget"]
    if settings.max_workers is None or workers >= asked:
        return []
    if workers == machine.cores:
        return [f"{said}: {machine.cores} cores may be used ({machine.cores_source})"]
    return [f"{said}: there is no more work to share out than {pieces} {word}"]


def too_many(settings: RunSettings, machine: Machine) -> list[str]:
    """A warning where more workers are asked for than cores may be used."""
    if settings.workers is None or settings.workers <= machine.cores:
        return []
    cores = f"{machine.cores} cores ({machine.cores_source})"
    return [f"{settings.workers} workers on {cores}: more than can work at once"]
