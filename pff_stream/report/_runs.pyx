"""Runs of result records read as one stream, sorted by (source, part), with a bounded memory.

Each run has a fixed window of its file; a record that is longer than a window is read whole into one
buffer that all runs share. Where there are more runs than the fan-in, runs are merged into an unnamed
temporary file first. So memory is `heap_bytes`, which hardly grows with the runs. What is read is
checked (order, bounds, CRC-32 of each run) and dropped from the page cache behind.
"""

import os
import zlib

from cpython.buffer cimport PyBUF_READ
from cpython.exc cimport PyErr_CheckSignals
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove, memset
from posix.types cimport off_t

from pff_stream.files import _pages
from pff_stream.files._heap cimport make_heap, sift_down
from pff_stream.errors import DamagedResultsError, OutputError
from pff_stream.report._record cimport (
    N_COUNTS, N_OUTCOMES, N_REASONS, PREDICTIONS, RECORD_BYTES, Record
)
from pff_stream.report._text cimport Sink, drain, open_sink, put
from pff_stream.report.records import Run
from pff_stream.report.run_table import RunTable, table_bytes
from pff_stream.files.writers import TemporaryWriter

cdef extern from "unistd.h":
    ssize_t pread(int fd, void* to, size_t n, off_t offset) noexcept nogil

FAN_IN = 128
WINDOW_BYTES = 16384
MAX_RECORD_BYTES = 1 << 20
cdef enum:
    MERGED_SINK_BYTES = 65536
    UNCHECKED = 0xFFFFFFFF        # `file` of a run of the temporary file: no CRC is told


