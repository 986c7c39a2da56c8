# The keys of the objects that are open: by them ids are known, and keys that stand twice.

cdef extern from "stdlib.h" nogil:
    void qsort(void* base, size_t n, size_t size, int (*compare)(const void*, const void*) noexcept nogil)

cdef enum:
    FIRST_SLOTS = 256


cdef int _by_place(const void* one, const void* other) noexcept nogil:
    cdef uint32_t a = (<const Repeat*>one).at, b = (<const Repeat*>other).at
    return (a > b) - (a < b)


cdef Fault take_key(DocumentCheck check, size_t at, size_t end) noexcept nogil:
    """A key of the innermost object."""
    cdef Open* frame = &check.opens[check.depth]
    cdef Text name
    cdef size_t length = _decoded(check, at, end, &check.scratch, &name)
    cdef uint64_t hash, slot
    cdef uint32_t* slots
    cdef Key* key
    cdef int step
    check.is_empty = False
    if frame.slot < 0:
        if not reserve(&check.ids, (check.n_ids + 1) * (1 + check.n_parts) * sizeof(uint32_t)):
            return NO_MEMORY
        frame.slot = check.n_ids
        (<uint32_t*>check.ids.at)[frame.slot * (1 + check.n_parts)] = frame.at
        memset(
            <uint32_t*>check.ids.at + frame.slot * (1 + check.n_parts) + 1, 0,
            check.n_parts * sizeof(uint32_t),
        )
        check.n_ids += 1
    frame.matched = _steps_named(check, frame.active, name, length)
    if frame.matched:
        for step in range(check.n_steps):
            if frame.matched >> step & 1:
                check.opens[check.depth - check.step_of[step]].ids[check.candidate_of[step]] = 0
    if 2 * (check.n_keys + 1) > check.table_mask + 1 and not _more_slots(check):
        return NO_MEMORY
    if not reserve(&check.keys, (check.n_keys + 1) * sizeof(Key)):
        return NO_MEMORY
    hash = pff_mix(pff_name_hash(name, length) + frame.at)
    slots = <uint32_t*>check.table.at
    slot = hash & check.table_mask
    while slots[slot]:
        key = <Key*>check.keys.at + (slots[slot] - 1)
        if (
            key.hash == hash
            and slots[slot] > frame.first_key
            and _same_key(check, key.at, name, length)
        ):
            return SOUND if _repeat(check, frame, key, at) else NO_MEMORY
        slot = (slot + 1) & check.table_mask
    key = <Key*>check.keys.at + check.n_keys
    key.hash, key.at, key.repeat = hash, <uint32_t>at, 0
    check.n_keys += 1
    slots[slot] = <uint32_t>check.n_keys
    check.most_keys = max(check.most_keys, check.n_keys)
    frame.repeat = -1
    return SOUND


cdef uint64_t _steps_named(DocumentCheck check, uint64_t active, Text name, size_t length) noexcept nogil:
    cdef uint64_t found = 0
    cdef int step
    for step in range(check.n_steps):
        if (
            active >> step & 1
            and check.step_bytes[step] == length
            and memcmp(check.step_text[step], name, length) == 0
        ):
            found |= <uint64_t>1 << step
    return found


cdef size_t _decoded(
    DocumentCheck check, size_t at, size_t end, Array* into, Text* text
) noexcept nogil:
    """The text of the string from `at` to `end`, quotes included; without memory it is empty."""
    cdef Text first = check.raw + at + 1, last = check.raw + end - 1
    if memchr(first, 92, last - first) == NULL:
        text[0] = first
        return last - first
    text[0] = first
    if not reserve(into, last - first):
        return 0
    text[0] = <Text>into.at
    return pff_json_write(first, last, <unsigned char*>into.at, PFF_AS_IT_IS) - text[0]


cdef bint _same_key(DocumentCheck check, size_t one, Text name, size_t length) noexcept nogil:
    """Whether the key at `one` is this text."""
    cdef int escapes = 0
    cdef Text other
    cdef size_t end = (
        pff_json_string_end(check.raw + one + 1, check.raw + check.n_bytes, &escapes) + 1 - check.raw
    )
    if not escapes:
        return end - one - 2 == length and memcmp(check.raw + one + 1, name, length) == 0
    return (
        _decoded(check, one, end, &check.other_scratch, &other) == length
        and memcmp(other, name, length) == 0
    )


cdef bint _repeat(DocumentCheck check, Open* frame, Key* key, size_t at) noexcept nogil:
    """The key stood before: its value is this one, so far."""
    cdef Repeat* repeats
    cdef int escapes = 0
    cdef Text stop = check.raw + check.n_bytes, value
    if not reserve(&check.repeats, (check.n_repeats + 2) * sizeof(Repeat)):
        return False
    repeats = <Repeat*>check.repeats.at
    if not key.repeat:
        repeats[check.n_repeats].at = key.at
        repeats[check.n_repeats].value = repeats[check.n_repeats].end = 0
        check.n_repeats += 1
        key.repeat = <uint32_t>check.n_repeats
    value = pff_json_string_end(check.raw + at + 1, stop, &escapes) + 1
    value = pff_json_blanks(value, stop) + 1
    repeats[key.repeat - 1].value = <uint32_t>(pff_json_blanks(value, stop) - check.raw)
    repeats[check.n_repeats].at = <uint32_t>at
    repeats[check.n_repeats].value = repeats[check.n_repeats].end = 0
    frame.repeat = check.n_repeats
    check.n_repeats += 1
    check.repeated += 1
    return True


cdef void sort_repeats(DocumentCheck check) noexcept nogil:
    if check.n_repeats:
        qsort(check.repeats.at, check.n_repeats, sizeof(Repeat), _by_place)


cdef bint _more_slots(DocumentCheck check) noexcept nogil:
    cdef uint64_t count = 2 * (check.table_mask + 1) if check.table.at != NULL else FIRST_SLOTS
    cdef Array made
    cdef const Key* keys = <const Key*>check.keys.at
    cdef uint32_t* slots
    cdef uint64_t i, slot
    memset(&made, 0, sizeof(Array))
    if not reserve(&made, count * sizeof(uint32_t)):
        return False
    slots = <uint32_t*>made.at
    for i in range(check.n_keys):
        slot = keys[i].hash & (count - 1)
        while slots[slot]:
            slot = (slot + 1) & (count - 1)
        slots[slot] = <uint32_t>(i + 1)
    if (count + count // 2) * sizeof(uint32_t) > check.most_table_bytes:
        check.most_table_bytes = (count + count // 2) * sizeof(uint32_t)
    release(&check.table)
    check.table = made
    check.table_mask = count - 1
    return True
