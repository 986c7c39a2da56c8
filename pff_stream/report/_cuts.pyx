# distutils: extra_compile_args = -O3
"""Merges runs of a spool into one, and says where in it the results of some rules begin.

So that several can merge at once, each some of the rules: what they read of a few long runs is a part
of each. Whoever merges runs here reads all of them, and checks what `RunHeap` checks.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free

from pff_stream.errors import DamagedResultsError
from pff_stream.report._record cimport RECORD_BYTES
from pff_stream.report._runs cimport RunHeap
from pff_stream.report._text cimport Sink, drain, open_sink
from pff_stream.words import counted

SINK_BYTES = 1 << 20


cdef class RunCutter(RunHeap):
    """All records of some runs, as a `RunHeap` has them, to be written as one run."""

    def merge(
        self,
        out,
        const uint64_t[::1] borders,
        uint64_t[::1] begins,
        uint64_t[::1] examples,
        uint64_t[::1] spooled,
        withdrawn=(),
    ):
        """Writes the run to `out`, and fills `begins`: for each border, where its rules begin in it.

        `borders` are ordinals of rules that rise, from 0 to the number of all rules. Adds to
        `examples` and `spooled`, for each stretch between two borders, its examples, and the bytes
        that these are in records, those of rules in `withdrawn` left out.
        """
        cdef Py_ssize_t at = 0, n = borders.shape[0]
        cdef uint64_t source, written = 0
        cdef bint withdraws = bool(withdrawn)
        cdef Sink sink
        if begins.shape[0] != n or examples.shape[0] != n - 1 or spooled.shape[0] != n - 1:
            raise ValueError("expected a begin for each border, and sums for what is between")
        open_sink(&sink, out, SINK_BYTES)
        try:
            while self.n:
                source = self.header.source
                while at < n and borders[at] <= source:
                    begins[at] = written
                    at += 1
                if at == 0 or at == n:
                    raise DamagedResultsError(
                        f"damaged results: rule number {source} is not in the source, which has "
                        f"{counted(borders[n - 1], 'rule')}"
                    )
                if self.header.n_examples and (not withdraws or source not in withdrawn):
                    examples[at - 1] += self.header.n_examples
                    spooled[at - 1] += self.header.payload_bytes
                written += RECORD_BYTES + self.header.payload_bytes
                self.write_record(&sink)
            drain(&sink)
        finally:
            free(sink.data)
        while at < n:
            begins[at] = written
            at += 1
