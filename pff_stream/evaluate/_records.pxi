"""The buffer of result records: filled rule by rule, handed out when it is full.

The interpreter lock is held only to hand it out.
"""

from cpython.buffer cimport PyBUF_READ
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy, memset

from pff_stream.report._record cimport (
    EXAMPLES_BYTES,
    N_COUNTS,
    REASON_TEXT,
    RECORD_BYTES,
    REJECTED,
    Record,
)


def rejected_record(uint64_t source, bytes reason):
    """The record of a rule that stays unread, with the reason as its payload."""
    cdef Record record
    memset(&record, 0, sizeof(Record))
    record.source = source
    record.payload_bytes = len(reason)
    record.outcome = REJECTED
    record.reason = REASON_TEXT
    record.n_counts = N_COUNTS
    return PyBytes_FromStringAndSize(<char*>&record, sizeof(Record)) + reason


def sorting_bytes(uint64_t buffer_bytes):
    """Bytes that a buffer takes beside itself to bring its records into the order of the source."""
    return buffer_bytes + sizeof(Placed) * (buffer_bytes // RECORD_BYTES + 1)


cdef class ResultBuffer:
    """Holds records up to `buffer_bytes`; with `sorts` they may come in any order of the source."""

    def __init__(self, size_t buffer_bytes, bint sorts):
        self.buffer_bytes = max(buffer_bytes, 4096)
        self.buffer = <unsigned char*>grown(NULL, self.buffer_bytes)
        self.sorts = sorts
        if sorts:
            self._reserve_sorting()

    def __dealloc__(self):
        free(self.buffer)
        free(self.placed)
        free(self.sorted_buffer)

    cdef int start(self, const Record* record) except -1 nogil:
        """Begins the present record: counts and outcome; examples follow."""
        if self.used + RECORD_BYTES > self.buffer_bytes:
            self.hand_out()
        memcpy(self.buffer + self.used, record, RECORD_BYTES)
        self.record_at = self.used
        self.used += RECORD_BYTES
        return 0

    cdef int hand_out(self) except -1 nogil:
        """Empties the buffer, if there is anything in it."""
        cdef unsigned char* records
        if self.used == 0:
            return 0
        with gil:
            if self.sorts:
                self._sort_records()
            records = self.sorted_buffer if self.sorts else self.buffer
            self.flush(PyMemoryView_FromMemory(<char*>records, self.used, PyBUF_READ))
            self.used = 0
        return 0

    cdef int put_example(
        self, const Head* head, const Body* body, const int32_t* binding, int32_t subject,
        int32_t object
    ) except -1 nogil:
        """Adds a violation with a grounding to the present record; splits it where it is full."""
        cdef size_t size = 8 + 12 * <size_t>body.n_atoms
        cdef Record* record = <Record*>(self.buffer + self.record_at)
        cdef Record next
        cdef int32_t* out
        cdef int i
        cdef int32_t term
        if record.n_examples and self.used + size > self.buffer_bytes:
            next = record[0]
            next.part += 1
            next.payload_bytes = 0
            next.n_examples = 0
            self.start(&next)
            record = <Record*>(self.buffer + self.record_at)
        if record.n_examples == 0:
            self._open_examples(head, body.n_atoms, size)
            record = <Record*>(self.buffer + self.record_at)
        out = <int32_t*>(self.buffer + self.used)
        out[0] = subject
        out[1] = object
        for i in range(body.n_atoms):
            term = body.atoms[i].left
            out[3 * i + 2] = binding[term] if term >= 0 else entity_of(term)
            out[3 * i + 3] = body.atoms[i].relation
            term = body.atoms[i].right
            out[3 * i + 4] = binding[term] if term >= 0 else entity_of(term)
        self.used += size
        record.n_examples += 1
        record.payload_bytes = <uint32_t>(self.used - self.record_at - RECORD_BYTES)
        return 0

    cdef int _open_examples(self, const Head* head, int n_atoms, size_t room) except -1 nogil:
        """Begins the payload of the present record, with `room` for what follows at once."""
        cdef uint32_t fields[5]
        cdef size_t need
        cdef Record record
        fields[0] = n_atoms
        fields[1] = <uint32_t>head.relation
        fields[2] = self._name_bytes(head.relation_name) if head.relation < 0 else 0
        fields[3] = (
            self._name_bytes(head.left_name) if head.left < 0 and head.left_entity < 0 else 0
        )
        fields[4] = (
            self._name_bytes(head.right_name) if head.right < 0 and head.right_entity < 0 else 0
        )
        need = EXAMPLES_BYTES + <size_t>fields[2] + fields[3] + fields[4] + 4
        if self.used + need + room > self.buffer_bytes:
            memcpy(&record, self.buffer + self.record_at, RECORD_BYTES)
            self.used = self.record_at
            if self.used:
                self.hand_out()
            if RECORD_BYTES + need + room > self.buffer_bytes:
                self._enlarge(RECORD_BYTES + need + room)
            memcpy(self.buffer, &record, RECORD_BYTES)
            self.record_at = 0
            self.used = RECORD_BYTES
        memcpy(self.buffer + self.used, fields, EXAMPLES_BYTES)
        self.used += EXAMPLES_BYTES
        if fields[2]:
            self._put_name(head.relation_name)
        if fields[3]:
            self._put_name(head.left_name)
        if fields[4]:
            self._put_name(head.right_name)
        while (self.used - self.record_at) & 3:
            self.buffer[self.used] = 0
            self.used += 1
        return 0

    cdef int _enlarge(self, size_t n_bytes) except -1 nogil:
        cdef void* larger = realloc(self.buffer, n_bytes)
        if larger == NULL:
            with gil:
                raise MemoryError
        self.buffer = <unsigned char*>larger
        self.buffer_bytes = n_bytes
        return 0

    cdef uint32_t _name_bytes(self, int32_t name) noexcept nogil:
        return self.name_ends[name] - (self.name_ends[name - 1] if name else 0)

    cdef void _put_name(self, int32_t name) noexcept nogil:
        cdef uint32_t begin = self.name_ends[name - 1] if name else 0
        memcpy(self.buffer + self.used, self.names + begin, self.name_ends[name] - begin)
        self.used += self.name_ends[name] - begin

    cdef _reserve_sorting(self):
        """As much again as the buffer, for records in source order."""
        self.sorted_bytes = self.buffer_bytes
        self.sorted_buffer = <unsigned char*>grown(self.sorted_buffer, self.sorted_bytes)
        self.placed = <Placed*>grown(
            self.placed, (self.sorted_bytes // RECORD_BYTES + 1) * sizeof(Placed)
        )

    cdef int _sort_records(self) except -1:
        """Brings the records of the buffer into source order, in the other buffer."""
        cdef size_t at = 0, n = 0, i
        cdef Record* record
        if self.sorted_bytes < self.buffer_bytes:
            self._reserve_sorting()
        while at < self.used:
            record = <Record*>(self.buffer + at)
            self.placed[n].source = record.source
            self.placed[n].part = record.part
            self.placed[n].n_bytes = RECORD_BYTES + record.payload_bytes
            self.placed[n].at = at
            at += RECORD_BYTES + record.payload_bytes
            n += 1
        qsort(self.placed, n, sizeof(Placed), &_by_source)
        at = 0
        for i in range(n):
            memcpy(self.sorted_buffer + at, self.buffer + self.placed[i].at, self.placed[i].n_bytes)
            at += self.placed[i].n_bytes
        return 0


cdef int _by_source(const void* one, const void* other) noexcept nogil:
    cdef const Placed* a = <const Placed*>one
    cdef const Placed* b = <const Placed*>other
    if a.source != b.source:
        return 1 if a.source > b.source else -1
    return (a.part > b.part) - (a.part < b.part)
