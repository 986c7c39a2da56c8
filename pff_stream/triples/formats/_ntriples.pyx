# distutils: extra_compile_args = -O3
"""N-Triples and N-Quads, line by line, to triple lines by the mapping `rdf-1`.

How a term is named: `_rdf_terms`. Does not cover: whoever is told of bad lines (`ntriples`).
"""

from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy

from pff_stream.errors import InputError
from pff_stream.triples._name_table cimport Array, Text, release, reserve
from pff_stream.triples.formats._rdf_terms cimport BLANK, IRI, BlankNodes, Terms, skip_blanks

cdef extern from "triples/_arrays.h":
    bint pff_is_plain(const unsigned char* at, const unsigned char* stop) noexcept nogil
    const unsigned char* pff_bad_utf8(
        const unsigned char* at, const unsigned char* stop
    ) noexcept nogil

MAX_LINE_BYTES = 1 << 26

cdef enum:
    FULL_BYTES = 1 << 18          # of lines that are handed over together
    MOST_BYTES = 1 << 26


cdef class StatementLines(Terms):
    """Reads statements block by block: `feed`, then `run` until it says `TAKEN`; `finish` last.

    With `graph` only triples of that named graph are taken. Its items are the numbers of the lines
    that `take` gave last.
    """

    TAKEN, FULL, BAD = 0, 1, 2
    """What `run` stops for: all that was fed is read, `take` is due, the line `line` is bad."""

    def __init__(self, BlankNodes blank_nodes not None, *, bint quads, bytes graph=None):
        self.blank_nodes = blank_nodes
        self.quads = quads
        self.graph = graph
        self.graph_text = NULL if graph is None else <Text><const char*>graph
        self.graph_bytes = 0 if graph is None else len(graph)
        self.line = 0
        self.block = b""
        self.at = self.stop = self.end = NULL

    def __dealloc__(self):
        release(&self.numbers)
        release(&self.tail)

    def __len__(self):
        return self.n_numbers

    def __getitem__(self, size_t place):
        if place >= self.n_numbers:
            raise IndexError(place)
        return (<uint64_t*>self.numbers.at)[place]

    @property
    def held_bytes(self):
        """What an unfinished line and the lines that nobody has taken hold."""
        return self.tail.bytes + self.out.bytes + self.numbers.bytes

    def feed(self, bytes block not None):
        """The next bytes of the input; all before them are read."""
        cdef Text at = <Text><const char*>block
        cdef Text newline
        self.block = block
        self.end = at + len(block)
        self.plain = pff_is_plain(at, self.end)
        if self.tail_bytes:
            newline = <Text>memchr(at, 10, self.end - at)
            if newline == NULL:
                self._keep(at, self.end)
                self.at = self.stop = self.end
                return
            self._keep(at, newline)
            self.tail_is_whole = True
            at = newline + 1
        elif self.line == 0 and self.at == NULL and block.startswith(b"\xef\xbb\xbf"):
            at += 3
        self.at = at
        self.stop = <Text><const char*>block + block.rfind(b"\n", at - <Text><const char*>block) + 1
        if self.stop < at:
            self.stop = at

    def finish(self):
        """The last line has no end of its own."""
        self.tail_is_whole = self.tail_bytes > 0
        self.block = b""
        self.at = self.stop = self.end = NULL

    def run(self):
        """Reads on; one of `TAKEN`, `FULL` and `BAD`. Raises `MemoryError`."""
        cdef Text newline
        cdef Text start
        if self.out_bytes == 0:
            self.n_numbers = 0
        if self.tail_is_whole:
            self.tail_is_whole = False
            self.line += 1
            start = <Text>self.tail.at
            newline = start + self.tail_bytes
            self.tail_bytes = 0
            if self.line == 1 and newline - start >= 3 and memcmp(start, b"\xef\xbb\xbf", 3) == 0:
                start += 3
            if (pff_bad_utf8(start, newline) != NULL) or self._line(start, newline) == NULL:
                self._tell(start, newline)
                return self.BAD
        while self.at < self.stop:
            if self.out_bytes >= FULL_BYTES:
                return self.FULL
            start = self.at
            newline = <Text>memchr(start, 10, self.stop - start)
            self.at = newline + 1
            self.line += 1
            if not self.plain and pff_bad_utf8(start, newline) != NULL:
                self._tell(start, newline)
                return self.BAD
            if self._line(start, newline) == NULL:
                self._tell(start, newline)
                return self.BAD
        if self.stop < self.end:
            self._keep(self.stop, self.end)
            self.stop = self.at = self.end
        return self.FULL if self.out_bytes >= FULL_BYTES else self.TAKEN

    def take(self):
        """The lines so far; whose numbers are the items until the next `run`."""
        taken = (<const char*>self.out.at)[: self.out_bytes] if self.out_bytes else b""
        self.out_bytes = 0
        if self.out.bytes > 8 * FULL_BYTES:
            release(&self.out)
        return taken

    cdef _keep(self, Text at, Text stop):
        """Adds to the unfinished line."""
        cdef size_t needed = self.tail_bytes + (stop - at)
        if needed > MOST_BYTES:
            raise InputError(
                f", line {self.line + 1}: found a line of over {MAX_LINE_BYTES} bytes, "
                "expected a triple"
            )
        if not reserve(&self.tail, needed):
            raise MemoryError
        memcpy(<unsigned char*>self.tail.at + self.tail_bytes, at, stop - at)
        self.tail_bytes = needed

    cdef _tell(self, Text at, Text stop):
        """Says what is wrong with a line."""
        cdef Text bad_byte = pff_bad_utf8(at, stop)
        if self.no_memory:
            raise MemoryError
        if bad_byte != NULL:
            self.problem = (
                f"found the byte 0x{bad_byte[0]:02x} at byte {bad_byte - at + 1}, expected UTF-8"
            )
            return
        column = len((<const char*>at)[: self.fault_at - at].decode()) + 1
        rest = (<const char*>self.fault_at)[: min(stop - self.fault_at, 320)]
        shown = rest.removesuffix(b"\r").decode("utf-8", "ignore")
        shown = repr(shown[:80]) + ("..." if len(shown) > 80 else "")
        found = shown if rest.strip(b"\r") else "the end of the line"
        self.problem = f"found {found} at column {column}, expected {self.expected.decode()}"

    cdef Text _line(self, Text at, Text stop) noexcept nogil:
        """Takes the statements of a line, one unless CRs end lines; NULL where it has a fault."""
        cdef size_t before = self.out_bytes, numbers_before = self.n_numbers
        while True:
            at = skip_blanks(at, stop)
            if at < stop and at[0] != 35 and at[0] != 13:
                at = self._statement(at, stop)
                if at != NULL:
                    at = skip_blanks(at, stop)
                    if at < stop and at[0] != 35 and at[0] != 13:
                        self._fault(at, b"the end of the line behind a statement")
                        at = NULL
                if at == NULL:
                    self.out_bytes, self.n_numbers = before, numbers_before
                    return NULL
            if at < stop and at[0] == 35:
                at = <Text>memchr(at, 13, stop - at)
                if at == NULL:
                    return stop
            if at == stop:
                return stop
            at += 1

    cdef Text _statement(self, Text at, Text stop) noexcept nogil:
        cdef size_t before = self.out_bytes
        cdef Text start = at
        if not self.is_dry and self.graph_text != NULL:
            self.is_dry = True
            at = self._statement(at, stop)
            self.is_dry = False
            self.out_bytes = before
            if at == NULL or not self.is_taken:
                self.n_left_out += at != NULL
                return at
            at = start
        at = self._triple(at, stop, 9, 0)
        if at == NULL:
            return NULL
        at = skip_blanks(at, stop)
        self.is_taken = self.graph_text == NULL
        if self.quads and at < stop and at[0] != 46:
            at = self._graph(at, stop)
            if at == NULL:
                return NULL
            at = skip_blanks(at, stop)
        if at == stop or at[0] != 46:
            return self._fault(at, b"a full stop behind the triple")
        if not self._put(<Text><const char*>b"\n", 1) or not reserve(
            &self.numbers, (self.n_numbers + 1) * sizeof(uint64_t)
        ):
            self.no_memory = True
            return NULL
        if not self.is_dry:
            (<uint64_t*>self.numbers.at)[self.n_numbers] = self.line
            self.n_numbers += 1
        return at + 1

    cdef Text _graph(self, Text at, Text stop) noexcept nogil:
        """The name of the graph, which is compared and left out."""
        cdef size_t before = self.out_bytes
        cdef bint was_dry = self.is_dry
        if at[0] != 60 and at[0] != 95:
            return self._fault(at, b"a full stop, or a graph: <IRI> or _:label")
        self.is_dry = True
        at = self._term(at, stop, IRI | BLANK, 0)
        self.is_dry = was_dry
        if self.graph_text != NULL:
            self.is_taken = self.out_bytes - before == self.graph_bytes and memcmp(
                <Text>self.out.at + before, self.graph_text, self.graph_bytes
            ) == 0
        self.out_bytes = before
        return at
