# The rules of a task in source order.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef Py_ssize_t in_source_order(
    const uint64_t* sources, const uint8_t* flags, uint8_t skipped, Py_ssize_t n_rules,
    uint32_t* order, uint32_t* spare
) noexcept nogil
