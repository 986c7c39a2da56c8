"""Which other hosts take part in a run.

Not done here: reaching them (`execute.dask_link`), what they may use (`plan.hosts`).
"""

from __future__ import annotations

from pff_stream.errors import UsageError
from pff_stream.settings.models import Options, ResourceOptions


class ClusterOptions(Options):
    """The cluster that evaluates; it changes no byte of the results."""

    cluster: str | None = None
    """Address of the scheduler of a Dask cluster, or its file; None: this host alone."""

    def of_this_host(self, resources: ResourceOptions) -> ResourceOptions:
        """The resources of this host: with a cluster --workers is said for the others."""
        return resources if self.cluster is None else resources.replace(workers=None)

    def check(self, resources: ResourceOptions, *, is_part: bool) -> None:
        """`UsageError` where a cluster cannot be meant."""
        if self.cluster is None:
            return
        if resources.says_how:
            raise UsageError(
                "--cluster: found together with --plan or --start-method, expected one of them: "
                "each host of a cluster makes a plan of its own"
            )
        if is_part:
            raise UsageError("--cluster: found together with --shard, expected one of the two")
