"""A manifest's run: each task a document and a graph of its own, streamed through the workers.

Documents are listed, never collected: what is held is one document a worker and one answer a task
under way, whatever the length of the manifest. One bad document does not stop the others.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pff_stream.checkpoint.state import State, keep_rules, state_folder, write_settings
from pff_stream.errors import RefusedError
from pff_stream.execute.executors import executor_named
from pff_stream.execute.pool import Job, Poisoned, Pool
from pff_stream.files.temporary import temporary_file
from pff_stream.files.writers import FileWriter
from pff_stream.inputs import Rules, encode_options
from pff_stream.limits.fence import hold_tree, share_bytes, threads_held
from pff_stream.limits.guard import Meter
from pff_stream.observer import Observer
from pff_stream.plan.by_document import MAX_TABLE_RULES
from pff_stream.plan.documents import prepare
from pff_stream.report.folder import TASK_LIST, TASKS, clear_tasks
from pff_stream.report.records import Outcome
from pff_stream.report.summary import Json
from pff_stream.report.totals import Failure, RunTotals
from pff_stream.rules._table import TableBuilder
from pff_stream.run.conclude import (
    Facts,
    Result,
    conclude,
    summary_of,
    write_summary,
)
from pff_stream.run.prepare import timed
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import Manifest
from pff_stream.settings.models import EvaluationOptions
from pff_stream.work.documents import (
    NumberedTask,
    TaskAnswer,
    TaskArguments,
    set_up,
    split_nothing,
)
from pff_stream.work.task import RESULT_BYTES
from planner.plan import Plan
from planner.text import refusal

if TYPE_CHECKING:
    pass

SHOWN_FAILURES = 10


def run_tasks(settings: RunSettings, observer: Observer) -> Result:
    """Checks every document of the manifest; raises `RefusedError` where the plan does not fit."""
    resources = settings.resources
    with ExitStack() as stack:
        _, plan, manifest, rules, folder = prepare(settings, observer, stack)
        if not plan.fits:
            raise RefusedError(refusal(plan))
        # Documents are counted by a table, without a merge that would miss a rule.
        rules.check_complete()
        hold_tree(plan)
        for note in plan.notes:
            observer.note(note)
        out = listing = None
        if settings.output.out is not None:
            out = settings.output.out
            state = stack.enter_context(_state(settings, manifest, rules))
            listing = stack.enter_context(FileWriter(os.path.join(out, TASK_LIST)))
        meter = Meter(observer, plan.peak_bytes, plan.budget_bytes, resources.reserve_bytes)
        observer.phase("evaluate", manifest.n_tasks, "documents")
        table = None if out is not None else _write_table(settings.evaluation, rules, folder, stack)
        arguments = _arguments(settings, rules, folder, out, table)
        arguments = replace(arguments, share_bytes=share_bytes(plan, resources.fence))
        stack.enter_context(threads_held(plan, resources.fence))
        totals = RunTotals()
        seconds: dict[str, float] = {}
        with timed(seconds, "evaluate"):
            for numbered, answer in _in_order(plan, manifest, arguments, observer, meter):
                if answer.totals is None:
                    totals.add_failed(Failure(numbered.task.name, answer.reason))
                else:
                    totals.add(answer.totals)
                if listing is not None:
                    listing.write(memoryview(_line(numbered, answer)))
        facts = Facts(
            settings=settings,
            plan=plan,
            watch=meter.watch,
            semantics=settings.reading.semantics or rules.file.semantics,
            inputs=_inputs(manifest, rules),
            seconds=seconds,
            labels={"execution_id": manifest.execution_id, "sequence": manifest.sequence},
        )
        result = conclude(totals, facts)
        if listing is not None and out is not None:
            listing.commit()
            write_summary(out, summary_of(result, facts))
            state.finish()
        return result


@contextmanager
def _state(settings: RunSettings, manifest: Manifest, rules: Rules) -> Iterator[State]:
    """The state of a run over a manifest: its folders of finished documents are its journal."""
    inputs = _inputs(manifest, rules)
    with state_folder(settings.output, inputs) as state:
        if settings.output.resume is None:
            clear_tasks(state.out)
            write_settings(state, settings, inputs, keep_rules(state, settings.inputs.rules, rules))
        yield state


def _inputs(manifest: Manifest, rules: Rules) -> dict[str, str]:
    """Hashes of the contents of both inputs."""
    return {"rules": rules.source_hash.hex(), "manifest": manifest.content_hash()}


def _write_table(
    evaluation: EvaluationOptions, rules: Rules, folder: str, stack: ExitStack
) -> str | None:
    """Writes the table of all rules for runs that count only; None where it would be too large."""
    if rules.file.rules > MAX_TABLE_RULES or evaluation.max_work is not None:
        return None
    builder = TableBuilder(evaluation.min_support or 0, evaluation.min_confidence or 0.0)
    for index in range(len(rules.file.chunks)):
        builder.add(rules.file.read_chunk(index))
    file, path = stack.enter_context(temporary_file(folder))
    os.posix_fallocate(file.fileno(), 0, builder.size())
    with mmap.mmap(file.fileno(), builder.size()) as room:
        builder.write_into(room)
    return path


def _arguments(
    settings: RunSettings, rules: Rules, folder: str, out: str | None, table: str | None
) -> TaskArguments:
    evaluation = settings.evaluation
    if out is None:  # counts only
        evaluation = evaluation.replace(max_examples=0)
    return TaskArguments(
        rules=rules.path,
        rules_hash=rules.source_hash.hex(),
        options=encode_options(settings.reading),
        semantics=settings.reading.semantics or rules.file.semantics,
        evaluation=evaluation,
        result_options=settings.result_options(),
        temporary=folder,
        out=None if out is None else os.path.join(out, TASKS),
        resumes=settings.output.resume is not None,
        buffer_bytes=RESULT_BYTES,
        table=table,
    )


def _in_order(
    plan: Plan, manifest: Manifest, arguments: TaskArguments, observer: Observer, meter: Meter
) -> Iterator[tuple[NumberedTask, TaskAnswer]]:
    """Answers in the order of the manifest; at most a window of them waits for its turn."""
    workers = int(plan.settings["workers"] or 1)
    waiting: dict[int, tuple[NumberedTask, TaskAnswer]] = {}
    next_number = 0
    job = Job(
        set_up=set_up,
        arguments=(arguments,),
        workers=workers,
        preload=("pff_stream.work.documents",),
    )
    crew = executor_named(str(plan.settings["start_method"])).crew(job)
    with (
        Pool(crew, window=4 * workers, split=split_nothing, while_waiting=meter.tick) as pool,
        meter.guard.minding(pool),
    ):
        tasks = (NumberedTask(number, task) for number, task in enumerate(manifest.tasks()))
        for result in pool.imap_unordered(tasks):
            if isinstance(result, Poisoned):
                answer = TaskAnswer(None, f"killed its worker: {result.cause}")
            else:
                answer = result.answer
            waiting[result.task.number] = (result.task, answer)
            while next_number in waiting:
                yield waiting.pop(next_number)
                next_number += 1
            observer.advance(1)
            meter.tick()
        meter.tick(now=True)


def _line(numbered: NumberedTask, answer: TaskAnswer) -> bytes:
    totals = answer.totals
    line: dict[str, Json] = {
        "task": numbered.task.name,
        "folder": f"{TASKS}/{numbered.task.folder}",
    }
    if totals is None:
        line |= {"outcome": "failed", "reason": answer.reason}
    else:
        line |= {
            "outcome": "violated" if totals.violations else "satisfied",
            "violated_rules": totals.count(Outcome.VIOLATED),
            "predictions": totals.predictions,
            "support": totals.support,
            "violations": totals.violations,
        }
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
