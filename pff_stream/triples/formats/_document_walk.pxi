# The second pass over a document: its lines.

NOTES = ("empty values", "repeated keys", "ids like paths", "ids of several")

cdef const char* ESCAPED_KEY = b"~3"
cdef enum:
    ID_BYTES = 8 + 4 * 4          # its hash, and slots that are doubled where half of them are full
    SCALAR_BYTES = 3 * 2 * 24     # likewise, with the old ones while they are copied
    NUMBER_BYTES = 10             # of an index
    LEAST_NAMES_BYTES = 16 << 20
    REPEATED_ID = 0x80000000      # beside the place of an id that several objects have
    MOST_SPOTS = 1 << 15
    MOST_ROOTS = 1 << 12
    NAMES_FACTOR = 64             # names of objects by their paths, times the bytes of a document


cdef class DocumentWalk(DocumentCheck):
    """Writes the lines of documents that were checked: `check`, `walk` until it is None, `take`.

    `injective`: keys are escaped in names of objects, so that no two objects have one name
    (`json-2`). `by_path`: a relation is the keys from the document down, joined by dots.
    """

    def __cinit__(self, *_, **__):
        memset(&self.names, 0, sizeof(Array))
        memset(&self.relations, 0, sizeof(Array))
        memset(&self.id_hashes, 0, sizeof(Array))
        memset(&self.id_slots, 0, sizeof(Array))
        memset(&self.scalars, 0, sizeof(Array))
        memset(&self.spots, 0, sizeof(Array))
        memset(&self.roots, 0, sizeof(Array))
        self.out = NULL
        self.used = self.room = 0

    def __dealloc__(self):
        release(&self.names)
        release(&self.relations)
        release(&self.id_hashes)
        release(&self.id_slots)
        release(&self.scalars)
        release(&self.spots)
        release(&self.roots)
        Py_XDECREF(self.out)

    def __init__(self, id_parts, bint injective=True, bint by_path=False):
        DocumentCheck.__init__(self, id_parts)
        self.injective, self.by_path = injective, by_path

    @property
    def names_limit(self):
        """Bytes that the names of the objects of the document may take, by their paths."""
        return max(LEAST_NAMES_BYTES, NAMES_FACTOR * self.n_bytes)

    @property
    def has_id(self):
        """Whether the document that was checked is named by an id."""
        return self._ids_of(0) != NULL

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

    cdef bint _keep_spot(self) noexcept nogil:
        if self.n_spots == MOST_SPOTS:
            self.keeps_spots = False
            return True
        if not reserve(&self.spots, (self.n_spots + 1) * sizeof(uint32_t)):
            return False
        (<uint32_t*>self.spots.at)[self.n_spots] = self.spots_from + <uint32_t>self.at
        self.n_spots += 1
        return True

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
                self._new_room(max(<size_t>BLOCK_BYTES, self.wanted))
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

    def noted(self):
        """By kind: how many there were, and the places of the first."""
        cdef int note
        return {
            NOTES[note]: (
                self.counts[note],
                [self.places[note][i] for i in range(min(self.counts[note], <uint64_t>KEPT_PLACES))],
            )
            for note in range(N_NOTES)
            if self.counts[note]
        }

    cdef bint _new_room(self, size_t n_bytes) except -1:
        Py_XDECREF(self.out)
        self.out = NULL
        self.room = 0
        self.out = PyBytes_FromStringAndSize_(NULL, n_bytes)
        self.lines = <unsigned char*>PyBytes_AS_STRING_(self.out)
        self.room = n_bytes
        return True

    cdef void _note(self, int note, size_t at) noexcept nogil:
        if self.counts[note] < KEPT_PLACES:
            self.places[note][self.counts[note]] = <uint32_t>at
        self.counts[note] += 1

    cdef bint _is_bad(self, uint64_t at, uint64_t end) noexcept nogil:
        """Whether nothing can be named so."""
        cdef Text name = <Text>self.names.at + at
        return (
            end == at
            or (end - at == 11 and memcmp(name, b"me_myself_i", 11) == 0)
            or memchr(name, 0, end - at) != NULL
        )

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
            elif not self._member():
                return NO_ROOM

    cdef bint _member(self) noexcept nogil:
        """From a key to its value: the relation is written."""
        cdef Frame* frame = &self.frames[self.depth]
        cdef Text stop = self.raw + self.n_bytes, start = self.raw + self.at + 1, end
        cdef const Repeat* repeat
        cdef int escapes = 0
        end = pff_json_string_end(start, stop, &escapes)
        if self.n_repeats:
            repeat = self._repeat_of(self.at)
            if repeat != NULL and not repeat.value:           # not the first: it was taken there
                self.at = repeat.end
                self.state = NEXT
                self._note(REPEATED_KEYS, start - 1 - self.raw)
                return True
        else:
            repeat = NULL
        frame.key = <uint32_t>self.at
        if not self._relation(frame, start, end - start):
            return False
        self.at = pff_json_blanks(pff_json_blanks(end + 1, stop) + 1, stop) - self.raw
        self.state = VALUE
        if repeat != NULL:
            frame.back = <uint32_t>(pff_json_value_end(self.raw + self.at, stop) - self.raw)
            self.at = repeat.value
        return True

    cdef bint _relation(self, Frame* frame, Text name, size_t length) noexcept nogil:
        """Writes the relation of a key behind what is there of the objects that this one lies in."""
        cdef unsigned char* start
        cdef unsigned char* end
        cdef unsigned char* at
        cdef int how = PFF_LINE
        if self.by_path and self.injective:
            how |= PFF_DOTTED
        if not reserve(&self.relations, frame.prefix_end + 2 * length + 4):
            return False
        start = <unsigned char*>self.relations.at + frame.prefix_end
        end = pff_json_write(name, name + length, start, how)
        if self.injective:
            if end == start:
                memcpy(start, ESCAPED_KEY, 2)
                end += 2
            elif not self.by_path and start[0] == 126 and (end - 1)[0] == 51 and end - start > 1:
                # The empty key is ~3: a key that is written so has one 0 more.
                at = start + 1
                while at[0] == 48:
                    at += 1
                if at + 1 == end:
                    memmove(start + 2, start + 1, end - start - 1)
                    start[1] = 48
                    end += 1
        frame.relation_end = end - <unsigned char*>self.relations.at
        return True

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

    cdef bint _path(self, Frame* frame, uint64_t* end) noexcept nogil:
        """Writes the path of the value at hand: that of what is open, and its key or index."""
        cdef unsigned char digits[NUMBER_BYTES]
        cdef unsigned char* at
        cdef unsigned char* start
        cdef uint32_t index = frame.index
        cdef Text name, last
        cdef int escapes = 0, n = 0
        if frame.is_object:
            name = self.raw + frame.key + 1
            last = pff_json_string_end(name, self.raw + self.n_bytes, &escapes)
            if not reserve(&self.names, frame.base_end + 2 * (last - name) + 3):
                return False
            at = <unsigned char*>self.names.at + frame.base_end
            at[0] = 47                                        # /
            start = at + 1
            at = pff_json_write(name, last, start, PFF_LINE | (PFF_PATH if self.injective else 0))
            if at == start and self.injective:
                memcpy(at, ESCAPED_KEY, 2)
                at += 2
        else:
            if not reserve(&self.names, frame.base_end + NUMBER_BYTES + 1):
                return False
            while n == 0 or index:
                digits[n] = <unsigned char>(48 + index % 10)
                index //= 10
                n += 1
            at = <unsigned char*>self.names.at + frame.base_end
            at[0] = 47
            at += 1
            while n:
                n -= 1
                at[0] = digits[n]
                at += 1
        end[0] = at - <unsigned char*>self.names.at
        self.most_names_bytes = max(self.most_names_bytes, end[0])
        return True

    cdef bint _id(self, const uint32_t* ids, uint64_t at, uint64_t* end) noexcept nogil:
        """Writes an id: its parts, joined by a slash."""
        cdef Text start, stop = self.raw + self.n_bytes, last
        cdef unsigned char* out
        cdef int part, escapes = 0
        for part in range(self.n_parts):
            start = self.raw + (ids[part] & ~<uint32_t>REPEATED_ID)
            if start[0] == 34:
                start += 1
                last = pff_json_string_end(start, stop, &escapes)
            else:
                last = pff_json_number(start, stop)
            if not reserve(&self.names, at + (last - start) + 1):
                return False
            out = <unsigned char*>self.names.at + at
            if part:
                out[0] = 47
                out += 1
            at = pff_json_write(start, last, out, PFF_LINE) - <unsigned char*>self.names.at
        end[0] = at
        self.most_names_bytes = max(self.most_names_bytes, at)
        return True

    cdef const uint32_t* _ids_of(self, size_t at) noexcept nogil:
        """The places of the ids of the object at `at`; NULL where it has none."""
        cdef uint64_t low = 0, high = self.n_ids, middle, wide = 1 + self.n_parts
        cdef const uint32_t* ids = <const uint32_t*>self.ids.at
        if high == 0:
            return NULL
        # Most often it is the next one.
        if self.id_at < high and ids[self.id_at * wide] == at:
            low = self.id_at
        else:
            while low < high:
                middle = (low + high) // 2
                if ids[middle * wide] < at:
                    low = middle + 1
                else:
                    high = middle
            self.id_at = low
            if low == self.n_ids or ids[low * wide] != at:
                return NULL
        self.id_at = low + 1
        return &ids[low * wide + 1] if ids[low * wide + 1] else NULL

    cdef const Repeat* _repeat_of(self, size_t at) noexcept nogil:
        """What is known of a key that stands twice; NULL where it does not."""
        cdef uint64_t low = 0, high = self.n_repeats, middle
        cdef const Repeat* repeats = <const Repeat*>self.repeats.at
        if self.repeat_at < high and repeats[self.repeat_at].at == at:
            low = self.repeat_at
        else:
            while low < high:
                middle = (low + high) // 2
                if repeats[middle].at < at:
                    low = middle + 1
                else:
                    high = middle
            self.repeat_at = low
            if low == self.n_repeats or repeats[low].at != at:
                return NULL
        self.repeat_at = low + 1
        return &repeats[low]

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
        if self.keeps_spots and not self._keep_spot():
            return NO_ROOM
        return ENDED

    cdef uint64_t _hash_if_repeated(self, const uint32_t* ids) noexcept nogil:
        """Of an id that several objects have; 0 for others."""
        if not ids[0] & <uint32_t>REPEATED_ID:
            return 0
        # `_ids_of` has just gone past it.
        return (<const uint64_t*>self.id_hashes.at)[self.id_at - 1]

    cdef bint _index_ids(self) noexcept nogil:
        """Which ids there are, and which of them several objects have."""
        cdef uint64_t i, slot, end, hash, count = 2, wide = 1 + self.n_parts
        cdef uint32_t* ids = <uint32_t*>self.ids.at
        cdef uint64_t* hashes
        cdef uint32_t* slots
        self.looks_for_ids = False
        self.n_scalars = 0
        release(&self.scalars)
        self.scalar_mask = 0
        # The document's own id is no name of another.
        if self.n_ids == 0 or (self.n_ids == 1 and ids[0] == 0):
            return True
        while count < 2 * self.n_ids:
            count *= 2
        if not (
            reserve(&self.id_hashes, self.n_ids * sizeof(uint64_t))
            and reserve(&self.id_slots, count * sizeof(uint32_t))
        ):
            return False
        memset(self.id_slots.at, 0, count * sizeof(uint32_t))
        hashes, slots = <uint64_t*>self.id_hashes.at, <uint32_t*>self.id_slots.at
        self.id_mask = count - 1
        for i in range(self.n_ids):
            hashes[i] = 0
            if not ids[i * wide + 1]:
                continue
            if not self._id(&ids[i * wide + 1], 0, &end):
                return False
            hash = pff_name_hash(<Text>self.names.at, end)
            hashes[i] = hash
            self.looks_for_ids = True
            slot = hash & self.id_mask
            while slots[slot] and hashes[slots[slot] - 1] != hash:
                slot = (slot + 1) & self.id_mask
            if slots[slot]:
                ids[(slots[slot] - 1) * wide + 1] |= REPEATED_ID
                ids[i * wide + 1] |= REPEATED_ID
            else:
                slots[slot] = <uint32_t>(i + 1)
        return True

    cdef uint64_t _found_id(self, uint64_t hash) noexcept nogil:
        """Whether an object has an id of this hash."""
        cdef const uint64_t* hashes = <const uint64_t*>self.id_hashes.at
        cdef const uint32_t* slots = <const uint32_t*>self.id_slots.at
        cdef uint64_t slot = hash & self.id_mask
        while slots[slot] and hashes[slots[slot] - 1] != hash:
            slot = (slot + 1) & self.id_mask
        return slots[slot]

    cdef bint _compare(self, const Frame* frame, uint64_t value) noexcept nogil:
        """Notes a scalar that another object of the same id has otherwise, under the same key."""
        cdef uint64_t key = frame.id_hash + pff_name_hash(
            <Text>self.relations.at + frame.relation, frame.relation_end - frame.relation
        )
        cdef uint64_t slot
        cdef Scalar* scalars
        key = pff_mix(key) | 1
        if 2 * (self.n_scalars + 1) > self.scalar_mask + 1 and not self._more_scalars():
            return False
        scalars = <Scalar*>self.scalars.at
        slot = key & self.scalar_mask
        while scalars[slot].key and scalars[slot].key != key:
            slot = (slot + 1) & self.scalar_mask
        if not scalars[slot].key:
            scalars[slot].key, scalars[slot].value, scalars[slot].owner = key, value, frame.at
            self.n_scalars += 1
        elif scalars[slot].value != value and scalars[slot].owner != frame.at:
            self._note(IDS_OF_SEVERAL, self.at)
        return True

    cdef bint _more_scalars(self) noexcept nogil:
        cdef uint64_t count = 2 * (self.scalar_mask + 1) if self.scalars.at != NULL else FIRST_SLOTS
        cdef uint64_t i, slot
        cdef const Scalar* old = <const Scalar*>self.scalars.at
        cdef Scalar* scalars
        cdef Array made
        memset(&made, 0, sizeof(Array))
        if not reserve(&made, count * sizeof(Scalar)):
            return False
        scalars = <Scalar*>made.at
        if old != NULL:
            for i in range(self.scalar_mask + 1):
                if old[i].key:
                    slot = old[i].key & (count - 1)
                    while scalars[slot].key:
                        slot = (slot + 1) & (count - 1)
                    scalars[slot] = old[i]
        release(&self.scalars)
        self.scalars = made
        self.scalar_mask = count - 1
        return True
