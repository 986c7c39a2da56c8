# distutils: extra_compile_args = -O3
"""Puts the violated rules of a run in order while the results are merged.

The order of rules is confidence (descending), violations (ascending), text (bytes), line. A rule whose
text an earlier line has is no rule of its own: it comes right behind that one, marked. To find it,
rules are sorted by text first; no rule stays in memory.

An entry of the order: confidence (a double's bits inverted, so that the highest comes first), violations,
text, NUL, line, source (8 bytes each, high byte first), then the confidence of this line itself (8
bytes), whether it repeats an earlier line, and the place of the head's functional variable.
"""

from libc.math cimport isnan
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._pass cimport Formatter, Pass, Slice
from pff_stream.report._record cimport VIOLATED

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef enum:
    HASH_BYTES = 8                # in front of a text, as rules are sorted by it
    REST_BYTES = 33               # behind a text and its NUL, as rules are sorted by it


cdef class RankedRules(Formatter):
    """Takes the violated rules of a pass, or as they were written down (`_ranked_rows`)."""

    def __dealloc__(self):
        free(self.entry)

    cdef int rule(self, Pass at) except -1:
        cdef CountedRule rule
        if at.rule.outcome != VIOLATED:
            return 0
        rule.confidence = confidence_of(at, self.kind)
        if isnan(rule.confidence):
            self.without_value += 1
            return 0
        rule.violations = <uint64_t>at.violations_of(&at.rule)
        rule.line, rule.source, rule.place = at.rule.line, at.rule.source, at.rule.place
        return self.put(&rule, at.rule.text)

    cdef int put(self, const CountedRule* rule, Slice text) except -1:
        """Takes a violated rule."""
        return 0

    cdef int _reserve(self, size_t n) except -1:
        """Has room for an entry of `n` bytes."""
        cdef void* larger
        if n > self.room:
            larger = realloc(self.entry, 2 * n)
            if larger == NULL:
                raise MemoryError
            self.entry = <unsigned char*>larger
            self.room = 2 * n
        return 0

    def pass_over(self, uint64_t n):
        """Takes `n` more that have no confidence of this kind."""
        self.without_value += n

    def end(self):
        """Has all that were put in order; nothing can be put any more."""
        self.finish()


cdef class Ranking(RankedRules):
    """Gives `order` all violated rules that have a confidence of this `Kind`, and `floor` or more.

    `by_text` and `order` are empty sorters; the first is closed when the pass is over.
    """

    def __init__(self, Sorter by_text, Sorter order, int kind, floor=None):
        self.by_text = by_text
        self.order = order
        self.kind = kind
        self.floor = -1.0 if floor is None else floor

    cdef int put(self, const CountedRule* rule, Slice text) except -1:
        cdef size_t n = text.n
        cdef unsigned char* rest
        cdef uint64_t hash
        self._reserve(HASH_BYTES + n + 1 + REST_BYTES)
        # In front, so that most texts differ in their first bytes.
        hash = pff_name_hash(text.text, n)
        memcpy(self.entry, &hash, HASH_BYTES)
        memcpy(self.entry + HASH_BYTES, text.text, n)
        self.entry[HASH_BYTES + n] = 0
        rest = self.entry + HASH_BYTES + n + 1
        put_u64(rest, rule.line)
        put_u64(rest + 8, rule.source)
        put_u64(rest + 16, rule.violations)
        memcpy(rest + 24, &rule.confidence, 8)
        rest[32] = rule.place
        return self.by_text.add(self.entry, HASH_BYTES + n + 1 + REST_BYTES)

    cdef int finish(self) except -1:
        cdef const unsigned char* entry
        cdef unsigned char* first = NULL
        cdef size_t n, n_first = 0, room = 0
        cdef void* larger
        cdef bint repeats
        self.by_text.begin()
        try:
            while (entry := self.by_text.take(&n)) != NULL:
                # The text, with its NUL, is all but the rest.
                repeats = n == n_first and memcmp(entry, first, n - REST_BYTES) == 0
                if not repeats:
                    if n > room:
                        larger = realloc(first, 2 * n)
                        if larger == NULL:
                            raise MemoryError
                        first = <unsigned char*>larger
                        room = 2 * n
                    memcpy(first, entry, n)
                    n_first = n
                self._add_in_order(
                    entry + HASH_BYTES, n - HASH_BYTES, first + HASH_BYTES, repeats
                )
        finally:
            free(first)
        self.by_text.close()
        return 0

    cdef int _add_in_order(
        self, const unsigned char* entry, size_t n, const unsigned char* first, bint repeats
    ) except -1:
        """Adds a rule to the order at the place of the first line that has its text."""
        cdef size_t n_text = n - REST_BYTES
        cdef const unsigned char* rest = entry + n_text
        cdef double confidence
        cdef unsigned char* tail
        cdef uint64_t violations = 0
        cdef int i
        memcpy(&confidence, first + n_text + 24, 8)
        if confidence < self.floor:
            self.below_floor += 1
            return 0
        for i in range(8):
            violations = violations << 8 | rest[16 + i]
        if not repeats:
            self.violations += violations
        self._reserve(FRONT_BYTES + n_text + TAIL_BYTES)
        put_u64(self.entry, inverted(confidence))
        memcpy(self.entry + 8, rest + 16, 8)
        memcpy(self.entry + FRONT_BYTES, entry, n_text)
        tail = self.entry + FRONT_BYTES + n_text
        memcpy(tail, rest, 16)
        memcpy(tail + 16, rest + 24, 8)
        tail[24] = repeats
        tail[25] = rest[32]
        return self.order.add(self.entry, FRONT_BYTES + n_text + TAIL_BYTES)

