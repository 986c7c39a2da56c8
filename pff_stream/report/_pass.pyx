# distutils: extra_compile_args = -O3
"""The one pass over the rules of a source and their results, for whoever formats or decodes them.

Source chunks give the rules in order; the run heap gives one record (or more parts) for each that
was not rejected when it was compiled. A missing or doubled one is an error. Everything in a record
is checked before it is used, and counted. Does not format, and holds nothing that grows.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport NAN
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.errors import DamagedResultsError, PffStreamError
from pff_stream.report._record cimport (
    EXAMPLES_BYTES,
    FAILED,
    N_COUNTS,
    N_OUTCOMES,
    N_REASONS,
    PREDICTIONS,
    REASON_TEXT,
    REJECTED,
    SATISFIED,
    SUPPORT,
    UNKNOWN,
    VACUOUS,
    VIOLATED,
)
from pff_stream.report._runs cimport RunHeap
from pff_stream.report._share cimport share_of
from pff_stream.report._text cimport DECIMALS, Decimal, Sink, put_decimal
from pff_stream.report.records import Counts
from pff_stream.report.totals import Totals, WorstRule
from pff_stream.words import counted
from pff_stream.rules.columns import (
    CONFIDENCE,
    HEAD_COVERAGE,
    PCA_CONFIDENCE,
    PCA_PREDICTIONS,
    PREDICTIONS as MINED_PREDICTIONS,
    SUPPORT as MINED_SUPPORT,
)
from pff_stream.triples._graph cimport GraphView

include "_rule_reader.pxi"


# Of all passes of the process: one over few rules begins with what the ones before it came to.
cdef Decimal known_decimals[DECIMALS]


def pass_bytes():
    """What a pass takes beside its run heap and its source chunk."""
    return DECIMALS * sizeof(Decimal)


cdef class Formatter:
    """One output that is written in C while the pass goes from rule to rule."""

    cdef int rule(self, Pass at) except -1:
        """Takes the present rule, whatever its outcome; its examples follow."""
        return 0

    cdef int examples(self, Pass at, uint32_t n) except -1:
        """Takes the first `n` examples of the present part; called where `wants_examples`."""
        return 0

    cdef int finish(self) except -1:
        """Gives away whatever is held back; comes behind the last rule."""
        return 0

    def release(self):
        """Gives back what only the pass needed; comes behind it."""


cdef class Pass(RuleReader):
    """Gives the rules of a reader to formatters, and counts them."""

    def __init__(self, spooled, options):
        RuleReader.__init__(self, spooled, options)
        self.unseen = options.unseen
        self.examples_left = min(options.max_violations, (1 << 63) - 1)
        self.more = [0] * N_COUNTS
        self.worst_texts = []

    def drive(self, list formatters, bint finishes=True):
        """Gives every rule to every formatter; returns the totals of all rules.

        What formatters hold back stays with them, unless this `finishes` them.
        """
        cdef uint64_t cap = self.examples_left
        cdef Formatter formatter
        cdef list of_examples = []
        for formatter in formatters:
            if formatter.wants_examples:
                of_examples.append(formatter)
        while self.next_rule():
            self.count()
            for formatter in formatters:
                formatter.rule(self)
            self._give_examples(of_examples)
        for formatter in formatters:
            if finishes:
                formatter.finish()
        return self.totals(cap - self.examples_left, len(of_examples) > 0)

    cdef int _give_examples(self, list formatters) except -1:
        cdef Formatter formatter
        cdef uint32_t n
        while True:
            if self.rule.has_record and self.examples.n:
                self.kept += self.examples.n
                if formatters and self.examples_left:
                    n = self.take_examples()
                    for formatter in formatters:
                        formatter.examples(self, n)
            if not self.next_part():
                return 0

    cdef uint32_t take_examples(self) noexcept:
        """How many of the part's examples the cap leaves; counts them."""
        cdef uint64_t n = min(<uint64_t>self.examples.n, self.examples_left)
        self.examples_left -= n
        return <uint32_t>n

    cdef object confidence(self, const Rule* rule):
        """support / (predictions + unseen), rounded once; None without predictions."""
        if rule.counts[PREDICTIONS] == 0:
            return None
        return int(rule.counts[SUPPORT]) / (int(rule.counts[PREDICTIONS]) + int(self.unseen))

    cdef object partial_confidence(self, counts):
        """support / (predictions - unknown + unseen), of `Counts`; None where that is 0."""
        return counts.partial_confidence(self.unseen)

    cdef int put_confidence(self, Sink* sink) except -1:
        """The present rule's confidence, 0.0 without predictions."""
        cdef uint64_t predictions = self.rule.counts[PREDICTIONS]
        cdef double confidence = 0.0
        if predictions:
            confidence = share_of(self.rule.counts[SUPPORT], predictions + self.unseen)
        return put_decimal(sink, confidence, known_decimals)

    cdef int put_decimal(self, Sink* sink, double value) except -1:
        """The shortest decimal that reads back equal."""
        return put_decimal(sink, value, known_decimals)

    cdef int count(self) except -1:
        cdef Rule* rule = &self.rule
        cdef int64_t violations = self.violations_of(rule)
        cdef int i
        self.outcomes[rule.outcome] += 1
        self.by_reason[rule.reason] += 1
        if rule.outcome > VACUOUS:
            return 0
        for i in range(N_COUNTS):
            self.sums[i] += rule.counts[i]
            if self.sums[i] >> 62:
                self.more[i] += self.sums[i]
                self.sums[i] = 0
        if rule.outcome == VIOLATED and (
            self.n_worst < WORST or violations > self.worst[WORST - 1].violations
        ):
            self._keep_worst(violations)
        return 0

    cdef int _keep_worst(self, int64_t violations) except -1:
        cdef int at = self.n_worst if self.n_worst < WORST else WORST - 1
        if self.n_worst == WORST:
            self.worst_texts.pop()
        else:
            self.n_worst += 1
        # Rules come by line: an equal one that is there already stays before this one.
        while at > 0 and self.worst[at - 1].violations < violations:
            self.worst[at] = self.worst[at - 1]
            at -= 1
        self.worst[at].violations = violations
        self.worst[at].predictions = self.rule.counts[PREDICTIONS]
        self.worst[at].line = self.rule.line
        self.worst_texts.insert(at, bytes_of(self.rule.text))
        return 0

    cdef object totals(self, uint64_t written, bint writes):
        cdef int i
        counts = Counts(*[self.more[i] + self.sums[i] for i in range(N_COUNTS)])
        violations = counts.violations(partial=self.partial)
        worst = tuple([
            WorstRule(
                line=self.worst[i].line,
                text=decode(self.worst_texts[i]),
                predictions=self.worst[i].predictions,
                violations=self.worst[i].violations,
            )
            for i in range(self.n_worst)
        ])
        return Totals(
            outcomes=tuple([self.outcomes[i] for i in range(N_OUTCOMES)]),
            reasons=tuple([self.by_reason[i] for i in range(N_REASONS)]),
            counts=counts,
            violations=violations,
            violations_written=written,
            cut_by_max_examples=violations - self.kept if writes else 0,
            cut_by_max_violations=self.kept - written if writes else 0,
            worst=worst,
        )


cdef bytes bytes_of(Slice part):
    return PyBytes_FromStringAndSize(<const char*>part.text, part.n)


cdef str decode(bytes text):
    return text.decode("utf-8", "surrogateescape")
