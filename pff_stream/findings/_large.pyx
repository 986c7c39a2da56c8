# distutils: extra_compile_args = -O3
"""One rule with more violations than the disk has room for: page by page, what is wanted of each.

A triple that an earlier rule predicts keeps the rule as a reason. Of the others only the first by name
are wanted, as many as are missing: the rest is counted and dropped.

An entry of the first ones: subject, relation, object by name, each with a NUL behind it (names have
none), then the violation as `_joined` sorts it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from pff_stream.findings._joined cimport TRIPLE_BYTES, Joined, get_u32
from pff_stream.findings._sorted cimport Sorter

SORT_BYTES = 1 << 16
"""Of each of the three sorts, which take the place of one that is not needed yet."""


cdef class LargeRule:
    """What is wanted of the rule of a rank, and of those that repeat it: the first `wanted` triples.

    Pages come one by one: `begin_page`, then `Joined.add`, then `end_page`; `finish` at the end.
    """

    def __init__(self, Joined joined, folder, uint32_t rank, uint64_t wanted):
        self.joined = joined
        self.folder = folder
        self.rank = rank
        self.wanted = wanted
        self.first = self._sorter()
        self.reasons = self._sorter()
        self.last = None

    def _sorter(self):
        """A sort that takes no memory until it is added to."""
        cdef Sorter made = Sorter(self.folder, SORT_BYTES)
        made.rest()
        return made

    def close(self):
        """Gives back all memory and files."""
        self.joined.taken = self.joined.listed
        for sorter in (self.page, self.first, self.reasons):
            if sorter is not None:
                sorter.close()

    def begin_page(self):
        """From here on the join takes a page; nothing of what is kept lies in memory."""
        self.first.rest()
        self.reasons.rest()
        self.page = self.joined.taken = self._sorter()

    def end_page(self):
        """Keeps what is wanted of the page.

        Returns how many violations of the rule it had, and the ids of the last one's subject and object;
        the graph is there to be asked for names.
        """
        cdef Sorter page = self.page, listed = self.joined.listed
        cdef unsigned char triple[TRIPLE_BYTES]
        cdef const unsigned char* entry
        cdef const unsigned char* known
        cdef size_t n, n_known
        cdef uint64_t n_listed = 0
        cdef bint is_first = True, is_known = False
        cdef bytes names = b""
        page.begin()
        listed.begin()
        known = listed.take(&n_known)
        while (entry := page.take(&n)) != NULL:
            if get_u32(entry + TRIPLE_BYTES) == self.rank:
                n_listed += 1
            if is_first or memcmp(entry, triple, TRIPLE_BYTES):
                is_first = False
                memcpy(triple, entry, TRIPLE_BYTES)
                while known != NULL and memcmp(known, triple, TRIPLE_BYTES) < 0:
                    known = listed.take(&n_known)
                is_known = known != NULL and memcmp(known, triple, TRIPLE_BYTES) == 0
                if not is_known:
                    self.triples += 1
                    names = self._names(triple)
            if is_known:
                self.reasons.add(entry, n)
            elif self.last is None or names <= self.last:
                self.first.put(names + PyBytes_FromStringAndSize(<const char*>entry, n))
        listed.rest()
        page.close()
        self.page = None
        if self.first.entries > 2 * self.wanted:
            self._keep_first()
        if is_first:
            return 0, (-1, -1)
        return n_listed, (get_u32(triple), get_u32(triple + 8))

    def finish(self):
        """Gives the join what is wanted; returns how many violations these are."""
        cdef const unsigned char* entry
        cdef size_t n, n_names
        cdef uint64_t kept = 0
        self.joined.taken = self.joined.listed
        self._keep_first()
        self.joined.left_out += self.triples - self.n_kept
        for sorter in (self.first, self.reasons):
            kept += self._give(sorter, sorter is self.first)
        return kept

    cdef uint64_t _give(self, Sorter sorter, bint has_names) except? 0xFFFFFFFFFFFFFFFF:
        cdef const unsigned char* entry
        cdef size_t n, n_names
        cdef uint64_t given = 0
        sorter.begin()
        while (entry := sorter.take(&n)) != NULL:
            n_names = _names_bytes(entry) if has_names else 0
            self.joined.listed.add(entry + n_names, n - n_names)
            given += 1
        sorter.close()
        return given

    cdef bytes _names(self, const unsigned char* triple):
        """The names of a triple, in the order of findings."""
        if self.front is None or memcmp(triple, self.front_ids, sizeof(self.front_ids)):
            subject = self.joined.entity(get_u32(triple))
            self.front = b"%b\0%b\0" % (subject, self.joined.relation(get_u32(triple + 4)))
            memcpy(self.front_ids, triple, sizeof(self.front_ids))
        return b"%b%b\0" % (self.front, self.joined.entity(get_u32(triple + 8)))

    cdef int _keep_first(self) except -1:
        """Drops all but the first triples, and notes the last of them."""
        cdef Sorter kept = self._sorter()
        cdef const unsigned char* entry
        cdef size_t n, n_names
        cdef bytes names = None
        self.n_kept = 0
        self.first.begin()
        while (entry := self.first.take(&n)) != NULL:
            n_names = _names_bytes(entry)
            if names is None or n_names != <size_t>len(names) or memcmp(
                entry, PyBytes_AS_STRING(names), n_names
            ):
                if self.n_kept == self.wanted:
                    self.last = names
                    break
                self.n_kept += 1
                names = PyBytes_FromStringAndSize(<const char*>entry, n_names)
            kept.add(entry, n)
        self.first.close()
        self.first = kept
        return 0


cdef size_t _names_bytes(const unsigned char* entry) noexcept:
    """Bytes of the three names, with their NULs."""
    cdef size_t at = 0
    cdef int i
    for i in range(3):
        while entry[at]:
            at += 1
        at += 1
    return at
