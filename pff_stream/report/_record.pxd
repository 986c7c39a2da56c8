# The header of a result record, for those who write records and for those who read them.
#
# What it means is said in records.py: `RECORD` packs the same bytes, `Counts` names the counts, and
# `Outcome` and `Reason` the codes. Types only: nothing is imported for it at run time.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    PREDICTIONS = 0
    SUPPORT = 1
    UNKNOWN = 2
    N_COUNTS = 3

cdef enum:
    RECORD_BYTES = 32 + 8 * N_COUNTS
    EXAMPLES_BYTES = 20           # `EXAMPLES` of records.py

cdef enum:
    SATISFIED = 0
    VIOLATED = 1
    VACUOUS = 2
    FILTERED = 3
    TOO_LARGE = 4
    FAILED = 5
    REJECTED = 6
    N_OUTCOMES = 7

cdef enum:
    RELATION_ABSENT = 1
    CONSTANT_ABSENT = 2
    NOTHING_MATCHES = 3
    UNDER_SUPPORT = 4
    UNDER_CONFIDENCE = 5
    OVER_MAX_WORK = 6
    REASON_TEXT = 7
    ALL_UNKNOWN = 8
    HEAD_RELATION_ABSENT = 9
    RELATION_NOT_ASKED = 10
    N_REASONS = 11

cdef struct Record:
    uint64_t source
    uint32_t part
    uint32_t payload_bytes
    uint8_t outcome
    uint8_t reason
    uint8_t n_counts
    uint8_t place                 # of the functional variable of the head: 0 subject, 1 object
    uint32_t n_examples
    int64_t facts
    int64_t counts[N_COUNTS]
