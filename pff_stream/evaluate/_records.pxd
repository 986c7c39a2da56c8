# Result records as they are handed out; their format is in pff_stream/report/records.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from pff_stream.evaluate._counter cimport Head
from pff_stream.evaluate._scratch cimport Body


cdef enum:
    RECORD_BYTES = 48


cdef struct Record:
    uint64_t source
    uint32_t part
    uint32_t payload_bytes
    int64_t predictions
    int64_t support
    uint8_t outcome
    uint8_t reason
    uint16_t zero
    uint32_t n_examples
    uint64_t reserved


# Where a record stands in the buffer.
cdef struct Placed:
    uint64_t source
    uint32_t part
    uint32_t n_bytes
    size_t at


cdef class ResultBuffer:
    cdef unsigned char* buffer
    cdef size_t buffer_bytes
    cdef size_t used
    cdef size_t record_at         # of the present record
    cdef object flush
    cdef const unsigned char* names   # of the present chunk
    cdef const uint32_t* name_ends
    cdef bint sorts               # whether records come in any order, and are handed out by source
    cdef Placed* placed
    cdef unsigned char* sorted_buffer
    cdef size_t sorted_bytes

    cdef int start(self, const Record* record) except -1 nogil
    cdef int hand_out(self) except -1 nogil
    cdef int put_example(
        self, const Head* head, const Body* body, const int32_t* binding, int32_t subject,
        int32_t object
    ) except -1 nogil
    cdef int _open_examples(self, const Head* head, int n_atoms, size_t room) except -1 nogil
    cdef int _enlarge(self, size_t n_bytes) except -1 nogil
    cdef uint32_t _name_bytes(self, int32_t name) noexcept nogil
    cdef void _put_name(self, int32_t name) noexcept nogil
    cdef _reserve_sorting(self)
    cdef int _sort_records(self) except -1
