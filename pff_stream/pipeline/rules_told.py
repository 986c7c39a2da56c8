"""What workers are told once that evaluate rules over one graph."""

from __future__ import annotations

from pff_stream.evaluate.options import evaluator_options
from pff_stream.execute.files import InputFile, OutputFile
from pff_stream.pipeline.cut import Ready
from pff_stream.plan.sizes import resident_bytes
from pff_stream.rules.sizes import RuleSizes
from pff_stream.rules.terms import decoding
from pff_stream.work.task import RESULT_BYTES, WorkerArguments
from planner.model import Settings


def worker_arguments(
    ready: Ready,
    sizes: RuleSizes,
    files: tuple[InputFile, InputFile, OutputFile],
    planned: Settings,
    together: int,
    share_bytes: int | None,
) -> WorkerArguments:
    """By the plan, which counts what they take by the same numbers.

    `files` are the graph, the rules and the spool; `planned` is what a plan has settled; so many
    chunks are a task; `share_bytes` is the fence of each worker.
    """
    settings, file = ready.settings, ready.rules.file
    graph, rules, spool = files
    return WorkerArguments(
        graph=graph,
        rules=rules,
        spool=spool,
        semantics=ready.semantics,
        wide=bool(planned["wide"]),
        options=evaluator_options(
            settings.evaluation, ready.relations, examples=settings.lists_violations
        ),
        n_rules=file.rules,
        max_body_atoms=file.max_body_atoms,
        buffer_bytes=RESULT_BYTES,
        chunk_bytes=sizes.chunk_bytes,
        chunk_counts=sizes.chunk_counts,
        room_bytes=decoding(sizes, together).value,
        resident_bytes=resident_bytes(planned),
        chunks_together=together,
        share_bytes=share_bytes,
    )
