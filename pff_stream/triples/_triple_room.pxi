# Room for triples: in memory, and from some size on in files.

cdef enum:
    SPILL_WINDOW = 1 << 21        # bytes of an array in a file that are in memory behind its end


cdef Problem room_for_record(TripleLines lines) noexcept nogil:
    cdef size_t needed = (lines.n_read + 1) * sizeof(Record)
    cdef bint good
    if lines.n_read >= lines.most_triples:
        return TOO_MANY_TRIPLES
    if needed <= lines.records.bytes:
        return GOOD
    if not lines.spilled:
        if lines.spill[0] < 0 or needed <= lines.spill_bytes:
            good = reserve(&lines.records, needed)
            return GOOD if good else NAMES_FULL if lines._can_part() else MEMORY
        if not _spill_records(lines):
            return MEMORY
    return GOOD if reserve_in_file(lines, 0, &lines.records, needed) else MEMORY


cdef bint _spill_records(TripleLines lines) noexcept nogil:
    """From here on the records lie in their file."""
    cdef Array array
    memset(&array, 0, sizeof(Array))
    if not reserve_in_file(lines, 0, &array, lines.records.bytes + 1):
        return False
    memcpy(array.at, lines.records.at, lines.n_read * sizeof(Record))
    release(&lines.records)
    lines.records = array
    lines.spilled = True
    return True


cdef bint reserve_in_file(TripleLines lines, int which, Array* array, size_t needed) noexcept nogil:
    """As `reserve`; what is full begins to leave the memory."""
    cdef size_t wanted, full
    cdef void* at
    if needed <= array.bytes:
        return True
    if array == &lines.records:
        full = array.bytes & ~<size_t>0xFFFF
        pff_write_behind(lines.spill[0], array.at, lines.dropped, lines.written, full)
        lines.dropped, lines.written = lines.written, full
    wanted = (needed + SPILL_WINDOW - 1) & ~<size_t>(SPILL_WINDOW - 1)
    at = pff_grow_in_file(
        lines.spill[which], array.at, array.bytes, wanted, &lines.spill_error
    )
    if at == NULL:
        return False
    array.at = at
    array.bytes = wanted
    return True


cdef void forget_triples(TripleLines lines, void* array, size_t start, size_t stop) noexcept nogil:
    """Gives back a part of an array of triples."""
    if lines.spilled:
        pff_forget_in_file(array, start, stop)
    else:
        pff_forget(array, start, stop)


cdef raise_no_memory(TripleLines lines):
    if lines.runs is not None and lines.runs.error:
        lines.spill_error = lines.runs.error
    if lines.spill_error == errno.ENOSPC:
        raise OutputError("the disk of temporary files is full: no room for the triples")
    if lines.spill_error not in (0, errno.ENOMEM):
        reason = os.strerror(lines.spill_error)
        raise OutputError(f"temporary files have no room for the triples: {reason}")
    raise MemoryError
