"""The work bound of a rule, for `--max-work`: the same number however the rule would be evaluated.

It is the number of homomorphisms of each prefix of the body as written, summed over the prefixes,
where a repeated occurrence of a variable that closes a cycle counts as a fresh one and parts without
a common variable multiply. A prefix is then a forest, so that its homomorphisms are sums of products
of degrees. All sums and products saturate at 2^64 - 1.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from pff_stream.triples._graph cimport CSR, find_row, has_pair, row_has

cdef enum:
    MOST = 0xFFFFFFFFFFFFFFFF


cdef extern from *:
    """
    static inline uint64_t pff_sum(uint64_t a, uint64_t b) {
        uint64_t c;
        return __builtin_add_overflow(a, b, &c) ? UINT64_MAX : c;
    }
    static inline uint64_t pff_product(uint64_t a, uint64_t b) {
        uint64_t c;
        return __builtin_mul_overflow(a, b, &c) ? UINT64_MAX : c;
    }
    """
    uint64_t pff_sum(uint64_t a, uint64_t b) noexcept nogil
    uint64_t pff_product(uint64_t a, uint64_t b) noexcept nogil


cdef void reserve_work(Work* work, int n_atoms) except *:
    """Room for bodies of `n_atoms`, which have at most twice as many variables, fresh ones included.

    One vector over entities for each depth of the tree, touched only as deep as a body goes.
    """
    work.atoms = <Atom*>grown(work.atoms, n_atoms * sizeof(Atom))
    work.component = <int*>grown(work.component, 2 * n_atoms * sizeof(int))
    work.count = <uint64_t*>grown(work.count, 2 * n_atoms * sizeof(uint64_t))
    work.level = <uint64_t**>grown(work.level, (n_atoms + 1) * sizeof(uint64_t*))
    while work.n_levels < n_atoms + 1:
        work.level[work.n_levels] = <uint64_t*>malloc(max(1, work.n_entities) * sizeof(uint64_t))
        if work.level[work.n_levels] == NULL:
            raise MemoryError
        work.n_levels += 1


cdef void free_work(Work* work) noexcept:
    cdef int i
    for i in range(work.n_levels):
        free(work.level[i])
    free(work.level)
    free(work.atoms)
    free(work.component)
    free(work.count)


cdef uint64_t body_work(Work* work, const Atom* atoms, int n_atoms, int n_variables) noexcept nogil:
    """The bound of a body; a relation of -1 and the term ABSENT stand for what the graph lacks."""
    cdef uint64_t total = 0, prefix
    cdef int i, part, n_parts = 0
    cdef Atom* atom
    work.n_atoms = 0
    for i in range(2 * n_atoms):
        work.component[i] = -1
    for i in range(n_atoms):
        atom = &work.atoms[i]
        atom[0] = atoms[i]
        if atom.left >= 0 and atom.right >= 0 and (
            atom.left == atom.right
            or (
                work.component[atom.left] >= 0
                and work.component[atom.left] == work.component[atom.right]
            )
        ):
            atom.right = n_variables          # this occurrence closes a cycle
            n_variables += 1
        work.n_atoms = i + 1
        part = _join(work, atom, &n_parts)
        work.count[part] = _count_part(work, i)
        prefix = 1
        for part in range(n_parts):
            prefix = pff_product(prefix, work.count[part])
        total = pff_sum(total, prefix)
        if prefix == 0:
            break                             # longer prefixes have none either
    return total


cdef int _join(Work* work, const Atom* atom, int* n_parts) noexcept nogil:
    """Enters the atom's variables; returns its part. A part that is joined away counts once."""
    cdef int left = work.component[atom.left] if atom.left >= 0 else -1
    cdef int right = work.component[atom.right] if atom.right >= 0 else -1
    cdef int part, variable
    part = left if left >= 0 else right
    if part < 0:
        part = n_parts[0]
        n_parts[0] += 1
    if left >= 0 and right >= 0:
        for variable in range(2 * work.n_atoms):
            if work.component[variable] == right:
                work.component[variable] = part
        work.count[right] = 1
    if atom.left >= 0:
        work.component[atom.left] = part
    if atom.right >= 0:
        work.component[atom.right] = part
    return part


