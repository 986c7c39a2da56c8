# distutils: extra_compile_args = -O3
"""The violated rules of a part of a merge, written down for whoever puts all of them in order.

A row is a `CountedRule`, the length of its text, and the text.
"""

from libc.math cimport isnan
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.findings._ranking cimport CountedRule, RankedRules, confidence_of
from pff_stream.report._pass cimport Pass, Slice
from pff_stream.report._record cimport VIOLATED
from pff_stream.report._text cimport put
from pff_stream.report.formats._lines cimport Lines

cdef enum:
    FIXED_BYTES = sizeof(CountedRule) + sizeof(uint32_t)


cdef class RankedRows(Lines):
    """Writes rows of the violated rules that have a confidence of this `Kind`, in their order."""

    cdef int kind

    def __init__(self, out, size_t buffer_bytes, int kind):
        Lines.__init__(self, out, buffer_bytes)
        self.kind = kind

    cdef int rule(self, Pass at) except -1:
        cdef CountedRule rule
        cdef uint32_t length = <uint32_t>at.rule.text.n
        if at.rule.outcome != VIOLATED:
            return 0
        memset(&rule, 0, sizeof(CountedRule))
        rule.confidence = confidence_of(at, self.kind)
        if isnan(rule.confidence):
            self.left_out += 1
            return 0
        rule.violations = <uint64_t>at.violations_of(&at.rule)
        rule.line, rule.source, rule.place = at.rule.line, at.rule.source, at.rule.place
        put(&self.sink, <const char*>&rule, sizeof(CountedRule))
        put(&self.sink, <const char*>&length, sizeof(uint32_t))
        return put(&self.sink, <const char*>at.rule.text.text, length)


def take_rows(RankedRules ranked, const unsigned char[::1] rows):
    """Gives `ranked` the rows that are there as a whole; returns how many bytes those are."""
    cdef const unsigned char* at = &rows[0] if rows.shape[0] else NULL
    cdef size_t left = rows.shape[0]
    cdef CountedRule rule
    cdef Slice text
    cdef uint32_t length
    while left >= FIXED_BYTES:
        memcpy(&rule, at, sizeof(CountedRule))
        memcpy(&length, at + sizeof(CountedRule), sizeof(uint32_t))
        if left - FIXED_BYTES < length:
            break
        text.text = at + FIXED_BYTES
        text.n = length
        ranked.put(&rule, text)
        at += FIXED_BYTES + length
        left -= FIXED_BYTES + length
    return rows.shape[0] - left
