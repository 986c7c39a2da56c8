# distutils: extra_compile_args = -O3
"""Finds where a JSON object ends without parsing it, and counts what parsing it will hold.

Tracks strings, escapes, depth and the sizes of the interpreter's objects, and nothing else: whether
what lies between is JSON is found out when it is parsed. So one document is held at a time, and
what it takes is known before it is taken.
"""

import sys

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

cdef enum:
    MOST_DEPTH = 1000             # whoever asks calls much less an error
    SMALL_BYTES = 512             # the interpreter has pools up to here, of sizes in steps of 16
    MAPPED_SLOTS = 1 << 16        # a list of so many is a mapping, whose pages come as it is filled
    FIRST_SLOTS = 1 << 10
    HASH_START = 2166136261       # FNV-1a of 32 bits
    HASH_FACTOR = 16777619

cdef struct Frame:                # an object or array that is open
    bint is_object
    bint wants_key
    uint64_t n                    # members so far
    uint64_t room                 # for so many, in the list that they are appended to
    uint64_t key_chars            # of the last key
    uint64_t path_chars           # of the keys and indices that lead here

# What objects take on this interpreter, in bytes; a table of a dict beside slots and entries.
cdef uint64_t LIST = sys.getsizeof([])
cdef uint64_t DICT = sys.getsizeof({})
cdef uint64_t TABLE = sys.getsizeof({"a": 0}) - DICT - 8 - 5 * 16
cdef uint64_t PAIR = sys.getsizeof((0, 0))
cdef uint64_t ASCII_TEXT = sys.getsizeof("ab") - 3
cdef uint64_t WIDE_TEXT = sys.getsizeof("\xe9b") - 3


cdef inline uint64_t _allocated(uint64_t n_bytes) noexcept nogil:
    """What an allocation takes; larger ones have a head of 8 bytes."""
    return (n_bytes + (8 if n_bytes > SMALL_BYTES else 0) + 15) & ~<uint64_t>15


cdef inline uint64_t _text_bytes(uint64_t n, int width, bint escaped) noexcept nogil:
    """A text of `n` characters, the widest of so many bytes (0: ASCII)."""
    cdef uint64_t size
    if n <= 1 and width <= 1:
        return 0                  # there is one of each in the interpreter
    size = WIDE_TEXT + width * (n + 1) if width else ASCII_TEXT + n + 1
    if escaped and size <= SMALL_BYTES:
        size += max(1, width) * n // 4   # written piece by piece; small ones keep their spare room
    return _allocated(size)


