# distutils: extra_compile_args = -O3
"""The small parsers of the compiler: of one head or body text, of one number.

Covers texts that take only what their separators need, and texts of which exactly one reading
has the most atoms among those that are well nested and have a variable in each atom. Everything
else is `text`'s.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from pff_stream.rules._runs cimport SETTLED, SEVERAL

cdef extern from "Python.h":
    ctypedef struct PyObject
    double PyOS_string_to_double(const char *s, char **end, PyObject *overflow) except? -1.0

cdef extern from "math.h" nogil:
    bint isfinite(double)

cdef enum:
    # Places where an atom can end, and ways to read one text (long ones count for more);
    # beyond, `text` decides.
    MAX_ENDS = 32
    MAX_WAYS = 4096

cdef double[23] POWERS
for _i in range(23):
    POWERS[_i] = 10.0**_i


cdef bint is_letter(const uint8_t *name, size_t length) noexcept nogil:
    return length == 1 and 65 <= name[0] <= 90


cdef int parse_direct(const uint8_t *text, uint32_t length, bint head, Span *spans) noexcept nogil:
    """The atoms of a text with no more `(`, `)` and `,` than its separators need; -1 else."""
    cdef uint32_t at = 0
    cdef int n = 0
    cdef Span *span
    if length == 0:
        return 0
    while True:
        span = &spans[n]
        span.start = at
        while at < length and text[at] != 40 and text[at] != 41 and text[at] != 44:
            at += 1
        if at >= length or text[at] != 40 or at == span.start:
            return -1
        span.opened = at
        at += 1
        while at < length and text[at] != 40 and text[at] != 41 and text[at] != 44:
            at += 1
        if at + 1 >= length or text[at] != 44 or at == span.opened + 1:
            return -1
        # A space behind the comma could be a separator's; a head has none.
        if text[at + 1] == 32 and not head:
            return -1
        span.comma = at
        at += 1
        while at < length and text[at] != 40 and text[at] != 41 and text[at] != 44:
            at += 1
        if at >= length or text[at] != 41 or at == span.comma + 1:
            return -1
        at += 1
        span.end = at
        n += 1
        if at == length:
            return n
        if at + 2 >= length or text[at] != 44 or text[at + 1] != 32:
            return -1
        at += 2


cdef int parse_plain(const uint8_t *text, uint32_t length, Span *spans) noexcept nogil:
    """The same with blanks around names and before commas; -1 where it takes more separators."""
    cdef uint32_t at = 0
    cdef int n = 0, i
    cdef uint32_t marks[3]
    cdef const uint8_t *wanted = b"(,)"
    while True:
        spans[n].start = at
        for i in range(3):
            marks[i] = at
            while at < length and text[at] != 40 and text[at] != 41 and text[at] != 44:
                at += 1
            if at == length or at == marks[i] or text[at] != wanted[i]:
                return -1
            marks[i] = at
            at += 1
        spans[n].opened, spans[n].comma, spans[n].end = marks[0], marks[1], at
        n += 1
        if at == length:
            return n
        while at < length and text[at] == 32:
            at += 1
        if at + 1 >= length or text[at] != 44 or text[at + 1] != 32:
            return -1
        at += 2


cdef inline bint _is_blank_name(const uint8_t *text, uint32_t start, uint32_t end) noexcept nogil:
    """Whether a name has blanks around it; blanks alone are a name."""
    if text[start] != 32 and text[end - 1] != 32:
        return False
    while start < end and text[start] == 32:
        start += 1
    return start < end


cdef bint has_blank_names(const uint8_t *text, const Span *spans, int n) noexcept nogil:
    """Whether a name of `n` atoms has blanks around it."""
    cdef int i
    for i in range(n):
        if (
            _is_blank_name(text, spans[i].start, spans[i].opened)
            or _is_blank_name(text, spans[i].opened + 1, spans[i].comma)
            or _is_blank_name(text, spans[i].comma + 1, spans[i].end - 1)
        ):
            return True
    return False


cdef bint has_blank_letter(const uint8_t *text, uint32_t length) noexcept nogil:
    """Whether a letter stands with blanks around it where a term may be."""
    cdef uint32_t at, end, n_blanks
    for at in range(length):
        if text[at] != 40 and text[at] != 44:
            continue
        end = at + 1
        while end < length and text[end] == 32:
            end += 1
        if end == length or not is_letter(text + end, 1):
            continue
        n_blanks = end - at - 1
        end += 1
        while end < length and text[end] == 32:
            n_blanks += 1
            end += 1
        if n_blanks and end < length and (text[end] == 41 or text[end] == 44):
            return True
    return False


cdef uint32_t _ends_of_atoms(
    const uint8_t *text, uint32_t length, bint head, uint32_t *ends
) noexcept nogil:
    """Where atoms may end; how many places there are, 0 where the text cannot be read by them."""
    cdef uint32_t at, n_ends = 0
    for at in range(1, length + 1):
        if text[at - 1] == 41 and (
            at == length or (not head and at + 2 < length and text[at] == 44 and text[at + 1] == 32)
        ):
            if n_ends == MAX_ENDS:
                return 0
            ends[n_ends] = at
            n_ends += 1
    return n_ends if n_ends and ends[n_ends - 1] == length else 0


cdef int parse_settled(
    const uint8_t *text, uint32_t length, bint head, Span *spans, int *state
) noexcept nogil:
    """The one reading with the most atoms among the nested ones with a variable in each atom.

    A head is read as one atom. Answers the number of atoms, or -1 where there is no such reading or more than one; sets
    SETTLED accordingly, and SEVERAL where more than one reading has a variable in each atom.
    """
    cdef uint32_t ends[MAX_ENDS]
    cdef uint32_t most[MAX_ENDS + 1]
    cdef uint32_t ways[MAX_ENDS + 1]
    cdef uint32_t any_ways[MAX_ENDS + 1]
    cdef uint32_t came_from[MAX_ENDS + 1]
    cdef Span last[MAX_ENDS + 1]
    cdef Span span
    cdef uint32_t n_ends, i, j, start, nested, found, looked_at = 0
    state[0] = 0
    if length == 0:
        state[0] = SETTLED
        return 0
    n_ends = _ends_of_atoms(text, length, head, ends)
    if n_ends == 0:
        return -1
    # Node 0 is the start of the text, node j + 1 lies behind end j.
    most[0] = 0
    ways[0] = any_ways[0] = 1
    for j in range(n_ends):
        most[j + 1] = ways[j + 1] = any_ways[j + 1] = 0
        for i in range(j + 1):
            if any_ways[i] == 0:
                continue
            start = ends[i - 1] + 2 if i else 0
            found = count_ways(text, start, ends[j], &nested, &span, &looked_at)
            if looked_at > MAX_WAYS:
                return -1
            if found:
                any_ways[j + 1] = min(2, any_ways[j + 1] + any_ways[i] * min(2, found))
            if nested and ways[i]:
                if ways[j + 1] == 0 or most[i] + 1 > most[j + 1]:
                    most[j + 1] = most[i] + 1
                    ways[j + 1] = min(2, ways[i] * min(2, nested))
                    came_from[j + 1] = i
                    last[j + 1] = span
                elif most[i] + 1 == most[j + 1]:
                    ways[j + 1] = 2
    if any_ways[n_ends] > 1:
        state[0] |= SEVERAL
    if ways[n_ends] != 1:
        return -1
    state[0] |= SETTLED
    j = n_ends
    i = most[j]
    while j:
        i -= 1
        spans[i] = last[j]
        j = came_from[j]
    return <int>most[n_ends]


cdef uint32_t count_ways(
    const uint8_t *text, uint32_t start, uint32_t end, uint32_t *nested, Span *span,
    uint32_t *looked_at,
) noexcept nogil:
    """Ways to read one atom with a variable; `nested` of them well nested, `span` the last such."""
    cdef uint32_t opened, comma, found = 0
    cdef int side
    cdef bint leading, trailing = (
        end - start >= 6 and text[end - 3] == 44 and is_letter(text + end - 2, 1)
    )
    nested[0] = 0
    looked_at[0] += (end - start) // 64
    if end - start < 6 or looked_at[0] > MAX_WAYS:
        return 0
    for opened in range(start + 1, end - 4):
        if text[opened] != 40:
            continue
        leading = text[opened + 2] == 44 and is_letter(text + opened + 1, 1)
        for side in range(2):
            if side == 0:
                if not leading:
                    continue
                comma = opened + 2
            else:
                comma = end - 3
                if not trailing or (leading and comma == opened + 2):
                    continue
            found += 1
            looked_at[0] += 1 + (end - start) // 64
            if looked_at[0] > MAX_WAYS:
                return found
            if (
                is_nested(text, start, opened)
                and is_nested(text, opened + 1, comma)
                and is_nested(text, comma + 1, end - 1)
            ):
                nested[0] += 1
                span.start = start
                span.opened = opened
                span.comma = comma
                span.end = end
    return found


cdef bint is_nested(const uint8_t *text, uint32_t start, uint32_t end) noexcept nogil:
    cdef int64_t depth = 0
    cdef uint32_t at
    for at in range(start, end):
        if text[at] == 40:
            depth += 1
        elif text[at] == 41:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


cdef bint parse_integer(const uint8_t *at, size_t length, int64_t *value) noexcept nogil:
    """A number of 1 to 18 digits."""
    cdef size_t i
    cdef int64_t total = 0
    if length == 0 or length > 18:
        return False
    for i in range(length):
        if not 48 <= at[i] <= 57:
            return False
        total = total * 10 + at[i] - 48
    value[0] = total
    return True


cdef bint parse_real(const uint8_t *at, size_t length, double *value) except -1 nogil:
    """A number without sign, `12`, `0.5` or `1.5E-4`, to the nearest double."""
    cdef uint64_t digits = 0
    cdef size_t i
    cdef int n_digits = 0, exponent = 0
    cdef bint point = False, simple = True
    cdef char copied[64]
    cdef char *end
    if length == 0 or length > 63 or not (48 <= at[0] <= 57 or at[0] == 46):
        return False
    for i in range(length):
        if 48 <= at[i] <= 57:
            digits = digits * 10 + at[i] - 48
            n_digits += 1
            exponent -= point
        elif at[i] == 46 and not point and simple:
            point = True
        elif at[i] == 69 or at[i] == 101 or at[i] == 43 or at[i] == 45:
            simple = False
        else:
            return False
    # Both factors are exact, so the quotient is the nearest double.
    if simple and 0 < n_digits <= 18 and digits < (<uint64_t>1 << 53) and exponent >= -22:
        value[0] = <double>digits / POWERS[-exponent]
        return True
    memcpy(copied, at, length)
    copied[length] = 0
    with gil:
        try:
            value[0] = PyOS_string_to_double(copied, &end, NULL)
        except ValueError:
            return False
    return end == copied + length and isfinite(value[0])
