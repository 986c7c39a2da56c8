# The head relations that a run was asked for.
from libc.stdint cimport uint8_t, uint32_t


cdef class AskedRelations:
    cdef bytes names              # one after another
    cdef const uint8_t *begin     # of them
    cdef uint32_t *name_ends
    cdef uint8_t *is_prefix
    cdef int n                    # 0: all relations are asked for

    cdef bint has(self, const unsigned char *name, uint32_t length) noexcept nogil
