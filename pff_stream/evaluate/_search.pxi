"""Search over groundings, for every shape of body and for witnesses.

A search is planned once (`plan_steps`: atoms with both ends bound are checked first, then the atom
with the smallest mean row is extended, then the variable with the fewest keys is scanned) and run
as often as needed. It holds nothing that grows with the number of groundings: distinct values of
one variable are stamped, and a value that is stamped already is not searched again.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport CSR, find_row, has_pair

cdef enum:
    SCAN
    EXTEND
    CHECK


cdef void _forbid(Search* search, int32_t entity) noexcept nogil:
    cdef int i
    if entity < 0:
        return
    for i in range(search.n_constants):
        if search.constants[i] == entity:
            return
    search.constants[search.n_constants] = entity
    search.n_constants += 1


cdef void start_search(
    Search* search, const Body* body, int32_t left_constant, int32_t right_constant
) noexcept nogil:
    """Takes a body and the entities of the head's constants (-1 where there is none)."""
    cdef int i
    search.body = body
    search.target = -1
    search.n_found = 0
    search.n_steps = 0
    search.n_constants = 0
    for i in range(body.n_variables):
        search.binding[i] = -1
    if search.scratch.distinct:
        _forbid(search, left_constant)
        _forbid(search, right_constant)
        for i in range(body.n_atoms):
            if body.atoms[i].left < 0:
                _forbid(search, entity_of(body.atoms[i].left))
            if body.atoms[i].right < 0:
                _forbid(search, entity_of(body.atoms[i].right))


cdef inline int32_t _value(const Search* search, int32_t term) noexcept nogil:
    """The entity that a term stands for, -1 while it is a free variable."""
    return search.binding[term] if term >= 0 else entity_of(term)


cdef bint _passes(const Search* search, int32_t variable, int32_t entity) noexcept nogil:
    """Whether no inequality keeps a variable from this entity; later ones look back at it."""
    cdef int i
    cdef const Atom* one
    for i in range(search.body.n_filters):
        one = &search.body.filters[i]
        if one.left == variable:
            if _value(search, one.right) == entity:
                return False
        elif one.right == variable and search.binding[one.left] == entity:
            return False
    return True


cdef bint admissible(const Search* search, int32_t variable, int32_t entity) noexcept nogil:
    """Whether a free variable may take `entity` beside what is bound now."""
    cdef int i
    if search.body.n_filters and not _passes(search, variable, entity):
        return False
    if not search.scratch.distinct:
        return True
    for i in range(search.n_constants):
        if search.constants[i] == entity:
            return False
    for i in range(search.body.n_variables):
        if search.binding[i] == entity:
            return False
    return True


cdef Domain domain_of(const Search* search, int32_t variable) noexcept nogil:
    """The shortest ascending list that holds every entity `variable` can take."""
    cdef Domain best
    cdef const Atom* atom
    cdef const CSR* rows
    cdef int i, side
    cdef int32_t term, other
    cdef int64_t row, n
    best.items = NULL
    best.n_items = -1
    best.atom = -1
    for i in range(search.body.n_atoms):
        atom = &search.body.atoms[i]
        for side in range(2):
            term = atom.left if side == 0 else atom.right
            other = atom.right if side == 0 else atom.left
            if term != variable:
                continue
            other = _value(search, other) if other != variable else -1
            if other >= 0:
                rows = &search.rows[2 * atom.relation + 1 - side]
                row = find_row(rows, other)
                n = rows.offsets[row + 1] - rows.offsets[row] if row >= 0 else 0
                if best.n_items < 0 or n < best.n_items:
                    best.n_items = n
                    best.items = rows.values + rows.offsets[row] if row >= 0 else NULL
                    best.atom = i
            else:
                rows = &search.rows[2 * atom.relation + side]
                if best.n_items < 0 or rows.n_keys < best.n_items:
                    best.n_items = rows.n_keys
                    best.items = rows.keys
                    best.atom = -1
    return best


cdef void _add_step(
    Search* search, int operation, const CSR* rows, int32_t source, int32_t target
) noexcept nogil:
    cdef Step* step = &search.steps[search.n_steps]
    step.operation = operation
    step.rows = rows
    step.source = source
    step.target = target
    search.n_steps += 1


cdef inline bint _is_bound(const Search* search, int32_t term) noexcept nogil:
    return term < 0 or search.binding[term] >= 0


