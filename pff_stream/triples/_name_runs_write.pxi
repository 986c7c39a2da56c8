# The names of all runs into the graph: their texts, then their slots a window at a time.


cdef bint write_texts(
    NameRuns name_runs, uint64_t* graph_ends, unsigned char* graph_blob, uint64_t mask
) noexcept nogil:
    """Names and ends of what was met first; notes the slots that they want."""
    cdef const Run* runs = <const Run*>name_runs.runs.at
    cdef const uint64_t* bits = <const uint64_t*>name_runs.new_bits.at
    cdef Reader ends, blob
    cdef Writer homes
    cdef const unsigned char* name = NULL
    cdef const unsigned char* end
    cdef uint64_t number, i, stop, start, at = 0, n = 0
    cdef uint32_t home
    cdef int error = 0
    memset(&ends, 0, sizeof(Reader))
    memset(&blob, 0, sizeof(Reader))
    memset(&homes, 0, sizeof(Writer))
    name_runs.homes = name_runs.end_bytes
    homes.fd, homes.at = name_runs.fd, name_runs.homes
    ends.fd = blob.fd = name_runs.fd
    cdef bint good = reserve(&homes.buffer, SCRATCH_BYTES)
    number = 0
    while good and number < name_runs.n_runs:
        read_from(&ends, runs[number].ends, runs[number].blob)
        read_from(&blob, runs[number].blob, runs[number].blob + runs[number].blob_bytes)
        start = 0
        for i in range(runs[number].n):
            end = take(&ends, 8, &error)
            if end != NULL:
                memcpy(&stop, end, 8)
                name = take(&blob, stop - start, &error)
            if end == NULL or name == NULL:
                good = False
                break
            if bits == NULL or (bits[(runs[number].base + i) >> 6]
                                >> ((runs[number].base + i) & 63)) & 1:
                memcpy(graph_blob + at, name, stop - start)
                at += stop - start
                graph_ends[n] = at
                n += 1
                home = <uint32_t>(pff_name_hash(name, stop - start) & mask)
                error = put(&homes, &home, 4)
                if error:
                    good = False
                    break
            start = stop
        pff_punch(name_runs.fd, runs[number].ends, 8 * runs[number].n + runs[number].blob_bytes)
        number += 1
    if good:
        error = flush(&homes)
        name_runs.end_bytes = homes.at
    release(&ends.buffer)
    release(&blob.buffer)
    release(&homes.buffer)
    name_runs.error = error
    return good and not error


cdef bint write_slots(NameRuns name_runs, uint32_t* slots, uint64_t n, uint64_t count):
    """Fills the slots a window at a time, each by the order of ids.

    What finds a window full goes on at the beginning of the next one, in its order among those
    that begin there. So the slots are those that one pass over all would have filled.
    """
    cdef uint64_t width = count, at, number = 0
    cdef Array window
    cdef dict before = {}
    cdef bytes incoming = b""
    memset(&window, 0, sizeof(Array))
    while width > LEAST_WIDTH and 8 * width > name_runs._room():
        width //= 2
    while not reserve(&window, 4 * width):
        if width <= LEAST_WIDTH:
            return False
        width //= 2
    name_runs.window_bytes = 4 * width
    while True:
        at = (number * width) % count
        if before.get(at) == incoming:
            break
        before[at] = incoming
        memset(window.at, 0, 4 * width)
        incoming = _fill_window(name_runs, <uint32_t*>window.at, at, width, n, incoming)
        if incoming is None:
            break
        memcpy(slots + at, window.at, 4 * width)
        number += 1
    release(&window)
    return incoming is not None


cdef bytes _fill_window(
    NameRuns name_runs, uint32_t* window, uint64_t start, uint64_t width, uint64_t n, bytes incoming
):
    """Fills the slots from `start` on; returns what has to go on behind them, None on failure."""
    cdef Array outgoing
    cdef Reader reader
    cdef const uint32_t* before = <const uint32_t*><const char*>incoming
    cdef const uint32_t* home = NULL
    cdef uint64_t i, n_before = len(incoming) // 4, k = 0, left = 0
    cdef bint good = True
    cdef int error = 0
    memset(&outgoing, 0, sizeof(Array))
    memset(&reader, 0, sizeof(Reader))
    reader.fd = name_runs.fd
    read_from(&reader, name_runs.homes, name_runs.homes + 4 * n)
    with nogil:
        for i in range(n):
            home = <const uint32_t*>take(&reader, 4, &error)
            if home == NULL:
                good = False
                break
            while k < n_before and before[k] <= i:
                good = good and _enter(window, 0, width, before[k], &outgoing, &left)
                k += 1
            if home[0] >= start and home[0] - start < width:
                good = good and _enter(
                    window, home[0] - start, width, <uint32_t>i, &outgoing, &left
                )
        while good and k < n_before:
            good = _enter(window, 0, width, before[k], &outgoing, &left)
            k += 1
    name_runs.error = error
    result = (<const char*>outgoing.at)[: 4 * left] if good and left else b""
    release(&reader.buffer)
    release(&outgoing)
    return result if good else None


cdef bint _enter(
    uint32_t* window, uint64_t at, uint64_t width, uint32_t id, Array* outgoing, uint64_t* left
) noexcept nogil:
    while at < width and window[at]:
        at += 1
    if at < width:
        window[at] = id + 1
        return True
    if not reserve(outgoing, 4 * (left[0] + 1)):
        return False
    (<uint32_t*>outgoing.at)[left[0]] = id
    left[0] += 1
    return True
