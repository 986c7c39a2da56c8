"""What one command was asked to do, checked once, as frozen records that the rest only reads.

Fields are filled by `pff_stream.settings.resolve` (command line, environment, files) or by a Python
caller; both go through the checks here. Sizes are bytes. Nothing is opened or measured here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pff_stream.errors import UsageError
from pff_stream.settings.options import OPTIONS

MIB = 1024 * 1024
MOST_CHUNK_RULES = 4096
"""What the compiler has room for (`rules._chunks`; a test compares)."""
COMPILE_BYTES = 32 * MIB
"""What compiling takes at most, where the budget leaves so much."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of all settings: every field is checked by the option that fills it."""

    needs: ClassVar[str] = ""
    """What a command line must name at least, for the message when it does not."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            option = OPTIONS.get(field.name)
            if option is not None and value is not None:
                checked = option.read(value, f"--{option.name}")
                object.__setattr__(self, field.name, checked)
        self.validate()

    def validate(self) -> None:
        """UsageError where fields contradict each other."""

    def replace(self, **changes: Any) -> Self:
        """The same settings with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, object]:
        """Every field under its option's name (dashes as underscores), for plan and summary."""
        named = {}
        for field in dataclasses.fields(self):
            option = OPTIONS.get(field.name)
            value = getattr(self, field.name)
            key = option.key if option is not None else field.name
            named[key] = list(value) if isinstance(value, tuple) else value
        return named


@dataclass(frozen=True, slots=True)
class TalkSettings(Settings):
    """How much is said on standard error, and in which form."""

    quiet: bool = False
    verbose: bool = False
    log_json: bool = False

    def validate(self) -> None:
        """`quiet` and `verbose` exclude each other."""
        if self.quiet and self.verbose:
            raise UsageError("--quiet: found together with --verbose, expected one of the two")


@dataclass(frozen=True, slots=True)
class RunSettings(Settings):
    """Everything that `plan` and `run` can be told.

    Both take the same, so that a run can be planned by changing one word of its command line.
    """

    needs: ClassVar[str] = "RULES TRIPLES... or --manifest FILE --rules RULES"

    rules: str
    """Path of rule text or of a compiled rule file; `-` is standard input."""
    triples: tuple[str, ...] = ()
    """Paths that make one graph together; empty with a manifest."""
    manifest: str | None = None
    """Path of a manifest: many documents, each a graph of its own."""
    budget_bytes: int | None = None
    """Ceiling for the peak of all processes; None: what the machine allows."""
    reserve_bytes: int = 512 * MIB
    """Left alone, of the machine's available memory."""
    workers: int | None = None
    """Exactly so many workers; None: chosen by the plan."""
    max_workers: int | None = None
    """Ceiling for the plan's choice; None: cores that may be used."""
    start_method: str | None = None
    """fork, spawn, forkserver or thread; None: chosen by the plan."""
    fence: str = "auto"
    """auto, rlimit, cgroup or none: limits that the kernel holds the processes to."""
    plan: str | None = None
    """Path of a saved plan to honour; None: a plan is made."""
    semantics: str | None = None
    """object-identity or homomorphism; None: by the rule format."""
    min_confidence: float | None = None
    """Rules below it in the miner's column are filtered."""
    min_support: int | None = None
    """Rules below it in the miner's column are filtered."""
    max_work: int | None = None
    """Rules whose work bound is over it are too-large: they are left out, without counts."""
    unseen: int = 0
    """Added to the predictions in every confidence."""
    max_examples: int = 10
    """Violations kept per rule, each with its witness."""
    max_violations: int = 1_000_000
    """Violations written in all."""
    out: str | None = None
    """Folder of all results; None: a summary only."""
    violations: str | None = None
    """File of the violations, `-` is standard output; None: in `out`."""
    resume: str | None = None
    """Folder of an unfinished run to go on with; then `out` is the same."""
    overwrite: bool = False
    """Whether an unfinished run in `out` is replaced."""
    fail_on: str = "violations"
    """What ends the command with 1: violations, none, count>N or rate>P (0.05 or 5%)."""
    on_bad_rule: str = "1%"
    """What rules that cannot be read do: fail, skip, or fail over P% of all."""
    on_bad_triple: str = "fail"
    """fail or skip."""
    columns: str = "s,p,o"
    """Order of the columns of TSV triples."""
    id_key: str | None = None
    """Key that names an entity in JSON documents; None: @id, id or msisdn."""
    predicate: str = "key"
    """key or path: what becomes the relation of a JSON value."""
    max_document_bytes: int = 64 * MIB
    """Largest JSON document that is accepted."""

    def validate(self) -> None:
        """One source of triples, one reader of standard input, workers within their ceiling."""
        object.__setattr__(self, "triples", _paths("TRIPLES", self.triples))
        if bool(self.triples) == (self.manifest is not None):
            found = "both TRIPLES and --manifest" if self.triples else "no triples"
            raise UsageError(f"found {found}, expected {self.needs}")
        _read_once((self.rules, *self.triples))
        if self.resume is not None and self.out != self.resume:
            raise UsageError(f"--resume: found {self.resume}, expected the folder of the run")
        if self.plan is not None and (self.workers or self.start_method):
            raise UsageError(
                "--plan: found together with --workers or --start-method, which the saved plan says"
            )
        if self.workers and self.max_workers and self.workers > self.max_workers:
            raise UsageError(
                f"--workers: found {self.workers}, expected at most {self.max_workers}, "
                "the ceiling that --max-workers or max_workers of the manifest sets"
            )

    @property
    def talks_on_stderr(self) -> bool:
        """Whether standard output belongs to the violations."""
        return self.violations == "-"


