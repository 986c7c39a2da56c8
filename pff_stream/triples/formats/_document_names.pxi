# The names of a document's objects: their ids, their paths, and what is to be told about both.

NOTES = ("empty values", "repeated keys", "ids like paths", "ids of several")

cdef const char* ESCAPED_KEY = b"~3"
cdef enum:
    NUMBER_BYTES = 10             # of an index
    REPEATED_ID = 0x80000000      # beside the place of an id that several objects have


cdef class DocumentNames(DocumentCheck):
    """Names the objects of a document that was checked.

    `injective`: keys are escaped in names of objects, so that no two objects have one name
    (`json-2`).
    """

    def __cinit__(self, *_, **__):
        memset(&self.names, 0, sizeof(Array))
        memset(&self.relations, 0, sizeof(Array))
        memset(&self.id_hashes, 0, sizeof(Array))
        memset(&self.id_slots, 0, sizeof(Array))
        memset(&self.scalars, 0, sizeof(Array))

    def __dealloc__(self):
        release(&self.names)
        release(&self.relations)
        release(&self.id_hashes)
        release(&self.id_slots)
        release(&self.scalars)

    def __init__(self, id_parts, bint injective=True):
        DocumentCheck.__init__(self, id_parts)
        self.injective = injective

    @property
    def has_id(self):
        """Whether the document that was checked is named by an id."""
        return self._ids_of(0) != NULL

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
