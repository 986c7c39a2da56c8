# Arrays that grow, and names interned into them: one blob, the end of each name, open addressing.
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef extern from "triples/_arrays.h":
    void* pff_grow(void* old, size_t old_bytes, size_t new_bytes) noexcept nogil
    void pff_release(void* at, size_t bytes) noexcept nogil
    bint pff_well_nested(const unsigned char* at, size_t length) noexcept nogil
    bint pff_has_blanks(const unsigned char* at, size_t length) noexcept nogil
    void pff_fetch(const void* at) noexcept nogil

ctypedef const unsigned char* Text

cdef enum:
    MAX_NAMES = 0x7FFFFFFF
    KEPT_BYTES = 1 << 18          # of an array that stays for the next graph
    FIRST_SLOTS = 64

# What can be wrong with a line. Everything from FATAL on ends the reading.
cdef enum Problem:
    GOOD
    BLANK
    COLUMNS
    EMPTY
    NUL
    UTF8
    SELF_NAME
    FATAL
    MEMORY
    TOO_MANY_NAMES
    TOO_LONG_NAME
    TOO_MANY_TRIPLES
    NAMES_FULL                    # no room for more of them until they are written to a file

# An array of `bytes` bytes of address space.
cdef struct Array:
    void* at
    size_t bytes

cdef struct Names:
    Array blob
    Array ends
    Array slots
    uint64_t blob_bytes
    uint64_t n
    uint64_t mask                 # slots - 1
    uint64_t withheld             # of the names that there could be
    bint nested
    bint letter
    bint blanks


cdef inline size_t grown(const Array* array, size_t needed) noexcept nogil:
    """The address space of an array that has room for `needed` bytes."""
    cdef size_t wanted = array.bytes + array.bytes // 4
    if needed <= array.bytes:
        return array.bytes
    return ((needed if needed > wanted else wanted) + 0xFFFF) & ~<size_t>0xFFFF


cdef inline bint reserve(Array* array, size_t needed) noexcept nogil:
    """Grows by a quarter at least: address space that is not touched costs nothing."""
    cdef size_t wanted = grown(array, needed)
    cdef void* at
    if wanted == array.bytes:
        return True
    at = pff_grow(array.at, array.bytes, wanted)
    if at == NULL:
        return False
    array.at = at
    array.bytes = wanted
    return True


cdef inline void release(Array* array) noexcept nogil:
    pff_release(array.at, array.bytes)
    array.at = NULL
    array.bytes = 0


cdef inline uint64_t slots_for(uint64_t n) noexcept nogil:
    """The smallest power of two that is at least 2 * max(1, n)."""
    cdef uint64_t count = 2
    while count < 2 * n:
        count *= 2
    return count


cdef inline void fill_slots(Names* names, uint32_t* slots, uint64_t count) noexcept nogil:
    """Enters all names, in id order, into `count` empty slots."""
    cdef const uint64_t* ends = <const uint64_t*>names.ends.at
    cdef const unsigned char* blob = <const unsigned char*>names.blob.at
    cdef uint64_t i, slot, start = 0
    for i in range(names.n):
        slot = pff_name_hash(blob + start, ends[i] - start) & (count - 1)
        while slots[slot]:
            slot = (slot + 1) & (count - 1)
        slots[slot] = <uint32_t>(i + 1)
        start = ends[i]


cdef inline bint grow_slots(Names* names, uint64_t count) noexcept nogil:
    """Replaces the slots by `count` new ones; the old ones are freed first, names are enough."""
    release(&names.slots)
    if not reserve(&names.slots, count * sizeof(uint32_t)):
        return False
    names.mask = count - 1
    fill_slots(names, <uint32_t*>names.slots.at, count)
    return True


# A table of many names fits no cache, and a look-up is three reads, each the place of the next: slot,
# end, name. So each is asked for some names ahead, and `intern` finds it there.
cdef inline void fetch_slot(const Names* names, uint64_t hash) noexcept nogil:
    pff_fetch(<const uint32_t*>names.slots.at + (hash & names.mask))


cdef inline void fetch_end(const Names* names, uint64_t hash) noexcept nogil:
    cdef uint32_t at = (<const uint32_t*>names.slots.at)[hash & names.mask]
    if at:
        pff_fetch(<const uint64_t*>names.ends.at + (at - 1))


cdef inline void fetch_name(const Names* names, uint64_t hash) noexcept nogil:
    cdef uint32_t at = (<const uint32_t*>names.slots.at)[hash & names.mask]
    if at > 1:
        pff_fetch(<Text>names.blob.at + (<const uint64_t*>names.ends.at)[at - 2])


cdef inline Problem intern(
    Names* names, Text name, size_t length, uint64_t hash, int32_t* result
) noexcept nogil:
    """The id of the name (`hash` is its hash), a new one where it is met first."""
    cdef uint64_t slot = hash & names.mask, start
    cdef const uint64_t* ends = <const uint64_t*>names.ends.at
    cdef const uint32_t* slots = <const uint32_t*>names.slots.at
    cdef uint32_t at
    while True:
        at = slots[slot]
        if at == 0:
            break
        start = ends[at - 2] if at > 1 else 0
        if ends[at - 1] - start == length and (
            memcmp(<Text>names.blob.at + start, name, length) == 0
        ):
            result[0] = <int32_t>(at - 1)
            return GOOD
        slot = (slot + 1) & names.mask
    if names.n + names.withheld >= MAX_NAMES:
        return TOO_MANY_NAMES
    if 2 * (names.n + 1) > names.mask + 1:
        if not grow_slots(names, 2 * (names.mask + 1)):
            return MEMORY
        slot = hash & names.mask
        while (<uint32_t*>names.slots.at)[slot]:
            slot = (slot + 1) & names.mask
    if not reserve(&names.blob, names.blob_bytes + length):
        return MEMORY
    if not reserve(&names.ends, (names.n + 1) * sizeof(uint64_t)):
        return MEMORY
    memcpy(<unsigned char*>names.blob.at + names.blob_bytes, name, length)
    names.blob_bytes += length
    (<uint64_t*>names.ends.at)[names.n] = names.blob_bytes
    result[0] = <int32_t>names.n
    names.n += 1
    (<uint32_t*>names.slots.at)[slot] = <uint32_t>names.n
    names.nested = names.nested and pff_well_nested(name, length)
    names.letter = names.letter or (length == 1 and 65 <= name[0] <= 90)
    names.blanks = names.blanks or pff_has_blanks(name, length)
    return GOOD


cdef inline void restart_names(Names* names) noexcept nogil:
    """Forgets all names; arrays stay, unless they are large. Without memory there are no slots."""
    names.n = names.blob_bytes = 0
    names.nested, names.letter, names.blanks = True, False, False
    if names.blob.bytes > KEPT_BYTES:
        release(&names.blob)
    if names.ends.bytes > KEPT_BYTES:
        release(&names.ends)
    if names.slots.at == NULL or (names.mask + 1) * sizeof(uint32_t) > KEPT_BYTES:
        grow_slots(names, FIRST_SLOTS)
    else:
        memset(names.slots.at, 0, (names.mask + 1) * sizeof(uint32_t))


cdef inline void free_names(Names* names) noexcept nogil:
    release(&names.blob)
    release(&names.ends)
    release(&names.slots)
