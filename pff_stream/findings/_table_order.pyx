# distutils: extra_compile_args = -O3
"""The order of rules for a small graph that a rule table was counted against: in memory, at once.

The order is that of `_ranking`: confidence falls, then violations rise, then the bytes of the text,
then the line; what repeats an earlier rule's text comes right behind it. Texts are compared by the
numbers that the catalogue gives them, so no text is read. Rules that are not chosen stay a heap:
few of many are wanted.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.math cimport NAN, isnan, log1p
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy

from pff_stream.evaluate._kernel cimport TableCounter, TableViolated
from pff_stream.findings._rank cimport EXACT, MINER, rank_confidence
from pff_stream.findings._sorted cimport Sorter
from pff_stream.findings.order import RankedRule

cdef enum:
    SOURCE_BYTES = 8
    SHARED = 1 << 31              # in the number of a text: several rules have it


# --- the numbers of texts --------------------------------------------------------------------


def put_texts(
    Sorter sorter,
    const unsigned char[::1] texts,
    const uint32_t[::1] text_ends,
    const unsigned char[::1] kept,
    uint64_t first,
):
    """Gives `sorter` the texts that are kept, each with its rule's ordinal in the rule file."""
    cdef size_t n, room = 0
    cdef uint32_t begin = 0
    cdef uint64_t source
    cdef unsigned char* entry = NULL
    cdef void* larger
    cdef Py_ssize_t i
    cdef int k
    try:
        for i in range(text_ends.shape[0]):
            n = text_ends[i] - begin
            if kept[i]:
                if n + 1 + SOURCE_BYTES > room:
                    larger = realloc(entry, 2 * (n + 1 + SOURCE_BYTES))
                    if larger == NULL:
                        raise MemoryError
                    entry = <unsigned char*>larger
                    room = 2 * (n + 1 + SOURCE_BYTES)
                if n:
                    memcpy(entry, &texts[begin], n)
                entry[n] = 0
                source = first + <uint64_t>i
                for k in range(SOURCE_BYTES):
                    entry[n + SOURCE_BYTES - k] = <unsigned char>source
                    source >>= 8
                sorter.add(entry, n + 1 + SOURCE_BYTES)
            begin = text_ends[i]
    finally:
        free(entry)


def number_texts(Sorter sorter, uint32_t[::1] orders):
    """Writes the place of each rule's text among all, by the rule's ordinal; equal texts have one.

    Texts of several rules are marked.
    """
    cdef const unsigned char* entry
    cdef size_t n, n_before = 0, room = 0
    cdef uint64_t source, source_before = 0
    cdef uint32_t number = 0
    cdef unsigned char* before = NULL
    cdef void* larger
    cdef int k
    sorter.begin()
    try:
        while (entry := sorter.take(&n)) != NULL:
            source = 0
            for k in range(SOURCE_BYTES):
                source = source << 8 | entry[n - SOURCE_BYTES + k]
            if n_before == n and memcmp(entry, before, n - SOURCE_BYTES) == 0:
                orders[source_before] |= SHARED
                orders[source] = number | SHARED
            else:
                number += 1
                orders[source] = number
            if n > room:
                larger = realloc(before, 2 * n)
                if larger == NULL:
                    raise MemoryError
                before = <unsigned char*>larger
                room = 2 * n
            memcpy(before, entry, n)
            n_before = n
            source_before = source
    finally:
        free(before)


# --- the order of rules ----------------------------------------------------------------------


cdef inline bint before(const TableRule* a, const TableRule* b) noexcept nogil:
    if a.confidence != b.confidence:
        return a.confidence > b.confidence
    if a.violations != b.violations:
        return a.violations < b.violations
    if a.text != b.text:
        return (a.text & ~<uint32_t>SHARED) < (b.text & ~<uint32_t>SHARED)
    return a.source < b.source


cdef int by_text(const void* one, const void* other) noexcept nogil:
    cdef const TableRule* a = <const TableRule*>one
    cdef const TableRule* b = <const TableRule*>other
    if a.text != b.text:
        # Texts of several rules come to the front.
        return -1 if a.text > b.text else 1
    return (a.source > b.source) - (a.source < b.source)


