# The one pass over the rules of a source and their results, for whoever formats or decodes them.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from pff_stream.report._record cimport N_COUNTS, N_OUTCOMES, N_REASONS
from pff_stream.report._runs cimport RunHeap
from pff_stream.report._text cimport Sink
from pff_stream.triples._graph cimport GraphView

cdef enum:
    WORST = 10

# Columns of the miner, in the order of `MINER` in _rule_reader.pxi.
cdef enum:
    MINER_PREDICTIONS = 0
    MINER_SUPPORT = 1
    MINER_CONFIDENCE = 2
    MINER_PCA_CONFIDENCE = 3
    MINER_PCA_PREDICTIONS = 4
    MINER_HEAD_COVERAGE = 5
    N_MINER = 6

# A column of the present source chunk as it lies in the file, at any address.
cdef struct Column:
    const unsigned char* values
    uint8_t width                 # bytes of a value; 0: no rule of the chunk has one

# A part of a buffer that somebody else holds.
cdef struct Slice:
    const unsigned char* text
    size_t n

# The present rule; slices are valid until the next one, `reason_text` until its next part.
cdef struct Rule:
    uint64_t source
    uint64_t line
    Slice text
    Slice reason_text
    double miner_confidence       # NaN: none
    int64_t counts[N_COUNTS]
    int64_t facts                 # triples of the head's relation
    int64_t examples              # in the parts read so far
    uint8_t outcome
    uint8_t reason
    uint8_t place                 # of the head's functional variable
    bint has_record               # and so maybe more parts

# The examples of the present part, checked to lie inside its payload.
cdef struct Examples:
    uint32_t n
    uint32_t n_atoms
    int32_t relation              # -1: the literal
    Slice names[3]                # relation, subject, object; used where an id is -1
    const unsigned char* ids
    size_t stride

cdef struct Worst:
    int64_t violations
    int64_t predictions
    uint64_t line


cdef inline int32_t read_i32(const unsigned char* at) noexcept nogil:
    cdef int32_t value
    memcpy(&value, at, 4)
    return value


cdef class Pass
cdef class Formatter:
    cdef bint wants_examples
    cdef int rule(self, Pass at) except -1
    cdef int examples(self, Pass at, uint32_t n) except -1
    cdef int finish(self) except -1


cdef class RuleReader:
    cdef GraphView graph
    cdef RunHeap heap
    cdef object chunks
    cdef const uint64_t[::1] lines
    cdef const unsigned char[::1] texts
    cdef const uint32_t[::1] text_ends
    cdef const uint32_t[::1] reason_ends
    cdef const unsigned char[::1] reasons
    cdef Column miner[N_MINER]
    cdef list miner_views         # what the columns lie in
    cdef Py_ssize_t at            # in the present source chunk, of the next rule
    cdef Py_ssize_t n
    cdef uint64_t source          # ordinal of the next rule
    cdef uint64_t stop            # and of the first that is left out
    cdef bint begun               # whether a source chunk was taken
    cdef uint32_t part
    cdef Rule rule
    cdef Examples examples
    cdef dict withdrawn           # rules whose results are void, by ordinal, with the reason
    cdef bytes withdrawn_text
    cdef bint is_part             # rules without results are passed over
    cdef bint partial             # whether unknown predictions are no violations

    cdef bint next_rule(self) except -1
    cdef bint next_part(self) except -1
    cdef int head(self, const unsigned char* ids, Slice* names) except -1
    cdef int body_triple(self, const unsigned char* ids, Slice* names) except -1
    cdef int64_t violations_of(self, const Rule* rule) noexcept
    cdef int64_t miner_count(self, int column) noexcept
    cdef double miner_share(self, int column) noexcept
    cdef bint _is_elsewhere(self) noexcept
    cdef int _withdraw(self, Rule* rule) except -1
    cdef int _read_counts(self, Rule* rule) except -1
    cdef int _read_part(self, Rule* rule) except -1
    cdef _bad_examples(self)
    cdef bint _next_chunk(self) except -1
    cdef int _take_miner(self, chunk) except -1
    cdef int _entity(self, int32_t entity, Slice* name) except -1
    cdef int _relation(self, int32_t relation, Slice* name) except -1


cdef class Pass(RuleReader):
    cdef uint64_t unseen
    cdef uint64_t examples_left   # until the cap
    # totals
    cdef uint64_t outcomes[N_OUTCOMES]
    cdef uint64_t by_reason[N_REASONS]
    cdef uint64_t sums[N_COUNTS]  # of counts; what is over 2**62 goes to `more`
    cdef uint64_t kept            # examples
    cdef list more
    cdef Worst worst[WORST]
    cdef int n_worst
    cdef list worst_texts

    cdef uint32_t take_examples(self) noexcept
    cdef object confidence(self, const Rule* rule)
    cdef object partial_confidence(self, counts)
    cdef int put_confidence(self, Sink* sink) except -1
    cdef int put_decimal(self, Sink* sink, double value) except -1
    cdef int _give_examples(self, list formatters) except -1
    cdef int count(self) except -1
    cdef object totals(self, uint64_t written, bint writes)
    cdef int _keep_worst(self, int64_t violations) except -1


cdef bytes bytes_of(Slice part)
cdef str decode(bytes text)
