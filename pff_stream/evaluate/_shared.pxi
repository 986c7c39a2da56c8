# What all ways of counting share: the scratch, a search, chains, the bound of the work.

# --- scratch -------------------------------------------------------------------------------------

cdef extern from "evaluate/_lanes.h":
    enum:
        PFF_LANES
        PFF_WORDS
        PFF_PLANES
    ctypedef struct pff_vector:
        pass
    ctypedef struct pff_level:
        pff_vector* vectors
        pff_vector* twice
        uint32_t* touched
        int32_t* list
        int64_t n
        uint32_t epoch


cdef enum:
    ABSENT = -0x7FFFFFFF - 1      # the term of a constant that the graph does not have


# An atom whose names are resolved. A term >= 0 is a variable, a term < 0 the entity -1 - term.
cdef struct Atom:
    int32_t relation
    int32_t left
    int32_t right


# `filters` are inequalities: atoms without a relation, whose left term is a variable.
cdef struct Body:
    const Atom* atoms
    int n_atoms
    const Atom* filters
    int n_filters
    int n_variables


ctypedef void (*Follow)(void* follower, int32_t entity) noexcept nogil


# Where two steps meet: walks over both, and how many edges arrive and leave there.
cdef struct Meeting:
    double walks
    double arriving
    double leaving


# One item an entity in each array. A stamp equal to the current epoch means "seen in this round",
# so that nothing is ever cleared between rounds.
cdef struct Scratch:
    int64_t n_entities
    bint distinct                 # object identity: distinct variables are distinct entities
    uint32_t epoch
    uint32_t* stamp
    int32_t* first                # what reached an entity first; of a member, the first of K
    int32_t* second               # the second entity of K
    int32_t* withheld             # members that a constant takes out, counted per constant; of a
                                  # chain, its sources by end. All zeros in between
    int32_t* near                 # entities in order of discovery: the last level, or members
    int32_t* far                  # the level before the last
    uint64_t* progress            # moved while there is work, for whoever watches
    Follow follow                 # told each entity that a rule goes on to; NULL: nobody asks
    void* follower
    uint64_t edges                # edges touched, for the benchmarks
    const CSR* met[2]             # the first two steps of the last chain whose way was chosen
    Meeting meeting               # of these two
    uint32_t part                 # of the sources of each body only this part is counted
    uint32_t n_parts              # of so many
    bint wide                     # whether what follows is there
    pff_level levels[3]
    int32_t* sources              # of a chain, in the order in which they are taken
    const CSR* ordered            # the step whose sources these are; NULL: of none


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


cdef inline void goes_on(const Scratch* scratch, int32_t entity) noexcept nogil:
    """Says which entity of an ascending list is next."""
    if scratch.follow != NULL:
        scratch.follow(scratch.follower, entity)


cdef inline int64_t part_begin(const Scratch* scratch, int64_t n) noexcept nogil:
    """The first of `n` sources that is counted."""
    return n * scratch.part // scratch.n_parts


cdef inline int64_t part_end(const Scratch* scratch, int64_t n) noexcept nogil:
    """Behind the last of `n` sources that is counted."""
    return n * (scratch.part + 1) // scratch.n_parts


cdef inline int32_t entity_of(int32_t term) noexcept nogil:
    return -1 - term


cdef inline bint is_key(const CSR* rows, int32_t entity) noexcept nogil:
    """Whether there is a row of `entity`."""
    if rows.bits != NULL:
        return rows.bits[entity >> 6] >> (entity & 63) & 1
    return find_row(rows, entity) >= 0


# --- search --------------------------------------------------------------------------------------

# SCAN binds `target` to each key; EXTEND to each value in the row of `source`; CHECK tests a pair.
cdef struct Step:
    int operation
    const CSR* rows
    int32_t source
    int32_t target


cdef struct Search:
    Scratch* scratch
    const CSR* rows
    const Body* body
    int32_t* binding              # per variable, -1 = free
    int32_t* constants            # entities that no variable may take (object identity)
    int n_constants
    Step* steps
    int n_steps
    char* placed
    int32_t target                # the variable whose distinct values are wanted, or -1
    int64_t n_found               # they are listed in scratch.near


cdef struct Domain:
    const int32_t* items
    int64_t n_items
    int atom                      # whose row they are, so that it holds for each; -1: keys


# --- chains --------------------------------------------------------------------------------------

cdef struct Chain:
    int length
    const CSR** steps            # from each variable of the chain to the next
    const CSR** inverses         # and back: inverses[i] undoes steps[i]


# One head over a chain: the rows of its relation seen from the source, and from the other end.
cdef struct ChainHead:
    const CSR* forward           # NULL: the relation is not in the graph
    const CSR* backward
    int64_t support
    int64_t decided
    int64_t predictions
    int32_t rule
    bint at_end                  # whether the other end is the functional variable


# How a chain is counted: one source at a time or 512, from the source as written or from the end.
cdef enum:
    WAY_CHOSEN = 0
    WAY_FORWARD = 1
    WAY_BACKWARD = 2
    WAY_WIDE_FORWARD = 3
    WAY_WIDE_BACKWARD = 4


cdef enum:
    MOST_HELD_STEPS = 3           # of a chain that is held back, to be counted with others
    MOST_TOGETHER = 16            # chains that share all steps but the last, counted at once


# A chain with all its heads, as it is held until those like it are known.
cdef struct HeldChain:
    const CSR* steps[MOST_HELD_STEPS]
    uint8_t length
    uint8_t way
    int32_t first_head            # of the heads of chains
    int32_t n_heads


# The last step of a chain, and the heads over it.
cdef struct LastStep:
    const CSR* step
    const CSR* inverse
    ChainHead* heads
    int n_heads
    int64_t total                 # predictions
    int n_at_end                  # heads that ends are counted for
    bint by_ends                  # whether sources are counted by end until all are done
    bint at_source                # whether sources decide predictions of some head
    bint returns                  # whether an end may be a source
    bint leads_back               # whether an edge leads back to where one of the step before came from
    uint8_t* rows_back            # which rows have such an edge, a bit each; NULL: all
    uint8_t* edges_back           # and which edges do; NULL: not noted


# --- work ----------------------------------------------------------------------------------------

cdef struct Work:
    int64_t n_entities
    const CSR* rows
    int n_atoms
    Atom* atoms                   # with a fresh variable where an occurrence closes a cycle
    int* component                # per variable: which part it belongs to, -1: not yet met
    uint64_t* count               # per part: homomorphisms
    uint64_t** level              # one vector over entities per depth of the tree
    int n_levels
