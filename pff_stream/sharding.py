"""Runs in parts for Python callers: each part anywhere, and one that joins them.

run_shard("2/5", "rules.pffr", "graph.pffg", out="part-2")
join([f"part-{number}" for number in range(1, 6)], out="results")
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pff_stream.errors import UsageError
from pff_stream.given import Path, RulesInput, TriplesInput, given_inputs

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.results import RunResult


def run_shard(
    shard: str,
    rules: RulesInput,
    triples: TriplesInput,
    *,
    out: Path,
    progress: bool | Told = False,
    **options: Any,
) -> None:
    """Does part I of N of a run (`shard` is `I/N`, counted from 1) and keeps it in folder `out`.

    `options` and `progress` are those of `run`; what changes results must be the same for all
    parts. Raises what `run` raises.
    """
    from pff_stream.limits.room import check_room

    check_room()  # before numpy is imported, which would end the process
    from pff_stream.pipeline import run as running
    from pff_stream.progress.choose import watched
    from pff_stream.settings.commands import RunSettings

    paths, given_rules, given_triples = given_inputs(rules, triples)
    if given_triples and any(isinstance(one, str) for one in given_triples):
        raise UsageError(
            "triples: found tables beside paths, expected either for a part: it keeps no tables"
        )
    settings = RunSettings.of(**paths, **options, out=os.fspath(out), shard=shard)
    with watched(progress) as observer:
        running.run(settings, observer, given=(given_rules, given_triples))


def join(
    parts: Sequence[Path],
    *,
    out: Path | None = None,
    progress: bool | Told = False,
    **options: Any,
) -> RunResult:
    """Makes results of all parts, those of one run: in folder `out`, or in a temporary one.

    `progress` is that of `run`. `options` are the fields of `JoinSettings` (violations, report,
    fail_on, budget_bytes, ...).
    Raises `InputError` where a part is missing, there twice, unfinished, damaged, or of another
    run; else what `run` raises.
    """
    from pff_stream.limits.room import check_room

    check_room()  # before numpy is imported, which would end the process
    from pff_stream.pipeline import join as joining
    from pff_stream.progress.choose import watched
    from pff_stream.results import ResultFolder, RunResult

    folder = ResultFolder(None if out is None else os.fspath(out))
    try:
        told = {**options, "out": folder.path}
        with watched(progress) as observer:
            result = joining.join([os.fspath(part) for part in parts], told, observer)
    except BaseException:
        folder.close()
        raise
    return RunResult(folder, result)
