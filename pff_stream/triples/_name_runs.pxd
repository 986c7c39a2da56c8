# Names outside the memory, for the encoder.
from libc.stdint cimport uint32_t, uint64_t

from pff_stream.triples._name_table cimport Array, Names, Problem
from pff_stream.triples._scratch cimport Reader, Writer

cdef enum:
    PARTS = 256                   # of the names of a run, by the first byte of their hashes


# The names met between two times of writing them, each once; offsets are places in the file.
cdef struct Run:
    uint64_t n
    uint64_t base                 # names of the runs before it
    uint64_t first_record
    uint64_t ends                 # uint64[n]
    uint64_t blob
    uint64_t blob_bytes
    uint64_t found                # Found[n], written by `merge`
    uint64_t starts[PARTS + 1]    # offsets of its parts
    uint32_t counts[PARTS + 1]    # names in the parts before


cdef class NameRuns:
    cdef int fd
    cdef uint64_t hash_mask
    cdef Array runs
    cdef Array new_bits           # one for each name of each run: met here first
    cdef Array ranks              # uint32 for each eight words of `new_bits`: bits before
    cdef Array table              # uint32[n] of the run at hand: its ids to those of the graph
    cdef uint64_t homes           # offset of uint32 for each name of the graph: its first slot
    cdef bint nested
    cdef bint letter
    cdef bint blanks
    cdef uint64_t room
    cdef uint64_t next_record     # the first triple of the run that is not written yet
    cdef readonly uint64_t end_bytes
    cdef readonly uint64_t n_runs
    cdef readonly uint64_t first_held_bytes, held_bytes, merging_bytes, map_bytes, rank_bytes, window_bytes
    cdef readonly uint64_t longest_bytes
    cdef int error

    cdef bint add(self, Names* names, uint64_t n_records, bint alone) noexcept nogil
    cdef Problem merge(self, Names* names) noexcept nogil
    cdef uint64_t first_record(self, uint64_t run) noexcept nogil
    cdef const uint32_t* map_run(self, uint64_t run) noexcept nogil
    cdef void forget_map(self) noexcept nogil
    cdef uint64_t write(
        self, unsigned char* base, uint64_t at, uint64_t header, Names* names
    ) noexcept nogil
    cdef uint64_t _room(self) noexcept nogil
    cdef bint _failed(self, int error) noexcept nogil
    cdef Problem _broken(self, int error) noexcept nogil
    cdef bint _write_parts(self, Run* run, const Names* names) noexcept nogil
    cdef bint _rank(self, uint64_t total) noexcept nogil
    cdef uint32_t _new_before(self, uint64_t first) noexcept nogil
