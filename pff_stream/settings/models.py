"""All options as fields of a few groups; each stage is given the one group that it needs.

An option belongs to one group, and the group says what it does: `InputOptions` and
`EvaluationOptions` change results, `ResourceOptions` and `OutputOptions` never do. Values are
checked here, wherever they come from. Sizes are bytes. Not done here: which groups a command takes
(`commands`), where values may stand (`resolve`). Nothing is opened.
"""

from __future__ import annotations

from typing import Any, Self

from pff_stream.errors import UsageError
from pff_stream.files.folders import files_of
from pff_stream.settings.frozen import Frozen
from pff_stream.settings.options import OPTIONS, split_functional, split_report

MIB = 1024 * 1024
MOST_CHUNK_RULES = 4096
"""What the compiler has room for (`rules._chunks`; a test compares)."""
KEPT_FINDINGS, SHOWN_FINDINGS = 1000, 20
"""Findings that are looked for unless it is said: for a file, and for a terminal."""
DOCUMENT_FINDINGS = 100
"""And in each document of a manifest."""
GIVEN_TRIPLES = ("triples given by the caller",)
"""In place of paths, where a Python caller gives objects."""
COMPILE_BYTES = 32 * MIB
"""What compiling takes at most, where the budget leaves so much."""


class Options(Frozen):
    """Base of all groups: every field is checked by the option that fills it."""

    def __post_init__(self) -> None:
        self.read(*self.names())
        self.validate()

    def read(self, *names: str) -> None:
        """Turns what was given for these fields into their values; UsageError as the options do."""
        for name in names:
            value, option = getattr(self, name), OPTIONS[name]
            if value is not None:
                self.__dict__[name] = option.read(value, f"--{option.name}")

    def validate(self) -> None:
        """UsageError where fields contradict each other."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """All fields."""
        return cls.fields()

    @classmethod
    def names_in_manifest(cls) -> tuple[str, ...]:
        """The same: what else a manifest has is not known."""
        return cls.names()

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The group with these values by field, the others by default."""
        return cls(**values)

    def values(self) -> dict[str, Any]:
        """Every field with its value."""
        return {name: getattr(self, name) for name in self.names()}


class Inputs(Options):
    """Paths of what is read."""

    rules: str = ""
    """Rule text or a compiled rule file; `-` is standard input; empty: the command reads none."""
    triples: tuple[str, ...] = ()
    """Triples or documents that make one graph together; `-` is standard input, a folder of PyKEEN,
    OpenKE or Spark the triples in it."""
    manifest: str | None = None
    """A list of many documents, each a graph of its own."""
    baseline: str | None = None
    """`findings.jsonl` of an earlier run, whose findings are not new."""

    def __post_init__(self) -> None:
        self.read("manifest", "baseline", *["rules"] * bool(self.rules))
        # No option fills them: TRIPLES only stand on a command line.
        given = (self.triples,) if isinstance(self.triples, str) else self.triples
        paths = [str(OPTIONS["rules"].read(path, "TRIPLES")) for path in given]
        self.__dict__["triples"] = tuple(file for path in paths for file in files_of(path))
        self.validate()

    def validate(self) -> None:
        """Standard input is read by one."""
        if (self.rules, *self.triples).count("-") > 1:
            raise UsageError("found - more than once, expected standard input for one input only")