def heap_bytes(
    n_runs, fan_in=FAN_IN, window_bytes=WINDOW_BYTES, max_record_bytes=MAX_RECORD_BYTES
):
    """The most bytes that reading `n_runs` runs allocates; the planner's own number."""
    readers = min(n_runs, fan_in)
    memory = readers * (window_bytes + sizeof(RunReader) + sizeof(int)) + max_record_bytes
    memory += table_bytes(n_runs) + 2 * readers * sizeof(RunPlace)
    if n_runs > fan_in:
        memory += MERGED_SINK_BYTES + table_bytes(-(-n_runs // (fan_in - 1)))
    return memory


def header_bytes():
    """The size of a record's header as compiled code has it."""
    return sizeof(Record)


cdef bint _comes_before(const void* runs, int one, int other) noexcept nogil:
    cdef const Record* left = &(<const RunReader*>runs)[one].header
    cdef const Record* right = &(<const RunReader*>runs)[other].header
    return left.source < right.source or (
        left.source == right.source and left.part < right.part
    )


cdef class RunHeap:
    """All records of `runs` (a `RunTable`) of the open `files` (descriptors).

    Without `checks_sums` nothing is compared with the CRC of a run: the runs are parts of some that were.
    Raises `DamagedResultsError` where a run is not what it was when it was written, `OutputError` where
    its file cannot be read or the temporary one (in `temporary_dir`) cannot be written.
    """

    def __cinit__(self, *arguments, **options):
        self.windows = NULL
        self.readers = NULL
        self.heap = NULL
        self.large = NULL
        self.large_bytes = 0
        self.n = 0
        self.header = NULL
        self.payload = NULL

    def __init__(
        self,
        files,
        runs,
        *,
        int fan_in=FAN_IN,
        size_t window_bytes=WINDOW_BYTES,
        size_t max_record_bytes=MAX_RECORD_BYTES,
        temporary_dir=None,
        bint checks_sums=True,
    ):
        if fan_in < 2 or window_bytes < RECORD_BYTES:
            raise ValueError(f"expected fan_in >= 2 and window_bytes >= {RECORD_BYTES}")
        self.files = list(files)
        for file in self.files:
            _pages.read_alone(file)
        self.temporary_dir = temporary_dir
        self.checks_sums = checks_sums
        self.fan_in = fan_in
        self.window_bytes = window_bytes
        self.max_record_bytes = max_record_bytes
        self._allocate(min(len(runs), fan_in))
        try:
            self._open_all(runs)
        except BaseException:
            self.close()
            raise

    cdef _allocate(self, size_t n):
        self.readers = <RunReader*>calloc(max(1, n), sizeof(RunReader))
        self.heap = <int*>calloc(max(1, n), sizeof(int))
        self.windows = <unsigned char*>malloc(max(1, n) * self.window_bytes)
        if self.readers == NULL or self.heap == NULL or self.windows == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.windows)
        free(self.readers)
        free(self.heap)
        free(self.large)

    def close(self):
        """Closes temporary files, if there are any; the given files and table stay open."""
        self.n = 0
        if self.merged_runs is not None:
            self.merged_runs.close()
            self.merged_runs = None
        if self.merged is not None:
            self.merged.abandon()
            self.merged = None

    # --- more runs than the fan-in -------------------------------------------------------------

    cdef _open_all(self, runs):
        """Merges the oldest runs until the fan-in holds the rest, and opens those.

        With a fan-in of 128, up to 16,384 runs are copied at most once.
        """
        cdef size_t first = 0, given = len(runs), last = given, count
        if last > <size_t>self.fan_in:
            self.merged = TemporaryWriter(self.temporary_dir)
            self.merged_runs = RunTable((), self.temporary_dir)
            self.files.append(self.merged.fileno())
            _pages.read_alone(self.merged.fileno())
        while last - first > <size_t>self.fan_in:
            count = min(<size_t>self.fan_in, last - first - self.fan_in + 1)
            merged = self._merge_some(self._places(runs, given, first, count), self.merged)
            self.merged_runs.add([merged])
            first += count
            last += 1
        if self.merged is not None:
            self.merged.drop_all()
        if last:
            self._open(self._places(runs, given, first, last - first))

    cdef bytes _places(self, runs, size_t given, size_t first, size_t count):
        """Places of runs, packed, those that were merged here behind those that were given."""
        places = runs.read(first, count) if first < given else b""
        if first + count > given:
            count -= len(places) // sizeof(RunPlace)
            places += self.merged_runs.read(first - given if first > given else 0, count)
        return places

    cdef object _merge_some(self, bytes places, object writer):
        """The place of the run that these become, in the temporary file."""
        cdef Sink sink
        cdef uint64_t begin = writer.written
        open_sink(&sink, writer, MERGED_SINK_BYTES)
        try:
            self._open(places)
            while self.n:
                self.write_record(&sink)
            drain(&sink)
        finally:
            free(sink.data)
        return Run(<uint32_t>UNCHECKED, 0, begin, sink.handed_out)

    # --- the heap ------------------------------------------------------------------------------

    cdef int _open(self, bytes packed) except -1:
        cdef const RunPlace* places = <const RunPlace*><const char*>packed
        cdef int i
        cdef RunReader* run
        self.n = 0
        for i in range(len(packed) // sizeof(RunPlace)):
            run = &self.readers[i]
            memset(run, 0, sizeof(RunReader))
            memcpy(&run.place, &places[i], sizeof(RunPlace))
            merged = run.place.file == UNCHECKED
            if not merged and run.place.file >= <size_t>len(self.files):
                raise DamagedResultsError(f"damaged results: a run is in file {run.place.file}")
            run.fd = self.files[len(self.files) - 1 if merged else run.place.file]
            run.next = run.place.offset
            run.stop = run.place.offset + run.place.length
            run.window = self.windows + i * self.window_bytes
            if self._read_header(run):
                self.heap[self.n] = i
                self.n += 1
        make_heap(self.heap, self.n, _comes_before, self.readers)
        self.header = &self._top().header
        self.payload = NULL
        return 0

    cdef inline RunReader* _top(self) noexcept:
        return &self.readers[self.heap[0]]

    cdef int fetch(self) except -1:
        """Makes `payload` the payload of the present record, until `advance`."""
        cdef RunReader* run = self._top()
        cdef size_t size = RECORD_BYTES + <size_t>run.header.payload_bytes
        cdef size_t ahead = run.filled - run.at
        cdef void* larger
        if self.payload != NULL:
            return 0
        if ahead < size and size <= self.window_bytes:
            self._refill(run)
        elif ahead < size:
            if size > self.large_bytes:
                larger = realloc(self.large, size)
                if larger == NULL:
                    raise MemoryError
                self.large = <unsigned char*>larger
                self.large_bytes = size
            memcpy(self.large, run.window + run.at, ahead)
            self._read(run, self.large + ahead, size - ahead)
            run.at = run.filled = 0
            self.payload = self.large + RECORD_BYTES
            return 0
        self.payload = run.window + run.at + RECORD_BYTES
        run.at += size
        return 0

    cdef int advance(self) except -1:
        """Goes on to the next record; the present one must have been fetched."""
        cdef RunReader* run = self._top()
        cdef uint64_t source = run.header.source
        cdef uint32_t part = run.header.part
        self.payload = NULL
        if not self._read_header(run):
            self.n -= 1
            self.heap[0] = self.heap[self.n]
        elif run.header.source < source or (
            run.header.source == source and run.header.part <= part
        ):
            raise self._damaged(run, 0, "a record out of order")
        sift_down(self.heap, self.n, 0, _comes_before, self.readers)
        self.header = &self._top().header
        return 0

    cdef int write_record(self, Sink* sink) except -1:
        """Puts the present record into `sink`, and goes on to the next."""
        self.fetch()
        put(sink, <const char*>self.header, RECORD_BYTES)
        put(sink, <const char*>self.payload, self.header.payload_bytes)
        return self.advance()

    # --- one run -------------------------------------------------------------------------------

    cdef int _read_header(self, RunReader* run) except -1:
        """Decodes the header at hand; 0 at the end of the run."""
        cdef Record* header = &run.header
        cdef uint64_t left
        if run.filled - run.at < RECORD_BYTES:
            if run.at == run.filled and run.next == run.stop:
                return self._finish(run)
            self._refill(run)
            if run.filled - run.at < RECORD_BYTES:
                raise self._damaged(run, 0, "a record ends in its header")
        memcpy(header, run.window + run.at, RECORD_BYTES)
        left = run.filled - run.at - RECORD_BYTES + (run.stop - run.next)
        if (
            header.payload_bytes > left
            or header.payload_bytes > self.max_record_bytes - RECORD_BYTES
        ):
            raise self._damaged(run, 0, f"a payload of {header.payload_bytes} bytes")
        if header.n_counts != N_COUNTS:
            raise self._damaged(run, 0, f"{header.n_counts} counts, expected {N_COUNTS}")
        if (
            header.outcome >= N_OUTCOMES or header.reason >= N_REASONS or header.place > 1
            or not _plausible(header.counts)
        ):
            raise self._damaged(run, 0, "counts or outcome out of range")
        return 1

    cdef inline bint _is_checked(self, const RunReader* run) noexcept nogil:
        return self.checks_sums and run.place.file != UNCHECKED

    cdef int _finish(self, RunReader* run) except -1:
        if self._is_checked(run) and run.crc32 != run.place.crc32:
            raise self._damaged(run, run.place.length, "other bytes than were written there")
        return 0

    cdef int _refill(self, RunReader* run) except -1:
        """Moves what is left to the front of the window and fills it."""
        cdef size_t kept = run.filled - run.at
        cdef size_t n = min(<uint64_t>(self.window_bytes - kept), run.stop - run.next)
        memmove(run.window, run.window + run.at, kept)
        run.at = 0
        run.filled = kept
        self._read(run, run.window + kept, n)
        run.filled += n
        return 0

    cdef int _read(self, RunReader* run, unsigned char* to, size_t n) except -1:
        """Reads the next n bytes of the run, all of them."""
        cdef size_t done = 0
        cdef ssize_t got
        while done < n:
            with nogil:
                got = pread(run.fd, to + done, n - done, <off_t>(run.next + done))
            if got < 0:
                if errno != EINTR:
                    raise OutputError(f"the spooled results cannot be read: {os.strerror(errno)}")
                PyErr_CheckSignals()
            elif got == 0:
                raise self._damaged(run, 0, "the end of the file")
            else:
                done += got
        _pages.drop(run.fd, run.next, n)
        if n and self._is_checked(run):
            run.crc32 = zlib.crc32(PyMemoryView_FromMemory(<char*>to, n, PyBUF_READ), run.crc32)
        run.next += n
        return 0

    cdef _damaged(self, RunReader* run, size_t behind, object what):
        """The error for the record at hand, or for the run that ended `behind` bytes after it began."""
        begin = run.place.offset if behind else run.next - (run.filled - run.at)
        of = "the temporary file" if run.place.file == UNCHECKED else f"file {run.place.file}"
        return DamagedResultsError(f"damaged results: {of}, byte {begin}: found {what}")


cdef inline bint _plausible(const int64_t* counts) noexcept nogil:
    """No count is negative, and none is larger than the predictions."""
    cdef int i
    for i in range(N_COUNTS):
        if counts[i] < 0 or counts[i] > counts[PREDICTIONS]:
            return False
    return True
