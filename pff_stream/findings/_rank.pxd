# The confidence that a rule is ranked by, and the order of rules, for compiled code.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from pff_stream.report._record cimport PREDICTIONS, SUPPORT, UNKNOWN
from pff_stream.report._share cimport share_of

cdef enum:
    # `Kind` of confidence.py.
    MINER = 0
    MINER_PCA = 1
    EXACT = 2
    PARTIAL = 3

# What a rule is ranked by.
cdef struct Ranked:
    double confidence             # as `rank_confidence` tells it, not NaN
    int64_t violations
    const unsigned char* text
    size_t text_bytes
    uint64_t source               # ordinal in the rule file: equal texts keep their order


cdef inline double rank_confidence(
    int kind, const int64_t* counts, uint64_t added, double miner, double miner_pca
) noexcept nogil:
    """The confidence of an evaluated rule by its counts and the miner's columns (NaN: no value).

    `added` is --unseen.

    From 0 to 1; NaN where the rule is not in force: it has no value of this kind, or one above 1.
    """
    cdef double stated
    cdef uint64_t base
    if kind == MINER or kind == MINER_PCA:
        stated = miner if kind == MINER else miner_pca
        return stated if 0 <= stated <= 1 else NAN
    if counts[PREDICTIONS] == 0:
        return 0.0
    base = <uint64_t>counts[PREDICTIONS] + added
    if kind == PARTIAL:
        base -= <uint64_t>counts[UNKNOWN]
    return share_of(<uint64_t>counts[SUPPORT], base) if base else NAN


cdef inline bint ranks_before(const Ranked* a, const Ranked* b) noexcept nogil:
    """Whether `a` comes first: confidence falls, then violations rise, then the bytes of the text."""
    cdef size_t n
    cdef int order
    if a.confidence != b.confidence:
        return a.confidence > b.confidence
    if a.violations != b.violations:
        return a.violations < b.violations
    n = min(a.text_bytes, b.text_bytes)
    order = memcmp(a.text, b.text, n) if n else 0
    if order:
        return order < 0
    if a.text_bytes != b.text_bytes:
        return a.text_bytes < b.text_bytes
    return a.source < b.source
