"""The head relations that a run was asked for, as compiled code looks them up."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp


cdef class AskedRelations:
    """Takes (name, whether it stands for all names that begin with it); none: all are asked for."""

    def __cinit__(self, *arguments):
        self.name_ends = NULL
        self.is_prefix = NULL

    def __init__(self, relations):
        cdef uint32_t end = 0
        cdef int i
        self.n = len(relations)
        self.names = b"".join([name for name, _ in relations])
        self.begin = self.names
        self.name_ends = <uint32_t *>malloc(4 * max(1, self.n))
        self.is_prefix = <uint8_t *>malloc(max(1, self.n))
        if self.name_ends == NULL or self.is_prefix == NULL:
            raise MemoryError
        for i, (name, is_prefix) in enumerate(relations):
            end += <uint32_t>len(name)
            self.name_ends[i] = end
            self.is_prefix[i] = is_prefix

    def __dealloc__(self):
        free(self.name_ends)
        free(self.is_prefix)

    def __contains__(self, bytes name):
        return self.has(name, <uint32_t>len(name))

    cdef bint has(self, const unsigned char *name, uint32_t length) noexcept nogil:
        """Whether a relation of this name is asked for."""
        cdef const unsigned char *names = self.begin
        cdef uint32_t begin = 0, n
        cdef int i
        if self.n == 0:
            return True
        for i in range(self.n):
            n = self.name_ends[i] - begin
            if (n == length or (self.is_prefix[i] and n < length)) and (
                n == 0 or memcmp(names + begin, name, n) == 0
            ):
                return True
            begin = self.name_ends[i]
        return False
