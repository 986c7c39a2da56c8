"""The commands `compile` and `encode` for Python callers: inputs that are read once and used often.

encode(frame, "train.pffg")
compile(rules, "rules.pffr")
run("rules.pffr", "train.pffg")
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pff_stream.files.arrow_library import import_tables
from pff_stream.given import Path, RulesInput, TriplesInput, given_as_rules, given_as_triples

if TYPE_CHECKING:
    from pff_stream.progress.calling import Told
    from pff_stream.rules.compile_report import CompileReport
    from pff_stream.triples.report import EncodeReport


def encode(
    triples: TriplesInput, path: Path, *, progress: bool | Told = False, **options: Any
) -> EncodeReport:
    """Encodes triples into a graph file at `path`, which is replaced when all is read.

    `progress` is that of `run`. `options` are the fields of `InputOptions` that concern triples
    (format, columns, on_bad_triple, ...) and of `ResourceOptions`. The report has n_triples,
    n_entities, n_relations and notes. Raises `InputError`, `UsageError`, `RefusedError` and
    `OutputError` as the command does.
    """
    from pff_stream.pipeline.commands import encoded
    from pff_stream.progress.choose import watched
    from pff_stream.settings.commands import EncodeSettings

    paths, given = given_as_triples(triples)
    settings = EncodeSettings.of(triples=paths, output=os.fspath(path), **options)
    import_tables(given or ())
    with watched(progress) as observer:
        return encoded(settings, observer, given)


def compile(  # noqa: A001 - its name
    rules: RulesInput, path: Path, *, progress: bool | Told = False, **options: Any
) -> CompileReport:
    """Compiles rules into a rule file at `path`, which is replaced when all are read.

    `progress` is that of `run`. `options` are the fields of `InputOptions` that concern rules
    (rule_format, on_bad_rule) and of `ResourceOptions`. The report has rules, rejected and notes.
    Raises what `encode` raises.
    """
    from pff_stream.pipeline.commands import compiled
    from pff_stream.progress.choose import watched
    from pff_stream.settings.commands import CompileSettings

    rules_path, given = given_as_rules(rules)
    settings = CompileSettings.of(rules=rules_path, output=os.fspath(path), **options)
    import_tables([given])
    with watched(progress) as observer:
        return compiled(settings, observer, given)
