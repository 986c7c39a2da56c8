"""What each command was asked to do: a few groups of options, made once and then only read.

A command takes its groups apart: a stage is given one group, not all of them. They are filled by
`pff_stream.settings.resolve` or by a Python caller. Not done here: what an option means (`models`,
`options`).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pff_stream.errors import UsageError
from pff_stream.settings.cluster import ClusterOptions
from pff_stream.settings.command import CommandSettings
from pff_stream.settings.frozen import made
from pff_stream.settings.models import (
    DOCUMENT_FINDINGS,
    CompileOptions,
    ConvertOptions,
    EvaluationOptions,
    ExplainOptions,
    FindingsOptions,
    InputOptions,
    Inputs,
    OutputOptions,
    PrintOptions,
    ResourceOptions,
    TargetOptions,
)
from pff_stream.settings.policy import asks_for_new, asks_for_score
from pff_stream.settings.shards import ShardOptions


class RunSettings(CommandSettings):
    """Everything that `plan` and `run` can be told.

    Both take the same, so that a run can be planned by changing one word of its command line.
    """

    needs: ClassVar[str] = "RULES TRIPLES... or --manifest FILE --rules RULES"

    inputs: Inputs = made(default_factory=Inputs)
    reading: InputOptions = made(default_factory=InputOptions)
    evaluation: EvaluationOptions = made(default_factory=EvaluationOptions)
    findings: FindingsOptions = made(default_factory=FindingsOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)
    output: OutputOptions = made(default_factory=OutputOptions)
    sharding: ShardOptions = made(default_factory=ShardOptions)
    clustering: ClusterOptions = made(default_factory=ClusterOptions)

    def validate(self) -> None:
        """Rules, and one source of triples."""
        inputs = self.inputs
        self.expect("rules", inputs.rules)
        self.expect("triples", inputs.triples or inputs.manifest is not None)
        if inputs.triples and inputs.manifest is not None:
            raise UsageError(f"found both TRIPLES and --manifest, expected {self.needs}")
        if self.output.per_document and (inputs.manifest is None or self.output.out is None):
            raise UsageError(
                "--per-document: found without --manifest FILE and --out DIR, expected both: it "
                "makes a folder in DIR for each document"
            )
        self._validate_part()
        self.clustering.check(self.resources, is_part=self.sharding.is_part)
        self._validate_baseline()
        if asks_for_new(self.output.fail_on) and inputs.baseline is None:
            raise UsageError(
                f"--fail-on: found {self.output.fail_on} without --baseline FILE, expected both: "
                "new are the findings that an earlier run had not"
            )
        if asks_for_score(self.output.fail_on) and not self.finds:
            raise UsageError(
                f"--fail-on: found {self.output.fail_on} in a run that looks for no findings, "
                "expected findings whose score is asked for"
            )

    @property
    def results(self) -> OutputOptions:
        """What the run writes and is judged by itself: of a part that is left to `join`."""
        return OutputOptions(fail_on="none") if self.sharding.is_part else self.output

    @property
    def keeps_findings(self) -> bool:
        """Whether findings are for files, of this run or of the parts together."""
        return self.output.out is not None or bool(self.output.report)

    @property
    def max_examples(self) -> int:
        """Violations of a rule that are kept by rule: none where nothing shows them."""
        return self.evaluation.max_examples if self.lists_violations else 0

    @property
    def lists_violations(self) -> bool:
        """Whether violations are shown by rule, beside the findings."""
        return self.output.violations is not None or self.output.per_document

    @property
    def finds(self) -> bool:
        """Whether findings are looked for."""
        return self.number_of_findings(is_kept=True) != 0

    def number_of_findings(self, is_kept: object) -> int | None:
        """How many are looked for, where they are kept in a file or not; None: all of them.

        Of a manifest it is so many in each document.
        """
        if self.inputs.baseline is not None:
            return None
        if self.inputs.manifest is not None:
            return self.findings.number(is_kept, DOCUMENT_FINDINGS)
        return self.findings.number(is_kept)

    @property
    def document_findings(self) -> int | None:
        """How many are looked for in each document of a manifest; None: all of them."""
        return self.number_of_findings(self.output.out)

    def _validate_part(self) -> None:
        output = self.output
        if not self.sharding.is_part:
            return
        if output.out is None:
            raise UsageError(
                "--shard: found without --out DIR, expected both: a part is kept in its folder "
                "until `join` makes results of all parts"
            )
        if output.report or output.names_file is not None or output.per_document:
            raise UsageError(
                "--shard: found together with --report, --names or --per-document, expected it "
                "without: a part has no results of its own; `join` makes reports"
            )

    def _validate_baseline(self) -> None:
        if self.inputs.baseline is None:
            return
        if self.findings.floor is None or self.findings.findings not in (None, "all"):
            raise UsageError(
                "--baseline: expected --floor C besides, and all findings: of a list that is cut "
                "nobody knows which are new"
            )

    @property
    def lacks_folder(self) -> bool:
        """Whether reports are made from a folder of results that the user does not name."""
        return bool(self.output.report and self.inputs.manifest) and self.output.out is None

    def into(self, folder: str) -> Self:
        """The same with results in this folder."""
        return self.replace(output=self.output.replace(out=folder))

    def sized_by(self) -> dict[str, Any]:
        """Every option that changes what a run finds and holds, and which part of it is done."""
        return {**self.result_options(), **self.sharding.values()}

    def result_options(self) -> dict[str, Any]:
        """Every option that changes what a run finds and holds, for summaries and saved plans.

        Values are those that JSON has, so that what was saved compares.
        """
        found = {**self.evaluation.values(), **self.findings.values(), **self.reading.values()}
        return {n: list(one) if isinstance(one, tuple) else one for n, one in found.items()}


class CallSettings(RunSettings):
    """What a Python caller asks of a run: the outcome of every rule, each with its violations."""

    @property
    def lists_violations(self) -> bool:
        """They are in the outcomes."""
        return True


class ValidatorSettings(CommandSettings):
    """What a validator was asked to do with each of its documents."""

    needs: ClassVar[str] = "rules"

    inputs: Inputs = made(default_factory=Inputs)
    reading: InputOptions = made(default_factory=InputOptions)
    evaluation: EvaluationOptions = made(default_factory=EvaluationOptions)
    findings: FindingsOptions = made(default_factory=FindingsOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """Rules, and nothing that only a run over inputs has."""
        self.expect("rules", self.inputs.rules)
        for name in ("triples", "manifest", "baseline"):
            if getattr(self.inputs, name):
                raise UsageError(f"{name}: found for a validator, which is given documents")
        if self.resources.plan is not None:
            raise UsageError("plan: found for a validator, which makes its own")


class JoinSettings(CommandSettings):
    """What `join` was asked to make of the parts of a run."""

    needs: ClassVar[str] = "PART... --out DIR"
    takes: ClassVar[tuple[str, ...]] = (
        "out", "violations", "report", "names_file", "fail_on", "max_disk_bytes", "budget_bytes",
        "reserve_bytes", "max_window_bytes", "fence",
    )  # fmt: skip

    output: OutputOptions = made(default_factory=OutputOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """A folder for the results."""
        self.expect("--out DIR", self.output.out)


class ReportSettings(CommandSettings):
    """What `report` was asked to make of a finished run."""

    needs: ClassVar[str] = "DIR --report FILE"
    takes: ClassVar[tuple[str, ...]] = ("report", "budget_bytes")

    output: OutputOptions = made(default_factory=OutputOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """At least one report."""
        self.expect("--report FILE", self.output.report)


class CompileSettings(CommandSettings):
    """What `compile` was asked to do."""

    needs: ClassVar[str] = "RULES"
    takes: ClassVar[tuple[str, ...]] = (
        "rules", "output", "check", "graph", "budget_bytes", "max_window_bytes", "fence",
        "rule_format", "on_bad_rule", "chunk_rules",
    )  # fmt: skip

    inputs: Inputs = made(default_factory=Inputs)
    target: TargetOptions = made(default_factory=TargetOptions)
    compile: CompileOptions = made(default_factory=CompileOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)
    reading: InputOptions = made(default_factory=InputOptions)

    def validate(self) -> None:
        """Rules, and either a file is written or --check was asked for."""
        self.expect("rules", self.inputs.rules)
        check = self.compile.check
        if check == (self.target.output is not None):
            found = "both -o FILE and --check" if check else "neither -o FILE nor --check"
            raise UsageError(f"found {found}, expected one of the two")


class RulesSettings(CommandSettings):
    """What `rules` was asked to print."""

    needs: ClassVar[str] = "RULES --as amie|anyburl"
    takes: ClassVar[tuple[str, ...]] = (
        "rules", "notation", "rule_format", "on_bad_rule", "budget_bytes", "max_window_bytes",
        "fence",
    )  # fmt: skip

    inputs: Inputs = made(default_factory=Inputs)
    reading: InputOptions = made(default_factory=InputOptions)
    converting: ConvertOptions = made(default_factory=ConvertOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """Rules, and a notation."""
        self.expect("rules", self.inputs.rules)
        self.expect("--as", self.converting.notation)


class TriplesSettings(CommandSettings):
    """What `triples` was asked to print."""

    needs: ClassVar[str] = "at least one document"
    takes: ClassVar[tuple[str, ...]] = (
        "triples", "format", "columns", "on_bad_triple", "id_key", "mapping", "predicate",
        "max_document_bytes", "graph_name", "base_iri", "iri", "budget_bytes", "max_window_bytes",
        "fence",
    )  # fmt: skip

    inputs: Inputs = made(default_factory=Inputs)
    reading: InputOptions = made(default_factory=InputOptions)
    printing: PrintOptions = made(default_factory=PrintOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """At least one input."""
        self.expect("triples", self.inputs.triples)


class EncodeSettings(CommandSettings):
    """What `encode` was asked to do."""

    needs: ClassVar[str] = "TRIPLES... -o FILE"
    takes: ClassVar[tuple[str, ...]] = (
        *(name for name in TriplesSettings.takes if name != "iri"), "output",
    )  # fmt: skip

    inputs: Inputs = made(default_factory=Inputs)
    reading: InputOptions = made(default_factory=InputOptions)
    target: TargetOptions = made(default_factory=TargetOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """At least one input, and a file to write."""
        self.expect("triples", self.inputs.triples)
        self.expect("-o FILE", self.target.output)


class ExplainSettings(CommandSettings):
    """What `explain` was asked."""

    needs: ClassVar[str] = (
        "RULES TRIPLES... (or --manifest FILE --rules RULES --document NAME) with --triple S R O, "
        "or with --key KEY --from FILE"
    )
    takes: ClassVar[tuple[str, ...]] = (
        "triple", "key", "findings_file", "document_name", "rules", "triples", "manifest",
        "confidence", "assumption", "functional", "unseen", *InputOptions.names(),
        "budget_bytes", "reserve_bytes", "max_window_bytes", "fence",
    )  # fmt: skip

    inputs: Inputs = made(default_factory=Inputs)
    explain: ExplainOptions = made(default_factory=ExplainOptions)
    reading: InputOptions = made(default_factory=InputOptions)
    evaluation: EvaluationOptions = made(default_factory=EvaluationOptions)
    resources: ResourceOptions = made(default_factory=ResourceOptions)

    def validate(self) -> None:
        """Rules, one source of triples, and a triple to explain."""
        inputs = self.inputs
        self.expect("rules", inputs.rules)
        self.expect("triples", inputs.triples or inputs.manifest is not None)
        self.expect("--triple", self.explain.triple or self.explain.key)
        if inputs.triples and inputs.manifest is not None:
            raise UsageError(f"found both TRIPLES and --manifest, expected {self.needs}")
        if self.explain.document_name is not None and inputs.manifest is None:
            raise UsageError(
                "--document: found without --manifest FILE, expected both: TRIPLES make one graph"
            )

    @classmethod
    def names_in_manifest(cls) -> tuple[str, ...]:
        """Those of a run: it is the manifest of one."""
        return RunSettings.names()