cdef inline uint64_t _table_bytes(uint64_t n, uint64_t* before) noexcept nogil:
    """The table of a dict of `n` keys; `before`: the one that it was copied from, or 0."""
    cdef uint64_t slots = 8, index, size
    before[0] = 0
    while True:
        index = 1 if slots <= 128 else 2 if slots <= 1 << 15 else 4
        size = _allocated(TABLE + slots * index + slots * 2 // 3 * 16)
        if n <= slots * 2 // 3:
            return size
        before[0] = size
        slots *= 2


cdef inline uint64_t _list_bytes(const Frame* frame) noexcept nogil:
    """The members of the list, beside its head."""
    if frame.room < MAPPED_SLOTS:
        return _allocated(8 * frame.room)
    return 8 * frame.n


cdef class ElementScanner:
    """The state between blocks of one JSON object; `reset` before the next one.

    The parser that is counted for is CPython's, with numbers as texts and an `object_pairs_hook`
    that makes a dict: an object is a list of pairs until it ends, and equal keys are one text.
    """

    cdef bint in_string
    cdef bint escaped
    cdef int hex_left             # digits of an escape that are to come
    cdef uint32_t code            # of these digits
    cdef uint32_t high            # a surrogate whose other half may come next
    cdef uint64_t n_chars         # of the text or number
    cdef int width                # of its widest character
    cdef bint has_escape
    cdef uint64_t n_doubled       # of them, that a line writes as two
    cdef uint32_t hash
    cdef int token                # 0: none, 1: a number, 2: a word
    cdef Py_ssize_t depth
    cdef Frame frames[MOST_DEPTH + 1]
    cdef uint64_t n_characters
    cdef int widest
    cdef uint64_t held
    cdef uint64_t most            # held, with the table of keys
    cdef uint64_t touched         # held, without tables and lists that are given back as a whole
    cdef uint64_t large           # held texts that are in no pool
    cdef uint64_t longest_chars   # of a text or number
    cdef uint64_t longest_raw     # bytes of one as it is stored
    cdef uint64_t raw
    cdef uint64_t paths           # characters of the paths of all that is open
    cdef uint64_t most_paths
    cdef uint64_t memo            # bytes of the table of keys
    cdef uint64_t n_keys          # different ones
    cdef uint32_t* keys           # their hashes, in a table
    cdef uint64_t n_slots
    cdef readonly Py_ssize_t deepest
    """The largest number of objects and arrays open at once so far."""
    cdef readonly bint escapes
    """Whether there is a backslash."""
    cdef readonly bint lone_surrogate
    """Whether one is written by an escape without its other half."""

    def __cinit__(self):
        self.keys = NULL
        self.reset()

    def __dealloc__(self):
        free(self.keys)

    def reset(self):
        """The next byte is the first of an element."""
        self.in_string = self.escaped = self.escapes = self.lone_surrogate = False
        self.hex_left = self.token = self.widest = 0
        self.high = 0
        self.depth = self.deepest = 0
        self.n_characters = self.held = self.most = self.touched = self.large = 0
        self.longest_chars = self.longest_raw = self.paths = self.most_paths = 0
        self.memo = self.n_keys = 0
        self.frames[0] = Frame(False, False, 0, 0, 0, 0)
        self._forget_keys()

    cdef void _forget_keys(self):
        free(self.keys)
        self.keys = NULL
        self.n_slots = 0

    def find_end(self, block, Py_ssize_t start):
        """The place one behind the element's end in `block`, or -1 where it goes on."""
        cdef Py_buffer view
        cdef Py_ssize_t end
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        try:
            with nogil:
                end = self._scan(<const unsigned char*>view.buf, start, view.len)
        finally:
            PyBuffer_Release(&view)
        return end

    @property
    def parsing_bytes(self):
        """What parsing the element, as far as it was seen, holds at least: text and objects."""
        cdef uint64_t text = self.n_characters * max(1, self.widest)
        return text + max(self.n_characters, self.most, self.held)

    def sizes(self):
        """Of the element, when its end was found.

        Bytes of a character of its text; bytes of its text, of its objects at most while it is
        parsed, of its objects then (pools that were used stay), of those that are large texts;
        characters of its longest value, bytes of the longest as it is stored; characters of the
        paths that are needed at once.
        """
        cdef uint64_t width = max(1, self.widest)
        cdef uint64_t text = WIDE_TEXT + (self.n_characters + 1) * width
        self._forget_keys()
        return (
            width, text, self.most, self.touched, self.large,
            self.longest_chars, self.longest_raw, self.most_paths,
        )

    cdef Py_ssize_t _scan(
        self, const unsigned char* block, Py_ssize_t at, Py_ssize_t stop
    ) except? -2 nogil:
        cdef unsigned char c
        while at < stop:
            if self.in_string:
                at = self._string(block, at, stop)
                continue
            c = block[at]
            at += 1
            self.n_characters += 1
            if c == 34:                       # "
                self.in_string = True
                self.n_chars = 0
                self.width = 0
                self.has_escape = False
                self.raw = self.n_doubled = 0
                self.hash = HASH_START
            elif c == 44 or c == 58:          # , :
                self._end_token()
                self.frames[self.depth].wants_key = c == 44
            elif c == 123 or c == 91:         # { [
                if self.depth == MOST_DEPTH:
                    return -1
                self._open(c == 123)
            elif c == 125 or c == 93:         # } ]
                self._end_token()
                self._close()
                if self.depth <= 0:
                    return at
            elif c == 32 or 9 <= c <= 13:
                self._end_token()
            else:
                if self.token == 0:
                    self.n_chars = 0
                    self.token = 1 if c == 45 or 48 <= c <= 57 else 2
                self.n_chars += 1
        return -1

    cdef Py_ssize_t _string(
        self, const unsigned char* block, Py_ssize_t at, Py_ssize_t stop
    ) except? -2 nogil:
        """Goes on in a string, up to its end or that of the block."""
        cdef unsigned char c
        cdef uint32_t hash = self.hash
        cdef Py_ssize_t start, first = at
        while at < stop:
            if not (self.escaped or self.hex_left or self.high):
                start = at
                while at < stop:
                    c = block[at]
                    if c == 34 or c == 92 or c >= 128:
                        break
                    hash = (hash ^ c) * <uint32_t>HASH_FACTOR
                    at += 1
                self.n_chars += at - start
                self.n_characters += at - start
                if at == stop:
                    break
            c = block[at]
            at += 1
            hash = (hash ^ c) * <uint32_t>HASH_FACTOR
            if c < 128 or c >= 192:
                self.n_characters += 1
            if self.hex_left:
                self._hex_digit(c)
            elif self.escaped:
                self.escaped = False
                if c == 117:                  # u
                    self.hex_left = 4
                    self.code = 0
                else:
                    self._character(c)
                    self.n_doubled += c == 110 or c == 116 or c == 92   # n, t, a backslash
            elif c == 92:                     # a backslash
                self.escaped = self.escapes = self.has_escape = True
            elif c == 34:
                self._no_half()
                self.in_string = False
                self.hash = hash
                self.raw += at - 1 - first
                self._end_string()
                return at
            elif c < 128 or c >= 192:
                self._character(c)
                if c >= 192:
                    self._widen(1 if c < 196 else 2 if c < 240 else 4)
                    self.widest = max(self.widest, self.width)
        self.hash = hash
        self.raw += at - first
        return at

    cdef void _character(self, unsigned char c) noexcept nogil:
        self._no_half()
        self.n_chars += 1

    cdef void _no_half(self) noexcept nogil:
        """What follows is no other half of a surrogate."""
        if self.high:
            self.lone_surrogate = True
            self.high = 0

    cdef void _widen(self, int width) noexcept nogil:
        if width > self.width:
            self.width = width

    cdef void _hex_digit(self, unsigned char c) noexcept nogil:
        """A digit of an escape; what is none is an error of the parser."""
        self.code = self.code << 4 | ((c & 15) + (9 if c > 57 else 0))
        self.hex_left -= 1
        if self.hex_left:
            return
        if self.high and self.code >> 10 == 0xDC00 >> 10:
            self.high = 0                     # the character was counted with its first half
            self._widen(4)
            return
        self._character(c)
        self.n_doubled += self.code == 9 or self.code == 10 or self.code == 92
        if self.code >> 10 == 0xD800 >> 10:
            self.high = self.code
        elif self.code >> 10 == 0xDC00 >> 10:
            self.lone_surrogate = True
        if self.code >= 128:
            self._widen(1 if self.code < 256 else 2)

    cdef int _end_string(self) except -1 nogil:
        cdef Frame* frame = &self.frames[self.depth]
        if frame.is_object and frame.wants_key:
            frame.key_chars = self.n_chars
            if self._is_new_key():
                self.held += _text_bytes(self.n_chars, self.width, self.has_escape)
        else:
            self._end_text()
        return 0

    cdef void _end_text(self) noexcept nogil:
        """A value that is a text, or a number, which is kept as one."""
        cdef uint64_t size = _text_bytes(self.n_chars, self.width, self.has_escape)
        self.held += size
        if size > SMALL_BYTES:
            self.large += size
        self.longest_chars = max(self.longest_chars, self.n_chars + self.n_doubled)
        self.longest_raw = max(self.longest_raw, self.raw)
        self._append()

    cdef void _end_token(self) noexcept nogil:
        if self.token:
            if self.token == 1:
                self.width = 0
                self.has_escape = False
                self.n_doubled = 0
                self.raw = self.n_chars
                self._end_text()
            else:
                self._append()
            self.token = 0

    cdef void _open(self, bint is_object) noexcept nogil:
        cdef Frame* outer = &self.frames[self.depth]
        cdef uint64_t n = outer.n, path = outer.path_chars + 1
        if outer.is_object:
            path += outer.key_chars
        else:
            while n >= 10:
                path += 1
                n //= 10
            path += 1
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)
        self.frames[self.depth] = Frame(is_object, True, 0, 0, 0, path)
        self.held += _allocated(LIST)
        self.paths += path
        self.most_paths = max(self.most_paths, self.paths + 3 * path)

    cdef void _append(self) noexcept nogil:
        """One more member of what is open: lists grow by an eighth."""
        cdef Frame* frame = &self.frames[self.depth]
        self.held -= _list_bytes(frame)
        if frame.n == frame.room:
            frame.room = (frame.n + 1 + (frame.n + 1 >> 3) + 6) & ~<uint64_t>3
        frame.n += 1
        self.held += _list_bytes(frame)
        if frame.is_object:
            self.held += _allocated(PAIR)

    cdef void _close(self) noexcept nogil:
        """The innermost object becomes a dict, and is a member of what it lies in."""
        cdef Frame* frame = &self.frames[self.depth]
        cdef uint64_t table = 0, before = 0
        if frame.is_object:
            if frame.n:
                table = _table_bytes(frame.n, &before)
            self.held += _allocated(DICT) + table
            self._note(before)
            self.held -= _list_bytes(frame)
            self.touched = max(self.touched, self.held)
            self.held -= _allocated(LIST) + frame.n * _allocated(PAIR)
        self.paths -= frame.path_chars
        self.depth -= 1
        if self.depth > 0:
            self._append()

    cdef void _note(self, uint64_t more) noexcept nogil:
        if self.held + self.memo + more > self.most:
            self.most = self.held + self.memo + more

    cdef bint _is_new_key(self) except -1 nogil:
        """Whether no key with this hash came before; it is remembered."""
        cdef uint64_t place, before
        cdef uint32_t hash = self.hash | 1    # 0 is an empty slot
        if 2 * self.n_keys >= self.n_slots:
            self._more_slots()
        place = hash * <uint64_t>HASH_FACTOR & (self.n_slots - 1)
        while self.keys[place]:
            if self.keys[place] == hash:
                return False
            place = (place + 1) & (self.n_slots - 1)
        self.keys[place] = hash
        self.n_keys += 1
        self.memo = _table_bytes(self.n_keys, &before)
        self._note(before)
        return True

    cdef int _more_slots(self) except -1 nogil:
        cdef uint32_t* old = self.keys
        cdef uint64_t n_old = self.n_slots, i, place
        cdef uint64_t n = 4 * n_old if n_old else FIRST_SLOTS
        cdef uint32_t* made = <uint32_t*>calloc(n, sizeof(uint32_t))
        if made == NULL:
            with gil:
                raise MemoryError
        for i in range(n_old):
            if old[i]:
                place = old[i] * <uint64_t>HASH_FACTOR & (n - 1)
                while made[place]:
                    place = (place + 1) & (n - 1)
                made[place] = old[i]
        free(old)
        self.keys, self.n_slots = made, n
        return 0
