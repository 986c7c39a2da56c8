# Names looked up in a graph, also as rules spell those of RDF (mapping rdf-1).
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef enum:
    MOST_SPELLED = 200            # bytes of a value that is looked for under several datatypes
    N_ENDINGS = 17


cdef struct Index:
    const uint32_t* slots
    uint64_t mask
    const uint64_t* ends
    const unsigned char* blob


cdef inline int32_t find_name(
    const Index* index, const unsigned char* name, size_t length, uint64_t hash
) noexcept nogil:
    """The number of a name, or -1: linear probing, then the bytes."""
    cdef uint64_t slot = hash & index.mask, start
    cdef uint32_t at
    while True:
        at = index.slots[slot]
        if at == 0:
            return -1
        start = index.ends[at - 2] if at > 1 else 0
        if index.ends[at - 1] - start == length and memcmp(index.blob + start, name, length) == 0:
            return <int32_t>(at - 1)
        slot = (slot + 1) & index.mask


cdef inline bint in_brackets(const unsigned char* name, size_t length) noexcept nogil:
    """Whether it is an IRI in brackets; a triple term is none."""
    return length > 2 and name[0] == 60 and name[length - 1] == 62 and name[1] != 60


cdef int32_t find_spelled(
    const Index* index, const unsigned char* name, size_t length, bint is_entity
) noexcept nogil
