"""What a validator is told: settings of a run without triples."""

from __future__ import annotations

from typing import ClassVar

from pff_stream.errors import UsageError
from pff_stream.settings.commands import CommandSettings
from pff_stream.settings.frozen import made
from pff_stream.settings.models import (
    EvaluationOptions,
    FindingsOptions,
    InputOptions,
    Inputs,
    ResourceOptions,
)


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