class InputOptions(Options):
    """How rules and triples are read and understood; changes results and sizes."""

    semantics: str | None = None
    """object-identity or homomorphism; None: by the rule format."""
    rule_format: str = "auto"
    """The name of a rule format; auto: the first that recognises the text."""
    on_bad_rule: str = "1%"
    """What rules that cannot be read do: fail, skip, or fail over P% of all."""
    on_bad_triple: str = "fail"
    """What lines that are no triples do: fail, skip, or fail over P% of all."""
    format: str = "auto"
    """The name of a triple format; auto: the first that recognises an input."""
    columns: str = "s,p,o"
    """Columns of TSV triples, or names of those of CSV, Parquet and data frames."""
    id_key: str | None = None
    """Key that names an entity in JSON documents; None: @id, id or msisdn."""
    predicate: str = "key"
    """key or path: what becomes the relation of a JSON value."""
    mapping: str = "json-2"
    """json-1 or json-2: how objects of JSON documents are named."""
    max_document_bytes: int = 64 * MIB
    """Largest JSON document that is accepted."""
    graph_name: str | None = None
    """IRI of the named graph of RDF whose triples are taken; None: all of them."""
    base_iri: str | None = None
    """IRI that relative IRIs of RDF are resolved with; None: they are errors."""


class EvaluationOptions(Options):
    """Which rules are evaluated, and what is counted and kept of them; changes results."""

    min_confidence: float | None = None
    """Rules below it in the miner's column are filtered."""
    min_support: int | None = None
    """Rules below it in the miner's column are filtered."""
    max_work: int | None = None
    """Rules whose work bound is over it are too-large: they are left out, without counts."""
    unseen: int = 0
    """Added to the predictions in every confidence."""
    assumption: str = "closed"
    """closed: every absent prediction is a violation; partial: only those that are not unknown."""
    relation: tuple[str, ...] = ()
    """Head relations, or prefixes as `R*`: other rules are filtered; none: all."""
    confidence: str | None = None
    """miner, miner-pca, exact or partial: what rules are ranked by; None: by the rule file."""
    functional: tuple[str, ...] = ()
    """R=subject or R=object each: functional places that the graph is not asked for."""
    max_examples: int = 10
    """Violations of each rule in the list by rule, each with its witness."""
    max_violations: int = 1_000_000
    """Violations in the list by rule in all."""

    @property
    def partial(self) -> bool:
        """Whether unknown predictions are no violations."""
        return self.assumption == "partial"

    @property
    def places(self) -> tuple[tuple[bytes, str], ...]:
        """The functional places that were given, by relation, as the evaluator takes them."""
        return tuple(split_functional(one) for one in self.functional)


class FindingsOptions(Options):
    """Which findings are looked for, and in what order they come; changes results."""

    findings: str | int | None = None
    """The first N of them, or `all`; None: by what they are for."""
    floor: float | None = None
    """All rules of this confidence or more are in force; None: as many as N findings take."""
    score: str = "max"
    """max or noisy-or."""
    max_reasons: int = 10
    """Reasons written for each, best first."""

    def number(self, is_kept: object, kept: int = KEPT_FINDINGS) -> int | None:
        """How many are looked for, where they are kept in a file or not; None: all of them.

        `kept`: as many as a file gets unless it is said.
        """
        if self.findings is None:
            return kept if is_kept else SHOWN_FINDINGS
        return None if self.findings == "all" else int(self.findings)

    def validate(self) -> None:
        """A cut by single confidence is not exact for noisy-or."""
        if self.score == "noisy-or" and self.floor is None:
            raise UsageError("--score noisy-or: found without --floor, expected --floor C besides")


class ResourceOptions(Options):
    """Memory and processes of a run; changes no byte of the results."""

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
    max_window_bytes: int | None = None
    """Largest window to decompress with; None: what the budget has room for."""
    fence: str = "auto"
    """auto, rlimit, cgroup or none: limits that the kernel holds the processes to."""
    max_disk_bytes: int = 4 << 30
    """What findings may be made in, of temporary files; where it cuts, results are fewer."""
    plan: str | None = None
    """Path of a saved plan to honour; None: a plan is made."""

    def validate(self) -> None:
        """A saved plan alone says the workers, who are within their ceiling."""
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
    def says_how(self) -> bool:
        """Whether it is said how workers are started here."""
        return self.plan is not None or self.start_method is not None

    def of_host(self, threads: int) -> ResourceOptions:
        """Those of another host, where so many threads are allowed: what is said for each worker.

        Its workers are started while other threads are at work.
        """
        return ResourceOptions(
            reserve_bytes=self.reserve_bytes,
            workers=self.workers,
            max_workers=None if self.workers else min(threads, self.max_workers or threads),
            start_method="forkserver",
            fence=self.fence,
        )


