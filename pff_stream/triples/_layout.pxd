# The layout of a graph, written: names, and one relation in one direction.
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.triples._name_table cimport Names, fill_slots, slots_for

cdef enum:
    LAYOUT_VERSION = 2

# One relation in one direction, as far as its place depends on it.
cdef struct Shape:
    uint32_t n_keys
    uint32_t kind
    uint32_t shift


cdef inline uint64_t aligned(uint64_t at) noexcept nogil:
    return (at + 63) & ~<uint64_t>63


cdef inline void put32(unsigned char* base, uint64_t at, uint32_t value) noexcept nogil:
    memcpy(base + at, &value, 4)


cdef inline void put64(unsigned char* base, uint64_t at, uint64_t value) noexcept nogil:
    memcpy(base + at, &value, 8)


cdef inline uint64_t padded(unsigned char* base, uint64_t at) noexcept nogil:
    """The next section's place; what lies between becomes zeros."""
    cdef uint64_t next_section = aligned(at)
    memset(base + at, 0, next_section - at)
    return next_section


cdef inline uint64_t write_names(
    unsigned char* base, uint64_t at, uint64_t header, Names* names
) noexcept nogil:
    """The ends, blob and slots of `names`, with their places in the header."""
    cdef uint64_t count = slots_for(names.n)
    put64(base, header, at)
    memcpy(base + at, names.ends.at, 8 * names.n)
    at = padded(base, at + 8 * names.n)
    put64(base, header + 8, at)
    put64(base, header + 16, names.blob_bytes)
    memcpy(base + at, names.blob.at, names.blob_bytes)
    at = padded(base, at + names.blob_bytes)
    put64(base, header + 24, at)
    put64(base, header + 32, count)
    if count == names.mask + 1:
        memcpy(base + at, names.slots.at, 4 * count)
    else:
        memset(base + at, 0, 4 * count)
        fill_slots(names, <uint32_t*>(base + at), count)
    return padded(base, at + 4 * count)


cdef inline void choose_index(Shape* shape, uint32_t n_keys, uint64_t n) noexcept nogil:
    cdef uint64_t most = n_keys if n_keys > 2 else 2
    shape.n_keys = n_keys
    shape.kind = 0
    shape.shift = 0
    if 12 * ((n + 63) >> 6) > 8 * <uint64_t>n_keys + 256:
        shape.kind = 1
        while ((n - 1) >> shape.shift) + 2 > most:
            shape.shift += 1


cdef inline uint64_t index_bytes(const Shape* shape, uint64_t n) noexcept nogil:
    if shape.kind == 0:
        return 8 * ((n + 63) >> 6)
    return 4 * (((n - 1) >> shape.shift) + 2)


cdef inline uint64_t write_bitmap(
    unsigned char* base, uint64_t at, uint64_t record, const uint32_t* keys, uint32_t n,
    uint64_t n_entities
) noexcept nogil:
    cdef uint64_t i, words = (n_entities + 63) >> 6, key = 0
    cdef uint64_t* bits = <uint64_t*>(base + at)
    at = padded(base, at + 8 * words)
    cdef uint32_t* ranks = <uint32_t*>(base + at)
    put64(base, record + 32, at)
    memset(bits, 0, 8 * words)
    for i in range(words):
        ranks[i] = <uint32_t>key
        while key < n and keys[key] >> 6 == i:
            bits[i] |= <uint64_t>1 << (keys[key] & 63)
            key += 1
    return padded(base, at + 4 * words)


cdef inline uint64_t write_directory(
    unsigned char* base, uint64_t at, const uint32_t* keys, const Shape* shape, uint64_t n_entities
) noexcept nogil:
    cdef uint64_t i, key = 0, last = ((n_entities - 1) >> shape.shift) + 1
    cdef uint32_t* index = <uint32_t*>(base + at)
    for i in range(last + 1):
        while key < shape.n_keys and keys[key] >> shape.shift < i:
            key += 1
        index[i] = <uint32_t>key
    return padded(base, at + 4 * (last + 1))


cdef inline uint64_t write_rows(
    unsigned char* base, uint64_t at, uint64_t record, const uint64_t* pairs, uint64_t n,
    const Shape* shape, int direction, uint64_t n_entities
) noexcept nogil:
    """One relation in one direction: keys, offsets, values, index, ranks, and its record."""
    cdef uint64_t i
    cdef uint32_t key, value, row = 0, degree = 0, most = 0, loops = 0
    cdef uint32_t* keys = <uint32_t*>(base + at)
    put64(base, record, at)
    at = padded(base, at + 4 * <uint64_t>shape.n_keys)
    cdef uint32_t* offsets = <uint32_t*>(base + at)
    put64(base, record + 8, at)
    at = padded(base, at + 4 * (<uint64_t>shape.n_keys + 1))
    cdef uint32_t* values = <uint32_t*>(base + at)
    put64(base, record + 16, at)
    at = padded(base, at + 4 * n)
    offsets[0] = 0
    for i in range(n):
        key = <uint32_t>(pairs[i] >> 32) if direction == 0 else <uint32_t>pairs[i]
        value = <uint32_t>pairs[i] if direction == 0 else <uint32_t>(pairs[i] >> 32)
        if i == 0 or key != keys[row - 1]:
            keys[row] = key
            row += 1
            degree = 0
        values[i] = value
        offsets[row] = <uint32_t>(i + 1)
        degree += 1
        most = degree if degree > most else most
        if key == value:
            loops += 1
    put64(base, record + 24, at)
    put32(base, record + 40, shape.n_keys)
    put32(base, record + 44, <uint32_t>n)
    put32(base, record + 48, most)
    put32(base, record + 52, loops)
    put32(base, record + 56, shape.kind)
    put32(base, record + 60, shape.shift)
    put64(base, record + 64, 0)
    put64(base, record + 72, 0)
    if shape.kind == 0:
        return write_bitmap(base, at, record, keys, shape.n_keys, n_entities)
    put64(base, record + 32, 0)
    return write_directory(base, at, keys, shape, n_entities)
