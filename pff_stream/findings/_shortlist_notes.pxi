# A note of every violated rule, for when more are wanted than were kept: in memory, then in a file.


cdef int put_note(Shortlist shortlist, const Noted* note) except -1:
    if shortlist.n_notes == NOTES:
        write_notes(shortlist)
    shortlist.notes[shortlist.n_notes] = note[0]
    shortlist.n_notes += 1
    return 0


cdef int write_notes(Shortlist shortlist) except -1:
    cdef size_t n = shortlist.n_notes * sizeof(Noted)
    if shortlist.file is None:
        shortlist.file = TemporaryWriter(shortlist.folder)
    shortlist.n_notes = 0
    view = PyMemoryView_FromMemory(<char*>shortlist.notes, n, PyBUF_READ)
    shortlist.file.write(view)
    view.release()
    return 0


cdef const Noted* next_note(Shortlist shortlist) except? NULL:
    """The note that is read next, until `n_read` is more; NULL behind the last."""
    if shortlist.n_read == shortlist.n:
        return NULL
    if shortlist.file is None:
        return &shortlist.notes[shortlist.n_read]
    if shortlist.n_read % NOTES == 0:
        _read_notes(shortlist)
    return &shortlist.notes[shortlist.n_read % NOTES]


cdef int _read_notes(Shortlist shortlist) except -1:
    """Reads the notes from `n_read` on."""
    cdef size_t first = shortlist.n_read * sizeof(Noted), done = 0
    cdef size_t n = min(<uint64_t>NOTES, shortlist.n - shortlist.n_read) * sizeof(Noted)
    cdef int fd = shortlist.file.fileno()
    cdef ssize_t got
    while done < n:
        with nogil:
            got = pread(fd, <char*>shortlist.notes + done, n - done, <off_t>(first + done))
        if got <= 0:
            raise OutputError(f"{shortlist.file.name}: cannot be read: {os.strerror(errno)}")
        done += got
    _pages.drop(fd, first, n)
    return 0


cdef bint texts_repeat(Shortlist shortlist) except -1:
    """Whether a text that is kept is, by its hash, that of another violated rule, too."""
    cdef uint32_t* places = shortlist._places()
    cdef size_t slots = 4, at, i
    cdef uint64_t* table
    cdef uint64_t hash, n_found = 0
    cdef const Noted* note
    cdef uint32_t length
    if shortlist.kind >= EXACT:
        # Rules of one text have the same counts, and so lie side by side.
        for i in range(1, shortlist.n_kept):
            if shortlist._begin_alike(shortlist.entries + places[i - 1], shortlist.entries + places[i]):
                return True
        return False
    while slots < 2 * shortlist.n_kept:
        slots *= 2
    table = <uint64_t*>calloc(slots, sizeof(uint64_t))
    if table == NULL:
        raise MemoryError
    try:
        for i in range(shortlist.n_kept):
            memcpy(&length, shortlist.entries + places[i], LENGTH)
            hash = pff_name_hash(
                shortlist.entries + places[i] + LENGTH + FRONT_BYTES,
                length - FRONT_BYTES - TAIL_BYTES - 1,
            ) | 1
            at = (hash >> 1) & (slots - 1)
            while table[at]:
                if table[at] == hash:
                    return True
                at = (at + 1) & (slots - 1)
            table[at] = hash
        shortlist.rewind()
        while (note := next_note(shortlist)) != NULL:
            shortlist.n_read += 1
            hash = note.key | 1
            at = (hash >> 1) & (slots - 1)
            while table[at]:
                if table[at] == hash:
                    n_found += 1
                    break
                at = (at + 1) & (slots - 1)
    finally:
        free(table)
    return n_found != shortlist.n_kept
