"""Heads with one variable: a body's members are found once and serve all its heads.

Nearly nine of ten mined rules are of this kind (a constant in the head, one or two body atoms). What
a head constant changes under object identity is kept as K(x), the entities that every grounding of
the member x contains: predictions(c) = |S| - [c in S] - |{x in S, x != c : c in K(x)}|, and a known
triple counts when its subject e is in S, e != c and c is not in K(e). Bodies of other shapes are
searched per head instead (`Members.shared` is False).
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from pff_stream.triples._graph cimport CSR, find_row, has_pair


# Members of a body at one variable are stamped with the current epoch. Under object identity a head
# constant c takes out c itself and each member x whose every grounding contains c: those c are
# K(x), at most two, in scratch.first and scratch.second; scratch.withheld counts them per c.
cdef struct Members:
    int64_t n
    bint shared                   # whether they serve every head constant


# What heads have in common whose functional variable is on one side of one relation.
cdef struct Shared:
    int32_t side                  # 2 * relation + place, -1: none as yet
    bint withheld                 # whether `withhold_decided` was called
    int64_t n                     # members that are keys of this side


# A body of two atoms r(X,A), q(A,B) or q(A,d), seen from X, in any order and direction.
cdef struct Pattern:
    int64_t step                  # the side of r from X
    int64_t onward                # the side of q from A
    int32_t end                   # B, or the constant


cdef inline void _add(Scratch* scratch, Members* members, int32_t entity) noexcept nogil:
    scratch.stamp[entity] = scratch.epoch
    scratch.first[entity] = -1
    scratch.second[entity] = -1
    scratch.near[members.n] = entity
    members.n += 1


cdef bint find_pattern(const Body* body, int32_t variable, Pattern* pattern) noexcept nogil:
    """Whether the body is two atoms in a row that begin with `variable`; then fills `pattern`."""
    cdef const Atom* atom = &body.atoms[0]
    cdef const Atom* other = &body.atoms[1]
    cdef int32_t middle
    if body.n_atoms != 2 or body.n_filters:
        return False
    if atom.left != variable and atom.right != variable:
        other = atom
        atom = &body.atoms[1]
    if atom.left == atom.right or (atom.left != variable and atom.right != variable):
        return False
    middle = atom.right if atom.left == variable else atom.left
    if middle < 0 or other.left == other.right or (
        other.left != middle and other.right != middle
    ) or other.left == variable or other.right == variable:
        return False
    pattern.step = 2 * <int64_t>atom.relation + (atom.left != variable)
    pattern.onward = 2 * <int64_t>other.relation + (other.left != middle)
    pattern.end = other.right if other.left == middle else other.left
    return True


cdef Members find_members(
    Scratch* scratch, const CSR* rows, const Body* body, int32_t variable
) noexcept nogil:
    """Stamps the members of a body of one or two atoms, and keeps K of each; see `Members`."""
    cdef Members members
    cdef Pattern pattern
    cdef const Atom* atom = &body.atoms[0]
    members.n = 0
    members.shared = True
    next_epoch(scratch)
    if body.n_atoms == 1 and not body.n_filters and atom.left != atom.right and (
        atom.left == variable or atom.right == variable
    ):
        if atom.left < 0 or atom.right < 0:
            _beside_constant(scratch, &members, rows, atom, variable)
        else:
            _with_neighbour(scratch, &members, &rows[2 * atom.relation + (atom.left != variable)])
    elif find_pattern(body, variable, &pattern):
        if pattern.end < 0:
            _before_constant(
                scratch, &members, &rows[pattern.step ^ 1], &rows[pattern.onward ^ 1],
                entity_of(pattern.end)
            )
        else:
            _with_two_neighbours(scratch, &members, &rows[pattern.step], &rows[pattern.onward])
    else:
        members.shared = False
        return members
    _count_withheld(scratch, &members)
    return members


cdef void _beside_constant(
    Scratch* scratch, Members* members, const CSR* rows, const Atom* atom, int32_t variable
) noexcept nogil:
    """r(X,d): the row of d, without d."""
    cdef bint on_left = atom.left == variable
    cdef int32_t constant = entity_of(atom.right if on_left else atom.left)
    cdef const CSR* inverse = &rows[2 * atom.relation + (1 if on_left else 0)]
    cdef int64_t row = find_row(inverse, constant)
    cdef uint32_t edge
    if row < 0:
        return
    for edge in range(inverse.offsets[row], inverse.offsets[row + 1]):
        if not scratch.distinct or inverse.values[edge] != constant:
            _add(scratch, members, inverse.values[edge])
    scratch.edges += inverse.offsets[row + 1] - inverse.offsets[row]


cdef void _with_neighbour(Scratch* scratch, Members* members, const CSR* step) noexcept nogil:
    """r(X,A): every key with a neighbour besides itself; K is a neighbour without company."""
    cdef uint32_t i, start, n
    cdef int32_t entity
    cdef bint loop
    for i in range(step.n_keys):
        entity = step.keys[i]
        goes_on(scratch, entity)
        if not scratch.distinct:
            _add(scratch, members, entity)
            continue
        start = step.offsets[i]
        n = step.offsets[i + 1] - start
        loop = False
        if step.n_loops and n <= 2:
            loop = step.values[start] == entity or step.values[start + n - 1] == entity
        if loop and n == 1:
            continue
        _add(scratch, members, entity)
        if n == 1:
            scratch.first[entity] = step.values[start]
        elif n == 2 and loop:
            scratch.first[entity] = step.values[start + (step.values[start] == entity)]
    scratch.progress[0] += 1
    scratch.edges += step.n_keys


cdef void _before_constant(
    Scratch* scratch, Members* members, const CSR* inverse, const CSR* onward_inverse,
    int32_t constant
) noexcept nogil:
    """r(X,A), q(A,d), from d backwards; K is a single A."""
    cdef int64_t row = find_row(onward_inverse, constant), before
    cdef uint32_t edge, inner
    cdef int32_t middle, entity
    if row < 0:
        return
    for edge in range(onward_inverse.offsets[row], onward_inverse.offsets[row + 1]):
        middle = onward_inverse.values[edge]
        if scratch.distinct and middle == constant:
            continue
        before = find_row(inverse, middle)
        if before < 0:
            continue
        scratch.edges += inverse.offsets[before + 1] - inverse.offsets[before]
        scratch.progress[0] += 1
        for inner in range(inverse.offsets[before], inverse.offsets[before + 1]):
            entity = inverse.values[inner]
            if scratch.distinct and (entity == middle or entity == constant):
                continue
            if scratch.stamp[entity] != scratch.epoch:
                _add(scratch, members, entity)
                scratch.first[entity] = middle
            else:
                scratch.first[entity] = -1


cdef void _with_two_neighbours(
    Scratch* scratch, Members* members, const CSR* step, const CSR* onward
) noexcept nogil:
    """r(X,A), q(A,B): K is tested for the two entities of the first grounding found."""
    cdef uint32_t i
    cdef int32_t entity, middle, end
    for i in range(step.n_keys):
        entity = step.keys[i]
        goes_on(scratch, entity)
        scratch.progress[0] += 1
        if not _two_steps_avoiding(scratch, step, onward, i, entity, -1, &middle, &end):
            continue
        _add(scratch, members, entity)
        if not scratch.distinct:
            continue
        if not _two_steps_avoiding(scratch, step, onward, i, entity, middle, NULL, NULL):
            scratch.first[entity] = middle
        if not _two_steps_avoiding(scratch, step, onward, i, entity, end, NULL, NULL):
            scratch.second[entity] = end


cdef bint _two_steps_avoiding(
    Scratch* scratch, const CSR* step, const CSR* onward, uint32_t i, int32_t entity,
    int32_t avoided, int32_t* middle, int32_t* end
) noexcept nogil:
    """Whether the key has a grounding (A, B) without `avoided`; hands it out where asked to."""
    cdef uint32_t edge, inner
    cdef int64_t row
    cdef int32_t a, b
    for edge in range(step.offsets[i], step.offsets[i + 1]):
        a = step.values[edge]
        scratch.edges += 1
        if scratch.distinct and (a == entity or a == avoided):
            continue
        row = find_row(onward, a)
        if row < 0:
            continue
        for inner in range(onward.offsets[row], onward.offsets[row + 1]):
            b = onward.values[inner]
            scratch.edges += 1
            if not scratch.distinct or (b != entity and b != a and b != avoided):
                if middle != NULL:
                    middle[0] = a
                    end[0] = b
                return True
    return False


cdef void _count_withheld(Scratch* scratch, const Members* members) noexcept nogil:
    cdef int64_t i
    cdef int32_t entity
    if not scratch.distinct:
        return
    for i in range(members.n):
        entity = scratch.near[i]
        if scratch.first[entity] >= 0:
            scratch.withheld[scratch.first[entity]] += 1
        if scratch.second[entity] >= 0:
            scratch.withheld[scratch.second[entity]] += 1


cdef void forget_members(Scratch* scratch, const Members* members) noexcept nogil:
    """Sets the counts of `_count_withheld` back to zero."""
    cdef int64_t i
    cdef int32_t entity
    if not scratch.distinct:
        return
    for i in range(members.n):
        entity = scratch.near[i]
        if scratch.first[entity] >= 0:
            scratch.withheld[scratch.first[entity]] = 0
        if scratch.second[entity] >= 0:
            scratch.withheld[scratch.second[entity]] = 0


cdef int64_t count_members(
    const Scratch* scratch, const Members* members, int32_t constant
) noexcept nogil:
    """The members that a head with this constant predicts (-1: no constant in the graph)."""
    if constant < 0 or not scratch.distinct:
        return members.n
    return (
        members.n
        - (scratch.stamp[constant] == scratch.epoch)
        - scratch.withheld[constant]
    )


cdef void withhold_decided(
    Scratch* scratch, const Members* members, const CSR* keys
) noexcept nogil:
    """As `withheld`, of the members that are keys alone, in `far`; where `withheld` is not zero."""
    cdef int64_t i
    cdef int32_t entity
    for i in range(members.n):
        entity = scratch.near[i]
        if scratch.first[entity] >= 0:
            scratch.far[scratch.first[entity]] = 0
        if scratch.second[entity] >= 0:
            scratch.far[scratch.second[entity]] = 0
    for i in range(members.n):
        entity = scratch.near[i]
        if is_key(keys, entity):
            if scratch.first[entity] >= 0:
                scratch.far[scratch.first[entity]] += 1
            if scratch.second[entity] >= 0:
                scratch.far[scratch.second[entity]] += 1


cdef int64_t count_decided(
    Scratch* scratch, const Members* members, Shared* shared, const CSR* keys, int32_t side,
    int32_t constant
) noexcept nogil:
    """The members that a head with this constant predicts, and that are keys of its side.

    What heads of one side have in common is found once, for the first of them.
    """
    cdef int64_t n
    if shared.side != side:
        shared.side = side
        shared.n = count_stamped(scratch, keys, members.n)
        shared.withheld = False
    if shared.n == 0 or shared.n == members.n:
        return count_members(scratch, members, constant) if shared.n else 0
    n = shared.n
    if constant < 0 or not scratch.distinct:
        return n
    if scratch.stamp[constant] == scratch.epoch and is_key(keys, constant):
        n -= 1
    if scratch.withheld[constant]:
        if not shared.withheld:
            withhold_decided(scratch, members, keys)
            shared.withheld = True
        n -= scratch.far[constant]
    return n


cdef int64_t count_supported(
    const Scratch* scratch, const CSR* known, int32_t constant
) noexcept nogil:
    """Of the known triples of the head constant (`known` is keyed by it), those predicted."""
    cdef int64_t row = find_row(known, constant), n = 0
    cdef uint32_t edge
    cdef int32_t entity
    if row < 0:
        return 0
    for edge in range(known.offsets[row], known.offsets[row + 1]):
        entity = known.values[edge]
        if scratch.stamp[entity] == scratch.epoch:
            n += not scratch.distinct or (
                entity != constant
                and scratch.first[entity] != constant
                and scratch.second[entity] != constant
            )
    return n


cdef int64_t count_supported_loops(const Scratch* scratch, const CSR* known) noexcept nogil:
    """For the head h(X,X): the members with a known self-loop."""
    cdef uint32_t i
    cdef int64_t n = 0
    if known.n_loops == 0:
        return 0
    for i in range(known.n_keys):
        goes_on(scratch, known.keys[i])
        if scratch.stamp[known.keys[i]] == scratch.epoch:
            n += has_pair(known, known.keys[i], known.keys[i])
    return n
