from collections.abc import Iterator, Sequence

from pff_stream.report._pass import Formatter
from pff_stream.report.records import RuleOutcome
from pff_stream.report.spooled import MergeOptions, Spooled
from pff_stream.report.totals import Totals

def merge_bytes(n_runs: int, options: MergeOptions = ...) -> int: ...
def write_results(
    spooled: Spooled, formatters: Sequence[Formatter] = ..., options: MergeOptions = ...
) -> Totals: ...
def write_block(
    spooled: Spooled,
    formatters: Sequence[Formatter],
    options: MergeOptions,
    violations_left: int,
) -> Totals: ...
def iterate(spooled: Spooled, options: MergeOptions = ...) -> Iterator[RuleOutcome]: ...
