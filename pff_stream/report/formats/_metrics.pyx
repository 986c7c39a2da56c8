# distutils: extra_compile_args = -O3
"""A line of every rule with all that is known of it, written straight from the pass."""

from libc.math cimport isnan
from libc.stdint cimport int64_t, uint64_t

from pff_stream.report._pass cimport (
    MINER_CONFIDENCE,
    MINER_HEAD_COVERAGE,
    MINER_PCA_CONFIDENCE,
    MINER_PCA_PREDICTIONS,
    MINER_PREDICTIONS,
    MINER_SUPPORT,
    Pass,
    Rule,
)
from pff_stream.report._record cimport PREDICTIONS, REJECTED, SUPPORT, UNKNOWN, VACUOUS
from pff_stream.report._share cimport share_of
from pff_stream.report._text cimport put, put_field, put_literal, put_number
from pff_stream.report.formats._lines cimport OutcomeLines


cdef class MetricLines(OutcomeLines):
    """The columns of metrics.tsv."""

    cdef int rule(self, Pass at) except -1:
        cdef Rule* rule = &at.rule
        self.put_outcome(at)
        if rule.outcome <= VACUOUS:
            self._put_counted(at)
        else:
            put_literal(&self.sink, b"\t\t\t\t\t\t\t\t")
        self._put_count(at.miner_count(MINER_PREDICTIONS))
        self._put_count(at.miner_count(MINER_SUPPORT))
        self._put_share(at, at.miner_share(MINER_CONFIDENCE))
        self._put_share(at, at.miner_share(MINER_PCA_CONFIDENCE))
        self._put_count(at.miner_count(MINER_PCA_PREDICTIONS))
        self._put_share(at, at.miner_share(MINER_HEAD_COVERAGE))
        put_literal(&self.sink, b"\t")
        if rule.outcome == REJECTED:
            put_field(&self.sink, rule.text.text, rule.text.n)
        else:
            put(&self.sink, <const char*>rule.text.text, rule.text.n)
        return put_literal(&self.sink, b"\n")

    cdef int _put_counted(self, Pass at) except -1:
        """What was counted here, and the shares that follow from it."""
        cdef const Rule* rule = &at.rule
        cdef uint64_t predictions = rule.counts[PREDICTIONS]
        cdef uint64_t support = rule.counts[SUPPORT]
        cdef uint64_t decided = predictions - <uint64_t>rule.counts[UNKNOWN] + at.unseen
        self._put_count(predictions)
        self._put_count(support)
        self._put_count(predictions - support)
        self._put_count(rule.counts[UNKNOWN])
        self._put_count(at.violations_of(rule))
        put_literal(&self.sink, b"\t")
        if predictions:
            at.put_decimal(&self.sink, share_of(support, predictions + at.unseen))
        put_literal(&self.sink, b"\t")
        if decided:
            at.put_decimal(&self.sink, share_of(support, decided))
        put_literal(&self.sink, b"\t")
        if rule.facts > 0:
            at.put_decimal(&self.sink, share_of(support, rule.facts))
        return 0

    cdef int _put_count(self, int64_t count) except -1:
        """A tab and a count; nothing behind it where it is below 0."""
        put_literal(&self.sink, b"\t")
        return put_number(&self.sink, count) if count >= 0 else 0

    cdef int _put_share(self, Pass at, double share) except -1:
        """A tab and a share; nothing behind it where it is NaN."""
        put_literal(&self.sink, b"\t")
        return 0 if isnan(share) else at.put_decimal(&self.sink, share)
