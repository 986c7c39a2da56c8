# distutils: extra_compile_args = -O3
"""What the bodies of a chunk may take on a graph, from the sizes of their relations alone.

No row is read: it takes microseconds a chunk, and is right to a factor. It says which chunks to
begin with and where to divide them, and nothing that a result depends on.
"""

from libc.math cimport ceil
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport CSR, GraphView

import numpy as np

cdef enum:
    MOST_VARIABLES = 64
    LANES = 512                   # sources that the evaluator takes at once
    LEAST_SOURCES = 16            # of a part, where they are taken one by one

cdef double BODY = 2000.0         # edges that are as much work as what comes once a body
cdef double HEAD = 100.0          # and once a rule
cdef double WIDE = 4.0            # and an edge of many sources at once
# What is light takes less the more edges it seems to have: found by 128,319 rules on FB15k-237, where
# ranges of equal weight differ by 0.3 to 0.4 of their time, and ranges of equal work by 0.7.
cdef double POWER = 0.8
cdef double LIGHT_HEAD = 60.0


def body_work(GraphView graph, chunk):
    """About how many edges each body of a chunk takes (float64), and what its rules take besides.

    The same as a weight, by which what is light can be compared (float64). And into how many parts its sources may be divided (int64), so that all parts together take
    little more than the whole; 1 where no head is over two variables, since other heads share much.
    """
    cdef const int32_t[::1] atoms = chunk.atoms
    cdef const uint32_t[::1] ends = chunk.body_ends
    cdef Py_ssize_t n = ends.shape[0], body, begin = 0
    cdef int64_t[::1] relations = _relations(graph, chunk)
    found, divided = np.zeros(n), np.ones(n, np.int64)
    cdef double[::1] work = found
    cdef int64_t[::1] parts = divided
    for body in range(n):
        work[body] = BODY + _work_of(graph, &atoms[0], relations, begin, ends[body], &parts[body])
        begin = ends[body]
    rules = np.bincount(chunk.rule_body, minlength=n)
    weight = (found - BODY) ** POWER + LIGHT_HEAD * rules
    found += HEAD * rules
    heads = chunk.heads.reshape(-1, 3)
    is_pair = (heads[:, 1] >= 0) & (heads[:, 2] >= 0) & (heads[:, 1] != heads[:, 2])
    divided[np.bincount(chunk.rule_body[is_pair], minlength=n) == 0] = 1
    return found, weight, divided


cdef int64_t[::1] _relations(GraphView graph, chunk):
    """The id in the graph of each name that is a relation's; -1: it has none."""
    cdef const uint8_t[::1] names = chunk.names
    cdef const uint32_t[::1] ends = chunk.name_ends
    cdef const uint64_t[::1] hashes = chunk.name_hashes
    cdef const int32_t[::1] atoms = chunk.atoms
    cdef int64_t[::1] ids = np.full(chunk.n_names, -2, np.int64)
    cdef Py_ssize_t at, name, begin
    for at in range(0, atoms.shape[0], 3):
        name = atoms[at]
        if name >= 0 and ids[name] == -2:
            begin = ends[name - 1] if name else 0
            ids[name] = graph.find_relation(&names[begin], ends[name] - begin, hashes[name])
    return ids


cdef double _work_of(
    GraphView graph, const int32_t* atoms, int64_t[::1] relations, Py_ssize_t at, Py_ssize_t stop,
    int64_t* parts
) noexcept:
    cdef uint64_t bound = 0
    cdef double size = 1.0, sources = 0.0, work = 0.0, wide
    cdef bint has_subject, has_object
    cdef int64_t relation
    cdef const CSR* forward
    cdef const CSR* backward
    while at < stop:
        if atoms[3 * at] < 0:     # an inequality
            at += 1
            continue
        relation = relations[atoms[3 * at]]
        if relation < 0:
            return work           # nothing matches
        forward, backward = &graph.rows[2 * relation], &graph.rows[2 * relation + 1]
        has_subject = _is_bound(bound, atoms[3 * at + 1])
        has_object = _is_bound(bound, atoms[3 * at + 2])
        if not has_subject and not has_object:
            size *= forward.n_edges
        elif not has_object:
            size *= forward.n_edges / <double>max(<uint32_t>1, forward.n_keys)
        elif not has_subject:
            size *= backward.n_edges / <double>max(<uint32_t>1, backward.n_keys)
        if sources == 0.0:
            sources = max(<uint32_t>1, forward.n_keys)
            wide = size
        else:
            size = min(size, sources * max(forward.n_keys, backward.n_keys))
            wide = WIDE * forward.n_edges * ceil(sources / LANES)
            parts[0] = <int64_t>ceil(sources / (LANES if wide < size else LEAST_SOURCES))
        work += min(size, wide)
        bound |= _bit(atoms[3 * at + 1]) | _bit(atoms[3 * at + 2])
        at += 1
    return work


cdef inline uint64_t _bit(int32_t term) noexcept:
    return <uint64_t>1 << term if 0 <= term < MOST_VARIABLES else 0


cdef inline bint _is_bound(uint64_t bound, int32_t term) noexcept:
    """A constant always is."""
    return term < 0 or (bound & _bit(term)) != 0
