# Triples that are looked for by name in what is read, for the parts that read lines and documents.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.triples._name_table cimport Array, Problem, Text
from pff_stream.triples._triple_lines cimport Line, TripleLines
from pff_stream.triples.formats._document cimport MOST_DEPTH, DocumentWalk, Frame, Stop

# Which names of a triple are looked for; their sums are kinds.
cdef enum:
    SUBJECT = 1
    RELATION = 2
    OBJECT = 4
    KINDS = 8

# How it was found: a place of the second kind takes the place of one of the first.
cdef enum:
    BY_LINE = 1
    BY_POINTER = 2

# What is looked for.
cdef struct Key:
    uint64_t hash
    uint64_t start                # of its names in the blob, one behind the other
    uint32_t lengths[3]
    uint8_t kind
    uint8_t found

# Where one was met since the last time that was asked.
cdef struct Hit:
    uint32_t key
    uint64_t at                   # the line, or the place in the document
    uint64_t start                # of its pointer among the texts; NO_END: it has none
    uint64_t pointer_end
    uint64_t path_end             # behind it: the keys that lead to an object, where relations are paths


cdef class WantedPlaces:
    cdef Array keys
    cdef Array slots              # hash in the upper half, place + 1 in the lower; 0: empty
    cdef Array blob
    cdef uint64_t n
    cdef uint64_t mask
    cdef uint64_t blob_bytes
    cdef uint64_t left[KINDS]     # of each kind that are to be found yet
    cdef uint64_t n_left
    cdef uint64_t subjects_left   # whose place has no pointer yet
    cdef Array hits
    cdef uint64_t n_hits
    cdef Array texts
    cdef uint64_t text_bytes
    cdef uint64_t text_room       # that pointers may take yet, of all places together
    cdef readonly uint64_t n_long
    """Places whose pointers were too long to be kept."""
    cdef readonly list found
    """Of each key: source, line, pointer (None: it has none) and path; None: it was not found."""

    cdef uint64_t _hash(self, int kind, const uint64_t* hashes) noexcept nogil
    cdef int64_t _key(
        self, int kind, const Text* names, const size_t* lengths, const uint64_t* hashes
    ) noexcept nogil
    cdef bint _hit(self, uint64_t key, uint64_t at, int how) noexcept nogil
    cdef bint look(
        self, const Text* names, const size_t* lengths, const uint64_t* hashes, uint64_t at, int how
    ) noexcept nogil


cdef class PlaceLines(TripleLines):
    cdef WantedPlaces wanted


# One step of the pointer at hand.
cdef struct Step:
    bint is_object
    uint32_t at                   # the key, or the index
    uint64_t end                  # of the pointer up to here; NO_END: it is too long


cdef class PlaceWalk(DocumentWalk):
    cdef WantedPlaces wanted
    cdef Step steps[MOST_DEPTH + 1]
    cdef Py_ssize_t n_steps       # that are those of the values at hand, or were of the last one
    cdef Array pointer

    cdef bint _place(self, Py_ssize_t n_frames, uint64_t first, bint is_object) noexcept nogil
    cdef bint _point(self, Py_ssize_t n_frames, uint64_t* end) noexcept nogil
    cdef bint _step(self, const Frame* frame, uint64_t* end) noexcept nogil
    cdef bint _look_for_object(self) noexcept nogil
