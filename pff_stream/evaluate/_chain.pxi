"""Closed chains from one source, level by level without repetition.

Each level of a chain is a set: an entity is expanded once, so no level touches more edges than its
relation has. Object identity is kept without enumerating groundings: self-loops are skipped, the
source is never entered again, and over three atoms each middle entity keeps its first predecessor and
whether there is another, so that the end is withheld only where it is the single predecessor. Many
sources at once go through `_wide`; which way a chain is counted, `_ways` chooses. Every way gives the
same counts.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport CSR, find_row

cdef extern from "evaluate/_listed.h":
    int64_t pff_list_new(
        uint32_t* stamp, uint32_t epoch, int32_t* list, int64_t n,
        const int32_t* values, const int32_t* stop, int32_t skip, int32_t single
    ) noexcept nogil
    int64_t pff_list_from(
        uint32_t* stamp, uint32_t epoch, int32_t* list, int64_t n, int32_t* only,
        const int32_t* values, const int32_t* stop, int32_t came_from
    ) noexcept nogil
    int64_t pff_stamped(
        const uint32_t* stamp, uint32_t epoch, const int32_t* values, int64_t n
    ) noexcept nogil


cdef bint find_chain(
    Chain* chain, const CSR* rows, const Body* body, int32_t source, int32_t end, char* used
) noexcept nogil:
    """Whether the body is one chain from `source` to `end`; then fills `chain`.

    `used` has room for a byte an atom. Atoms may stand in any order and direction.
    """
    cdef int i, at, side
    cdef int32_t here = source, there
    cdef const Atom* atom
    if body.n_atoms + 1 != body.n_variables or source == end or body.n_filters:
        return False
    for i in range(body.n_atoms):
        used[i] = 0
    chain.length = 0
    for at in range(body.n_atoms):
        side = -1
        for i in range(body.n_atoms):
            atom = &body.atoms[i]
            if used[i] or (atom.left != here and atom.right != here):
                continue
            if side >= 0:
                return False                  # the body branches
            side = i
        if side < 0:
            return False
        used[side] = 1
        atom = &body.atoms[side]
        there = atom.right if atom.left == here else atom.left
        if there < 0 or there == here:
            return False
        i = 0 if atom.left == here else 1
        chain.steps[at] = &rows[2 * atom.relation + i]
        chain.inverses[at] = &rows[2 * atom.relation + 1 - i]
        here = there
        chain.length += 1
    # n atoms over n + 1 variables, each joined to the one before: a tree without branches.
    return here == end


cdef void reverse_chain(Chain* chain) noexcept nogil:
    cdef int i
    cdef int n = chain.length
    cdef const CSR* step
    for i in range((n + 1) // 2):
        step = chain.steps[i]
        chain.steps[i] = chain.inverses[n - 1 - i]
        chain.inverses[n - 1 - i] = step
        if i != n - 1 - i:
            step = chain.steps[n - 1 - i]
            chain.steps[n - 1 - i] = chain.inverses[i]
            chain.inverses[i] = step


cdef bint chain_is_exact(const Chain* chain, bint distinct) noexcept nogil:
    """Whether level sets give the exact ends; beyond three atoms object identity needs a search."""
    return not distinct or chain.length <= 3


cdef bint has_exact_rows(const Scratch* scratch, const Chain* chain) noexcept nogil:
    """The same for what is evaluated now."""
    return chain_is_exact(chain, scratch.distinct)


cdef int64_t list_chain_row(Scratch* scratch, const Chain* chain, int32_t source) noexcept nogil:
    """Stamps (current epoch) and lists in `scratch.near` the distinct ends of one source."""
    cdef int64_t row
    goes_on(scratch, source)
    row = find_row(chain.steps[0], source)
    if row < 0:
        next_epoch(scratch)
        return 0
    scratch.progress[0] += 1
    if not scratch.distinct:
        return _row_homomorphic(scratch, chain, row)
    if chain.length == 1:
        return _row_of_one(scratch, chain.steps[0], row, source)
    if chain.length == 2:
        return _row_of_two(scratch, chain, row, source)
    return list_ends(
        scratch, chain.steps[2], source, list_middle(scratch, chain, row, source)
    )


cdef int64_t _row_of_one(
    Scratch* scratch, const CSR* rows, int64_t row, int32_t source
) noexcept nogil:
    scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
    return pff_list_new(
        scratch.stamp, next_epoch(scratch), scratch.near, 0, rows.values + rows.offsets[row],
        rows.values + rows.offsets[row + 1], source, -1
    )


cdef int64_t _row_of_two(
    Scratch* scratch, const Chain* chain, int64_t row, int32_t source
) noexcept nogil:
    cdef uint32_t epoch = next_epoch(scratch)
    cdef const CSR* first = chain.steps[0]
    cdef const CSR* second = chain.steps[1]
    cdef uint32_t edge
    cdef int32_t middle
    cdef int64_t n = 0, touched = 0
    for edge in range(first.offsets[row], first.offsets[row + 1]):
        middle = first.values[edge]
        if middle == source:
            continue
        row = find_row(second, middle)
        if row < 0:
            continue
        touched += second.offsets[row + 1] - second.offsets[row]
        n = pff_list_new(
            scratch.stamp, epoch, scratch.near, n, second.values + second.offsets[row],
            second.values + second.offsets[row + 1], source, middle
        )
    scratch.edges += touched
    return n


cdef int64_t list_middle(
    Scratch* scratch, const Chain* chain, int64_t row, int32_t source
) noexcept nogil:
    """Lists in `scratch.far` what a source reaches over the first two of three atoms.

    `scratch.first` has the single predecessor of each, -1 where there are more.
    """
    cdef uint32_t epoch = next_epoch(scratch)
    cdef const CSR* first = chain.steps[0]
    cdef const CSR* second = chain.steps[1]
    cdef uint32_t edge
    cdef int32_t before
    cdef int64_t n = 0, touched = 0
    scratch.stamp[source] = epoch             # as if it were listed: it is not entered again
    for edge in range(first.offsets[row], first.offsets[row + 1]):
        before = first.values[edge]
        if before == source:
            continue
        row = find_row(second, before)
        if row < 0:
            continue
        touched += second.offsets[row + 1] - second.offsets[row]
        n = pff_list_from(
            scratch.stamp, epoch, scratch.far, n, scratch.first,
            second.values + second.offsets[row], second.values + second.offsets[row + 1], before
        )
    scratch.edges += touched
    return n


cdef int64_t list_ends(
    Scratch* scratch, const CSR* third, int32_t source, int64_t n_middle
) noexcept nogil:
    """The ends that the third atom reaches from what `list_middle` has listed, as `list_chain_row`."""
    cdef uint32_t epoch = next_epoch(scratch)
    cdef int32_t middle
    cdef int64_t n = 0, touched = 0, i, row
    scratch.stamp[source] = epoch
    for i in range(n_middle):
        middle = scratch.far[i]
        row = find_row(third, middle)
        if row < 0:
            continue
        touched += third.offsets[row + 1] - third.offsets[row]
        n = pff_list_new(
            scratch.stamp, epoch, scratch.near, n, third.values + third.offsets[row],
            third.values + third.offsets[row + 1], middle, scratch.first[middle]
        )
    scratch.stamp[source] = 0                 # it is no end
    scratch.edges += touched
    return n


cdef int64_t _row_homomorphic(Scratch* scratch, const Chain* chain, int64_t row) noexcept nogil:
    """Variables may coincide: plain level sets, over a chain of any length."""
    cdef uint32_t epoch
    cdef int32_t* level
    cdef int32_t* ends
    cdef const CSR* rows = chain.steps[0]
    cdef const int32_t* items = rows.values + rows.offsets[row]
    cdef int64_t n_items = rows.offsets[row + 1] - rows.offsets[row]
    cdef int64_t n, i
    cdef int step
    scratch.edges += n_items
    if chain.length == 1:
        epoch = next_epoch(scratch)
        for i in range(n_items):
            scratch.stamp[items[i]] = epoch
            scratch.near[i] = items[i]
        return n_items
    for step in range(1, chain.length):
        rows = chain.steps[step]
        ends = scratch.near if (chain.length - 1 - step) % 2 == 0 else scratch.far
        epoch = next_epoch(scratch)
        n = 0
        for i in range(n_items):
            row = find_row(rows, items[i])
            if row < 0:
                continue
            scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
            n = pff_list_new(
                scratch.stamp, epoch, ends, n, rows.values + rows.offsets[row],
                rows.values + rows.offsets[row + 1], -1, -1
            )
        items = ends
        n_items = n
    return n_items


cdef void turn_heads(ChainHead* heads, int n_heads) noexcept nogil:
    """Has heads be over their chain seen from its other end."""
    cdef const CSR* rows
    cdef int i
    for i in range(n_heads):
        rows = heads[i].forward
        heads[i].forward = heads[i].backward
        heads[i].backward = rows
        heads[i].at_end = not heads[i].at_end


cdef void count_narrow(
    Scratch* scratch, const Chain* chain, LastStep* lasts, int n_lasts
) noexcept nogil:
    """Counts chains that share all steps but the last, one source at a time.

    The last step of `chain` is that of the first; more than one share two steps under object identity.
    """
    cdef int64_t n, n_middle, i
    cdef int last
    cdef int32_t source
    for last in range(n_lasts):
        open_last(&lasts[last])
        lasts[last].by_ends = n_lasts == 1 and lasts[last].n_at_end > 1
    for i in range(
        part_begin(scratch, chain.steps[0].n_keys), part_end(scratch, chain.steps[0].n_keys)
    ):
        source = chain.steps[0].keys[i]
        if n_lasts == 1:
            n = list_chain_row(scratch, chain, source)
            if n:
                _count_row(scratch, &lasts[0], source, n)
            continue
        goes_on(scratch, source)
        scratch.progress[0] += 1
        n_middle = list_middle(scratch, chain, i, source)
        for last in range(n_lasts if n_middle else 0):
            n = list_ends(scratch, lasts[last].step, source, n_middle)
            if n:
                _count_row(scratch, &lasts[last], source, n)
    for last in range(n_lasts):
        close_last(scratch, &lasts[last])


cdef void _count_row(
    Scratch* scratch, LastStep* last, int32_t source, int64_t n
) noexcept nogil:
    """Counts the ends of one source for all heads of a chain."""
    cdef const CSR* rows
    cdef ChainHead* one
    cdef int64_t row, k
    cdef uint32_t edge
    cdef int head
    last.total += n
    if last.by_ends:
        for k in range(n):
            scratch.withheld[scratch.near[k]] += 1
    for head in range(last.n_heads):
        one = &last.heads[head]
        rows = one.forward
        if rows == NULL:
            continue
        row = find_row(rows, source)
        if row >= 0:
            one.support += pff_stamped(
                scratch.stamp, scratch.epoch, rows.values + rows.offsets[row],
                rows.offsets[row + 1] - rows.offsets[row]
            )
            if not one.at_end:
                one.decided += n
        if one.at_end and not last.by_ends and one.backward != last.inverse:
            one.decided += count_keys(one.backward, scratch.near, n)


cdef void open_last(LastStep* last) noexcept nogil:
    """Nothing is counted yet."""
    cdef int head
    last.total = 0
    last.n_at_end = n_at_end(last.heads, last.n_heads, last.inverse)
    last.at_source = False
    for head in range(last.n_heads):
        if not last.heads[head].at_end and last.heads[head].forward != NULL:
            last.at_source = True


cdef void close_last(Scratch* scratch, LastStep* last) noexcept nogil:
    """All is counted."""
    cdef int head
    if last.by_ends:
        share_ends(scratch, last.inverse, last.heads, last.n_heads)
    for head in range(last.n_heads):
        last.heads[head].predictions = last.total
    share_total(last.inverse, last.heads, last.n_heads, last.total)
