# The work bound of a body: homomorphisms of its prefixes, by arithmetic on degrees.
from libc.stdint cimport int32_t, int64_t, uint64_t

from pff_stream.evaluate._scratch cimport Atom
from pff_stream.triples._graph cimport Rows


cdef struct Work:
    int64_t n_entities
    const Rows* rows
    int n_atoms
    Atom* atoms                   # with a fresh variable where an occurrence closes a cycle
    int* component                # per variable: which part it belongs to, -1: not yet met
    uint64_t* count               # per part: homomorphisms
    uint64_t** level              # one vector over entities per depth of the tree
    int n_levels


cdef uint64_t body_work(
    Work* work, const Atom* atoms, int n_atoms, int n_variables
) noexcept nogil
cdef void reserve_work(Work* work, int n_atoms) except *
cdef void free_work(Work* work) noexcept
