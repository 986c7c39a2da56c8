# A line taken apart: the names of its columns, and their hashes.


cdef Problem _split(
    TripleLines lines, Text at, Text stop, bint plain, int ahead, Line* line
) noexcept nogil:
    """The names of the line that is `ahead` of the present one, and their hashes."""
    cdef Text fields[3]
    cdef size_t lengths[3]
    cdef Text first
    cdef Text second
    cdef int i, column
    line.start = at
    line.next = stop + 1
    if not lines.verbatim:
        if lines.line + ahead == 0 and stop - at >= 3 and memcmp(at, b"\xef\xbb\xbf", 3) == 0:
            at += 3
        if stop > at and (stop - 1)[0] == 13:
            stop -= 1
        if lines.cuts_dots:
            stop = _without_dot(at, stop)
    if stop == at:
        return BLANK
    if lines.is_wide:
        return _split_wide(lines, at, stop, plain, line)
    first = <Text>memchr(at, 9, stop - at)
    if first == NULL:
        return COLUMNS
    second = <Text>memchr(first + 1, 9, stop - first - 1)
    if second == NULL or memchr(second + 1, 9, stop - second - 1) != NULL:
        return COLUMNS
    if first == at or second == first + 1 or stop == second + 1:
        return EMPTY
    if not plain:
        if memchr(at, 0, stop - at) != NULL:
            return NUL
        if pff_bad_utf8(at, stop) != NULL:
            return UTF8
    fields[0], lengths[0] = at, first - at
    fields[1], lengths[1] = first + 1, second - first - 1
    fields[2], lengths[2] = second + 1, stop - second - 1
    for i in range(3):
        column = lines.columns[i]
        line.names[i] = fields[column]
        line.lengths[i] = lengths[column]
    return _hash(lines, stop - at, line)


cdef Problem _split_wide(TripleLines lines, Text at, Text stop, bint plain, Line* line) noexcept nogil:
    """The same of a line of other columns than the three."""
    cdef Text start = at
    cdef Text end
    cdef int i, column
    for column in range(lines.n_columns):
        end = <Text>memchr(start, 9, stop - start)
        if (end == NULL) != (column == lines.n_columns - 1) and not (
            lines.more_columns and column == lines.n_columns - 1
        ):
            return COLUMNS
        if end == NULL:
            end = stop
        for i in range(3):
            if lines.columns[i] == column:
                line.names[i], line.lengths[i] = start, end - start
        start = end + 1 if end < stop else stop
    for i in range(3):
        if line.lengths[i] == 0:
            return EMPTY
    if not plain:
        if memchr(at, 0, stop - at) != NULL:
            return NUL
        if pff_bad_utf8(at, stop) != NULL:
            return UTF8
    return _hash(lines, stop - at, line)


cdef Problem _hash(TripleLines lines, size_t line_bytes, Line* line) noexcept nogil:
    """The hashes of the names, whose slots begin to be fetched."""
    cdef int i
    if line_bytes > 0x7FFFFFFF:
        return TOO_LONG_NAME
    for i in range(0, 3, 2):
        if line.lengths[i] == 11 and memcmp(line.names[i], b"me_myself_i", 11) == 0:
            return SELF_NAME
    for i in range(3):
        line.hashes[i] = pff_name_hash(line.names[i], line.lengths[i])
        fetch_slot(&lines.relations if i == 1 else &lines.entities, line.hashes[i])
    return GOOD


cdef Text _without_dot(Text at, Text stop) noexcept nogil:
    """The end of a line without a full stop that stands apart, and without the blanks before it."""
    if stop - at < 2 or (stop - 1)[0] != 46 or ((stop - 2)[0] != 32 and (stop - 2)[0] != 9):
        return stop
    stop -= 1
    while stop > at and ((stop - 1)[0] == 32 or (stop - 1)[0] == 9):
        stop -= 1
    return stop
