# Violations as workers listed them, joined by triple.
from libc.stdint cimport int32_t, uint32_t, uint64_t

from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._record cimport Record
from pff_stream.triples._graph cimport GraphView

cdef enum:
    TRIPLE_BYTES = 12
    FRONT_BYTES = 17              # in front of a witness, as violations are sorted
    ATOM_BYTES = 12
    TAIL_BYTES = 29               # of a finding behind its names
    REASON_BYTES = 9              # in front of its witness
    SHOWN = 3                     # names of what stands in a triple's place


cdef inline void put_u32(unsigned char* at, uint32_t value) noexcept nogil:
    at[0] = <unsigned char>(value >> 24)
    at[1] = <unsigned char>(value >> 16)
    at[2] = <unsigned char>(value >> 8)
    at[3] = <unsigned char>value


cdef inline uint32_t get_u32(const unsigned char* at) noexcept nogil:
    return (
        <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | <uint32_t>at[3]
    )


# The violations of one triple.
cdef struct Group:
    unsigned char triple[12]      # subject, relation, object, each high byte first
    uint32_t first                # rank of its first rule
    uint32_t total                # reasons
    uint32_t kept
    unsigned char sides           # 1: the functional variable of a reason is the subject, 2: the object
    double score


cdef class Joined:
    cdef GraphView graph
    cdef uint64_t n_entities
    cdef uint64_t n_relations
    cdef Sorter listed            # by triple, then by rank
    cdef Sorter taken             # what `add` takes goes here
    cdef Sorter found             # in the order of findings
    cdef uint32_t most_reasons
    cdef dict entities            # names that the graph has not, and their numbers
    cdef dict relations
    cdef list entity_names
    cdef list relation_names
    cdef unsigned char* entry
    cdef size_t used
    cdef size_t room
    cdef readonly uint64_t violations
    cdef uint64_t left_out        # triples that were not kept, since they are not wanted
    # Of the triples of this rank only the first so many are wanted; 0: all.
    cdef uint32_t last_rank
    cdef size_t n_of_last
    cdef list held_entries        # the first ones so far
    cdef bytes last_entry         # what comes behind it is not wanted

    cdef uint32_t _degree(self, uint64_t relation, bint of_object, uint64_t entity) noexcept
    cdef int _reserve(self, size_t n) except -1
    cdef int _put(self, const void* at, size_t n) except -1
    cdef int _hold(self, bytes entry) except -1
    cdef int _emit(self, const Group* group, bytes reasons, bint by_score) except -1

