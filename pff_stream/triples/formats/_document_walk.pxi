# The second pass over a document: its lines.

cdef enum:
    ID_BYTES = 8 + 4 * 4          # its hash, and slots that are doubled where half of them are full
    SCALAR_BYTES = 3 * 2 * 24     # likewise, with the old ones while they are copied
    LEAST_NAMES_BYTES = 16 << 20
    MOST_SPOTS = 1 << 15
    MOST_ROOTS = 1 << 12
    NAMES_FACTOR = 64             # names of objects by their paths, times the bytes of a document


cdef class DocumentWalk(DocumentNames):
    """Writes the lines of documents that were checked: `check`, `walk` until it is None, `take`.

    `injective`: see `DocumentNames`. `by_path`: a relation is the keys from the document down,
    joined by dots.
    """

    def __cinit__(self, *_, **__):
        memset(&self.spots, 0, sizeof(Array))
        memset(&self.roots, 0, sizeof(Array))
        self.out = NULL
        self.used = self.room = 0

    def __dealloc__(self):
        release(&self.spots)
        release(&self.roots)
        Py_XDECREF(self.out)

    def __init__(self, id_parts, bint injective=True, bint by_path=False):
        DocumentNames.__init__(self, id_parts, injective)
        self.by_path = by_path

    @property
    def names_limit(self):
        """Bytes that the names of the objects of the document may take, by their paths."""
        return max(LEAST_NAMES_BYTES, NAMES_FACTOR * self.n_bytes)

    @property
    def held_bytes(self):
        """What the document takes at most from when it is whole: its bytes, tables, a long line."""
        cdef uint64_t line = self.longest + self.most_names_bytes
        return (
            self.n_bytes
            + self.most_keys * sizeof(Key)
            + self.most_table_bytes
            + self.n_ids * (1 + self.n_parts) * sizeof(uint32_t)
            + self.n_ids * ID_BYTES
            + self.n_scalars * SCALAR_BYTES
            + self.n_repeats * sizeof(Repeat)
            + max(line, <uint64_t>min(BLOCK_BYTES, 8 * self.n_bytes))
            + self.most_names_bytes
        )

    def keep_spots(self, bint kept):
        """Whether it is kept from here on where the value of each line stands: see `_spots`.

        They are numbers of 31 bits; of many lines none is kept. What was kept is forgotten.
        """
        self.keeps_spots = kept
        self.n_spots = self.n_roots = 0

    def spots_of(self, uint32_t at):
        """The next document begins here in its text."""
        cdef Root* root
        self.keeps_spots &= self.n_roots < MOST_ROOTS
        if not self.keeps_spots:
            return
        if not reserve(&self.roots, (self.n_roots + 1) * sizeof(Root)):
            raise MemoryError
        root = <Root*>self.roots.at + self.n_roots
        root.at, root.first = at, self.n_spots
        self.n_roots += 1
        self.spots_from = at

    def begin(self, bytes name):
        """The next walk is from the start of the document; `name` is its name without an id."""
        cdef Frame* frame = &self.frames[0]
        cdef const uint32_t* ids
        memset(frame, 0, sizeof(Frame))
        memset(self.counts, 0, sizeof(self.counts))
        self.named = self.path_bytes = self.most_names_bytes = 0
        self.most_path_bytes = self.names_limit
        self.id_at = self.repeat_at = 0
        self.counted_at = self.counted = 0
        self.depth = 0
        self.at = 1
        self.state = FIRST_NAME
        frame.is_object = True
        if not (reserve(&self.names, len(name)) and reserve(&self.relations, 1)):
            raise MemoryError
        if not self._index_ids():
            raise MemoryError
        ids = self._ids_of(0)
        if ids != NULL:
            frame.id_hash = self._hash_if_repeated(ids)
            if not self._id(ids, 0, &frame.node_end):
                raise MemoryError
            self.named = 1
        else:
            memcpy(self.names.at, <const char*>name, len(name))
            frame.node_end = len(name)
            if self.looks_for_ids and self._found_id(pff_name_hash(<Text>self.names.at, len(name))):
                self._note(IDS_LIKE_PATHS, 0)
        frame.base_end = frame.node_end
        frame.bad_node = self._is_bad(0, frame.node_end)

    def walk(self):
        """Goes on, until the document has ended (None) or there is something to do.

        That is "full": `take` what was written; or a line that is no triple, as bytes, of the value
        at `place`; or "long": the names of objects by their paths take too much.
        """
        cdef Stop why
        while True:
            with nogil:
                why = self._walk()
            if why == FULL and self.used == 0:
                reserve_lines(self, max(<size_t>BLOCK_BYTES, self.wanted))
                continue
            break
        if why == NO_ROOM:
            raise MemoryError
        if why == ENDED:
            return None
        if why == BAD:
            return PyBytes_FromStringAndSize(<char*>self.lines + self.used, self.bad_bytes)
        return "full" if why == FULL else "long"

    @property
    def pending_bytes(self):
        """Of lines that were written and not taken."""
        return self.used

    def take(self):
        """The lines that were written since the last time, as bytes."""
        cdef PyObject* out = self.out
        if self.used == 0:
            return b""
        self.out, self.lines = NULL, NULL
        used, self.used, self.room = self.used, 0, 0
        _PyBytes_Resize(&out, used)
        taken = <object>out
        Py_XDECREF(out)
        return taken

    def line_of(self, size_t at):
        """How many newlines stand before a place of the document; quick where places rise."""
        cdef Text next, stop = self.raw + min(at, self.n_bytes)
        if at < self.counted_at:
            self.counted_at = self.counted = 0
        next = self.raw + self.counted_at
        while next < stop:
            next = <Text>memchr(next, 10, stop - next)
            if next == NULL:
                break
            next += 1
            self.counted += 1
        self.counted_at = stop - self.raw
        return self.counted

    cdef Stop _walk(self) noexcept nogil:
        cdef Text stop = self.raw + self.n_bytes
        cdef Frame* frame
        cdef Stop why
        cdef unsigned char c
        while True:
            self.at = pff_json_blanks(self.raw + self.at, stop) - self.raw
            frame = &self.frames[self.depth]
            c = self.raw[self.at]
            if self.state == NEXT:
                if frame.back:
                    self.at, frame.back = frame.back, 0
                    continue
                self.at += 1
                if c == 44:                                   # ,
                    self.state = NAME if frame.is_object else VALUE
                    frame.index += not frame.is_object
                elif self.depth == 0:
                    return ENDED
                else:
                    self.depth -= 1
            elif self.state == VALUE or self.state == FIRST_VALUE:
                why = self._value()
                if why != ENDED:
                    return why
            elif c == 125:                                    # }: of the document, which is empty
                return ENDED
            elif not take_member(self):
                return NO_ROOM

    cdef Stop _value(self) noexcept nogil:
        """Takes a value; what is open then is an array or object that it is, or all as before."""
        cdef Frame* frame = &self.frames[self.depth]
        cdef Text stop = self.raw + self.n_bytes, start = self.raw + self.at, end
        cdef unsigned char c = start[0]
        cdef int escapes = 0
        cdef Stop why = ENDED
        cdef uint64_t path_end
        if c == 34:                                           # "
            end = pff_json_string_end(start + 1, stop, &escapes)
            if end == start + 1:
                self._note(EMPTY_VALUES, self.at)
            else:
                why = self._line(start + 1, end - start - 1, escapes)
            end += 1
        elif c == 123 or c == 91:                             # { [
            end = pff_json_blanks(start + 1, stop)
            if end[0] != c + 2:
                if c == 123:
                    return self._child(self._ids_of(self.at))
                if not self._path(frame, &path_end):
                    return NO_ROOM
                self.depth += 1
                (frame + 1)[0] = frame[0]
                frame += 1
                frame.is_object = False
                frame.index = frame.back = 0
                frame.base_end = path_end
                self.at += 1
                self.state = FIRST_VALUE
                return ENDED
            end += 1
        elif c == 116 or c == 102:                            # true, false
            end = start + (4 if c == 116 else 5)
            why = self._line(start, end - start, False)
        elif c == 110:
            end = start + 4
        else:
            end = pff_json_number(start, stop)
            why = self._line(start, end - start, False)
        if why == FULL:
            return FULL
        self.place = self.at
        self.at = end - self.raw
        self.state = NEXT
        return why

    cdef Stop _child(self, const uint32_t* ids) noexcept nogil:
        """The object at hand: its name, the line that leads to it, and it is open."""
        cdef Frame* frame = &self.frames[self.depth]
        cdef Frame* inner
        cdef uint64_t start, end
        cdef Stop why
        cdef bint bad
        if ids != NULL:
            start = frame.base_end
            if not self._id(ids, start, &end):
                return NO_ROOM
            bad = self._is_bad(start, end)
        else:
            start = frame.base
            if not self._path(frame, &end):
                return NO_ROOM
            bad = self.has_nul and memchr(<Text>self.names.at + start, 0, end - start) != NULL
        why = self._line(<Text>self.names.at + start, end - start, False)
        if why == FULL:
            return FULL
        if ids != NULL:
            self.named += 1
        else:
            if self.looks_for_ids and self._found_id(
                pff_name_hash(<Text>self.names.at + start, end - start)
            ):
                self._note(IDS_LIKE_PATHS, self.at)
            self.path_bytes += end - start
            if self.path_bytes > self.most_path_bytes:
                return LONG_NAMES
        self.depth += 1
        inner = &self.frames[self.depth]
        inner[0] = frame[0]
        inner.is_object = True
        inner.back = 0
        inner.at = <uint32_t>self.at
        inner.id_hash = 0 if ids == NULL else self._hash_if_repeated(ids)
        inner.base = inner.node = start
        inner.base_end = inner.node_end = end
        inner.bad_node = bad
        if self.by_path:
            (<unsigned char*>self.relations.at)[frame.relation_end] = 46
            inner.prefix_end = frame.relation_end + 1
        else:
            inner.relation = inner.prefix_end = frame.relation_end
        self.place = self.at
        self.at += 1
        self.state = FIRST_NAME
        return why

    cdef Stop _line(self, Text value, size_t length, bint escapes) noexcept nogil:
        """Writes the line of a value, which is a name already unless `escapes`.

        A line that is no triple lies behind those that are used. Where there is no room for it
        nothing is changed.
        """
        cdef const Frame* frame = &self.frames[self.depth]
        cdef size_t n_node = frame.node_end - frame.node
        cdef size_t n_relation = frame.relation_end - frame.relation
        cdef unsigned char* start
        cdef unsigned char* at
        cdef unsigned char* object
        cdef bint bad
        if n_node + n_relation + length + 3 > self.room - self.used:
            self.wanted = n_node + n_relation + length + 3
            return FULL
        start = self.lines + self.used
        memcpy(start, <Text>self.names.at + frame.node, n_node)
        at = start + n_node
        at[0] = 9
        memcpy(at + 1, <Text>self.relations.at + frame.relation, n_relation)
        at += 1 + n_relation
        at[0] = 9
        object = at + 1
        if escapes:
            at = pff_json_write(value, value + length, object, PFF_LINE)
        else:
            memcpy(object, value, length)
            at = object + length
        at[0] = 10
        at += 1
        bad = frame.bad_node or n_relation == 0
        bad = bad or (at - object == 12 and memcmp(object, b"me_myself_i", 11) == 0)
        # Only an escape can stand for the NUL character.
        bad = bad or (self.has_nul and memchr(start, 0, at - start) != NULL)
        if bad:
            self.bad_bytes = at - start
            return BAD
        self.used += at - start
        if frame.id_hash and frame.is_object and self.raw[self.at] != 123:
            if not self._compare(frame, pff_name_hash(object, at - object - 1)):
                return NO_ROOM
        if self.keeps_spots and not keep_spot(self):
            return NO_ROOM
        return ENDED
