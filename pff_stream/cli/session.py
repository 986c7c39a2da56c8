"""What every command of the command line begins and ends with: its options, logs and progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from pff_stream.cli import logs, output
from pff_stream.cli.engine import Engine
from pff_stream.cli.options import from_command_line
from pff_stream.cli.printable import printable
from pff_stream.observer import Observer
from pff_stream.progress.choose import choose_observer
from pff_stream.settings.models import ResourceOptions, TalkOptions
from pff_stream.settings.resolve import Layers, gather, resolve

pass_engine = click.make_pass_decorator(Engine, ensure=True)


@contextmanager
def working(given: dict[str, Any]) -> Iterator[tuple[Layers, TalkOptions, Observer]]:
    """Sets up logs and progress as asked, and takes the progress off the screen at the end."""
    layers = gather(from_command_line() | given, os.environ)
    voice = resolve(TalkOptions, layers)
    handler = logs.set_up(quiet=voice.quiet, verbose=voice.verbose, log_json=voice.log_json)
    from pff_stream.limits.leftovers import remove_leftovers  # not for --help

    remove_leftovers()
    observer = choose_observer(sys.stderr, voice.quiet, voice.log_json, shown=printable)
    handler.before = getattr(observer, "clear", None)  # a line on a terminal
    try:
        yield layers, voice, observer
    finally:
        observer.close()


def print_lines(
    lines: Iterable[str], voice: TalkOptions, *, to_stderr: bool = False, folds: bool = False
) -> None:
    """Prints lines for people, none with --quiet; folded to the width of a terminal if asked."""
    if not voice.quiet:
        output.say("\n".join(lines), to_stderr=to_stderr, folds=folds)


@contextmanager
def fenced(resources: ResourceOptions) -> Iterator[None]:
    """Holds the command to its budget where the kernel can, before anything heavy is imported."""
    from pff_stream.limits.fence import whole_tree

    with whole_tree(resources):
        yield
