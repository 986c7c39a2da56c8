# Whether a graph of unknown origin is one: what stands in it, read whole.

cdef enum:
    WELL_NESTED = 1
    LETTER_ENTITY = 2
    HAS_BLANKS = 4
    MOST_STEPS = 64               # of a look-up in the name index, on average; a good one takes 1.5


cdef bint places_good(GraphView graph):
    """Whether sections lie one behind the other, and what is not used is zero."""
    cdef const unsigned char* base = graph.base
    cdef uint64_t at = HEADER_BYTES, i, record, table
    cdef const CSR* rows
    cdef uint64_t words = (graph.n_entities + 63) >> 6
    for i in range(2):
        record, n = (104, graph.n_relations) if i else (64, graph.n_entities)
        if _u64(base, record + 32) != slots_for(n):
            return False
        for place, n_bytes in (
            (record, 8 * n), (record + 8, _u64(base, record + 16)),
            (record + 24, 4 * slots_for(n)),
        ):
            if _u64(base, place) != at:
                return False
            at = aligned(at + n_bytes)
    table = at
    at = aligned(at + 2 * RECORD_BYTES * graph.n_relations)
    if _u64(base, 144) != table or base[60:64].strip(b"\0") or base[184:252].strip(b"\0"):
        return False
    for i in range(2 * graph.n_relations):
        record = table + RECORD_BYTES * i
        rows = &graph.rows[i]
        sizes = [4 * <uint64_t>rows.n_keys, 4 * (<uint64_t>rows.n_keys + 1), 4 * <uint64_t>rows.n_edges]
        if rows.bits != NULL:
            sizes += [8 * words, 4 * words]
        else:
            sizes.append(4 * (((max(1, graph.n_entities) - 1) >> rows.shift) + 2))
        for place, n_bytes in enumerate(sizes):
            if _u64(base, record + 8 * <uint64_t>place) != at:
                return False
            at = aligned(at + n_bytes)
        if (
            _u32(base, record + 56) != (rows.bits == NULL)
            or (rows.bits == NULL and _u64(base, record + 32) != 0)
            or base[record + 64 : record + 80].strip(b"\0")
        ):
            return False
    return at == graph.total_bytes


cdef int names_wrong(GraphView graph, bint entities, uint32_t* flags) noexcept nogil:
    """1: a name cannot be one, 2: it would not be found; enters what the names say into flags."""
    cdef const uint64_t* ends = graph.entity_ends if entities else graph.relation_ends
    cdef const unsigned char* blob = graph.entity_blob if entities else graph.relation_blob
    cdef const uint32_t* slots = graph.entity_slots if entities else graph.relation_slots
    cdef uint64_t mask = graph.entity_mask if entities else graph.relation_mask
    cdef uint64_t n = graph.n_entities if entities else graph.n_relations
    cdef uint64_t blob_bytes = ends[n - 1] if n else 0
    cdef uint64_t i, length, start = 0, used = 0, slot, other, steps = 0
    cdef const unsigned char* name
    for i in range(mask + 1):
        if slots[i] > n:
            return 2
        used += slots[i] != 0
    if used != n:
        return 2
    for i in range(n):
        if ends[i] <= start or ends[i] > blob_bytes:
            return 1
        start = ends[i]
    start = 0
    for i in range(n):
        name = blob + start
        length = ends[i] - start
        start = ends[i]
        if not pff_is_name(name, length) or (
            entities and length == 11 and memcmp(name, b"me_myself_i", 11) == 0
        ):
            return 1
        if not pff_well_nested(name, length):
            flags[0] &= ~<uint32_t>WELL_NESTED
        if entities and length == 1 and 65 <= name[0] <= 90:
            flags[0] |= LETTER_ENTITY
        if pff_has_blanks(name, length):
            flags[0] |= HAS_BLANKS
        slot = pff_name_hash(name, length) & mask
        while slots[slot] != i + 1:
            if slots[slot] == 0:
                return 2
            other = slots[slot] - 1
            if ends[other] - (ends[other - 1] if other else 0) == length and memcmp(
                blob + ends[other] - length, name, length
            ) == 0:
                return 2                      # the same name twice
            slot = (slot + 1) & mask
            steps += 1
            if steps > MOST_STEPS * n:
                return 2                      # no hash index but a list
    return 0


cdef bint rows_good(GraphView graph, const CSR* rows) noexcept nogil:
    cdef uint32_t i, j, degree, most = 0, loops = 0, own
    cdef int64_t n = graph.n_entities
    if rows.offsets[0] != 0:
        return False
    for i in range(rows.n_keys):
        if rows.keys[i] < 0 or rows.keys[i] >= n or (i and rows.keys[i] <= rows.keys[i - 1]):
            return False
        if rows.offsets[i] >= rows.offsets[i + 1] or rows.offsets[i + 1] > rows.n_edges:
            return False
        own = 0
        for j in range(rows.offsets[i], rows.offsets[i + 1]):
            if rows.values[j] < 0 or rows.values[j] >= n:
                return False
            if j > rows.offsets[i] and rows.values[j] <= rows.values[j - 1]:
                return False
            own += rows.values[j] == rows.keys[i]
        degree = rows.offsets[i + 1] - rows.offsets[i]
        most = max(most, degree)
        loops += own
    if most != rows.max_degree or loops != rows.n_loops:
        return False
    return _index_good(graph, rows)


cdef bint _index_good(GraphView graph, const CSR* rows) noexcept nogil:
    cdef uint64_t b, words = (graph.n_entities + 63) >> 6
    cdef uint32_t seen = 0
    cdef Shape shape
    choose_index(&shape, rows.n_keys, graph.n_entities)
    if shape.kind != (rows.bits == NULL) or shape.shift != rows.shift:
        return False                          # a look-up could take long
    if rows.bits != NULL:
        for b in range(words):
            if rows.index[b] != seen:
                return False
            seen += PFF_POPCOUNT64(rows.bits[b])
        if seen != rows.n_keys:
            return False
    else:
        words = ((graph.n_entities - 1 if graph.n_entities else 0) >> rows.shift) + 2
        if rows.index[0] != 0 or rows.index[words - 1] != rows.n_keys:
            return False
        for b in range(1, words):
            if rows.index[b] < rows.index[b - 1]:
                return False
    for b in range(rows.n_keys):
        if find_row(rows, rows.keys[b]) != <int64_t>b:
            return False
    return True


cdef uint64_t mixed_pairs(const CSR* rows, bint swapped, uint64_t seed) noexcept nogil:
    """A sum over the pairs of rows; under a random seed equal only where the pairs are equal."""
    cdef uint64_t key, value, total = 0
    cdef uint32_t i, j
    for i in range(rows.n_keys):
        key = rows.keys[i]
        for j in range(rows.offsets[i], rows.offsets[i + 1]):
            value = rows.values[j]
            total += pff_mix((value << 32 | key if swapped else key << 32 | value) ^ seed)
    return total
