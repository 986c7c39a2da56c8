"""`--resume DIR`: the settings of a run that was begun, or the end of one that is finished.

Inputs and settings come from the folder. What was said besides must be the same where it changes
the results; workers, budget and the like may differ. Does not cover: spool and journal
(`unfinished`), the state (`state`), the evaluation itself.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from pff_stream.checkpoint.part_files import PART_FILE
from pff_stream.checkpoint.state import absolute, read_settings
from pff_stream.errors import InputError, UsageError
from pff_stream.files.saved import saved_json
from pff_stream.files.writers import STANDARD_OUTPUT
from pff_stream.limits.room import check_room
from pff_stream.report.folder import PART, STATE, SUMMARY, is_part, is_unfinished
from pff_stream.report.summary import NOT_A_SUMMARY, Summary, read_summary
from pff_stream.settings.cluster import ClusterOptions
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.models import OutputOptions, ResourceOptions
from pff_stream.settings.options import OPTIONS, split_report
from pff_stream.settings.resolve import Layers, resolve, said

MAY_DIFFER = frozenset(ResourceOptions.names() + OutputOptions.names() + ClusterOptions.names()) - {
    "per_document"
}
"""Fields that change no byte of the results."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """What a finished run ended with."""

    exit_code: int
    reason: str
    lines: list[str]
    fail_on: str
    """What decided about its exit code."""
    summary: Summary
    is_judged: bool = True
    """Whether --fail-on decides about it; about a part `join` does."""
    findings: None = None
    memory_lines: tuple[str, ...] = ()
    """Both were said when it ended."""


def run_settings(layers: Layers) -> RunSettings:
    """The settings of a run: as said, or with `--resume` those of the folder.

    `RefusedError` where there is no room for numpy, by which a manifest is read.
    """
    check_room()
    out = said(layers, ("resume",)).get("resume")
    if out is None:
        return resolve(RunSettings, layers)
    return _restored(str(out), layers)


def finished_run(layers: Layers) -> Finished | None:
    """The end of the run that `--resume` names, None where it is unfinished or was not named."""
    out = said(layers, ("resume",)).get("resume")
    if out is None or is_unfinished(str(out)):
        return None
    done = is_part(str(out))
    path = os.path.join(str(out), PART, PART_FILE) if done else os.path.join(str(out), SUMMARY)
    try:
        document = saved_json(path)
        summary = read_summary(document["summary"] if done else document)
        run: Any = summary.run
        lines = [str(line) for line in run["lines"]]
        code, reason = int(run["exit_code"]), str(run["reason"])
        return Finished(code, reason, lines, str(run["fail_on"]), summary, not done)
    except FileNotFoundError:
        raise UsageError(
            f"--resume {out}: found neither a finished run ({SUMMARY}) nor an unfinished one "
            f"({STATE}) there; a run that ended before it computed anything is begun anew"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except NOT_A_SUMMARY:
        raise InputError(f"{path}: found no summary of a run that this version wrote") from None


def _restored(out: str, layers: Layers) -> RunSettings:
    document = read_settings(out)
    known = set(RunSettings.names())
    values = {name: value for name, value in document["settings"].items() if name in known}
    now = said(layers, sorted(known))
    if now.get("overwrite"):
        raise UsageError("--resume: found together with --overwrite, expected one of the two")
    wanted = now.get("out")
    if wanted is not None and os.path.abspath(str(wanted)) != os.path.abspath(out):
        raise UsageError(f"--out: found {wanted}, expected the folder of --resume, {out}")
    for name, value in now.items():
        if name not in MAY_DIFFER and _comparable(name, value) != values.get(name):
            option = OPTIONS.get(name)
            raise UsageError(
                f"{f'--{option.name}' if option else name}: found {_shown(value)}, but the run in "
                f"{out} was begun with {_shown(values.get(name))}; expected the same, since it "
                f"changes the results; --out {out} --overwrite starts anew"
            )
    if now.get("violations") is not None and values.get("violations") is None:
        raise UsageError(
            f"--violations: found {now['violations']}, but the run in {out} was begun without: it "
            f"kept no violations by rule; expected none; --out {out} --overwrite starts anew"
        )
    # One way to say which workers replaces the others.
    if not now.keys().isdisjoint(("workers", "max_workers", "plan")):
        values |= {"workers": None, "max_workers": None}
    if "plan" in now:
        values["start_method"] = None
    if "cluster" in now:
        values["start_method"] = None
    values["cluster"] = None  # it may be gone: who goes on says whether there is one
    values |= {name: value for name, value in now.items() if name in MAY_DIFFER}
    for name, kept in document["kept"].items():
        path = os.path.join(out, STATE, kept)
        values[name] = path if name == "rules" else (path,)
    try:
        settings = RunSettings.of(**values | {"out": out, "resume": out, "overwrite": False})
        _check_outputs(settings.output, out, now)
        return settings
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{out}: found other settings than a run writes ({error})") from error


def _check_outputs(output: OutputOptions, out: str, now: Mapping[str, Any]) -> None:
    """`InputError` where the folder alone names a file that something would be lost of.

    A folder may come from anywhere: it may say where new results go, and replace nothing.
    """
    named = [] if "report" in now else [split_report(text)[1] for text in output.report]
    if "violations" not in now and output.violations is not None:
        named.append(output.violations)
    inside = os.path.join(os.path.realpath(out), "")
    for path in named:
        if path == STANDARD_OUTPUT or os.path.realpath(path).startswith(inside):
            continue
        if not os.path.isabs(path) or os.path.lexists(path):
            raise InputError(
                f"--resume {out}: the folder says to write {path}, which is there already or no "
                "absolute path: give --violations or --report again"
            )


def _comparable(name: str, value: Any) -> Any:
    """A value as the folder keeps it."""
    if name == "triples":
        return [absolute(path) for path in value]
    if isinstance(value, tuple):
        return list(value)
    return absolute(value) if name in ("rules", "manifest", "baseline") else value


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