class OutputOptions(Options):
    """Where results go, and what a command makes of them; changes no byte of the results."""

    out: str | None = None
    """Folder of all results; None: a summary only."""
    violations: str | None = None
    """File of the violations by rule, `-` is standard output; None: they are not listed."""
    report: tuple[str, ...] = ()
    """Reports to make, each as `FILE` or `NAME=FILE`; `-` is standard output."""
    resume: str | None = None
    """Folder of an unfinished run to go on with; then `out` is the same."""
    names_file: str | None = None
    """File of labels of ids, which are shown beside them."""
    per_document: bool = False
    """Whether each document of a manifest has a folder of results of its own."""
    overwrite: bool = False
    """Whether an unfinished run in `out` is replaced."""
    fail_on: str = "violations"
    """What ends the command with 1, by conditions with commas between (see `policy`)."""

    def validate(self) -> None:
        """A run that is resumed keeps its folder."""
        if self.resume is not None and self.out != self.resume:
            raise UsageError(f"--resume: found {self.resume}, expected the folder of the run")
        paths = [*filter(None, [self.violations]), *self.report_paths]
        for path in paths:
            if paths.count(path) > 1:
                raise UsageError(f"found {path} for two outputs, expected one for each")

    @property
    def report_paths(self) -> tuple[str, ...]:
        """The files of the reports."""
        return tuple(split_report(one)[1] for one in self.report)

    @property
    def talks_on_stderr(self) -> bool:
        """Whether standard output belongs to the violations or to a report."""
        return "-" in (self.violations, *self.report_paths)


class CompileOptions(Options):
    """What only `compile` is asked."""

    check: bool = False
    """Read and report only."""
    graph: str | None = None
    """Encoded graph that settles names of several readings."""
    chunk_rules: int = 4096
    """Rules of an evaluation chunk, at most."""

    def validate(self) -> None:
        """Chunks have a size that there is."""
        if self.chunk_rules > MOST_CHUNK_RULES:
            expected = f"a whole number from 1 to {MOST_CHUNK_RULES}"
            raise UsageError(f"--chunk-rules: found {self.chunk_rules}, expected {expected}")


class TargetOptions(Options):
    """The one file that `compile`, `encode` and `plan` write."""

    output: str | None = None
    """Its path; None: none is written."""


class PrintOptions(Options):
    """What only `triples` is asked."""

    iri: str = "bare"
    """bare, bracketed or prefixed: how IRIs of RDF are written."""


class ConvertOptions(Options):
    """What only `rules` is asked."""

    notation: str | None = None
    """amie or anyburl: how rules are written."""


class ExplainOptions(Options):
    """What only `explain` is asked."""

    triple: tuple[str, str, str] | None = None
    """Subject, relation and object by name."""
    key: str | None = None
    """Of a finding, instead: its triple is explained."""
    findings_file: str | None = None
    """The `findings.jsonl` that has it."""
    document_name: str | None = None
    """Of a document of the manifest; None: the graph, or the document of the finding."""

    def validate(self) -> None:
        """A triple, or the key of one and where it is."""
        if (self.key is None) != (self.findings_file is None):
            raise UsageError("--key and --from: found one of the two, expected both or none")
        if self.triple is not None and self.key is not None:
            raise UsageError("--triple: found together with --key, expected one of the two")


class TalkOptions(Options):
    """How much is said on standard error, and in which form."""

    quiet: bool = False
    verbose: bool = False
    log_json: bool = False

    def validate(self) -> None:
        """`quiet` and `verbose` exclude each other."""
        if self.quiet and self.verbose:
            raise UsageError("--quiet: found together with --verbose, expected one of the two")
