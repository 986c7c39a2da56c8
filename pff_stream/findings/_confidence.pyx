"""The confidence of a rule and the order of rules for Python: what compiled code has inline."""

from libc.math cimport NAN, isnan
from libc.stdint cimport int64_t, uint64_t

from pff_stream.findings cimport _rank as shared
from pff_stream.report._record cimport N_COUNTS


def rank_confidence(int kind, counts, uint64_t added=0, miner=None, miner_pca=None):
    """The confidence of an evaluated rule, None where it is not in force.

    `kind` is a `confidence.Kind`, `counts` are `records.Counts`; None is no value of the miner; `added`
    is --unseen.
    """
    cdef int64_t[N_COUNTS] given
    cdef int i
    for i in range(N_COUNTS):
        given[i] = counts[i]
    cdef double found = shared.rank_confidence(
        kind,
        given,
        added,
        NAN if miner is None else miner,
        NAN if miner_pca is None else miner_pca,
    )
    return None if isnan(found) else found


def ranks_before(a, b):
    """Whether rule `a` comes before `b`, each (confidence, violations, text, source)."""
    cdef shared.Ranked first = _ranked(a)
    cdef shared.Ranked second = _ranked(b)
    return shared.ranks_before(&first, &second)


cdef shared.Ranked _ranked(rule) except *:
    cdef shared.Ranked ranked
    cdef bytes text = rule[2]         # lives in `rule` for as long as it is compared
    ranked.confidence = rule[0]
    ranked.violations = rule[1]
    ranked.text = text
    ranked.text_bytes = len(text)
    ranked.source = rule[3]
    return ranked
