# Violated rules on their way into the order of rules.
from libc.math cimport NAN
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from pff_stream.findings._rank cimport MINER_PCA, rank_confidence
from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._pass cimport MINER_PCA_CONFIDENCE, Formatter, Pass, Slice

cdef enum:
    FRONT_BYTES = 16              # of an entry of the order: confidence and violations
    TAIL_BYTES = 26               # behind its text and the NUL of it


cdef inline void put_u64(unsigned char* at, uint64_t value) noexcept:
    cdef int i
    for i in range(7, -1, -1):
        at[i] = <unsigned char>value
        value >>= 8


cdef inline uint64_t inverted(double confidence) noexcept:
    """Bits that are the smaller the greater the confidence (0 or more) is."""
    cdef uint64_t bits
    memcpy(&bits, &confidence, 8)
    return ~bits


cdef inline double confidence_of(Pass at, int kind) noexcept:
    """What the present rule is ranked by; NaN: it is not in force."""
    return rank_confidence(
        kind, at.rule.counts, at.unseen, at.rule.miner_confidence,
        at.miner_share(MINER_PCA_CONFIDENCE) if kind == MINER_PCA else NAN,
    )


# A violated rule beside its text.
cdef struct CountedRule:
    double confidence
    uint64_t violations
    uint64_t line
    uint64_t source
    uint8_t place


# What takes violated rules in the order of their lines, out of a pass or as they were written down.
cdef class RankedRules(Formatter):
    cdef int kind                 # of confidence
    cdef unsigned char* entry     # the one that is being packed
    cdef size_t room
    cdef readonly uint64_t without_value

    cdef int put(self, const CountedRule* rule, Slice text) except -1
    cdef int _reserve(self, size_t n) except -1


cdef class Ranking(RankedRules):
    cdef Sorter by_text
    cdef Sorter order
    cdef double floor
    cdef readonly uint64_t below_floor
    cdef readonly uint64_t violations

    cdef int _add_in_order(
        self, const unsigned char* entry, size_t n, const unsigned char* first, bint repeats
    ) except -1
