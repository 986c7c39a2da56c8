# The pairs of each relation: sorted, repeated ones dropped, the keys of both directions counted.


cdef int id_bits(Encoder encoder) noexcept nogil:
    cdef int bits = 1
    while bits < 31 and (encoder.entities.n - 1) >> bits:
        bits += 1
    return bits


cdef bint reserve_spare(Encoder encoder) noexcept nogil:
    """Room for sorting the largest relation, unless that is sorted where it is."""
    if not encoder.sorts_in_place and reserve(&encoder.spare, encoder.largest * sizeof(uint64_t)):
        return True
    encoder.sorts_in_place = encoder.spilled
    return encoder.spilled


cdef uint64_t* sorted_pairs(
    Encoder encoder, uint64_t* pairs, uint64_t* spare, uint64_t n, int bits, bint low_only
) noexcept nogil:
    """Sorts the pairs of a relation; where they lie in a file, in memory if they fit.

    In the file, they are first dealt to buckets: each of these is gone through from front to
    back, and a bucket that fits the page cache is read and written once.
    """
    if not encoder.spilled:
        return pff_sort_pairs(pairs, spare, n, bits, low_only)
    if encoder.sorts_in_place:
        pff_sort_pairs_in_place(pairs, n, bits, low_only)
        return pairs
    memcpy(spare, pairs, n * sizeof(uint64_t))
    pff_sort_pairs_in_place(spare, n, bits, low_only)
    return spare


cdef void sort_relations(Encoder encoder, uint64_t* spare) noexcept nogil:
    """Sorts each relation's pairs and drops repeated ones; `ends` then says where each stops."""
    cdef uint64_t* starts = <uint64_t*>encoder.starts.at
    cdef uint64_t* ends = <uint64_t*>encoder.ends.at
    cdef uint64_t* pairs
    cdef uint64_t* ordered
    cdef uint64_t relation, i, n, kept
    cdef int bits = id_bits(encoder)
    encoder.n_triples = 0
    for relation in range(encoder.relations.n):
        pairs = <uint64_t*>encoder.pairs.at + starts[relation]
        n = starts[relation + 1] - starts[relation]
        ordered = sorted_pairs(encoder, pairs, spare, n, bits, False)
        kept = 0
        for i in range(n):
            if i == 0 or ordered[i] != pairs[kept - 1]:
                pairs[kept] = ordered[i]
                kept += 1
        ends[relation] = starts[relation] + kept
        encoder.n_triples += kept


cdef void measure_keys(Encoder encoder, uint32_t* stamps) noexcept nogil:
    """Counts the keys of both directions, which decides the kind of each index."""
    cdef uint64_t* starts = <uint64_t*>encoder.starts.at
    cdef uint64_t* ends = <uint64_t*>encoder.ends.at
    cdef uint64_t* pairs = <uint64_t*>encoder.pairs.at
    cdef Shape* shapes = <Shape*>encoder.shapes.at
    cdef uint64_t relation, i
    cdef uint32_t object, subjects, objects
    for relation in range(encoder.relations.n):
        subjects = objects = 0
        for i in range(starts[relation], ends[relation]):
            object = <uint32_t>pairs[i]
            if stamps[object] != relation + 1:
                stamps[object] = <uint32_t>(relation + 1)
                objects += 1
            if i == starts[relation] or pairs[i] >> 32 != pairs[i - 1] >> 32:
                subjects += 1
        choose_index(&shapes[2 * relation], subjects, encoder.entities.n)
        choose_index(&shapes[2 * relation + 1], objects, encoder.entities.n)
