# The first pass over a document: whether it is JSON, which objects have an id, which keys repeat.


cdef extern from "triples/_arrays.h":
    const unsigned char* pff_bad_utf8(const unsigned char* at, const unsigned char* stop) noexcept nogil

cdef extern from "stdlib.h" nogil:
    void qsort(void* base, size_t n, size_t size, int (*compare)(const void*, const void*) noexcept nogil)

cdef enum:
    FIRST_SLOTS = 256
    KEPT_BYTES = 1 << 20          # arrays up to here are kept for the next document


cdef int _by_place(const void* one, const void* other) noexcept nogil:
    cdef uint32_t a = (<const Repeat*>one).at, b = (<const Repeat*>other).at
    return (a > b) - (a < b)


cdef class DocumentCheck:
    """Checks one document after the other; each is one object from its first byte to its last.

    What it holds is the document's bytes, the keys of objects that are open, 4 bytes and 4 for each
    part for an object with an id, 12 for a key that stands twice.
    """

    def __cinit__(self, *_, **__):
        memset(&self.keys, 0, sizeof(Array))
        memset(&self.table, 0, sizeof(Array))
        memset(&self.ids, 0, sizeof(Array))
        memset(&self.repeats, 0, sizeof(Array))
        memset(&self.scratch, 0, sizeof(Array))
        memset(&self.other_scratch, 0, sizeof(Array))
        self.n_keys = self.n_ids = self.n_repeats = 0
        self.table_mask = 0

    def __dealloc__(self):
        release(&self.keys)
        release(&self.table)
        release(&self.ids)
        release(&self.repeats)
        release(&self.scratch)
        release(&self.other_scratch)

    def __init__(self, id_parts):
        """`id_parts`: for each part of an id the candidates, tried in this order; each is a tuple
        of the keys that lead to its value."""
        cdef int part, candidate = 0, step = 0
        self.steps = []
        self.starts = self.lasts = 0
        if not 1 <= len(id_parts) <= MOST_PARTS:
            raise ValueError(f"found {len(id_parts)} keys, expected 1 to {MOST_PARTS}")
        for part, candidates in enumerate(id_parts):
            for path in candidates:
                if candidate == MOST_CANDIDATES or step + len(path) > MOST_STEPS:
                    raise ValueError(f"found too many keys, expected at most {MOST_STEPS}")
                self.part_of[candidate] = part
                self.starts |= <uint64_t>1 << step
                for place, key in enumerate(path):
                    name = key.encode()
                    self.steps.append(name)
                    self.step_text[step] = name
                    self.step_bytes[step] = len(name)
                    self.candidate_of[step] = candidate
                    self.step_of[step] = place
                    step += 1
                self.lasts |= <uint64_t>1 << (step - 1)
                candidate += 1
        self.n_parts, self.n_candidates, self.n_steps = len(id_parts), candidate, step

    def check(self, raw):
        """Takes a document, its bytes whole; None where it is JSON.

        Else what is wrong, and the place of the byte where (None: somewhere). `MemoryError` where
        the kernel gives no memory. The bytes are read again by the walk: they must not change.
        """
        cdef Fault fault
        self.release_document()
        if len(raw) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"a document of {len(raw)} bytes")
        self.held = memoryview(raw)
        cdef Py_buffer* view = PyMemoryView_GET_BUFFER(self.held)
        self.raw, self.n_bytes = <Text>view.buf, view.len
        with nogil:
            fault = self._check()
        if fault == NO_MEMORY:
            self._forget_tables()
            raise MemoryError
        if fault == SOUND and not self.lone_surrogate:
            return None
        self._forget_tables()
        at = self.fault_at
        if fault == SOUND:
            return (f"the lone surrogate \\u{self.lone_surrogate:04x}", None)
        if fault == NOT_UTF8:
            return (f"the byte 0x{self.raw[at]:02x}, expected UTF-8", at)
        if fault == CONSTANT:
            name = {78: "NaN", 73: "Infinity"}.get(self.raw[at], "-Infinity")
            return (f"{name}, which JSON does not have, expected a number", at)
        if fault == TOO_DEEP:
            return (FAULTS[fault], 0)
        end = min(self.n_bytes, at + 4 * SHOWN)
        text = bytes(self.raw[at:end]).decode("utf-8", "backslashreplace")[:SHOWN]
        found = repr(text) if at < self.n_bytes else "the end"
        return (f"{found}: {FAULTS[fault]}", at)

    def release_document(self):
        """Forgets the document; another may be checked. Small arrays stay for it."""
        self.held = None
        self.raw, self.n_bytes = NULL, 0
        self.n_ids = self.n_repeats = 0
        self.repeated = 0
        if self.ids.bytes > KEPT_BYTES:
            release(&self.ids)
        if self.repeats.bytes > KEPT_BYTES:
            release(&self.repeats)
        if self.scratch.bytes > KEPT_BYTES:
            release(&self.scratch)
        if self.other_scratch.bytes > KEPT_BYTES:
            release(&self.other_scratch)

    cdef void _forget_tables(self) noexcept nogil:
        self.n_keys = 0
        release(&self.keys)
        release(&self.table)
        self.table_mask = 0

    cdef Fault _check(self) noexcept nogil:
        """Goes through the text once."""
        cdef Fault fault
        cdef State state = VALUE
        cdef Text stop = self.raw + self.n_bytes
        cdef size_t at = 0, start
        cdef unsigned char c
        cdef Open* frame = &self.opens[0]
        memset(frame, 0, sizeof(Open))
        frame.slot = frame.repeat = -1
        self.depth = 0
        self.n_keys = self.most_keys = self.most_table_bytes = self.longest = 0
        self.lone_surrogate = 0
        self.has_nul = False
        self.is_empty = True
        while True:
            at = pff_json_blanks(self.raw + at, stop) - self.raw
            c = self.raw[at] if at < self.n_bytes else 0
            self.fault_at = at
            if state == NEXT:
                frame = &self.opens[self.depth]
                if self.depth == 0:
                    break
                at += 1
                if c == 44:                                   # ,
                    state = NAME if frame.is_object else VALUE
                elif c == (125 if frame.is_object else 93):   # } ]
                    self._close()
                    self._ended(at)
                else:
                    return NO_COMMA
            elif state == NAME or state == FIRST_NAME:
                if c == 125 and state == FIRST_NAME:
                    at += 1
                    self._close()
                    self._ended(at)
                    state = NEXT
                    continue
                if c != 34:                                   # "
                    return NO_NAME
                start = at
                fault = self._string(&at)
                if fault == SOUND:
                    fault = self._key(start, at)
                if fault != SOUND:
                    return fault
                at = pff_json_blanks(self.raw + at, stop) - self.raw
                if at == self.n_bytes or self.raw[at] != 58:  # :
                    self.fault_at = at
                    return NO_COLON
                at += 1
                state = VALUE
            elif c == 123 or c == 91:                         # { [
                if self.depth == MOST_DEPTH:
                    return TOO_DEEP
                if not self._open(at, c == 123):
                    return NO_MEMORY
                at += 1
                state = FIRST_NAME if c == 123 else FIRST_VALUE
            elif c == 93 and state == FIRST_VALUE:
                at += 1
                self._close()
                self._ended(at)
                state = NEXT
            else:
                start = at
                fault = self._string(&at) if c == 34 else self._word(&at)
                if fault != SOUND:
                    return fault
                self._scalar(start, (c == 34 and at > start + 2) or c == 45 or 48 <= c <= 57)
                self._ended(at)
                state = NEXT
        if at != self.n_bytes:
            return MORE
        self._sort_repeats()
        if self.keys.bytes > KEPT_BYTES or self.table.bytes > KEPT_BYTES:
            self._forget_tables()
        return SOUND

    cdef Fault _string(self, size_t* place) noexcept nogil:
        """Goes from the opening quote behind the closing one."""
        cdef Text start = self.raw + place[0], stop = self.raw + self.n_bytes, at = start + 1, end
        cdef int code, low
        while True:
            at = pff_json_plain(at, stop)
            self.fault_at = at - self.raw
            if at == stop:
                self.fault_at = place[0]
                return OPEN_STRING
            if at[0] == 34:
                place[0] = at + 1 - self.raw
                if <uint64_t>(at - start) > self.longest:
                    self.longest = at - start
                return SOUND
            if at[0] < 32:
                return CONTROL
            if at[0] != 92:
                # One character: 4 bytes at most.
                end = at + 1
                while end < stop and end[0] & 0xC0 == 0x80 and end - at < 4:
                    end += 1
                if pff_bad_utf8(at, end) != NULL:
                    return NOT_UTF8
                at = end
                continue
            if at + 1 == stop:
                self.fault_at = place[0]
                return OPEN_STRING
            if at[1] != 117:                                  # u
                if at[1] == 0 or memchr(b'"\\/bfnrt', at[1], 8) == NULL:
                    return ESCAPE
                at += 2
                continue
            code = pff_json_hex(at + 2, stop)
            if code < 0:
                self.fault_at += 1
                return HEX
            at += 6
            if code >> 10 == 0xD800 >> 10 and stop - at >= 6 and at[0] == 92 and at[1] == 117:
                low = pff_json_hex(at + 2, stop)
                if low >= 0 and low >> 10 == 0xDC00 >> 10:
                    at += 6
                    continue
            if code == 0:
                self.has_nul = True
            if code >> 11 == 0xD800 >> 11 and not self.lone_surrogate:
                self.lone_surrogate = code

    cdef Fault _word(self, size_t* at) noexcept nogil:
        """Goes behind a number, true, false or null."""
        cdef Text here = self.raw + at[0], stop = self.raw + self.n_bytes, end
        cdef size_t left = stop - here
        end = pff_json_number(here, stop)
        if end != here:
            at[0] = end - self.raw
            return SOUND
        if left >= 4 and (memcmp(here, b"true", 4) == 0 or memcmp(here, b"null", 4) == 0):
            at[0] += 4
            return SOUND
        if left >= 5 and memcmp(here, b"false", 5) == 0:
            at[0] += 5
            return SOUND
        if left >= 3 and memcmp(here, b"NaN", 3) == 0:
            return CONSTANT
        if left >= 8 and memcmp(here, b"Infinity", 8) == 0:
            return CONSTANT
        if left >= 9 and memcmp(here, b"-Infinity", 9) == 0:
            return CONSTANT
        # What begins with no ASCII may be no character at all.
        if left and here[0] > 127:
            end = here + 1
            while end < stop and end[0] & 0xC0 == 0x80 and end - here < 4:
                end += 1
            if pff_bad_utf8(here, end) != NULL:
                return NOT_UTF8
        return NO_VALUE

    cdef bint _open(self, size_t at, bint is_object) noexcept nogil:
        cdef Open* outer = &self.opens[self.depth]
        cdef Open* frame = outer + 1
        cdef int i
        frame.at, frame.is_object = <uint32_t>at, is_object
        frame.first_key = <uint32_t>self.n_keys
        frame.repeat = frame.slot = -1
        frame.matched = 0
        frame.active = self.starts
        if is_object:
            if outer.is_object:
                frame.active |= (outer.matched & ~self.lasts) << 1
            for i in range(self.n_candidates):
                frame.ids[i] = 0
        self.depth += 1
        return True

    cdef void _scalar(self, size_t at, bint names) noexcept nogil:
        """A text, number, true, false or null; `names`: it can be an id."""
        cdef Open* frame = &self.opens[self.depth]
        cdef uint64_t found = frame.matched & self.lasts
        cdef int step
        if not (frame.is_object and names and found):
            return
        for step in range(self.n_steps):
            if found >> step & 1:
                self.opens[self.depth - self.step_of[step]].ids[self.candidate_of[step]] = (
                    <uint32_t>at
                )

    cdef void _ended(self, size_t at) noexcept nogil:
        """A value ends here: of a key that stood before, that is kept."""
        cdef Open* frame = &self.opens[self.depth]
        if frame.is_object and frame.repeat >= 0:
            (<Repeat*>self.repeats.at)[frame.repeat].end = <uint32_t>at

    cdef void _close(self) noexcept nogil:
        """The innermost ends: its keys are forgotten, its id is kept if it has one."""
        cdef Open* frame = &self.opens[self.depth]
        cdef const Key* keys = <const Key*>self.keys.at
        cdef uint32_t* slots = <uint32_t*>self.table.at
        cdef uint32_t* ids
        cdef uint32_t found[MOST_PARTS]
        cdef uint64_t slot
        cdef int i, part, n_found = 0
        self.depth -= 1
        if not frame.is_object:
            return
        # The last one in is the first one out: so what is left is as if it had never come.
        while self.n_keys > frame.first_key:
            self.n_keys -= 1
            slot = keys[self.n_keys].hash & self.table_mask
            while slots[slot] != self.n_keys + 1:
                slot = (slot + 1) & self.table_mask
            slots[slot] = 0
        if frame.slot < 0:
            return
        for i in range(self.n_parts):
            found[i] = 0
        for i in range(self.n_candidates):
            part = self.part_of[i]
            if frame.ids[i] and not found[part]:
                found[part] = frame.ids[i]
                n_found += 1
        if n_found == self.n_parts:
            ids = <uint32_t*>self.ids.at + frame.slot * (1 + self.n_parts)
            for i in range(self.n_parts):
                ids[1 + i] = found[i]
        elif <uint64_t>frame.slot + 1 == self.n_ids:
            self.n_ids -= 1

    cdef uint64_t _steps_named(self, uint64_t active, Text name, size_t length) noexcept nogil:
        cdef uint64_t found = 0
        cdef int step
        for step in range(self.n_steps):
            if (
                active >> step & 1
                and self.step_bytes[step] == length
                and memcmp(self.step_text[step], name, length) == 0
            ):
                found |= <uint64_t>1 << step
        return found

    cdef size_t _decoded(
        self, size_t at, size_t end, Array* into, Text* text
    ) noexcept nogil:
        """The text of the string from `at` to `end`, quotes included; without memory it is empty."""
        cdef Text first = self.raw + at + 1, last = self.raw + end - 1
        if memchr(first, 92, last - first) == NULL:
            text[0] = first
            return last - first
        text[0] = first
        if not reserve(into, last - first):
            return 0
        text[0] = <Text>into.at
        return pff_json_write(first, last, <unsigned char*>into.at, PFF_AS_IT_IS) - text[0]

    cdef bint _same_key(self, size_t one, Text name, size_t length) noexcept nogil:
        """Whether the key at `one` is this text."""
        cdef int escapes = 0
        cdef Text other
        cdef size_t end = (
            pff_json_string_end(self.raw + one + 1, self.raw + self.n_bytes, &escapes) + 1 - self.raw
        )
        if not escapes:
            return end - one - 2 == length and memcmp(self.raw + one + 1, name, length) == 0
        return (
            self._decoded(one, end, &self.other_scratch, &other) == length
            and memcmp(other, name, length) == 0
        )

    cdef Fault _key(self, size_t at, size_t end) noexcept nogil:
        """A key of the innermost object."""
        cdef Open* frame = &self.opens[self.depth]
        cdef Text name
        cdef size_t length = self._decoded(at, end, &self.scratch, &name)
        cdef uint64_t hash, slot
        cdef uint32_t* slots
        cdef Key* key
        cdef int step
        self.is_empty = False
        if frame.slot < 0:
            if not reserve(&self.ids, (self.n_ids + 1) * (1 + self.n_parts) * sizeof(uint32_t)):
                return NO_MEMORY
            frame.slot = self.n_ids
            (<uint32_t*>self.ids.at)[frame.slot * (1 + self.n_parts)] = frame.at
            memset(
                <uint32_t*>self.ids.at + frame.slot * (1 + self.n_parts) + 1, 0,
                self.n_parts * sizeof(uint32_t),
            )
            self.n_ids += 1
        frame.matched = self._steps_named(frame.active, name, length)
        if frame.matched:
            for step in range(self.n_steps):
                if frame.matched >> step & 1:
                    self.opens[self.depth - self.step_of[step]].ids[self.candidate_of[step]] = 0
        if 2 * (self.n_keys + 1) > self.table_mask + 1 and not self._more_slots():
            return NO_MEMORY
        if not reserve(&self.keys, (self.n_keys + 1) * sizeof(Key)):
            return NO_MEMORY
        hash = pff_mix(pff_name_hash(name, length) + frame.at)
        slots = <uint32_t*>self.table.at
        slot = hash & self.table_mask
        while slots[slot]:
            key = <Key*>self.keys.at + (slots[slot] - 1)
            if (
                key.hash == hash
                and slots[slot] > frame.first_key
                and self._same_key(key.at, name, length)
            ):
                return SOUND if self._repeat(frame, key, at) else NO_MEMORY
            slot = (slot + 1) & self.table_mask
        key = <Key*>self.keys.at + self.n_keys
        key.hash, key.at, key.repeat = hash, <uint32_t>at, 0
        self.n_keys += 1
        slots[slot] = <uint32_t>self.n_keys
        self.most_keys = max(self.most_keys, self.n_keys)
        frame.repeat = -1
        return SOUND

    cdef bint _repeat(self, Open* frame, Key* key, size_t at) noexcept nogil:
        """The key stood before: its value is this one, so far."""
        cdef Repeat* repeats
        cdef int escapes = 0
        cdef Text stop = self.raw + self.n_bytes, value
        if not reserve(&self.repeats, (self.n_repeats + 2) * sizeof(Repeat)):
            return False
        repeats = <Repeat*>self.repeats.at
        if not key.repeat:
            repeats[self.n_repeats].at = key.at
            repeats[self.n_repeats].value = repeats[self.n_repeats].end = 0
            self.n_repeats += 1
            key.repeat = <uint32_t>self.n_repeats
        value = pff_json_string_end(self.raw + at + 1, stop, &escapes) + 1
        value = pff_json_blanks(value, stop) + 1
        repeats[key.repeat - 1].value = <uint32_t>(pff_json_blanks(value, stop) - self.raw)
        repeats[self.n_repeats].at = <uint32_t>at
        repeats[self.n_repeats].value = repeats[self.n_repeats].end = 0
        frame.repeat = self.n_repeats
        self.n_repeats += 1
        self.repeated += 1
        return True

    cdef void _sort_repeats(self) noexcept nogil:
        if self.n_repeats:
            qsort(self.repeats.at, self.n_repeats, sizeof(Repeat), _by_place)

    cdef bint _more_slots(self) noexcept nogil:
        cdef uint64_t count = 2 * (self.table_mask + 1) if self.table.at != NULL else FIRST_SLOTS
        cdef Array made
        cdef const Key* keys = <const Key*>self.keys.at
        cdef uint32_t* slots
        cdef uint64_t i, slot
        memset(&made, 0, sizeof(Array))
        if not reserve(&made, count * sizeof(uint32_t)):
            return False
        slots = <uint32_t*>made.at
        for i in range(self.n_keys):
            slot = keys[i].hash & (count - 1)
            while slots[slot]:
                slot = (slot + 1) & (count - 1)
            slots[slot] = <uint32_t>(i + 1)
        if (count + count // 2) * sizeof(uint32_t) > self.most_table_bytes:
            self.most_table_bytes = (count + count // 2) * sizeof(uint32_t)
        release(&self.table)
        self.table = made
        self.table_mask = count - 1
        return True
