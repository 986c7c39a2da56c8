"""The checks of a chunk that look at every byte: at the speed of the bytes, once, before use.

Ends must have been checked to rise and to stay inside; what is found is the place of the first
entry that is wrong, -1 where none is.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "_names.h" nogil:
    uint64_t pff_name_hash(const unsigned char *name, size_t length)

cdef extern from "_text.h" nogil:
    bint pff_is_name(const unsigned char *at, size_t length)
    const unsigned char *pff_bad_utf8(const unsigned char *at, const unsigned char *stop)


def find_bad_name(
    const uint8_t[::1] names, const uint32_t[::1] ends, const uint64_t[::1] hashes
):
    """A name that no rule text can hold, or whose hash is not its own: no graph would find it."""
    cdef Py_ssize_t i
    cdef size_t begin = 0
    if names.shape[0] == 0:
        return 0 if ends.shape[0] else -1
    for i in range(ends.shape[0]):
        if not pff_is_name(&names[0] + begin, ends[i] - begin):
            return i
        if pff_name_hash(&names[0] + begin, ends[i] - begin) != hashes[i]:
            return i
        begin = ends[i]
    return -1


def find_bad_text(
    const uint8_t[::1] texts, const uint32_t[::1] ends, const uint8_t[::1] may_have_tabs=None
):
    """A text that cannot have been a line or, where `may_have_tabs` is 0, one column of a line."""
    cdef bint tabs = False
    cdef Py_ssize_t i
    cdef size_t begin = 0
    if texts.shape[0] == 0:
        return -1
    for i in range(ends.shape[0]):
        if may_have_tabs is not None:
            tabs = may_have_tabs[i]
        if not is_line(&texts[0] + begin, &texts[0] + ends[i], tabs):
            return i
        begin = ends[i]
    return -1


cdef bint is_line(
    const uint8_t *at, const uint8_t *stop, bint tabs
) noexcept nogil:
    """Whether it is UTF-8 without NUL, newline and (unless allowed) tab."""
    cdef const uint8_t *c = at
    cdef uint8_t high = 0
    while c < stop:
        if c[0] == 0 or c[0] == 10 or (c[0] == 9 and not tabs):
            return False
        high |= c[0]
        c += 1
    return high < 128 or pff_bad_utf8(at, stop) == NULL
