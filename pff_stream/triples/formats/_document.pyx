# distutils: extra_compile_args = -O3
"""One JSON document to triple lines, without an object for any of its values.

Two passes over its bytes: the first checks them, and finds what stands behind the place where it is
needed (ids, keys that stand twice); the second writes lines in the order of the text. What both
hold is told by `held_bytes`. Does not cover: where a document ends in a file (`_elements`), the
words of messages about files (`json`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from pff_stream.triples._name_table cimport Array, Text, pff_name_hash, release, reserve

cdef extern from "_names.h":
    uint64_t pff_mix(uint64_t h) noexcept nogil

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject** bytes, Py_ssize_t size) except -1
    PyObject* PyBytes_FromStringAndSize_ "PyBytes_FromStringAndSize"(
        const char* text, Py_ssize_t size
    ) except NULL
    char* PyBytes_AS_STRING_ "PyBytes_AS_STRING"(PyObject* bytes) nogil

MAX_DEPTH = MOST_DEPTH
MAX_DOCUMENT_BYTES = 0x7FFFFFFF
"""Places in a document are numbers of 31 bits."""
BLOCK_BYTES = 1 << 16
"""Lines that are held at once, or one that is longer."""
SHOWN = 20
"""Characters of what was found, in a message."""

FAULTS = {
    NO_VALUE: "expecting value",
    NO_NAME: "expecting property name enclosed in double quotes",
    NO_COLON: "expecting ':' delimiter",
    NO_COMMA: "expecting ',' delimiter",
    OPEN_STRING: "unterminated string starting at",
    CONTROL: "invalid control character at",
    ESCAPE: "invalid \\escape",
    HEX: "invalid \\uXXXX escape",
    TOO_DEEP: f"a document nested more than {MOST_DEPTH} deep, expected less",
    MORE: "extra data",
}

include "_document_texts.pxi"
include "_document_keys.pxi"
include "_document_check.pxi"
include "_document_names.pxi"
include "_document_lines.pxi"
include "_document_walk.pxi"