@dataclass(frozen=True, slots=True)
class CompileSettings(Settings):
    """What `compile` was asked to do."""

    needs: ClassVar[str] = "RULES"

    rules: str
    """Path of rule text; `-` is standard input."""
    output: str | None = None
    """Path of the rule file to write; None only with `check`."""
    check: bool = False
    """Read and report only."""
    graph: str | None = None
    """Encoded graph that settles names of several readings."""
    budget_bytes: int | None = None
    """Ceiling for the peak of all processes; None: what the machine allows."""
    on_bad_rule: str = "1%"
    """What rules that cannot be read do: fail, skip, or fail over P% of all."""
    chunk_rules: int = 4096
    """Rules of an evaluation chunk, at most."""

    def validate(self) -> None:
        """Either a file is written or --check was asked for; chunks have a size that there is."""
        if self.chunk_rules > MOST_CHUNK_RULES:
            expected = f"a whole number from 1 to {MOST_CHUNK_RULES}"
            raise UsageError(f"--chunk-rules: found {self.chunk_rules}, expected {expected}")
        if self.check == (self.output is not None):
            found = "both -o FILE and --check" if self.check else "neither -o FILE nor --check"
            raise UsageError(f"found {found}, expected one of the two")


@dataclass(frozen=True, slots=True)
class TriplesSettings(Settings):
    """What `triples` was asked to print."""

    needs: ClassVar[str] = "at least one document"

    triples: tuple[str, ...]
    """Paths of JSON documents, JSON Lines or TSV; `-` is standard input."""
    columns: str = "s,p,o"
    """Order of the columns of TSV triples."""
    id_key: str | None = None
    """Key that names an entity in JSON documents; None: @id, id or msisdn."""
    predicate: str = "key"
    """key or path: what becomes the relation of a JSON value."""
    max_document_bytes: int = 64 * MIB
    """Largest JSON document that is accepted."""

    def validate(self) -> None:
        """At least one input, standard input at most once."""
        object.__setattr__(self, "triples", _paths("TRIPLES", self.triples))
        if not self.triples:
            raise UsageError(f"found no triples, expected {self.needs}")
        _read_once(self.triples)


@dataclass(frozen=True, slots=True)
class EncodeSettings(TriplesSettings):
    """What `encode` was asked to do."""

    needs: ClassVar[str] = "TRIPLES... -o FILE"

    output: str | None = None
    """Path of the graph to write."""
    budget_bytes: int | None = None
    """Ceiling for the peak of all processes; None: what the machine allows."""
    on_bad_triple: str = "fail"
    """fail or skip."""

    def validate(self) -> None:
        """The checks of `triples`, and a file to write."""
        TriplesSettings.validate(self)
        if self.output is None:
            raise UsageError(f"found no -o FILE, expected {self.needs}")


def _paths(origin: str, values: Sequence[str]) -> tuple[str, ...]:
    option = OPTIONS["rules"]
    if isinstance(values, str):
        values = (values,)
    return tuple(str(option.read(value, origin)) for value in values)


def _read_once(paths: Sequence[str]) -> None:
    if paths.count("-") > 1:
        raise UsageError("found - more than once, expected standard input for one input only")
