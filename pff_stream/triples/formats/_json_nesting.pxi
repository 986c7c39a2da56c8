# How deep JSON-LD is nested, and what its contexts weigh.

DEF N_LEVELS = 1024


cdef class JsonNesting(Nesting):
    """Of JSON-LD: objects and arrays, and the contexts that hold in each that is open.

    A parser has a copy of them for each, and of a context within a context one for each around it.
    """

    cdef uint64_t contexts[N_LEVELS]     # bytes of contexts that hold at a level
    cdef bint is_context[N_LEVELS]
    cdef uint64_t copied                 # of all levels that are open
    cdef uint64_t n_contexts             # around the byte at hand
    cdef readonly uint64_t most_copied
    """Bytes of contexts that are held at most, copies counted."""
    cdef int place                       # in the word @context
    cdef int digits                      # to come of an escape
    cdef uint32_t code

    def __init__(self, uint64_t limit):
        if limit >= N_LEVELS:
            raise ValueError(f"a limit of {limit} levels, expected fewer than {N_LEVELS}")
        self.limit = limit
        memset(self.contexts, 0, sizeof(self.contexts))
        memset(self.is_context, 0, sizeof(self.is_context))
        self.place = -1

    cdef void _next(self, unsigned char c) noexcept nogil:
        self.lines += c == 10
        if self.n_contexts:
            self.contexts[self.level()] += self.n_contexts
            self.copied += self.n_contexts
            self.most_copied = max(self.most_copied, self.copied)
        if self.state == PLAIN:
            self._plain(c)
        elif self.digits:
            self.digits -= 1
            self.code = self.code << 4 | ((c & 0xF) + (9 if c & 0x40 else 0))
            if self.digits == 0:
                self._match(self.code)
        elif self.state == ESCAPED:
            self.state = STRING
            self.code, self.digits = 0, 4 if c == 117 else 0
            if c != 117:
                self.place = -1
        elif c == 34:
            self.state = PLAIN
        elif c == 92:
            self.state = ESCAPED
        else:
            self._match(c)

    cdef void _match(self, uint32_t c) noexcept nogil:
        if 0 <= self.place < 8 and c == <uint32_t>b"@context"[self.place]:
            self.place += 1
        else:
            self.place = -1

    cdef inline int64_t level(self) noexcept nogil:
        return min(self.now, <int64_t>(N_LEVELS - 1))

    cdef void _plain(self, unsigned char c) noexcept nogil:
        cdef int64_t level
        if c == 34:
            self.state, self.place = STRING, 0
        elif c == 123 or c == 91:
            self._open()
            level = self.level()
            self.is_context[level] = self.place == 8
            self.n_contexts += self.place == 8
            self.contexts[level] = 0 if self.n_contexts else self.contexts[level - 1]
            self.copied += self.contexts[level]
            self.most_copied = max(self.most_copied, self.copied)
            self.place = -1
        elif c == 125 or c == 93:
            level = self.level()
            if level == 0:
                return
            if self.n_contexts:          # what is around it has what is in it
                self.contexts[level - 1] += self.contexts[level]
            else:
                self.copied -= self.contexts[level]
            self.n_contexts -= self.is_context[level]
            self.is_context[level] = False
            self._close()
        elif c == 44:
            self.place = -1
