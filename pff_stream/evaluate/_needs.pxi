"""Which sides of relations a rule looks up in any order: those have to be in memory.

A side is a relation in one direction: 2 * relation + direction. From the entities that a body begins
with, in ascending order, its first relation is gone through from front to back, and so is that of the
head; what is reached from there comes in any order. So a body of one atom needs nothing in memory,
and a chain all but its first step. Of other shapes, which are searched, everything is needed.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport GraphView, CSR


cdef inline int _with(int32_t* sides, int n, int32_t side) noexcept nogil:
    cdef int i
    for i in range(n):
        if sides[i] == side:
            return n
    sides[n] = side
    return n + 1


cdef int sides_in_any_order(
    Chain* chain, const CSR* rows, const Body* body, int32_t left, int32_t right, bint distinct,
    char* used, int32_t* sides, int32_t* first
) noexcept nogil:
    """Writes the sides that a rule looks up in any order, each once, and returns how many.

    `left` and `right` are the terms of its head; the relations of its body are all in the graph.
    There is room for a byte an atom in `used`, two sides an atom in `sides`, and for all steps in
    `chain`. `first` becomes the side that it goes through from front to back, -1 where there is none.
    """
    cdef Pattern pattern
    cdef const Atom* atom = &body.atoms[0]
    cdef int32_t variable = max(left, right)
    cdef int i, n = 0
    first[0] = -1
    if body.n_atoms == 0:
        return 0
    if left >= 0 and right >= 0 and left != right:
        if find_chain(chain, rows, body, left, right, used) and chain_is_exact(chain, distinct):
            first[0] = <int32_t>(chain.steps[0] - rows)
            for i in range(1, chain.length):
                n = _with(sides, n, <int32_t>(chain.steps[i] - rows))
            if chain.length == 3:             # the last step of many sources looks back
                n = _with(sides, n, <int32_t>(chain.inverses[1] - rows))
            return n
    elif variable >= 0 and find_pattern(body, variable, &pattern):
        if pattern.end < 0:
            return 0                          # from the constant backwards, row after row
        first[0] = <int32_t>pattern.step
        return _with(sides, 0, <int32_t>pattern.onward)
    if body.n_atoms == 1 and not (body.n_filters and atom.left >= 0 and atom.right >= 0):
        if atom.left >= 0 or atom.right >= 0:
            first[0] = 2 * atom.relation + (atom.left != variable)
        return 0
    for i in range(body.n_atoms):
        n = _with(sides, n, 2 * body.atoms[i].relation)
        n = _with(sides, n, 2 * body.atoms[i].relation + 1)
    return n


def largest_need(
    GraphView graph,
    chunk,
    bint distinct,
    const int64_t[::1] side_bytes,
    int64_t least_bytes,
):
    """The rule of a chunk whose sides in any order take most, if that is more than `least_bytes`.

    Returns these bytes and sides, (`least_bytes`, []) where no rule takes more. `chunk` has the
    columns of a rule file's chunk, `side_bytes` (int64[2 * relations]) what each side takes.

    Longer than a screen: the views of the chunk must live as long as the pointers into them.
    """
    cdef const unsigned char[::1] names = chunk.names
    cdef const uint32_t[::1] name_ends = chunk.name_ends
    cdef const uint64_t[::1] name_hashes = chunk.name_hashes
    cdef const int32_t[::1] columns = chunk.atoms
    cdef const uint32_t[::1] body_ends = chunk.body_ends
    cdef const uint32_t[::1] rule_body = chunk.rule_body
    cdef const int32_t[::1] heads = chunk.heads
    cdef Py_ssize_t rule, n_rules = rule_body.shape[0], start
    cdef int64_t found = least_bytes, needed
    cdef int32_t left = 0, right = 0, first
    cdef uint32_t number = 0
    cdef int n_atoms = 0, longest = 1, n, i
    cdef Chain chain
    cdef Body body
    cdef Atom* atoms
    cdef char* used
    cdef int32_t* sides
    cdef list largest = []
    ids = _relation_ids(graph, names, name_ends, name_hashes)
    cdef const int32_t[::1] relation_ids = ids
    for rule in range(body_ends.shape[0]):
        longest = max(longest, <int>(body_ends[rule] - (body_ends[rule - 1] if rule else 0)))
    room = bytearray(longest * (2 * sizeof(CSR*) + sizeof(Atom) + 2 * sizeof(int32_t) + 1))
    cdef unsigned char[::1] block = room
    chain.steps = <const CSR**>&block[0]
    chain.inverses = chain.steps + longest
    atoms = <Atom*>(chain.inverses + longest)
    sides = <int32_t*>(atoms + longest)
    used = <char*>(sides + 2 * longest)
    body.atoms = atoms
    for rule in range(n_rules):
        # Rules of one body follow each other, and most of them have heads of one form.
        if rule and rule_body[rule] == number and (
            max(heads[3 * rule + 1], -1) == left and max(heads[3 * rule + 2], -1) == right
        ):
            continue
        number = rule_body[rule]
        left = max(heads[3 * rule + 1], -1)
        right = max(heads[3 * rule + 2], -1)
        start = body_ends[number - 1] if number else 0
        n_atoms = <int>(body_ends[number] - start)
        body.n_atoms = n_atoms
        body.n_filters = 0
        body.n_variables = 0
        for i in range(n_atoms):
            if columns[3 * (start + i)] < 0:
                body.n_filters = n_atoms - i
                body.n_atoms = min(body.n_atoms, i)
                break
            atoms[i].relation = relation_ids[columns[3 * (start + i)]]
            atoms[i].left = columns[3 * (start + i) + 1]
            atoms[i].right = columns[3 * (start + i) + 2]
            body.n_variables = max(body.n_variables, max(atoms[i].left, atoms[i].right) + 1)
            if atoms[i].relation < 0:
                body.n_atoms = 0              # nothing matches
        n = sides_in_any_order(&chain, graph.rows, &body, left, right, distinct, used, sides, &first)
        needed = 0
        for i in range(n):
            needed += side_bytes[sides[i]]
        if needed > found:
            found = needed
            largest = [sides[i] for i in range(n)]
    return found, largest


cdef _relation_ids(
    GraphView graph,
    const unsigned char[::1] names,
    const uint32_t[::1] name_ends,
    const uint64_t[::1] name_hashes,
):
    """int32[names]: the relation of each name, -1 where the graph has none."""
    import numpy as np

    cdef uint32_t begin = 0
    cdef Py_ssize_t i
    ids = np.full(name_ends.shape[0], -1, np.int32)
    cdef int32_t[::1] found = ids
    for i in range(name_ends.shape[0]):
        found[i] = graph.find_relation(&names[0] + begin, name_ends[i] - begin, name_hashes[i])
        begin = name_ends[i]
    return ids
