# Which names of all runs are the same: a part by the hash at a time, in rounds where it does not fit.


cdef Problem merge_part(
    NameRuns name_runs, int part, Names* names, Names* met, Array* firsts, uint64_t* cursors,
    Reader* reader, Writer* writer
) noexcept nogil:
    """Merges the names whose hashes begin alike, in rounds where they do not fit the memory."""
    cdef Run* runs = <Run*>name_runs.runs.at
    cdef uint64_t i, n = 0, n_bytes = 0, round, rounds
    cdef Problem problem
    for i in range(name_runs.n_runs):
        n += runs[i].counts[part + 1] - runs[i].counts[part]
        n_bytes += runs[i].starts[part + 1] - runs[i].starts[part]
        cursors[i] = runs[i].found + FOUND_BYTES * <uint64_t>runs[i].counts[part]
    if n == 0:
        return GOOD
    # Of each name: its bytes, its end and where it was first, its slots.
    rounds = min(1 + (n_bytes + 8 * n + 4 * slots_for(n)) // name_runs._room(), <uint64_t>MOST_ROUNDS)
    for round in range(rounds):
        restart_names(met)
        if met.slots.at == NULL or (
            slots_for(n // rounds) > met.mask + 1 and not grow_slots(met, slots_for(n // rounds))
        ):
            return MEMORY
        for i in range(name_runs.n_runs):
            problem = _merge_run(
                name_runs, i, part, round, rounds, met, firsts, &cursors[i], reader, writer
            )
            if problem != GOOD:
                return problem
        names.n += met.n
        names.blob_bytes += met.blob_bytes
        name_runs.merging_bytes = max(
            name_runs.merging_bytes, met.blob_bytes + 16 * met.n + 4 * (met.mask + 1)
        )
        if names.n + names.withheld > MAX_NAMES:
            return TOO_MANY_NAMES
    return GOOD


cdef Problem _merge_run(
    NameRuns name_runs, uint64_t number, int part, uint64_t round, uint64_t rounds, Names* met,
    Array* firsts, uint64_t* cursor, Reader* reader, Writer* writer
) noexcept nogil:
    """The names of one part of one run; writes where each was met first."""
    cdef const Run* run = <Run*>name_runs.runs.at + number
    cdef const uint32_t* head
    cdef const unsigned char* name
    cdef uint32_t found[3]
    cdef uint32_t length
    cdef int32_t at
    cdef uint64_t first, hash, i, before
    cdef Problem problem
    cdef int error
    reader.fd = writer.fd = name_runs.fd
    read_from(reader, run.starts[part], run.starts[part + 1])
    writer.at = cursor[0]
    for i in range(run.counts[part + 1] - run.counts[part]):
        head = <const uint32_t*>take(reader, 8, &error)
        if head == NULL:
            return name_runs._broken(error)
        found[0], length = head[0], head[1]
        name = take(reader, length, &error)
        if name == NULL:
            return name_runs._broken(error)
        hash = pff_name_hash(name, length) & name_runs.hash_mask
        if rounds > 1 and ((hash >> 40) & 0xFFFF) % rounds != round:
            continue
        before = met.n
        problem = intern(met, name, length, hash, &at)
        if problem != GOOD:
            return problem
        if met.n > before:
            first = run.base + found[0]
            if not reserve(firsts, met.n * sizeof(uint64_t)):
                return MEMORY
            (<uint64_t*>firsts.at)[at] = first
            (<uint64_t*>name_runs.new_bits.at)[first >> 6] |= <uint64_t>1 << (first & 63)
        else:
            first = (<uint64_t*>firsts.at)[at]
        memcpy(found + 1, &first, 8)
        error = put(writer, found, FOUND_BYTES)
        if error:
            return name_runs._broken(error)
    error = flush(writer)
    cursor[0] = writer.at
    return name_runs._broken(error) if error else GOOD
