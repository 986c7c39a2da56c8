# The first of the violated rules in order, in bounded memory, and a note of each of the others.
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from pff_stream.findings._rank cimport EXACT
from pff_stream.findings._ranking cimport CountedRule, RankedRules
from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._pass cimport Slice


# What is noted of every violated rule, in the order of the rule file.
cdef struct Noted:
    uint64_t key                  # hash of its text; where confidences are counted, that
    uint64_t source               # ordinal in the rule file; the highest bit: the head's place
    uint64_t violations


cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef enum:
    # In a source: the head's functional variable is the object.
    OBJECT_SHIFT = 63


cdef inline Noted noted_of(int kind, const CountedRule* rule, Slice text) noexcept:
    """What is noted of a rule."""
    cdef Noted note
    if kind >= EXACT:
        memcpy(&note.key, &rule.confidence, 8)
    else:
        note.key = pff_name_hash(text.text, text.n)
    note.source = rule.source | <uint64_t>(rule.place != 0) << OBJECT_SHIFT
    note.violations = rule.violations
    return note


cdef class Shortlist(RankedRules):
    cdef unsigned char* entries   # from the front, their places from the end
    cdef size_t capacity
    cdef size_t used
    cdef size_t n_kept
    cdef unsigned char* last      # begin of an entry, its text included: what comes behind is dropped
    cdef size_t n_last
    cdef Noted* notes
    cdef size_t n_notes           # in memory
    cdef object folder
    cdef object file              # the notes before those
    cdef readonly uint64_t n      # violated rules
    cdef readonly bint may_repeat # whether some may have one text: then none comes of here
    # reading notes back
    cdef uint64_t n_read

    cdef uint32_t* _places(self) noexcept
    cdef int take_note(self, const Noted* note) except -1
    cdef int _keep(self, size_t n) except -1
    cdef int _make_room(self) except -1
    cdef bint _is_behind(self, size_t n) noexcept
    cdef int _grow(self, size_t capacity) except -1
    cdef int _remember(self, const unsigned char* entry) except -1
    cdef bint _begin_alike(self, const unsigned char* one, const unsigned char* other) noexcept
    cdef void _sort(self) noexcept
