"""Chains that are held back, so that those are counted together that begin with the same steps."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport qsort

from pff_stream.triples._graph cimport CSR


cdef void take_chain_counts(Counter counter, int first_head, int end) noexcept nogil:
    """Gives the counts of these heads of chains to their rules."""
    cdef int i
    cdef const ChainHead* head
    for i in range(first_head, end):
        head = &counter.chain_heads[i]
        counter.predictions[head.rule] = head.predictions
        counter.support[head.rule] = head.support
        counter.unknown[head.rule] = head.predictions - head.decided


cdef bint hold_chain(Counter counter, int first_head) noexcept nogil:
    """Holds the present chain back, with its heads from the first on; False: it is too long.

    One that is the same as the last, or that seen from its other end, is the same chain with more
    heads: in a rule file both follow each other.
    """
    cdef int i
    cdef bint same = counter.n_held > 0, turned = same
    cdef Chain* chain = &counter.chain
    cdef HeldChain* held
    if chain.length > MOST_HELD_STEPS:
        return False
    if same:
        held = &counter.held[counter.n_held - 1]
        same = turned = held.length == chain.length
        for i in range(chain.length if same else 0):
            same = same and held.steps[i] == chain.steps[i]
            turned = turned and held.steps[i] == chain.inverses[chain.length - 1 - i]
        if same or turned:
            if not same:
                turn_heads(counter.chain_heads + first_head, counter.n_chain_heads - first_head)
            held.n_heads = counter.n_chain_heads - held.first_head
            return True
    held = &counter.held[counter.n_held]
    counter.n_held += 1
    held.length = <uint8_t>chain.length
    held.first_head = first_head
    held.n_heads = counter.n_chain_heads - first_head
    for i in range(chain.length):
        held.steps[i] = chain.steps[i]
    return True


cdef void count_held(Counter counter) noexcept nogil:
    """Counts all chains that are held, those together that begin with the same steps."""
    cdef int i, k, n = 0
    cdef HeldChain* held
    counter.scratch.ordered = NULL
    for i in range(counter.n_held):
        held = &counter.held[i]
        _take_held(counter, held)
        held.way = <uint8_t>counter.way
        if held.way == WAY_CHOSEN:
            held.way = <uint8_t>cheapest_way(&counter.scratch, &counter.chain)
        if not counter.scratch.wide and held.way >= WAY_WIDE_FORWARD:
            held.way -= 2
        if held.way == WAY_BACKWARD or held.way == WAY_WIDE_BACKWARD:
            reverse_chain(&counter.chain)
            for k in range(held.length):
                held.steps[k] = counter.chain.steps[k]
            turn_heads(counter.chain_heads + held.first_head, held.n_heads)
            held.way -= 1
    if counter.n_held > 1:
        qsort(counter.held, counter.n_held, sizeof(HeldChain), &_by_steps)
    i = 0
    while i < counter.n_held:
        i += _count_together(counter, &counter.held[i], counter.n_held - i)
    take_chain_counts(counter, 0, counter.n_chain_heads)
    counter.n_held = 0
    counter.n_chain_heads = 0


cdef void _take_held(Counter counter, const HeldChain* held) noexcept nogil:
    """Has the present chain be that which is held."""
    cdef int i
    counter.chain.length = held.length
    for i in range(held.length):
        counter.chain.steps[i] = held.steps[i]
        counter.chain.inverses[i] = counter.graph.rows + (held.steps[i] - counter.graph.rows ^ 1)


cdef int _count_together(Counter counter, HeldChain* held, int n) noexcept nogil:
    """Counts the first of these chains and all behind it that share what it begins with.

    Returns how many.
    """
    cdef LastStep lasts[MOST_TOGETHER]
    cdef int i = 0, k
    cdef bint is_wide = held.way == WAY_WIDE_FORWARD
    _take_held(counter, held)
    # The notes about the rows of a last step lie in one array of the scratch.
    n = min(n, MOST_TOGETHER, 4 * counter.scratch.n_entities // (counter.scratch.n_entities + 7 >> 3))
    if held.length == 1 or not (is_wide or (held.length == 3 and counter.scratch.distinct)):
        n = 1                             # there is nothing to share
    while i < n:
        if i and (held[i].way != held.way or held[i].length != held.length):
            break
        for k in range(held.length - 1):
            if held[i].steps[k] != held.steps[k]:
                break
        else:
            lasts[i].step = held[i].steps[held.length - 1]
            lasts[i].inverse = counter.graph.rows + (lasts[i].step - counter.graph.rows ^ 1)
            lasts[i].heads = counter.chain_heads + held[i].first_head
            lasts[i].n_heads = held[i].n_heads
            i += 1
            continue
        break
    if is_wide:
        count_wide(&counter.scratch, &counter.chain, lasts, i)
    else:
        count_narrow(&counter.scratch, &counter.chain, lasts, i)
    return i


cdef int _by_steps(const void* one, const void* other) noexcept nogil:
    """Narrow before wide, short before long, then by steps."""
    cdef const HeldChain* a = <const HeldChain*>one
    cdef const HeldChain* b = <const HeldChain*>other
    cdef int i
    if a.way != b.way:
        return 1 if a.way > b.way else -1
    if a.length != b.length:
        return 1 if a.length > b.length else -1
    for i in range(a.length):
        if a.steps[i] != b.steps[i]:
            return 1 if a.steps[i] > b.steps[i] else -1
    return 0
