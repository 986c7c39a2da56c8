# distutils: extra_compile_args = -O3
"""Python objects as JSON text: what `json.dumps` writes without blanks and ASCII escapes, at once.

No Python code is called for plain dicts, lists, texts and numbers, so that no other thread changes
them meanwhile. Does not say what stands wrong where: it only ends.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8String
from libc.math cimport isfinite
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef extern from "triples/formats/_json_text.h" nogil:
    const unsigned char* pff_json_plain(const unsigned char* at, const unsigned char* stop)

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    long PyLong_AsLongAndOverflow(object number, int* overflow) except? -1
    char* PyOS_double_to_string(double value, char how, int precision, int flags, int* kind) except NULL
    int Py_DTSF_ADD_DOT_0

cdef enum:
    MOST_OPEN = 1000              # objects and lists in each other; a document may have fewer
    PIECE = 4096                  # bytes of a text that are written at once
    LONGEST_ESCAPE = 6

cdef const char* DIGITS = b"0123456789abcdef"


@cython.final
cdef class _Writer:
    cdef unsigned char* text
    cdef size_t used
    cdef size_t room
    cdef size_t most

    def __dealloc__(self):
        free(self.text)

    cdef int _reserve(self, size_t more) except -1:
        cdef size_t room
        cdef void* larger
        if self.used + more > self.room:
            if self.used > self.most:
                raise OverflowError
            room = max(self.used + more, 2 * self.room, <size_t>4096)
            larger = realloc(self.text, room)
            if larger == NULL:
                raise MemoryError
            self.text = <unsigned char*>larger
            self.room = room
        return 0

    cdef int _put(self, const void* text, size_t n) except -1:
        self._reserve(n)
        memcpy(self.text + self.used, text, n)
        self.used += n
        return 0

    cdef int _byte(self, unsigned char byte) except -1:
        if self.used == self.room:
            self._reserve(1)
        self.text[self.used] = byte
        self.used += 1
        return 0

    cdef int _string(self, str value) except -1:
        cdef const unsigned char* text
        cdef bytes encoded
        if PyUnicode_IS_ASCII(value):
            text = <const unsigned char*>PyUnicode_DATA(value)
            return self._quoted(text, PyUnicode_GET_LENGTH(value))
        # Not as the text itself would keep it: it may stay long after the document.
        encoded = PyUnicode_AsUTF8String(value)
        return self._quoted(
            <const unsigned char*>PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)
        )

    cdef int _quoted(self, const unsigned char* at, size_t n) except -1:
        cdef const unsigned char* stop = at + n
        cdef unsigned char* end
        if n <= PIECE:
            self._reserve(LONGEST_ESCAPE * n + 2)
            self.text[self.used] = 34
            end = _escape(at, stop, self.text + self.used + 1)
            end[0] = 34
            self.used = end + 1 - self.text
            return 0
        self._byte(34)
        while at < stop:
            n = min(stop - at, <Py_ssize_t>PIECE)
            self._reserve(LONGEST_ESCAPE * n)
            self.used = _escape(at, at + n, self.text + self.used) - self.text
            at += n
        return self._byte(34)

    cdef int _integer(self, value) except -1:
        cdef int overflow = 0
        cdef long number = PyLong_AsLongAndOverflow(value, &overflow)
        cdef unsigned long left
        cdef unsigned char digits[24]
        cdef int n = 0
        if overflow:
            written = int.__repr__(value).encode()
            return self._put(PyBytes_AS_STRING(written), len(written))
        left = <unsigned long>number
        if number < 0:
            self._byte(45)
            left = 0 - left
        while n == 0 or left:
            n += 1
            digits[24 - n] = <unsigned char>(48 + left % 10)
            left //= 10
        return self._put(&digits[24 - n], n)

    cdef int _float(self, value) except -1:
        cdef double number = PyFloat_AS_DOUBLE(value)
        cdef char* written
        cdef size_t n = 0
        if not isfinite(number):
            raise ValueError("a number that JSON has not")
        written = PyOS_double_to_string(number, b"r", 0, Py_DTSF_ADD_DOT_0, NULL)
        while written[n]:
            n += 1
        try:
            return self._put(written, n)
        finally:
            PyMem_Free(written)

    cdef int _value(self, value, int depth) except -1:
        if isinstance(value, str):
            return self._string(value if type(value) is str else str.__str__(value))
        if value is None:
            return self._put(b"null", 4)
        if value is True:
            return self._put(b"true", 4)
        if value is False:
            return self._put(b"false", 5)
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return self._float(value)
        if depth == MOST_OPEN:
            raise RecursionError(f"a document nested more than {MOST_OPEN} deep")
        if isinstance(value, dict):
            return self._object(value, depth)
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        raise TypeError("a value that JSON has not")

    cdef int _object(self, value, int depth) except -1:
        cdef Py_ssize_t place = 0
        cdef PyObject* key
        cdef PyObject* inner
        cdef bint is_first = True
        self._byte(123)
        if type(value) is dict:
            while PyDict_Next(value, &place, &key, &inner):
                self._member(<object>key, <object>inner, is_first, depth)
                is_first = False
        else:
            for own, item in value.items():
                self._member(own, item, is_first, depth)
                is_first = False
        return self._byte(125)

    cdef int _member(self, key, value, bint is_first, int depth) except -1:
        if not is_first:
            self._byte(44)
        if isinstance(key, str):
            self._string(key if type(key) is str else str.__str__(key))
        else:
            if not (key is None or isinstance(key, (int, float))):
                raise TypeError("a key that JSON has not")
            self._byte(34)
            self._value(key, depth)
            self._byte(34)
        self._byte(58)
        return self._value(value, depth + 1)

    cdef int _array(self, value, int depth) except -1:
        cdef Py_ssize_t i = 0
        cdef bint is_list = isinstance(value, list)
        self._byte(91)
        # Its length is asked for each time: a subclass of what is in it may change it.
        while i < (PyList_GET_SIZE(value) if is_list else len(value)):
            if i:
                self._byte(44)
            self._value(<object>PyList_GET_ITEM(value, i) if is_list else value[i], depth + 1)
            i += 1
        return self._byte(93)


cdef unsigned char* _escape(
    const unsigned char* at, const unsigned char* stop, unsigned char* to
) noexcept nogil:
    """Writes a piece of a text; returns where the next one goes."""
    cdef const unsigned char* plain
    while True:
        plain = pff_json_plain(at, stop)
        memcpy(to, at, plain - at)
        to += plain - at
        at = plain
        if at == stop:
            return to
        if at[0] > 127:
            to[0] = at[0]
            to += 1
        else:
            to[0] = 92
            to = _escaped(at[0], to + 1)
        at += 1


cdef unsigned char* _escaped(unsigned char byte, unsigned char* to) noexcept nogil:
    """Writes what stands behind the backslash."""
    cdef unsigned char short = 0
    if byte == 34 or byte == 92:
        short = byte
    elif byte == 10:
        short = 110
    elif byte == 9:
        short = 116
    elif byte == 13:
        short = 114
    elif byte == 8:
        short = 98
    elif byte == 12:
        short = 102
    if short:
        to[0] = short
        return to + 1
    memcpy(to, b"u00", 3)
    to[3] = DIGITS[byte >> 4]
    to[4] = DIGITS[byte & 15]
    return to + 5


def json_of(value, size_t most):
    """The value as JSON, UTF-8, without blanks, of at most so many bytes.

    Raises TypeError or ValueError (UnicodeEncodeError included) for what JSON has not,
    RecursionError for what is nested too deep or holds itself, OverflowError for more bytes.
    """
    cdef _Writer writer = _Writer()
    writer.most = most
    writer._value(value, 0)
    if writer.used > most:
        raise OverflowError
    return PyBytes_FromStringAndSize(<char*>writer.text, writer.used)
