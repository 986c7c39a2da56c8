"""`metrics.tsv`: all that is known of every rule, a line each, with a line of column names first.

A merge drives it in C (`_metrics`). Given objects it writes the same bytes. Shares are written as
the shortest decimal that reads back as the same double; where there is no value, nothing stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pff_stream.report.formats.lines import LinesWriter

if TYPE_CHECKING:
    from pff_stream.files.writers import ByteSink
    from pff_stream.report.streams import RuleMetric, RunHeader

COLUMNS = (
    "line", "outcome", "reason", "predictions", "support", "absent", "unknown", "violations",
    "confidence", "partial_confidence", "head_coverage", "miner_predictions", "miner_support",
    "miner_confidence", "miner_pca_confidence", "miner_pca_predictions", "miner_head_coverage",
    "rule",
)  # fmt: skip
HEADER = "\t".join(COLUMNS) + "\n"


class Metrics(LinesWriter):
    """All columns of every rule, in the order of the rule file."""

    name: ClassVar[str] = "metrics"
    suffix: ClassVar[str] = ".tsv"
    wants: ClassVar[frozenset[str]] = frozenset({"metric"})

    def begin(self, header: RunHeader, out: ByteSink) -> None:
        """Takes the buffer, and writes the names of the columns."""
        from pff_stream.report.formats._metrics import MetricLines

        self._lines = MetricLines(out, self.buffer_bytes)
        self._lines.put(HEADER.encode())

    def metric(self, metric: RuleMetric) -> None:
        """A line."""
        self._lines.put(metric_line(metric).encode("utf-8", "surrogateescape"))


def counted_values(metric: RuleMetric) -> tuple[int | float | None, ...]:
    """The columns from `predictions` to `head_coverage`; None where nothing was counted."""
    if not metric.outcome.evaluated:
        return (None,) * 8
    return (
        metric.counts.predictions,
        metric.counts.support,
        metric.counts.absent,
        metric.counts.unknown,
        metric.violations,
        metric.confidence,
        metric.partial_confidence,
        metric.head_coverage,
    )


def metric_line(metric: RuleMetric) -> str:
    """The line of a rule."""
    cells = ["" if one is None else repr(one) for one in (*counted_values(metric), *metric.miner)]
    return (
        "\t".join((str(metric.line), metric.outcome.word, metric.reason, *cells, metric.text))
        + "\n"
    )
