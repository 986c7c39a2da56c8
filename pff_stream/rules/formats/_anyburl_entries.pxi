# Heads and bodies as entries of the run: each text is parsed once.


cdef class AnyBurlEntries:
    """Parses heads and bodies; `graph` is as `AnyBurlReader` has it."""

    cdef SortedRuns runs
    cdef object graph
    cdef Span *spans

    def __cinit__(self, RuleSink sink, object read_text, object graph):
        self.runs = sink.runs
        self.graph = graph
        self.spans = <Span *>malloc(MAX_SPANS * sizeof(Span))
        if not self.spans:
            raise MemoryError

    def __dealloc__(self):
        free(self.spans)

    cdef uint32_t _new_head(
        self, const uint8_t *text, uint32_t length, uint64_t hashed
    ) noexcept nogil:
        cdef uint32_t entry = self.runs.add_head(text, length, hashed)
        cdef Head *head = self.runs.head_at(entry)
        if parse_direct(text, length, True, self.spans) == 1:
            head.state = BLANKS if has_blank_names(text, self.spans, 1) else DIRECT
            if not set_head(head, text, self.spans):
                head.state = 0
        return entry

    cdef uint32_t _new_body(
        self, const uint8_t *text, uint32_t length, uint64_t hashed
    ) noexcept nogil:
        cdef uint32_t entry = self.runs.add_body(text, length, hashed)
        cdef Body *body = self.runs.body_at(entry)
        cdef int n = parse_direct(text, length, False, self.spans)
        cdef int state = DIRECT
        cdef size_t key_bytes = 0
        if n < 0:
            # A body that is not direct is never looked at for anything else.
            n = parse_plain(text, length, self.spans)
            state = BLANKS
            if n < 0:
                n = parse_settled(text, length, False, self.spans, &state)
                state |= ANALYSED
                if may_be_meant_otherwise(text, length, self.spans, n):
                    n = -1
                    state = ANALYSED
        elif has_blank_names(text, self.spans, n):
            state = BLANKS
        if n >= 0:
            key_bytes = write_body(body, text, self.spans, n, self.runs.new_key())
        self.runs.set_key(entry, key_bytes)
        body.state = <uint8_t>state if key_bytes else ANALYSED
        return entry

    cdef int _analyse_head(self, Head *head) noexcept nogil:
        """Adds what a head is where the text as a whole is not direct."""
        cdef const uint8_t *text = <const uint8_t *>head + sizeof(Head)
        cdef int state = 0
        cdef int n = parse_settled(text, head.text_bytes, True, self.spans, &state)
        if may_be_meant_otherwise(text, head.text_bytes, self.spans, n):
            state = 0
        elif n == 1:
            set_head(head, text, self.spans)
        head.state |= ANALYSED | <uint8_t>(state & (SETTLED | SEVERAL))
        return 0

    cdef int _analyse_body(self, Body *body) noexcept nogil:
        """The same for a direct body; its key stands where each atom has a variable."""
        cdef const uint8_t *text = <const uint8_t *>body + sizeof(Body)
        cdef const uint8_t *key = text + body.text_bytes
        cdef int state = 0
        cdef int n = parse_settled(text, body.text_bytes, False, self.spans, &state)
        if n != 65535 - ((<int>key[0] << 8) | key[1]) or (
            may_be_meant_otherwise(text, body.text_bytes, self.spans, n)
        ):
            state = 0
        body.state |= ANALYSED | <uint8_t>(state & (SETTLED | SEVERAL))
        return 0

    cdef bint _named(self, Head *head, Body *body) except -1:
        """Whether the graph has all names of a settled head and body."""
        cdef const uint8_t *text = <const uint8_t *>head + sizeof(Head)
        if not head.state & NAMES_KNOWN:
            head.state |= NAMES_KNOWN
            if (
                self._has(True, text + head.relation_at, head.relation_bytes)
                and (head.subject or self._has(False, text + head.subject_at, head.subject_bytes))
                and (head.object or self._has(False, text + head.object_at, head.object_bytes))
            ):
                head.state |= NAMED
        if head.state & NAMED and not body.state & NAMES_KNOWN:
            body.state |= NAMES_KNOWN
            if self._named_key(<const uint8_t *>body + sizeof(Body) + body.text_bytes):
                body.state |= NAMED
        return head.state & body.state & NAMED

    cdef bint _named_key(self, const uint8_t *key) except -1:
        cdef int n = 65535 - ((<int>key[0] << 8) | key[1])
        cdef int i
        cdef size_t length
        key += 3
        while n:
            n -= 1
            length = <const uint8_t *>memchr(key, 0, LINE_BYTES) - key
            if not self._has(True, key, length):
                return False
            key += length + 1
            for i in range(2):
                if key[0] == CONSTANT:
                    length = <const uint8_t *>memchr(key, 0, LINE_BYTES) - key
                    if not self._has(False, key + 1, length - 1):
                        return False
                    key += length
                key += 1
        return True

    cdef bint _has(self, bint relation, const uint8_t *name, size_t length) except -1:
        cdef bytes looked_up = PyBytes_FromStringAndSize(<char *>name, length)
        if relation:
            return self.graph.relation_id(looked_up) >= 0
        return self.graph.entity_id(looked_up) >= 0


