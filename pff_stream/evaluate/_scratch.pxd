# What one evaluator holds while it works: allocated once, whatever the rules are.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from pff_stream.triples._graph cimport Rows

cdef extern from "evaluate/_lanes.h":
    enum:
        PFF_LANES
        PFF_WORDS
    ctypedef struct pff_vector:
        pass
    ctypedef struct pff_level:
        pff_vector* vectors
        pff_vector* twice
        uint32_t* touched
        int32_t* list
        int64_t n


cdef enum:
    ABSENT = -0x7FFFFFFF - 1      # the term of a constant that the graph does not have


# An atom whose names are resolved. A term >= 0 is a variable, a term < 0 the entity -1 - term.
cdef struct Atom:
    int32_t relation
    int32_t left
    int32_t right


cdef struct Body:
    const Atom* atoms
    int n_atoms
    int n_variables


ctypedef void (*Follow)(void* follower, int32_t entity) noexcept nogil


# One item an entity in each array. A stamp equal to the current epoch means "seen in this round",
# so that nothing is ever cleared between rounds.
cdef struct Scratch:
    int64_t n_entities
    bint distinct                 # object identity: distinct variables are distinct entities
    uint32_t epoch
    uint32_t* stamp
    int32_t* first                # what reached an entity first; of a member, the first of K
    int32_t* second               # the second entity of K
    int32_t* withheld             # members that a constant takes out, counted per constant
    int32_t* near                 # entities in order of discovery: the last level, or members
    int32_t* far                  # the level before the last
    uint64_t* progress            # moved while there is work, for whoever watches
    Follow follow                 # told each entity that a rule goes on to; NULL: nobody asks
    void* follower
    uint64_t edges                # edges touched, for the benchmarks
    bint wide                     # whether the three levels below are there
    uint32_t lane_epoch
    pff_level levels[3]


cdef inline void* grown(void* block, size_t n_bytes) except NULL:
    """The block with room for `n_bytes`, every page of it taken now; its content is forgotten."""
    cdef void* larger = realloc(block, n_bytes if n_bytes else 1)
    if larger == NULL:
        raise MemoryError
    memset(larger, 0, n_bytes)
    return larger


cdef inline uint32_t next_epoch(Scratch* scratch) noexcept nogil:
    cdef int64_t i
    scratch.epoch += 1
    if scratch.epoch == 0:
        for i in range(scratch.n_entities):
            scratch.stamp[i] = 0
        scratch.epoch = 1
    return scratch.epoch


cdef inline uint32_t next_lane_epoch(Scratch* scratch) noexcept nogil:
    cdef int64_t i
    cdef int level
    scratch.lane_epoch += 1
    if scratch.lane_epoch == 0:
        for level in range(3):
            for i in range(scratch.n_entities):
                scratch.levels[level].touched[i] = 0
        scratch.lane_epoch = 1
    return scratch.lane_epoch


cdef inline void goes_on(const Scratch* scratch, int32_t entity) noexcept nogil:
    """Says which entity of an ascending list is next."""
    if scratch.follow != NULL:
        scratch.follow(scratch.follower, entity)


cdef inline int32_t entity_of(int32_t term) noexcept nogil:
    return -1 - term
