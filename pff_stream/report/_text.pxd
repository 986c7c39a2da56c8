# Bytes on their way to a writer: a fixed buffer, and the few shapes of text that a report is made of.
# Everything is inline: 160 MB of violations pass here, ten names each.
from cpython.buffer cimport PyBUF_READ
from cpython.mem cimport PyMem_Free
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.ref cimport PyObject
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport malloc, realloc
from libc.string cimport memcpy, strlen

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* Any byte of a word below 0x20, or a quote, or a backslash: eight at a time, exact for "any". */
    static inline uint64_t pff_escapes_in(uint64_t word) {
        const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\\\');
        return (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote)
                | ((slash - ones) & ~slash)) & high;
    }
    static inline int pff_needs_escape(const unsigned char* text, size_t n) {
        uint64_t word, found = 0;
        uint32_t half, other;
        size_t i;
        if (n >= 8) {
            for (i = 0; i + 8 <= n; i += 8) {
                memcpy(&word, text + i, 8);
                found |= pff_escapes_in(word);
            }
            memcpy(&word, text + n - 8, 8);   /* the rest, read again with what is before it */
        } else if (n >= 4) {
            memcpy(&half, text, 4);
            memcpy(&other, text + n - 4, 4);
            word = half | (uint64_t)other << 32;
        } else {
            word = 0x2020202020202020ull;
            for (i = 0; i < n; i++)
                word = word << 8 | text[i];
        }
        return (found | pff_escapes_in(word)) != 0;
    }
    """
    int pff_needs_escape(const unsigned char* text, size_t n) noexcept nogil

cdef extern from "Python.h":
    char* PyOS_double_to_string(double, char, int, int, int*) except NULL
    int Py_DTSF_ADD_DOT_0

cdef enum:
    ESCAPED_BYTES = 6             # the longest form of one byte, \u001f
    NUMBER_BYTES = 20             # the longest uint64
    SHORT_BYTES = 64              # room that every sink can make at once, at the least
    DECIMAL_BYTES = 31
    DECIMALS = 1024


# With a writer the buffer is fixed and handed out when full; without one it grows.
cdef struct Sink:
    char* data
    size_t used
    size_t capacity
    PyObject* writer              # borrowed: whoever owns the sink holds a reference
    uint64_t handed_out           # bytes given to the writer


cdef inline int open_sink(Sink* sink, object writer, size_t capacity) except -1:
    """Takes the buffer of a sink that hands out to `writer`; whoever opened it frees `data`."""
    sink.data = <char*>malloc(capacity)
    if sink.data == NULL:
        raise MemoryError
    sink.used = sink.handed_out = 0
    sink.capacity = capacity
    sink.writer = <PyObject*>writer
    return 0


# A double that was formatted before: confidences repeat.
cdef struct Decimal:
    uint64_t bits
    unsigned char n
    char text[DECIMAL_BYTES]


cdef inline int drain(Sink* sink) except -1:
    """Gives the writer what the buffer holds; the view is void after the call."""
    cdef size_t n = sink.used
    if n == 0:
        return 0
    sink.used = 0
    view = PyMemoryView_FromMemory(sink.data, n, PyBUF_READ)
    (<object>sink.writer).write(view)
    view.release()
    sink.handed_out += n
    return 0


cdef inline int make_room(Sink* sink, size_t need) except -1:
    cdef size_t capacity
    cdef void* larger
    if sink.writer != NULL:
        return drain(sink)
    capacity = max(2 * sink.capacity, sink.used + need)
    larger = realloc(sink.data, capacity)
    if larger == NULL:
        raise MemoryError
    sink.data = <char*>larger
    sink.capacity = capacity
    return 0


cdef inline char* reserve(Sink* sink, size_t need) except NULL:
    """Where `need` bytes can be written; with a writer, `need` is at most the capacity."""
    if sink.capacity - sink.used < need:
        make_room(sink, need)
    return sink.data + sink.used


cdef inline int put(Sink* sink, const char* text, size_t n) except -1:
    """Bytes as they are, any number of them."""
    cdef size_t piece
    while n > sink.capacity - sink.used:
        piece = sink.capacity - sink.used
        if sink.writer == NULL:
            piece = 0
        memcpy(sink.data + sink.used, text, piece)
        sink.used += piece
        text += piece
        n -= piece
        make_room(sink, n)
    memcpy(sink.data + sink.used, text, n)
    sink.used += n
    return 0


cdef inline int put_literal(Sink* sink, const char* text) except -1:
    """A literal of the source: its length is known to the compiler."""
    cdef size_t n = strlen(text)
    memcpy(reserve(sink, n), text, n)
    sink.used += n
    return 0


cdef inline int put_number(Sink* sink, uint64_t value) except -1:
    cdef char digits[NUMBER_BYTES]
    cdef int at = NUMBER_BYTES
    while True:
        at -= 1
        digits[at] = <char>(c'0' + value % 10)
        value //= 10
        if value == 0:
            break
    memcpy(reserve(sink, NUMBER_BYTES), digits + at, NUMBER_BYTES - at)
    sink.used += NUMBER_BYTES - at
    return 0


cdef inline int put_decimal(Sink* sink, double value, Decimal* known) except -1:
    """The shortest decimal that reads back equal; `known` has `DECIMALS` places, zeros at first."""
    cdef uint64_t bits
    cdef Decimal* place
    # First: while a writer is at it, another thread may put another value in its place.
    cdef char* to = reserve(sink, DECIMAL_BYTES)
    cdef char* text
    cdef size_t n
    memcpy(&bits, &value, 8)
    place = known + ((bits * <uint64_t>0x9E3779B97F4A7C15u) >> 54)
    if place.n == 0 or place.bits != bits:
        text = PyOS_double_to_string(value, c'r', 0, Py_DTSF_ADD_DOT_0, NULL)
        n = min(strlen(text), <size_t>DECIMAL_BYTES)
        memcpy(place.text, text, n)
        PyMem_Free(text)
        place.bits = bits
        place.n = <unsigned char>n
    memcpy(to, place.text, place.n)
    sink.used += place.n
    return 0


cdef inline char* escape(char* to, const unsigned char* text, size_t n) noexcept nogil:
    """Writes `text` with JSON's escapes, at most `ESCAPED_BYTES` a byte; returns the end."""
    cdef size_t i
    cdef unsigned char c, short_form
    for i in range(n):
        c = text[i]
        if c >= 0x20 and c != c'"' and c != c'\\':
            to[0] = <char>c
            to += 1
            continue
        to[0] = c'\\'
        short_form = 0
        if c >= 0x20:
            short_form = c
        elif c == c'\b':
            short_form = c'b'
        elif c == c'\t':
            short_form = c't'
        elif c == c'\n':
            short_form = c'n'
        elif c == c'\f':
            short_form = c'f'
        elif c == c'\r':
            short_form = c'r'
        if short_form:
            to[1] = <char>short_form
            to += 2
        else:
            memcpy(to + 1, b"u00", 3)
            to[4] = <char>(c'0' + (c >> 4))
            to[5] = b"0123456789abcdef"[c & 15]
            to += 6
    return to


cdef inline int put_json(Sink* sink, const unsigned char* text, size_t n) except -1:
    """The inside of a JSON string: UTF-8 as it is, quotes, backslashes and controls escaped."""
    cdef size_t piece
    cdef char* to
    if not pff_needs_escape(text, n):
        return put(sink, <const char*>text, n)
    while n:
        piece = min(n, <size_t>(SHORT_BYTES // ESCAPED_BYTES))
        to = reserve(sink, SHORT_BYTES)
        sink.used += escape(to, text, piece) - to
        text += piece
        n -= piece
    return 0


cdef inline int put_field(Sink* sink, const unsigned char* text, size_t n) except -1:
    """A field of a line of columns: tab, newline and carriage return written as \\t, \\n, \\r."""
    cdef size_t i, begin = 0
    cdef char[2] escaped
    escaped[0] = c'\\'
    for i in range(n):
        if text[i] == c'\t':
            escaped[1] = c't'
        elif text[i] == c'\n':
            escaped[1] = c'n'
        elif text[i] == c'\r':
            escaped[1] = c'r'
        else:
            continue
        put(sink, <const char*>text + begin, i - begin)
        put(sink, escaped, 2)
        begin = i + 1
    return put(sink, <const char*>text + begin, n - begin)
