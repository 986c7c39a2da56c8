"""The rules of a task in source order: a radix sort of their ordinals, least byte first.

A chunk holds its rules by body, results are written by source ordinal. A sort by comparison, and a
temporary array for each of its steps, took as long as the counting itself on a small document.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum:
    DIGIT_BITS = 8
    DIGITS = 1 << DIGIT_BITS


cdef Py_ssize_t in_source_order(
    const uint64_t* sources, const uint8_t* flags, uint8_t skipped, Py_ssize_t n_rules,
    uint32_t* order, uint32_t* spare
) noexcept nogil:
    """Fills `order` with the rules that have no flag of `skipped`, by source; returns how many.

    `order` and `spare` have room for `n_rules`.
    """
    cdef Py_ssize_t rule, n = 0, i
    cdef uint64_t least = <uint64_t>-1, most = 0
    cdef uint32_t places[DIGITS]
    cdef uint32_t place, count
    cdef uint32_t* from_
    cdef uint32_t* to
    cdef int shift = 0, digit
    for rule in range(n_rules):
        if flags[rule] & skipped:
            continue
        order[n] = <uint32_t>rule
        n += 1
        least = min(least, sources[rule])
        most = max(most, sources[rule])
    from_ = order
    to = spare
    while n > 1 and shift < 64 and (most - least) >> shift:
        memset(places, 0, sizeof(places))
        for i in range(n):
            places[((sources[from_[i]] - least) >> shift) & (DIGITS - 1)] += 1
        place = 0
        for digit in range(DIGITS):
            count = places[digit]
            places[digit] = place
            place += count
        for i in range(n):
            digit = ((sources[from_[i]] - least) >> shift) & (DIGITS - 1)
            to[places[digit]] = from_[i]
            places[digit] += 1
        from_, to = to, from_
        shift += DIGIT_BITS
    if from_ != order:
        for i in range(n):
            order[i] = from_[i]
    return n
