# distutils: extra_compile_args = -O3
"""Spooled results and the rules' own lines, merged by source: formatted, or decoded into objects.

Two consumers share one pass (`_pass`): `write_results` gives each rule to formatters and makes no
object of it; `iterate` yields a `RuleOutcome` at a time. Does not open, commit or abandon outputs.
"""

from libc.math cimport isnan
from libc.stdint cimport uint32_t

from pff_stream.report._pass cimport Pass, Rule, Slice, bytes_of, decode
from pff_stream.report._pass import pass_bytes
from pff_stream.report._record cimport N_COUNTS
from pff_stream.report._runs import heap_bytes
from pff_stream.report.records import REASON_TEXTS, Counts, Outcome, Reason, RuleOutcome, Violation
from pff_stream.report.spooled import MergeOptions


def merge_bytes(n_runs, options=MergeOptions()):
    """The most bytes that a merge of so many runs allocates beside its source chunk and outputs."""
    heap = heap_bytes(n_runs, options.fan_in, options.window_bytes, options.max_record_bytes)
    return heap + pass_bytes()


cdef class _Decoder(Pass):
    """Makes an object of each rule."""

    def next_outcome(self):
        """The next rule as a `RuleOutcome`, None behind the last."""
        cdef Rule* rule = &self.rule
        if not self.next_rule():
            return None
        examples = []
        reason = REASON_TEXTS[Reason(rule.reason)] or text_of(rule.reason_text)
        while True:
            if rule.has_record:
                self._decode_examples(examples)
            if not self.next_part():
                break
        counts = Counts(*[rule.counts[i] for i in range(N_COUNTS)])
        return RuleOutcome(
            line=rule.line,
            text=text_of(rule.text),
            outcome=Outcome(rule.outcome),
            reason=reason,
            counts=counts,
            confidence=self.confidence(rule),
            miner_confidence=None if isnan(rule.miner_confidence) else rule.miner_confidence,
            examples=tuple(examples),
            partial_confidence=self.partial_confidence(counts),
            partial=self.partial,
        )

    cdef _decode_examples(self, list examples):
        cdef const unsigned char* ids = self.examples.ids
        cdef Slice names[3]
        cdef uint32_t i, k
        for i in range(self.take_examples()):
            self.head(ids, names)
            head = _triple(names)
            witness = []
            for k in range(self.examples.n_atoms):
                self.body_triple(ids + 8 + 12 * k, names)
                witness.append(_triple(names))
            examples.append(Violation(head, tuple(witness)))
            ids += self.examples.stride


cdef str text_of(Slice part):
    return decode(bytes_of(part))


cdef tuple _triple(const Slice* names):
    return text_of(names[0]), text_of(names[1]), text_of(names[2])


def write_results(spooled, formatters=(), options=MergeOptions()):
    """Gives all rules, in source order, to every formatter in one pass; returns `Totals`.

    Without formatters it counts. Raises what their outputs raise, `DamagedResultsError` where results
    are missing, doubled or damaged, `OutputError` where runs cannot be merged first (see `RunHeap`).
    """
    driven = Pass(spooled, options)
    try:
        return driven.drive(list(formatters))
    finally:
        driven.close()


def write_block(spooled, formatters, options, violations_left):
    """The same for some of the rules; what the formatters hold back stays with them.

    `violations_left` is in place of the options' `max_violations`.
    """
    driven = Pass(spooled, options)
    driven.examples_left = min(violations_left, (1 << 63) - 1)
    try:
        return driven.drive(list(formatters), False)
    finally:
        driven.close()


def iterate(spooled, options=MergeOptions()):
    """Yields a `RuleOutcome` for every rule, in source order; raises as `write_results`."""
    decoder = _Decoder(spooled, options)
    try:
        while (outcome := decoder.next_outcome()) is not None:
            yield outcome
    finally:
        decoder.close()
