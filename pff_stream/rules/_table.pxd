# All rules of a file as one mapping, with an index from what a graph has to the bodies it can match.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef enum:
    N_FILTERED = 3                # reasons why rules are filtered
    ROOM_WORDS = 1 << 14          # of 64 bits, for what is found out of one graph

# Why a rule is filtered, as the header counts them.
cdef uint8_t[N_FILTERED] FILTER_REASONS


# Heads of a body with one variable, the same one and in the same place, and one relation.
cdef struct HeadGroup:
    int32_t relation              # its name
    uint32_t where                # 2 * the variable, and 1 where it is the object
    uint32_t end                  # of their constants


cdef class RuleTable:
    cdef Py_buffer view
    cdef bint has_view
    cdef readonly uint64_t n_names
    cdef readonly uint64_t n_bodies
    cdef readonly uint64_t n_rules
    cdef readonly uint64_t n_filtered
    cdef readonly uint64_t max_body_rules
    cdef readonly uint64_t max_body_atoms
    cdef const uint32_t* name_ends
    cdef const unsigned char* names
    cdef const uint32_t* slots
    cdef uint64_t slot_mask
    cdef const int32_t* atoms
    cdef const uint32_t* body_ends
    cdef const uint32_t* rule_ends      # per body: end of its rules
    cdef const int32_t* heads
    cdef const uint8_t* filtered        # per rule: 0 or the reason
    cdef const uint32_t* sources        # per rule: its ordinal in the rule file
    cdef const uint32_t* next_body      # the next body of the same list, 0 = none, else body + 1
    cdef const uint32_t* relation_bodies    # per name: bodies without constants that start with it
    cdef const uint32_t* constant_bodies    # hash of (relation, direction, constant): lists
    cdef uint64_t constant_mask
    cdef const uint32_t* plain_bodies       # [0]: bodies without atoms (zero rules)
    cdef uint64_t left_out[N_FILTERED]      # rules that are not here, by why they are filtered
    cdef uint64_t n_sets                    # of relations, each what some bodies need
    cdef const uint32_t* set_ends           # per set: end of its relations
    cdef const uint32_t* set_relations
    cdef const uint32_t* set_body_ends      # per set: end of its bodies
    cdef const uint32_t* set_bodies
    cdef const int32_t* set_constants       # per body of a set: its first constant, -1 = none
    cdef const uint32_t* set_rules          # per set: rules of its bodies
    cdef const uint32_t* group_ends         # per body: end of its groups
    cdef const HeadGroup* groups            # ascending by variable
    cdef const int32_t* constants           # names, of one group behind the other
    # per graph, reset after it
    cdef int32_t* entity_ids
    cdef int32_t* relation_ids
    cdef uint32_t* visited
    cdef uint64_t* room
    cdef uint32_t epoch

    cdef int64_t find_name(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil


cdef inline bint is_one_variable(const int32_t* head) noexcept nogil:
    """Whether the columns of a head have one variable and a constant."""
    return (head[1] < 0) != (head[2] < 0)


cdef inline uint64_t constant_key(int32_t relation, int direction, int32_t constant) noexcept nogil:
    cdef uint64_t key = <uint64_t>relation << 33
    key ^= (<uint64_t>direction << 32) ^ <uint64_t>constant
    key *= <uint64_t>0x9E3779B97F4A7C15
    return key ^ (key >> 29)


cdef inline bint find_key_atom(
    const int32_t* atoms, uint32_t n_atoms, int32_t* relation, int* direction, int32_t* constant
) noexcept nogil:
    """The first atom with a constant, as (relation, direction from it, the constant's name)."""
    cdef uint32_t i
    for i in range(n_atoms):
        if atoms[3 * i] < 0:
            return False                      # inequalities are behind the atoms
        if atoms[3 * i + 1] < 0 or atoms[3 * i + 2] < 0:
            relation[0] = atoms[3 * i]
            direction[0] = 0 if atoms[3 * i + 1] < 0 else 1
            constant[0] = -1 - atoms[3 * i + 1 + direction[0]]
            return True
    return False
