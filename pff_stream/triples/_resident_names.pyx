"""The names of the entities that are resident, for who goes from ids to names in any order."""

from cpython.buffer cimport PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from posix.fcntl cimport POSIX_FADV_DONTNEED, posix_fadvise

from pff_stream.errors import InputError
from pff_stream.triples._graph cimport GraphView
from pff_stream.triples._window cimport READ_BYTES, taken


def names_bytes(GraphView graph):
    """Bytes that the names of the entities take in memory."""
    return 8 * graph.n_entities + (graph.entity_ends[graph.n_entities - 1] if graph.n_entities else 0)


cdef class ResidentNames:
    """Holds the entities' names of `graph`, which is mapped from the file `name`, until it goes.

    Raises `InputError` where the file cannot be opened or read.
    """

    cdef GraphView graph
    cdef void* ends
    cdef void* blob
    cdef const uint64_t* mapped_ends
    cdef const unsigned char* mapped_blob

    def __init__(self, GraphView graph, str name):
        cdef uint64_t blob_bytes = graph.entity_ends[graph.n_entities - 1] if graph.n_entities else 0
        cdef uint64_t ends_at = <const unsigned char*>graph.entity_ends - graph.base
        cdef uint64_t blob_at = graph.entity_blob - graph.base
        self.ends = taken(8 * graph.n_entities)
        self.blob = taken(blob_bytes)
        try:
            with open(name, "rb", buffering=0) as file:
                _fill(file, <unsigned char*>self.ends, ends_at, 8 * graph.n_entities)
                _fill(file, <unsigned char*>self.blob, blob_at, blob_bytes)
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from None
        self.mapped_ends = graph.entity_ends
        self.mapped_blob = graph.entity_blob
        graph.entity_ends = <const uint64_t*>self.ends
        graph.entity_blob = <const unsigned char*>self.blob
        self.graph = graph

    def __dealloc__(self):
        self.close()

    cpdef close(self):
        """Has the graph read its names from the mapping again."""
        if self.graph is not None:
            self.graph.entity_ends = self.mapped_ends
            self.graph.entity_blob = self.mapped_blob
            self.graph = None
        free(self.ends)
        free(self.blob)
        self.ends = self.blob = NULL


cdef int _fill(file, unsigned char* to, uint64_t at, uint64_t n_bytes) except -1:
    """Reads a part of a file, in windows that leave the page cache again."""
    cdef uint64_t part
    cdef Py_ssize_t got
    while n_bytes:
        part = min(n_bytes, <uint64_t>READ_BYTES)
        file.seek(at)
        got = file.readinto(PyMemoryView_FromMemory(<char*>to, part, PyBUF_WRITE))
        if got <= 0:
            raise InputError(f"the graph was cut meanwhile, at byte {at}")
        posix_fadvise(file.fileno(), at, got, POSIX_FADV_DONTNEED)
        to += got
        at += got
        n_bytes -= got
    return 0