cdef inline bint is_self(const uint8_t *name, size_t length) noexcept nogil:
    return length == SELF_BYTES and memcmp(name, SELF, SELF_BYTES) == 0


cdef inline bint may_be_meant_otherwise(
    const uint8_t *text, uint32_t length, const Span *spans, int n
) noexcept nogil:
    """Whether a name has blanks around it, or the text a variable with such."""
    return has_blank_names(text, spans, n) or has_blank_letter(text, length)


cdef inline void trim(const uint8_t *text, uint32_t *at, uint32_t *n_bytes) noexcept nogil:
    """Leaves the blanks around a name out; blanks alone are a name."""
    cdef uint32_t start = at[0], end = start + n_bytes[0]
    if text[start] != 32 and text[end - 1] != 32:
        return
    while start < end and text[start] == 32:
        start += 1
    if start == end:
        return
    while text[end - 1] == 32:
        end -= 1
    at[0], n_bytes[0] = start, end - start


cdef bint set_head(Head *head, const uint8_t *text, const Span *span) noexcept nogil:
    """Fills a head from its span, `me_myself_i` resolved; 0 where it is on both sides."""
    cdef uint32_t subject_at = span.opened + 1, subject_bytes = span.comma - subject_at
    cdef uint32_t object_at = span.comma + 1, object_bytes = span.end - 1 - object_at
    head.relation_at = span.start
    head.relation_bytes = span.opened - span.start
    trim(text, &head.relation_at, &head.relation_bytes)
    trim(text, &subject_at, &subject_bytes)
    trim(text, &object_at, &object_bytes)
    cdef bint subject_is_self = is_self(text + subject_at, subject_bytes)
    cdef bint object_is_self = is_self(text + object_at, object_bytes)
    if subject_is_self and object_is_self:
        return False
    if subject_is_self:
        subject_at, subject_bytes = object_at, object_bytes
    elif object_is_self:
        object_at, object_bytes = subject_at, subject_bytes
    head.subject_at, head.subject_bytes = subject_at, subject_bytes
    head.object_at, head.object_bytes = object_at, object_bytes
    head.subject = text[subject_at] if is_letter(text + subject_at, subject_bytes) else 0
    head.object = text[object_at] if is_letter(text + object_at, object_bytes) else 0
    head.over_objects = subject_is_self and head.object
    return True


cdef size_t write_body(
    Body *body, const uint8_t *text, const Span *spans, int n, uint8_t *out
) noexcept nogil:
    """Writes the key of a body and numbers its variables; 0 where an atom cannot be meant."""
    cdef uint8_t *at = out + 3
    cdef const uint8_t *terms[2]
    cdef uint32_t lengths[2]
    cdef uint32_t place, n_bytes
    cdef uint8_t next_number = 1
    cdef uint8_t letter
    cdef int i, j
    out[0] = <uint8_t>((65535 - n) >> 8)
    out[1] = <uint8_t>((65535 - n) & 255)
    out[2] = 0
    for i in range(n):
        place, n_bytes = spans[i].start, spans[i].opened - spans[i].start
        trim(text, &place, &n_bytes)
        memcpy(at, text + place, n_bytes)
        at += n_bytes
        at[0] = 0
        at += 1
        for j in range(2):
            place = (spans[i].comma if j else spans[i].opened) + 1
            n_bytes = (spans[i].end - 1 if j else spans[i].comma) - place
            trim(text, &place, &n_bytes)
            terms[j], lengths[j] = text + place, n_bytes
        if is_self(terms[0], lengths[0]):
            if is_self(terms[1], lengths[1]):
                return 0
            terms[0], lengths[0] = terms[1], lengths[1]
        elif is_self(terms[1], lengths[1]):
            terms[1], lengths[1] = terms[0], lengths[0]
        for j in range(2):
            if is_letter(terms[j], lengths[j]):
                letter = terms[j][0] - 65
                if body.numbers[letter] == 0:
                    body.numbers[letter] = next_number
                    next_number += 1
                at[0] = body.numbers[letter]
                at += 1
            else:
                out[2] = 1
                at[0] = CONSTANT
                memcpy(at + 1, terms[j], lengths[j])
                at += lengths[j] + 1
                at[0] = 0
                at += 1
    return at - out


cdef bint is_safe(const Head *head, const Body *body) noexcept nogil:
    """Whether the body binds the head, or a zero rule has at most one variable."""
    if body.text_bytes == 0:
        return not head.subject or not head.object or head.subject == head.object
    if head.subject and not body.numbers[head.subject - 65]:
        return False
    return not head.object or body.numbers[head.object - 65] != 0
