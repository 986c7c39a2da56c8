"""What a document says of rules, on its way to the sums over all documents.

A row for each rule of a merge, rejected ones left out; or, where a table of rules counts them, for
those that the document has something to say of.
"""

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from pff_stream.report._pass cimport Formatter, Pass

cdef enum:
    MOST_ROWS = 16384


ROWS_BYTES = MOST_ROWS * sizeof(Row)
"""What `RuleRows` holds: so many bytes come at once, at most."""


def row_bytes():
    """Bytes of a row."""
    return sizeof(Row)


cdef class RuleRows(Formatter):
    """Hands rows to `write(memoryview)`, some thousands at a time; `finish_rows` hands out the rest."""

    def __cinit__(self, write):
        self.write = write
        self.rows = <Row*>malloc(ROWS_BYTES)
        if self.rows == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.rows)

    cdef int finish(self) except -1:
        return self.hand_out()

    def finish_rows(self):
        """Hands out what is held."""
        self.hand_out()

    cdef int rule(self, Pass at) except -1:
        cdef Row row
        if not at.rule.has_record:        # rejected when it was compiled
            return 0
        memset(&row, 0, sizeof(Row))
        row.source = at.rule.source
        row.outcome = at.rule.outcome
        row.reason = at.rule.reason
        row.facts = at.rule.facts
        memcpy(row.counts, at.rule.counts, sizeof(row.counts))
        return self.add(&row)

    cdef int add(self, const Row* row) except -1 nogil:
        """Takes a row."""
        if self.n == MOST_ROWS:
            with gil:
                self.hand_out()
        self.rows[self.n] = row[0]
        self.n += 1
        return 0

    cdef int hand_out(self) except -1:
        cdef size_t n_bytes = self.n * sizeof(Row)
        self.n = 0
        if n_bytes:
            view = PyMemoryView_FromMemory(<char*>self.rows, n_bytes, PyBUF_READ)
            self.write(view)
            view.release()
        return 0