cdef class TableOrder:
    """The violated rules of the table that `counter` has counted, ranked by this `Kind`.

    `floor`: rules below it are not in force; `more`: predictions of each that the graph does not make.
    """

    def __init__(self, catalogue, TableCounter counter, int kind, floor=None, uint64_t more=0):
        cdef const double[::1] confidences = catalogue.confidences
        cdef const uint32_t[::1] texts = catalogue.orders
        cdef double least = -1.0 if floor is None else floor
        cdef const TableViolated* violated
        cdef TableRule* rule
        cdef bint has_shared = False, is_stated = kind < EXACT
        cdef double stated, confidence
        cdef uint32_t i, n = 0
        self.catalogue = catalogue
        self.counter = counter
        self.confidences = confidences
        self.rules = <TableRule*>malloc(max(1, counter.n_violated) * sizeof(TableRule))
        if self.rules == NULL:
            raise MemoryError
        for i in range(counter.n_violated):
            violated = &counter.violated[i]
            stated = confidences[violated.source] if is_stated else NAN
            confidence = rank_confidence(kind, violated.counts, more, stated, stated)
            if isnan(confidence):
                self.without_value += 1
                continue
            rule = &self.rules[n]
            rule.confidence = confidence
            rule.violations = violated.violations
            rule.source = violated.source
            rule.text = texts[violated.source]
            rule.place = i
            rule.repeats = False
            has_shared |= rule.text & SHARED != 0
            if has_shared or confidence >= least:
                n += 1
            else:
                self.below_floor += 1
        self.n_rules = n
        if has_shared:
            self.n_rules = self._join_repeats(least)
        for i in range(self.n_rules // 2, 0, -1):
            self._sift_down(i - 1, self.n_rules)

    def __dealloc__(self):
        free(self.rules)

    cdef uint32_t _join_repeats(self, double floor) except? 0xFFFFFFFF:
        """Gives rules that repeat an earlier text its confidence; leaves out what is below."""
        cdef TableRule* rules = self.rules
        cdef uint32_t i, kept = 0
        cdef double confidence = 0
        cdef uint32_t text = 0
        qsort(rules, self.n_rules, sizeof(TableRule), &by_text)
        for i in range(self.n_rules):
            if i and rules[i].text == text:
                rules[i].repeats = True
                rules[i].confidence = confidence
            text = rules[i].text
            confidence = rules[i].confidence
            if confidence >= floor:
                rules[kept] = rules[i]
                kept += 1
            else:
                self.below_floor += 1
        return kept

    @property
    def is_all(self):
        """Whether there are no more rules."""
        return self.n == self.n_rules

    def extend(self, violations, most=None):
        """Chooses the next rules, until they have so many violations (None: all of them).

        A rule and those that repeat it are chosen together. It stops before a rule with which they
        would have more than `most`.
        """
        cdef uint64_t found = 0
        cdef uint64_t wanted = <uint64_t>-1 if violations is None else violations
        cdef uint64_t cap = <uint64_t>-1 if most is None else most
        cdef TableRule* rule
        while self.n < self.n_rules:
            rule = &self.rules[0]
            if not rule.repeats and (found >= wanted or found + rule.violations > cap):
                break
            if not rule.repeats:
                found += rule.violations
            self._choose_next()
        self.violations += found

    def with_repeats(self, uint32_t rank):
        """The last rank of the rules that repeat this one, or this one."""
        while rank + 1 < self.n and self._ranked(rank + 1).repeats:
            rank += 1
        return rank

    def places(self, uint32_t first):
        """Where the rules from a rank on are among the violated ones of the counter, uint32."""
        import numpy as np

        found = np.empty(self.n - first, np.uint32)
        cdef uint32_t[::1] places = found
        cdef uint32_t rank
        for rank in range(first, self.n):
            places[rank - first] = self._ranked(rank).place
        return found

    def rule(self, uint32_t rank):
        """The rule of a rank, from 0."""
        if rank >= self.n:
            raise IndexError(rank)
        cdef const TableRule* rule = self._ranked(rank)
        cdef const TableViolated* violated = &self.counter.violated[rule.place]
        cdef double own = rule.confidence
        if rule.repeats and self.confidences.shape[0]:
            own = self.confidences[rule.source]
        return RankedRule(
            line=self.catalogue.line(rule.source),
            source=rule.source,
            text=self.catalogue.text(rule.source),
            confidence=rule.confidence,
            own_confidence=own,
            violations=rule.violations,
            repeats=rule.repeats,
            by_object=violated.by_object,
        )

    def packed(self, ranks):
        """What `rule` says of these, by rank, without what the catalogue knows (`RankedSource`)."""
        cdef const TableRule* rule
        cdef const TableViolated* violated
        cdef double own
        cdef dict found = {}
        for rank in ranks:
            rule = self._ranked(rank)
            violated = &self.counter.violated[rule.place]
            own = rule.confidence
            if rule.repeats and self.confidences.shape[0]:
                own = self.confidences[rule.source]
            found[rank] = (
                rule.source, rule.confidence, own, rule.violations, rule.repeats,
                violated.by_object,
            )
        return found

    def logs(self):
        """log1p(-confidence) of all, by rank; 0 for one that repeats another."""
        import numpy as np

        logs = np.zeros(max(1, self.n), np.float64)
        cdef double[::1] found = logs
        cdef uint32_t rank
        for rank in range(self.n):
            if not self._ranked(rank).repeats:
                # Of numpy the last bit depends on the machine.
                found[rank] = log1p(-self._ranked(rank).confidence)
        return logs

    cdef const TableRule* _ranked(self, uint32_t rank) noexcept:
        """The chosen rules lie behind the heap, the best last."""
        return &self.rules[self.n_rules - 1 - rank]

    cdef void _choose_next(self) noexcept:
        """Takes the best of the heap."""
        cdef uint32_t left = self.n_rules - self.n - 1
        cdef TableRule best = self.rules[0]
        self.rules[0] = self.rules[left]
        self.rules[left] = best
        self.n += 1
        self._sift_down(0, left)

    cdef void _sift_down(self, uint32_t at, uint32_t n) noexcept:
        cdef uint32_t child
        cdef TableRule moved
        if at >= n:
            return
        moved = self.rules[at]
        while True:
            child = 2 * at + 1
            if child >= n:
                break
            if child + 1 < n and before(&self.rules[child + 1], &self.rules[child]):
                child += 1
            if not before(&self.rules[child], &moved):
                break
            self.rules[at] = self.rules[child]
            at = child
        self.rules[at] = moved
