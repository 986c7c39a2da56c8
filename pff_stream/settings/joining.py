"""What `join` is told: where results go, and what they are judged by."""

from __future__ import annotations

from typing import ClassVar

from pff_stream.settings.commands import CommandSettings
from pff_stream.settings.frozen import made
from pff_stream.settings.models import OutputOptions, ResourceOptions


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
