"""What a command says of a run that has ended, and its exit code."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pff_stream.cli import logs, output
from pff_stream.cli.session import print_lines
from pff_stream.settings.models import TalkOptions

if TYPE_CHECKING:
    from pff_stream.checkpoint.resume import Finished
    from pff_stream.pipeline.conclude import Result


def end(
    result: Result | Finished,
    fail_on: str,
    voice: TalkOptions,
    *,
    labels: str | None = None,
    to_stderr: bool = False,
) -> int:
    """Says what a run came to, and last the verdict; returns the exit code.

    What --fail-on names is a result, said where results are; what went wrong is an error. Both are
    said with --quiet, too.
    """
    code = result.exit_code
    found = result.findings
    if found is not None and not voice.quiet:
        from pff_stream.report.labels import read_labels, shown_names
        from pff_stream.report.terminal import finding_lines

        width = shutil.get_terminal_size().columns
        named = {} if labels is None else read_labels(labels, shown_names(found.first))
        output.say_spans(finding_lines(found, width, named), to_stderr=to_stderr)
    judged = result.is_judged
    passed = [f"Passed (--fail-on {fail_on})"] if code == 0 and judged else []
    more = result.memory_lines if voice.verbose else []
    print_lines([*result.lines, *more, *passed], voice, to_stderr=to_stderr, folds=True)
    if code == 1:
        output.say(f"Failed: {result.reason}", to_stderr=to_stderr)
    elif code:
        output.flush()
        logs.error(f"exit code {code}: {result.reason}")
    return code
