"""The terms of an evaluation chunk, checked in one pass before anybody indexes with them."""

from libc.stdint cimport int32_t, int64_t, uint32_t

cdef enum:  # what may be wrong with terms, as `chunk_terms` says it
    WRONG_ATOM = 1, WRONG_HEAD, WRONG_ORDER, LONG_BODY, WRONG_NUMBERS
    EARLY_INEQUALITY, LOOSE_INEQUALITY, UNBOUND_HEAD, ZERO_HEAD


def find_wrong_terms(
    const int32_t[::1] atoms, const uint32_t[::1] body_ends, const uint32_t[::1] rule_body,
    const int32_t[::1] heads, int64_t n_names, int64_t max_variables, int64_t max_atoms
):
    """What is wrong with indices of atoms, heads and bodies, the first of that enumeration; 0: none.

    The columns have whole atoms and a head for each rule, and their ends are checked.
    """
    cdef Py_ssize_t rule, body, at = 0, n_bodies = body_ends.shape[0], n_rules = rule_body.shape[0]
    if not _are_in_range(atoms, -1, n_names, max_variables):
        return WRONG_ATOM
    if not _are_in_range(heads, 0, n_names, max_variables):
        return WRONG_HEAD
    for rule in range(n_rules):  # every body has a rule, and they come in order
        body = rule_body[rule] - (<Py_ssize_t>rule_body[rule - 1] if rule else -1)
        if body < (rule == 0) or body > 1:
            return WRONG_ORDER
    if (rule_body[n_rules - 1] + 1 if n_rules else 0) != n_bodies:
        return WRONG_ORDER
    for body in range(n_bodies):
        if body_ends[body] - at > max_atoms:
            return LONG_BODY
        at = body_ends[body]
    return _wrong_bodies(atoms, body_ends) or _wrong_heads(atoms, body_ends, rule_body, heads)


cdef bint _are_in_range(
    const int32_t[::1] table, int64_t least, int64_t n_names, int64_t max_variables
) noexcept:
    """Whether relations and terms, three a row, are names of the chunk or variables."""
    cdef Py_ssize_t at
    cdef bint fine = True
    for at in range(0, table.shape[0] - 2, 3):
        fine &= least <= table[at] < n_names
        fine &= -n_names <= table[at + 1] < max_variables
        fine &= -n_names <= table[at + 2] < max_variables
    return fine


cdef int32_t _body_numbers(
    const int32_t[::1] atoms, Py_ssize_t at, Py_ssize_t stop, int* wrong
) noexcept:
    """The highest variable of a body, -1 where it has none; and what is wrong with it."""
    cdef int32_t highest = -1, before
    cdef int term
    cdef Py_ssize_t first = at
    for at in range(first, stop):
        before = highest
        for term in range(1, 3):
            if atoms[3 * at + term] > highest + 1:
                wrong[0] |= 1 << WRONG_NUMBERS
            highest = max(highest, atoms[3 * at + term])
        if atoms[3 * at] >= 0:
            if at > first and atoms[3 * at - 3] < 0:
                wrong[0] |= 1 << EARLY_INEQUALITY
            continue
        if at == first:
            wrong[0] |= 1 << EARLY_INEQUALITY
        if highest > before or atoms[3 * at + 1] < 0 or atoms[3 * at + 1] == atoms[3 * at + 2]:
            wrong[0] |= 1 << LOOSE_INEQUALITY
    return highest


cdef int _wrong_bodies(const int32_t[::1] atoms, const uint32_t[::1] body_ends) noexcept:
    """Variables are numbered as they appear; inequalities are behind the atoms that bind theirs."""
    cdef Py_ssize_t body
    cdef int wrong = 0, one
    for body in range(body_ends.shape[0]):
        _body_numbers(atoms, body_ends[body - 1] if body else 0, body_ends[body], &wrong)
    for one in range(WRONG_NUMBERS, LOOSE_INEQUALITY + 1):
        if wrong >> one & 1:
            return one
    return 0


cdef int _wrong_heads(
    const int32_t[::1] atoms, const uint32_t[::1] body_ends, const uint32_t[::1] rule_body,
    const int32_t[::1] heads
) noexcept:
    """The head has variables of its body; a zero rule's at most one (0, or 1 on both sides)."""
    cdef Py_ssize_t rule, body = -1, begin = 0
    cdef int32_t left, right, most, bound = -1
    cdef int wrong = 0
    for rule in range(rule_body.shape[0]):
        if <Py_ssize_t>rule_body[rule] != body:
            body = rule_body[rule]
            begin = body_ends[body - 1] if body else 0
            bound = _body_numbers(atoms, begin, body_ends[body], &wrong)
        left, right = heads[3 * rule + 1], heads[3 * rule + 2]
        most = max(left, right)
        if begin < body_ends[body]:
            if most > bound:
                return UNBOUND_HEAD
        elif most > 0 if min(left, right) < 0 else left != right or most > 1:
            wrong = ZERO_HEAD
    return wrong
