# distutils: extra_compile_args = -O3
"""Where triples of one small document stand in its text, by what was kept while it was encoded.

The walk keeps a place for each line that it writes, the encoder the ids of each: no second walk is
needed. What an offset is as a line and a JSON pointer is told by one look at the structure of the
text. Does not cover: texts that are gone, long ones, and lines of triples (`_places`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memchr, memset

from pff_stream.triples._name_table cimport (
    KEPT_BYTES, Array, Text, release, reserve, slots_for
)
from pff_stream.triples._places import pointer_bytes
from pff_stream.triples._triple_lines cimport Record, TripleLines
from pff_stream.triples.formats._document cimport (
    LONGEST_POINTER, MOST_DEPTH, DocumentWalk, Root, pff_json_blanks, pff_json_string_end, put_step,
    step_bytes,
)

cdef extern from "_names.h":
    uint64_t pff_mix(uint64_t h) noexcept nogil

cdef enum:
    WORDS = 3                     # of what is wanted

cdef uint32_t NONE = 0xFFFFFFFF
ANY_ID = NONE
"""Any name; of a triple with a subject alone, the object that is named so is wanted.
Nothing is met that has no name at all."""
NOWHERE = NONE
"""The offset of what does not stand in the text."""


# --- triples to offsets ----------------------------------------------------------------------


cdef inline uint64_t _hash(uint32_t subject, uint32_t relation, uint32_t object) noexcept nogil:
    return pff_mix((<uint64_t>subject << 32 | object) + relation * <uint64_t>0x9E3779B97F4A7C15)


cdef class _Wanted:
    """Triples of ids, all of it looked up by what is known of them."""

    cdef const uint32_t* words
    cdef uint32_t* found          # by the first that is the same
    cdef uint32_t* slots          # places + 1
    cdef uint64_t mask
    cdef bytes room
    cdef uint64_t left
    cdef uint64_t relations       # a bit for each that is wanted, some for several

    cdef int index(self, const uint32_t[:, ::1] wanted, uint32_t* same) except -1:
        """Indexes all; `same` is told the first that is the same as each."""
        cdef uint64_t count = slots_for(wanted.shape[0]), slot
        cdef uint32_t i
        self.room = PyBytes_FromStringAndSize(
            NULL, (count + wanted.shape[0]) * sizeof(uint32_t)
        )
        self.words = &wanted[0, 0]
        self.slots = <uint32_t*>PyBytes_AS_STRING(self.room)
        self.found = self.slots + count
        self.mask = count - 1
        memset(self.slots, 0, count * sizeof(uint32_t))
        for i in range(wanted.shape[0]):
            self.found[i] = NONE
            slot = self._slot(wanted[i, 0], wanted[i, 1], wanted[i, 2])
            if self.slots[slot] == 0:
                self.slots[slot] = i + 1
                self.left += 1
                self.relations |= <uint64_t>1 << (wanted[i, 1] & 63)
            same[i] = self.slots[slot] - 1
        return 0

    cdef uint64_t _slot(self, uint32_t subject, uint32_t relation, uint32_t object) noexcept nogil:
        cdef uint64_t slot = _hash(subject, relation, object) & self.mask
        cdef const uint32_t* words
        while self.slots[slot]:
            words = self.words + WORDS * <uint64_t>(self.slots[slot] - 1)
            if words[0] == subject and words[1] == relation and words[2] == object:
                break
            slot = (slot + 1) & self.mask
        return slot

    cdef void meet(
        self, uint32_t subject, uint32_t relation, uint32_t object, uint32_t at
    ) noexcept nogil:
        cdef uint32_t place = self.slots[self._slot(subject, relation, object)]
        if place and self.found[place - 1] == NONE:
            self.found[place - 1] = at
            self.left -= 1


def spots(
    TripleLines encoder,
    DocumentWalk walk,
    const unsigned char[::1] text,
    const uint32_t[:, ::1] wanted,
):
    """Where each of these triples of ids stands first in the text, uint32 as bytes; None where what
    was kept does not tell it.

    It was encoded just now, in one file. See `ANY_ID`, `NOWHERE`.
    """
    cdef uint64_t n = walk.n_spots, i, root = 0
    cdef const uint32_t* at = <const uint32_t*>walk.spots.at
    cdef const Record* record = <const Record*>encoder.records.at
    cdef const Root* roots = <const Root*>walk.roots.at
    cdef _Wanted met = _Wanted()
    cdef uint32_t subject, relation, object
    cdef uint32_t* found
    cdef bytes offsets
    if not walk.keeps_spots or n != encoder.n_read or (n and record == NULL):
        return None
    if text.shape[0] >> 31 or n * sizeof(Record) > KEPT_BYTES:
        return None
    for i in range(walk.n_roots):
        if roots[i].first == (roots[i + 1].first if i + 1 < walk.n_roots else n):
            return None               # the name of a document is that of its first line
    offsets = PyBytes_FromStringAndSize(NULL, wanted.shape[0] * sizeof(uint32_t))
    if wanted.shape[0] == 0:
        return offsets
    found = <uint32_t*>PyBytes_AS_STRING(offsets)
    met.index(wanted, found)
    for i in range(n):
        if not met.left:
            break
        subject = <uint32_t>record[i].subject
        relation = <uint32_t>record[i].relation
        object = <uint32_t>record[i].object
        if root < walk.n_roots and roots[root].first == i:
            met.meet(subject, NONE, NONE, roots[root].at)
            root += 1
        if met.relations >> (relation & 63) & 1:
            met.meet(subject, relation, object, at[i])
            met.meet(NONE, relation, object, at[i])
            met.meet(subject, relation, NONE, at[i])
        if text[at[i]] == 123:                                # {
            met.meet(object, NONE, NONE, at[i])
    for i in range(<uint64_t>wanted.shape[0]):
        found[i] = met.found[found[i]]
    return offsets


# --- offsets to pointers ---------------------------------------------------------------------


cdef int _rising(const void* one, const void* other) noexcept nogil:
    cdef uint32_t a = (<const uint32_t*>one)[0], b = (<const uint32_t*>other)[0]
    return (a > b) - (a < b)


cdef struct Opened:
    bint is_object
    uint32_t step                 # where the key begins, or the index


cdef class _Pointers:
    """The structure of a text that is JSON, as far as the next offset that is wanted."""

    cdef Text raw
    cdef Text stop
    cdef Text at
    cdef Text counted
    cdef bint is_key
    cdef uint64_t line
    cdef Py_ssize_t depth
    cdef Opened opened[MOST_DEPTH + 2]    # one more: documents may lie in an array
    cdef Array text
    cdef uint64_t left            # bytes that pointers may take together

    def __cinit__(self):
        memset(&self.text, 0, sizeof(Array))

    def __dealloc__(self):
        release(&self.text)

    cdef bint reach(self, Text wanted) noexcept nogil:
        """Goes on to a value; False where there is none."""
        cdef unsigned char c
        cdef int escapes
        while True:
            self.at = pff_json_blanks(self.at, self.stop)
            if self.at == wanted:
                return True
            if self.at > wanted:
                return False
            c = self.at[0]
            if c == 34:                                       # "
                if self.is_key:
                    self.opened[self.depth].step = <uint32_t>(self.at - self.raw)
                escapes = 0
                self.at = pff_json_string_end(self.at + 1, self.stop, &escapes) + 1
            elif c == 123 or c == 91:                         # { [
                self.depth += 1
                if self.depth == MOST_DEPTH + 2:
                    return False
                self.opened[self.depth].is_object = self.is_key = c == 123
                self.opened[self.depth].step = 0
                self.at += 1
            elif c == 125 or c == 93:                         # } ]
                self.depth -= 1
                self.is_key = False
                if self.depth < 0:
                    return False
                self.at += 1
            elif c == 44:                                     # ,
                self.is_key = self.opened[self.depth].is_object
                self.opened[self.depth].step += not self.is_key
                self.at += 1
            elif c == 58:                                     # :
                self.is_key = False
                self.at += 1
            else:
                self.at += 1
                while self.at < wanted and self.at[0] not in (44, 93, 125, 32, 9, 10, 13):
                    self.at += 1

    cdef uint64_t line_here(self) noexcept nogil:
        """From 1."""
        cdef Text newline
        while self.counted < self.at:
            newline = <Text>memchr(self.counted, 10, self.at - self.counted)
            if newline == NULL:
                break
            self.line += 1
            self.counted = newline + 1
        self.counted = self.at
        return self.line

    cdef object pointer_here(self):
        """The pointer of the value at hand; None where it is too long."""
        cdef Py_ssize_t i
        cdef Text name, last
        cdef unsigned char* end
        cdef uint64_t used = 0, size
        cdef int escapes = 0
        for i in range(self.depth + 1):
            name = last = NULL
            if self.opened[i].is_object:
                name = self.raw + self.opened[i].step + 1
                last = pff_json_string_end(name, self.stop, &escapes)
            size = step_bytes(name, last)
            if used + size > min(<uint64_t>LONGEST_POINTER, self.left):
                return None
            if not reserve(&self.text, used + size):
                raise MemoryError
            end = put_step(<unsigned char*>self.text.at + used, name, last, self.opened[i].step)
            used = end - <unsigned char*>self.text.at
        self.left -= used
        return (<const char*>self.text.at)[:used].decode()


def places_at(const unsigned char[::1] text, const uint32_t[::1] offsets):
    """By offset, the line (from 1) and the JSON pointer of the value that stands there; None where
    these are too long to be told.

    Offsets are those of `spots`, of this text.
    """
    cdef _Pointers pointers = _Pointers()
    cdef bytes rising
    cdef uint32_t* wanted
    cdef uint32_t i, before, n = 0
    cdef dict found = {}
    if offsets.shape[0] == 0:
        return found
    rising = PyBytes_FromStringAndSize(NULL, offsets.shape[0] * sizeof(uint32_t))
    wanted = <uint32_t*>PyBytes_AS_STRING(rising)
    for i in range(offsets.shape[0]):
        wanted[i] = offsets[i]
    qsort(wanted, offsets.shape[0], sizeof(uint32_t), _rising)
    for i in range(offsets.shape[0]):
        if wanted[i] != NONE and (n == 0 or wanted[i] != wanted[n - 1]):
            wanted[n] = wanted[i]
            n += 1
    pointers.raw = pointers.at = pointers.counted = &text[0]
    pointers.stop = pointers.raw + text.shape[0]
    pointers.depth = -1
    pointers.line = 1
    pointers.left = pointer_bytes(n)
    for i in range(n):
        before = wanted[i]
        if before >= text.shape[0] or not pointers.reach(pointers.raw + before):
            raise ValueError(f"found no value at {before}, expected one")
        pointer = pointers.pointer_here()
        if pointer is None:
            return None
        found[before] = (pointers.line_here(), pointer)
    return found
