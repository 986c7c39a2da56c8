# A count by a count, rounded once, however large they are: what Python's division of ints gives.
from libc.math cimport ldexp
from libc.stdint cimport uint64_t


cdef inline double share_of(uint64_t part, uint64_t whole) noexcept nogil:
    """`part / whole`, the nearest double; `part` is at most `whole`, which is not 0."""
    cdef uint64_t limit = <uint64_t>1 << 53
    cdef uint64_t bits = 0
    cdef uint64_t carry
    cdef int exponent = 0
    cdef int i
    if whole < limit or part == whole or part == 0:
        # Both are exact (or the quotient is), so it is rounded once.
        return 1.0 if part == whole else <double>part / <double>whole
    while part < whole:
        carry = part >> 63
        part <<= 1
        exponent -= 1
        if carry:
            break
    else:
        carry = 0
    # 55 bits from the first one that is set, the last of them also set where any is below it: the
    # conversion rounds them once, to nearest and even.
    for i in range(55):
        bits <<= 1
        if carry or part >= whole:
            part -= whole
            bits |= 1
        carry = part >> 63
        part <<= 1
    if part or carry:
        bits |= 1
    return ldexp(<double>bits, exponent - 54)
