# distutils: extra_compile_args = -O3
"""The violated rules of a part of a merge, written down for whoever puts all of them in order.

A row is the length of a text, a `CountedRule`, and the text. Where it is known that a rule comes
behind all that are kept, it is `BEHIND` and what is `Noted` of every rule.
"""

from libc.math cimport isnan
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.findings._ranking cimport CountedRule, RankedRules, confidence_of, inverted
from pff_stream.findings._shortlist cimport Noted, Shortlist, noted_of
from pff_stream.report._pass cimport Pass, Slice
from pff_stream.report._record cimport VIOLATED
from pff_stream.report._text cimport put
from pff_stream.report.formats._lines cimport Lines

cdef uint32_t BEHIND = 0xFFFFFFFF     # no text is so long


cdef class RankedRows(Lines):
    """Writes rows of the violated rules that have a confidence of this `Kind`, in their order."""

    cdef int kind
    cdef public uint64_t enough   # `Shortlist.enough`, as far as it is known

    def __init__(self, out, size_t buffer_bytes, int kind):
        Lines.__init__(self, out, buffer_bytes)
        self.kind = kind

    cdef int rule(self, Pass at) except -1:
        cdef CountedRule rule
        cdef Noted note
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
        if self.enough and inverted(rule.confidence) > self.enough:
            note = noted_of(self.kind, &rule, at.rule.text)
            put(&self.sink, <const char*>&BEHIND, sizeof(uint32_t))
            return put(&self.sink, <const char*>&note, sizeof(Noted))
        put(&self.sink, <const char*>&length, sizeof(uint32_t))
        put(&self.sink, <const char*>&rule, sizeof(CountedRule))
        return put(&self.sink, <const char*>at.rule.text.text, length)


def take_rows(RankedRules ranked, const unsigned char[::1] rows):
    """Gives `ranked` the rows that are there as a whole; returns how many bytes those are."""
    cdef const unsigned char* at = &rows[0] if rows.shape[0] else NULL
    cdef size_t left = rows.shape[0], n
    cdef CountedRule rule
    cdef Noted note
    cdef Slice text
    cdef uint32_t length
    while left >= sizeof(uint32_t):
        memcpy(&length, at, sizeof(uint32_t))
        n = sizeof(uint32_t) + sizeof(Noted)
        if length != BEHIND:
            n = sizeof(uint32_t) + sizeof(CountedRule) + <size_t>length
        if left < n:
            break
        if length == BEHIND:
            memcpy(&note, at + sizeof(uint32_t), sizeof(Noted))
            (<Shortlist?>ranked).take_note(&note)
        else:
            memcpy(&rule, at + sizeof(uint32_t), sizeof(CountedRule))
            text.text = at + sizeof(uint32_t) + sizeof(CountedRule)
            text.n = length
            ranked.put(&rule, text)
        at += n
        left -= n
    return rows.shape[0] - left
