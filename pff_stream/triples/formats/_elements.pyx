"""Finds where a JSON object ends without parsing it, so that one document is held at a time.

Tracks strings, escapes and depth, and nothing else: whether what lies between is JSON is found out
when it is parsed.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer


cdef class ElementScanner:
    """The state between blocks of one JSON object or array; `reset` before the next one."""

    cdef bint in_string
    cdef bint escaped
    cdef Py_ssize_t depth
    cdef readonly Py_ssize_t deepest

    def reset(self):
        """The next byte is the first of an element."""
        self.in_string = self.escaped = False
        self.depth = self.deepest = 0

    def find_end(self, block, Py_ssize_t start):
        """The place one behind the element's end in `block`, or -1 where it goes on.

        `deepest` is the largest number of objects and arrays open at once so far.
        """
        cdef Py_buffer view
        cdef Py_ssize_t end
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        with nogil:
            end = self._scan(<const unsigned char*>view.buf, start, view.len)
        PyBuffer_Release(&view)
        return end

    cdef Py_ssize_t _scan(
        self, const unsigned char* block, Py_ssize_t at, Py_ssize_t stop
    ) noexcept nogil:
        cdef bint in_string = self.in_string, escaped = self.escaped
        cdef Py_ssize_t depth = self.depth
        cdef unsigned char c
        while at < stop:
            c = block[at]
            at += 1
            if in_string:
                if escaped:
                    escaped = False
                elif c == 34:                 # "
                    in_string = False
                elif c == 92:                 # backslash
                    escaped = True
            elif c == 34:
                in_string = True
            elif c == 123 or c == 91:         # { [
                depth += 1
                if depth > self.deepest:
                    self.deepest = depth
            elif c == 125 or c == 93:         # } ]
                depth -= 1
                if depth <= 0:
                    self.in_string = self.escaped = False
                    self.depth = 0
                    return at
        self.in_string, self.escaped, self.depth = in_string, escaped, depth
        return -1