cdef void plan_steps(Search* search) noexcept nogil:
    """Orders the atoms for the variables that are bound now; bindings stay as they are."""
    cdef int i, best, n_left = search.body.n_atoms
    cdef int32_t scan_variable
    cdef const Atom* atom
    cdef const CSR* rows
    cdef const CSR* scan_rows
    cdef double cost, least
    cdef bint left, right
    search.n_steps = 0
    for i in range(search.body.n_atoms):
        search.placed[i] = 0
    # A variable that a step will bind counts as bound from there on; all are freed again below.
    while n_left:
        best = -1
        least = 0
        scan_rows = NULL
        scan_variable = -1
        for i in range(search.body.n_atoms):
            if search.placed[i]:
                continue
            atom = &search.body.atoms[i]
            left = _is_bound(search, atom.left)
            right = _is_bound(search, atom.right)
            if left and right:
                best = i
                break
            if left or right:
                rows = &search.rows[2 * atom.relation + (0 if left else 1)]
                cost = <double>rows.n_edges / (rows.n_keys if rows.n_keys else 1)
                if best < 0 or cost < least:
                    best = i
                    least = cost
            else:
                if scan_rows == NULL or search.rows[2 * atom.relation].n_keys < scan_rows.n_keys:
                    scan_rows = &search.rows[2 * atom.relation]
                    scan_variable = atom.left
                if search.rows[2 * atom.relation + 1].n_keys < scan_rows.n_keys:
                    scan_rows = &search.rows[2 * atom.relation + 1]
                    scan_variable = atom.right
        if best < 0:
            _add_step(search, SCAN, scan_rows, 0, scan_variable)
            search.binding[scan_variable] = 0x7FFFFFFF
            continue
        atom = &search.body.atoms[best]
        if not _is_bound(search, atom.right):
            _add_step(search, EXTEND, &search.rows[2 * atom.relation], atom.left, atom.right)
            search.binding[atom.right] = 0x7FFFFFFF
        elif not _is_bound(search, atom.left):
            _add_step(search, EXTEND, &search.rows[2 * atom.relation + 1], atom.right, atom.left)
            search.binding[atom.left] = 0x7FFFFFFF
        else:
            _add_step(search, CHECK, &search.rows[2 * atom.relation], atom.left, atom.right)
        search.placed[best] = 1
        n_left -= 1
    for i in range(search.n_steps):
        if search.steps[i].operation != CHECK:
            search.binding[search.steps[i].target] = -1


cdef bint _run(Search* search, int at) noexcept nogil:
    """True when the steps from `at` have a grounding; with an unbound target, lists its values."""
    cdef Step* step
    cdef const int32_t* items
    cdef int64_t i, n, row
    cdef int32_t entity
    cdef bint settled
    cdef Scratch* scratch = search.scratch
    # Only a step that binds a variable goes deeper: never more than 26 calls, however long the body.
    while at < search.n_steps and search.steps[at].operation == CHECK:
        step = &search.steps[at]
        if not has_pair(step.rows, _value(search, step.source), _value(search, step.target)):
            return False
        at += 1
    if at == search.n_steps:
        return True
    step = &search.steps[at]
    if step.operation == SCAN:
        items = step.rows.keys
        n = step.rows.n_keys
    else:
        row = find_row(step.rows, _value(search, step.source))
        if row < 0:
            return False
        items = step.rows.values + step.rows.offsets[row]
        n = step.rows.offsets[row + 1] - step.rows.offsets[row]
    settled = search.target < 0 or search.binding[search.target] >= 0
    scratch.progress[0] += 1
    for i in range(n):
        entity = items[i]
        if step.target == search.target and scratch.stamp[entity] == scratch.epoch:
            continue
        if not admissible(search, step.target, entity):
            continue
        scratch.edges += 1
        search.binding[step.target] = entity
        if _run(search, at + 1):
            if step.target == search.target:
                scratch.stamp[entity] = scratch.epoch
                scratch.near[search.n_found] = entity
                search.n_found += 1
            elif settled:
                search.binding[step.target] = -1
                return True
        search.binding[step.target] = -1
    return False


cdef bint exists(Search* search) noexcept nogil:
    """Whether the planned search has a grounding under the present bindings."""
    search.target = -1
    return _run(search, 0)


cdef int64_t list_values(Search* search, int32_t variable) noexcept nogil:
    """Stamps (current epoch) and lists in `scratch.near` the distinct values of a free variable."""
    next_epoch(search.scratch)
    search.target = variable
    search.n_found = 0
    _run(search, 0)
    return search.n_found


cdef inline bint _holds(
    const Search* search, const Atom* atom, int32_t left, int32_t right
) noexcept nogil:
    """Whether the triple is there, by the row of the atom's constant where it has one."""
    if atom.right < 0 and atom.left >= 0:
        return has_pair(&search.rows[2 * atom.relation + 1], right, left)
    return has_pair(&search.rows[2 * atom.relation], left, right)


cdef bint _atoms_hold(const Search* search, int32_t variable, int known) noexcept nogil:
    """Whether every atom of `variable` whose terms are all bound is a triple, `known` left out."""
    cdef int i
    cdef const Atom* atom
    cdef int32_t left, right
    for i in range(search.body.n_atoms):
        atom = &search.body.atoms[i]
        if i == known or (atom.left != variable and atom.right != variable):
            continue
        left = _value(search, atom.left)
        right = _value(search, atom.right)
        if left >= 0 and right >= 0 and not _holds(search, atom, left, right):
            return False
    return True


cdef bint _assign(Search* search, int32_t variable) noexcept nogil:
    """Binds `variable` and all later ones to their least values that make a grounding."""
    cdef Domain domain
    cdef int64_t i
    while variable < search.body.n_variables and search.binding[variable] >= 0:
        variable += 1
    if variable == search.body.n_variables:
        return True
    domain = domain_of(search, variable)
    search.scratch.progress[0] += 1
    for i in range(domain.n_items):
        if not admissible(search, variable, domain.items[i]):
            continue
        search.binding[variable] = domain.items[i]
        if _atoms_hold(search, variable, domain.atom) and _assign(search, variable + 1):
            return True
        search.binding[variable] = -1
    return False


cdef bint least_grounding(Search* search) noexcept nogil:
    """Completes the present bindings to the least grounding in id order; False: there is none.

    Variables are numbered by first appearance in the body, so ascending numbers are the order that
    the formats define.
    """
    cdef int i
    cdef const Atom* atom
    cdef int32_t left, right
    for i in range(search.body.n_atoms):
        atom = &search.body.atoms[i]
        left = _value(search, atom.left)
        right = _value(search, atom.right)
        if left >= 0 and right >= 0 and not _holds(search, atom, left, right):
            return False
    return _assign(search, 0)
