# What the lines of a document are made of: relations from keys, room, the places of their values.


cdef bint reserve_lines(DocumentWalk walk, size_t n_bytes) except -1:
    Py_XDECREF(walk.out)
    walk.out = NULL
    walk.room = 0
    walk.out = PyBytes_FromStringAndSize_(NULL, n_bytes)
    walk.lines = <unsigned char*>PyBytes_AS_STRING_(walk.out)
    walk.room = n_bytes
    return True


cdef bint keep_spot(DocumentWalk walk) noexcept nogil:
    if walk.n_spots == MOST_SPOTS:
        walk.keeps_spots = False
        return True
    if not reserve(&walk.spots, (walk.n_spots + 1) * sizeof(uint32_t)):
        return False
    (<uint32_t*>walk.spots.at)[walk.n_spots] = walk.spots_from + <uint32_t>walk.at
    walk.n_spots += 1
    return True


cdef bint take_member(DocumentWalk walk) noexcept nogil:
    """From a key to its value: the relation is written."""
    cdef Frame* frame = &walk.frames[walk.depth]
    cdef Text stop = walk.raw + walk.n_bytes, start = walk.raw + walk.at + 1, end
    cdef const Repeat* repeat
    cdef int escapes = 0
    end = pff_json_string_end(start, stop, &escapes)
    if walk.n_repeats:
        repeat = walk._repeat_of(walk.at)
        if repeat != NULL and not repeat.value:           # not the first: it was taken there
            walk.at = repeat.end
            walk.state = NEXT
            walk._note(REPEATED_KEYS, start - 1 - walk.raw)
            return True
    else:
        repeat = NULL
    frame.key = <uint32_t>walk.at
    if not _relation(walk, frame, start, end - start):
        return False
    walk.at = pff_json_blanks(pff_json_blanks(end + 1, stop) + 1, stop) - walk.raw
    walk.state = VALUE
    if repeat != NULL:
        frame.back = <uint32_t>(pff_json_value_end(walk.raw + walk.at, stop) - walk.raw)
        walk.at = repeat.value
    return True


cdef bint _relation(DocumentWalk walk, Frame* frame, Text name, size_t length) noexcept nogil:
    """Writes the relation of a key behind what is there of the objects that this one lies in."""
    cdef unsigned char* start
    cdef unsigned char* end
    cdef unsigned char* at
    cdef int how = PFF_LINE
    if walk.by_path and walk.injective:
        how |= PFF_DOTTED
    if not reserve(&walk.relations, frame.prefix_end + 2 * length + 4):
        return False
    start = <unsigned char*>walk.relations.at + frame.prefix_end
    end = pff_json_write(name, name + length, start, how)
    if walk.injective:
        if end == start:
            memcpy(start, ESCAPED_KEY, 2)
            end += 2
        elif not walk.by_path and start[0] == 126 and (end - 1)[0] == 51 and end - start > 1:
            # The empty key is ~3: a key that is written so has one 0 more.
            at = start + 1
            while at[0] == 48:
                at += 1
            if at + 1 == end:
                memmove(start + 2, start + 1, end - start - 1)
                start[1] = 48
                end += 1
    frame.relation_end = end - <unsigned char*>walk.relations.at
    return True
