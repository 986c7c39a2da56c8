# The first pass over a document: whether it is JSON, which objects have an id, which keys repeat.

cdef enum:
    KEPT_BYTES = 1 << 20          # arrays up to here are kept for the next document


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
                fault = take_text(self, &at)
                if fault == SOUND:
                    fault = take_key(self, start, at)
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
                fault = take_text(self, &at) if c == 34 else take_word(self, &at)
                if fault != SOUND:
                    return fault
                self._scalar(start, (c == 34 and at > start + 2) or c == 45 or 48 <= c <= 57)
                self._ended(at)
                state = NEXT
        if at != self.n_bytes:
            return MORE
        sort_repeats(self)
        if self.keys.bytes > KEPT_BYTES or self.table.bytes > KEPT_BYTES:
            self._forget_tables()
        return SOUND

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
