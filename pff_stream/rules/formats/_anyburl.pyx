# distutils: extra_compile_args = -O3
"""Reads lines of AnyBURL rules at the speed of the text: the fast path of the compiler.

Splits blocks into lines and columns, checks them, and parses each distinct head and body text once.
What is not read here with certainty (unsafe, malformed or truly ambiguous texts) goes to the
`read_text` function, that is to `anyburl.read_rule`, which also defines what this module has to
answer.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy

from pff_stream.rules.formats._anyburl_parse cimport (
    Span, has_blank_letter, has_blank_names, is_letter, parse_direct, parse_integer, parse_plain,
    parse_real, parse_settled,
)
from pff_stream.rules._chunks cimport LINE_BYTES
from pff_stream.rules._runs cimport (
    ANALYSED, BLANKS, DIRECT, NAMED, NAMES_KNOWN, SETTLED, SEVERAL, Body, Head, SortedRuns,
)
from pff_stream.rules._sink cimport RuleSink

cdef extern from "_names.h" nogil:
    uint64_t pff_name_hash(const unsigned char *name, size_t length)

cdef extern from "_text.h" nogil:
    const unsigned char *pff_bad_text(const unsigned char *at, const unsigned char *stop)

cdef enum:
    # The columns of `anyburl.COLUMNS`.
    PREDICTIONS, SUPPORT, CONFIDENCE

cdef enum:
    # `r(X,Y)` and its separator.
    MAX_SPANS = LINE_BYTES // 8 + 2
    SELF_BYTES = 11
    # What a line takes in a run, at most, for each of its bytes: texts, and keys of their names.
    RULE_BYTES = 12
    CONSTANT = 0x7F
    FLAG_AMBIGUOUS = 1
    FLAG_BLANKS = 4

cdef const uint8_t *SELF = b"me_myself_i"
WHOLE = "a whole number of at most 18 digits"
REAL = "a number of at most 63 characters"

READER_BYTES = LINE_BYTES + 8 + MAX_SPANS * sizeof(Span)

include "_anyburl_entries.pxi"


cdef class AnyBurlReader(AnyBurlEntries):
    """The lines of one source, on their way into the sink.

    `read_text(text)` answers (flags, body key, head key), or (column, found, expected).
    `graph` has `entity_id(name)` and `relation_id(name)`, or is None.
    """

    cdef RuleSink sink
    cdef object read_text
    cdef bint names_decide        # whether there is a graph
    cdef uint64_t line
    cdef uint8_t *carried
    cdef size_t n_carried
    cdef bint too_long

    def __cinit__(self, RuleSink sink, object read_text, object graph):
        self.sink = sink
        self.read_text = read_text
        self.names_decide = graph is not None
        self.carried = <uint8_t *>malloc(LINE_BYTES + 8)
        if not self.carried:
            raise MemoryError

    def __dealloc__(self):
        free(self.carried)

    def feed(self, block) -> None:
        """Reads a block (bytes) of the source; a line may begin in one and end in another."""
        cdef Py_buffer buffer
        PyObject_GetBuffer(block, &buffer, PyBUF_SIMPLE)
        try:
            with nogil:
                self._feed(<const uint8_t *>buffer.buf, buffer.len)
        finally:
            PyBuffer_Release(&buffer)

    cdef int _feed(self, const uint8_t *at, size_t left) except -1 nogil:
        cdef const uint8_t *end
        cdef size_t length
        while left:
            end = <const uint8_t *>memchr(at, 10, left)
            length = end - at if end else left
            if end and not self.n_carried and not self.too_long and length <= LINE_BYTES:
                self._line(at, length)
            else:
                self._carry(at, length)
                if end:
                    self._line(self.carried, self.n_carried)
                    self.n_carried = 0
                    self.too_long = False
            if end:
                length += 1
            at += length
            left -= length
        return 0

    def finish(self) -> None:
        """Reads a last line without line end."""
        if self.n_carried or self.too_long:
            self._line(self.carried, self.n_carried)
            self.n_carried = 0

    cdef void _carry(self, const uint8_t *at, size_t length) noexcept nogil:
        cdef size_t part = min(length, LINE_BYTES - self.n_carried)
        memcpy(self.carried + self.n_carried, at, part)
        self.n_carried += part
        if part < length:
            self.too_long = True

    cdef int _line(self, const uint8_t *at, size_t length) except -1 nogil:
        """One line without its line feed."""
        cdef size_t i
        self.line += 1
        if self.line == 1 and length >= 3 and memcmp(at, b"\xef\xbb\xbf", 3) == 0:
            at += 3
            length -= 3
        if length and at[length - 1] == 13 and not self.too_long:
            length -= 1
        if length and at[0] == 35:
            return 0
        i = 0
        while i < length and at[i] == 32:
            i += 1
        if i == length and not self.too_long:
            return 0
        # Before anything is looked up, since making room forgets all entries.
        self.runs.reserve(RULE_BYTES * length)
        self.sink.clear_row()
        return self._columns(at, length)

    cdef int _columns(self, const uint8_t *at, size_t length) except -1 nogil:
        """Checks encoding and columns of a rule line, then reads its rule."""
        cdef const uint8_t *tab
        cdef const uint8_t *end = at + length
        cdef const uint8_t *starts[5]
        cdef int n = 1
        cdef const uint8_t *bad
        if self.too_long:
            with gil:
                return self._reject(
                    at, 256, 0, f"a line of more than {LINE_BYTES} bytes", "a shorter line"
                )
        bad = pff_bad_text(at, end)
        if bad != NULL:
            with gil:
                found = "a NUL character" if bad[0] == 0 else f"byte 0x{bad[0]:02x}, not UTF-8"
                return self._reject(at, length, len(as_text(at, bad - at)), found, "UTF-8 text")
        starts[0] = at
        while n < 5:
            tab = <const uint8_t *>memchr(starts[n - 1], 9, end - starts[n - 1])
            if not tab:
                break
            starts[n] = tab + 1
            n += 1
        if n == 1:
            return self._rule(at, at, length)
        if n != 4:
            with gil:
                return self._reject(
                    at, length, starts[n - 1] - at, f"{n} columns" if n < 5 else "a fifth column",
                    "4 columns (predicted, correct, confidence, rule) or the rule alone",
                )
        if not parse_integer(at, starts[1] - at - 1, &self.sink.row[PREDICTIONS].count):
            with gil:
                return self._bad_number(starts, end, 0, f"{WHOLE} (predictions)")
        if not parse_integer(
            starts[1], starts[2] - starts[1] - 1, &self.sink.row[SUPPORT].count
        ):
            with gil:
                return self._bad_number(starts, end, 1, f"{WHOLE} (correct predictions)")
        if not parse_real(
            starts[2], starts[3] - starts[2] - 1, &self.sink.row[CONFIDENCE].share
        ):
            with gil:
                return self._bad_number(starts, end, 2, f"{REAL} (confidence)")
        return self._rule(at, starts[3], end - starts[3])

    cdef int _bad_number(
        self, const uint8_t **starts, const uint8_t *end, int column, object expected
    ) except -1:
        cdef object found = as_text(starts[column], starts[column + 1] - starts[column] - 1)
        found = repr(found if len(found) <= 40 else found[:37] + "...")
        cdef object before = as_text(starts[0], starts[column] - starts[0])
        return self._reject(starts[3], end - starts[3], len(before), found, expected)

    cdef int _rule(
        self, const uint8_t *line, const uint8_t *text, size_t length
    ) except -1 nogil:
        """One rule text: kept for the source chunk, and read into the run."""
        cdef uint8_t *kept = self.sink.text_at()
        cdef const uint8_t *at
        cdef const uint8_t *closed
        cdef size_t arrow = 0, body_at = 0
        cdef int arrows = 0, good = 0
        memcpy(kept, text, length)
        if length >= 3 and memcmp(kept + length - 3, b" <=", 3) == 0:
            kept[length] = 32
            length += 1
        # Every place of " <= "; only one behind a `)` can end a head.
        at = kept
        while True:
            at = <const uint8_t *>memchr(at, 60, length - (at - kept))
            if not at:
                break
            if (
                at > kept and at + 2 < kept + length
                and (at - 1)[0] == 32 and at[1] == 61 and at[2] == 32
            ):
                arrows += 1
                closed = at - 1
                while closed > kept and (closed - 1)[0] == 32:
                    closed -= 1
                if closed > kept and (closed - 1)[0] == 41:
                    good += 1
                    arrow = closed - kept
                    body_at = at + 3 - kept
            at += 1
        if good == 1 and self._read(kept, length, arrow, body_at, arrows == 1):
            return self.sink.keep(self.line, length)
        with gil:
            return self._read_slowly(text - line, kept, length)

    cdef int _read(
        self, const uint8_t *text, size_t length, size_t arrow, size_t body_at, bint single
    ) except -1 nogil:
        """Reads a text with one place for its arrow; 0 leaves it to `read_text`."""
        cdef const uint8_t *body_text = text + body_at
        cdef uint32_t body_bytes = <uint32_t>(length - body_at)
        cdef bint has_blanks = body_at - arrow > 4
        while body_bytes and body_text[body_bytes - 1] == 32:
            body_bytes -= 1               # what is left of nothing but blanks
        if body_bytes:
            body_bytes = <uint32_t>(length - body_at)
        elif length > body_at:
            has_blanks = True
        cdef uint64_t hashed = pff_name_hash(text, arrow)
        cdef uint32_t head_entry = self.runs.find(False, text, <uint32_t>arrow, hashed)
        cdef uint32_t body_entry, flags = 0
        cdef Head *head
        cdef Body *body
        if not head_entry:
            head_entry = self._new_head(text, <uint32_t>arrow, hashed)
        hashed = pff_name_hash(body_text, body_bytes)
        body_entry = self.runs.find(True, body_text, body_bytes, hashed)
        if not body_entry:
            body_entry = self._new_body(body_text, body_bytes, hashed)
        head = self.runs.head_at(head_entry)
        body = self.runs.body_at(body_entry)
        if has_blanks or (head.state | body.state) & BLANKS:
            if self.names_decide or not (
                single and head.state & (DIRECT | BLANKS) and body.state & (DIRECT | BLANKS)
            ):
                return 0
            flags = FLAG_BLANKS
        elif not (single and head.state & DIRECT and body.state & DIRECT):
            if not head.state & ANALYSED:
                self._analyse_head(head)
            if not body.state & ANALYSED:
                self._analyse_body(body)
            if not (head.state & SETTLED and body.state & SETTLED):
                return 0
            if self.names_decide:
                with gil:
                    if not self._named(head, body):
                        return 0
            if (head.state | body.state) & SEVERAL:
                flags = FLAG_AMBIGUOUS
        if not is_safe(head, body):
            return 0
        self.sink.add_entries(head_entry, body_entry, flags, text, length)
        return 1

    cdef int _read_slowly(self, size_t column, const uint8_t *kept, size_t length) except -1:
        cdef tuple answer = self.read_text(PyBytes_FromStringAndSize(<char *>kept, length))
        if isinstance(answer[1], str):
            return self.sink.keep_reason(
                self.line, length, column + answer[0] - 1, answer[1], answer[2]
            )
        self.sink.add_keys(answer[0], answer[1], answer[2], kept, length)
        return self.sink.keep(self.line, length)

    cdef int _reject(
        self, const uint8_t *text, size_t length, size_t column, object found, object expected
    ) except -1:
        return self.sink.keep_rejected(self.line, text, length, column, found, expected)


cdef object as_text(const uint8_t *text, size_t length):
    return PyBytes_FromStringAndSize(<char *>text, length).decode("utf-8", "replace")