cdef uint64_t _count_part(Work* work, int last) noexcept nogil:
    """Homomorphisms of the part that the atom `last` belongs to."""
    cdef const Atom* atom = &work.atoms[last]
    cdef uint64_t total = 0
    cdef uint32_t i
    cdef const CSR* rows
    if atom.relation < 0:
        return 0
    if atom.left < 0 and atom.right < 0:
        return (
            atom.left != ABSENT
            and atom.right != ABSENT
            and has_pair(
                &work.rows[2 * atom.relation], entity_of(atom.left), entity_of(atom.right)
            )
        )
    if (atom.left < 0 or _is_leaf(work, atom.left, last)) and (
        atom.right < 0 or _is_leaf(work, atom.right, last)
    ):
        return _alone(work, atom)
    rows = &work.rows[2 * atom.relation + (0 if atom.left >= 0 else 1)]
    _fill(work, atom.left if atom.left >= 0 else atom.right, -1, 0, rows)
    for i in range(rows.n_keys):
        total = pff_sum(total, work.level[0][rows.keys[i]])
    return total


cdef uint64_t _alone(const Work* work, const Atom* atom) noexcept nogil:
    """Homomorphisms of a single atom: its edges, or the row of its constant."""
    cdef bint on_left = atom.left < 0
    cdef int32_t entity
    cdef const CSR* rows = &work.rows[2 * atom.relation + (0 if on_left else 1)]
    cdef int64_t row
    if atom.left >= 0 and atom.right >= 0:
        return rows.n_edges
    entity = atom.left if on_left else atom.right
    row = find_row(rows, entity_of(entity)) if entity != ABSENT else -1
    return rows.offsets[row + 1] - rows.offsets[row] if row >= 0 else 0


cdef bint _is_leaf(const Work* work, int32_t variable, int besides) noexcept nogil:
    """Whether no other atom so far has the variable."""
    cdef int i
    for i in range(work.n_atoms):
        if i != besides and (
            work.atoms[i].left == variable or work.atoms[i].right == variable
        ):
            return False
    return True


cdef void _fill(
    Work* work, int32_t variable, int besides, int depth, const CSR* wanted
) noexcept nogil:
    """level[depth][e] = homomorphisms of the tree below `variable` = e, without atom `besides`.

    For the keys of `wanted` alone: a graph may have many more entities than any of its relations.
    """
    cdef uint64_t* out = work.level[depth]
    cdef int i
    cdef uint32_t key
    for key in range(wanted.n_keys):
        out[wanted.keys[key]] = 1
    for i in range(work.n_atoms):
        if i != besides and (
            work.atoms[i].left == variable or work.atoms[i].right == variable
        ):
            _multiply(work, i, variable, depth, wanted)


cdef void _multiply(
    Work* work, int at, int32_t variable, int depth, const CSR* wanted
) noexcept nogil:
    """Multiplies level[depth] by what the atom `at` contributes to each entity."""
    cdef const Atom* atom = &work.atoms[at]
    cdef bint on_left = atom.left == variable
    cdef int32_t other = atom.right if on_left else atom.left
    cdef uint64_t* out = work.level[depth]
    cdef const uint64_t* below = NULL
    cdef const CSR* rows
    cdef int32_t entity
    cdef int64_t row
    cdef uint32_t key, edge
    cdef uint64_t factor
    if atom.relation < 0 or other == ABSENT:
        for key in range(wanted.n_keys):
            out[wanted.keys[key]] = 0
        return
    rows = &work.rows[2 * atom.relation + (0 if on_left else 1)]
    if other >= 0 and not _is_leaf(work, other, at):
        _fill(
            work, other, at, depth + 1, &work.rows[2 * atom.relation + (1 if on_left else 0)]
        )
        below = work.level[depth + 1]
    for key in range(wanted.n_keys):
        entity = wanted.keys[key]
        if out[entity] == 0:
            continue
        row = find_row(rows, entity)
        if row < 0:
            factor = 0
        elif other < 0:
            factor = row_has(rows, row, entity_of(other))
        elif below == NULL:
            factor = rows.offsets[row + 1] - rows.offsets[row]
        else:
            factor = 0
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                factor = pff_sum(factor, below[rows.values[edge]])
        out[entity] = pff_product(out[entity], factor)
