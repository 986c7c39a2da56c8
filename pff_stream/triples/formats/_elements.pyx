# distutils: extra_compile_args = -O3
"""Finds where a JSON object ends in blocks of bytes, without parsing it.

Tracks strings, escapes and depth, and nothing else: whether what lies between is JSON is found out
when the object is whole.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from pff_stream.triples._name_table cimport Text
from pff_stream.triples.formats._document cimport pff_json_plain


cdef class ElementScanner:
    """The state between blocks of one JSON object; `reset` before the next one."""

    cdef bint in_string
    cdef bint escaped
    cdef Py_ssize_t depth
    cdef readonly Py_ssize_t deepest
    """The largest number of objects and arrays open at once so far."""

    def __cinit__(self):
        self.reset()

    @property
    def is_open(self):
        """Whether the object goes on; not where a newline would stand in a string."""
        return self.depth > 0 and not self.in_string

    def reset(self):
        """The next byte is the first of an object."""
        self.in_string = self.escaped = False
        self.depth = self.deepest = 0

    def find_end(self, block, Py_ssize_t start):
        """The place one behind the object's end in `block`, or -1 where it goes on."""
        cdef Py_buffer view
        cdef Py_ssize_t end
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        try:
            with nogil:
                end = self._scan(<Text>view.buf, start, view.len)
        finally:
            PyBuffer_Release(&view)
        return end

    cdef Py_ssize_t _scan(self, Text block, Py_ssize_t at, Py_ssize_t stop) noexcept nogil:
        cdef unsigned char c
        while at < stop:
            if self.in_string:
                if self.escaped:
                    self.escaped = False
                    at += 1
                    continue
                at = pff_json_plain(block + at, block + stop) - block
                if at == stop:
                    break
                c = block[at]
                at += 1
                self.escaped = c == 92
                self.in_string = c != 34
                continue
            c = block[at]
            at += 1
            if c == 34:                       # "
                self.in_string = True
            elif c == 123 or c == 91:         # { [
                self.depth += 1
                self.deepest = max(self.deepest, self.depth)
            elif c == 125 or c == 93:         # } ]
                self.depth -= 1
                if self.depth <= 0:
                    return at
        return -1
