"""The names of a graph in a table of rules: looked up once, entered while the table is counted, taken out.

A table serves one graph after the other, so that what is entered is only what this graph has.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from pff_stream.rules._table cimport RuleTable
from pff_stream.triples._graph cimport GraphView

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef enum:
    SPELLINGS = 3                 # of a name of RDF: as it stands, and two more
    MOST_BRACKETED = 4096         # bytes of an IRI that is looked for in brackets


cdef int find_names(TableCounter counter, RuleTable table) except -1:
    """Looks the names of the graph up in the table, unless they were: entities, then relations."""
    cdef uint64_t i, start = 0, n = counter.graph.n_entities
    if counter.names_in is table:
        return 0
    counter.names_of = <int32_t*>grown(
        counter.names_of, 4 * (n + counter.graph.n_relations) * n_spellings(counter)
    )
    with nogil:
        for i in range(n):
            counter.names_of[i] = <int32_t>_name_in(
                table, counter.graph.entity_blob, start, counter.graph.entity_ends[i]
            )
            start = counter.graph.entity_ends[i]
        start = 0
        for i in range(counter.graph.n_relations):
            counter.names_of[n + i] = <int32_t>_name_in(
                table, counter.graph.relation_blob, start, counter.graph.relation_ends[i]
            )
            start = counter.graph.relation_ends[i]
        if counter.graph.is_rdf:
            _find_spelled(counter, table)
    counter.names_in = table
    return 0


cdef void _find_spelled(TableCounter counter, RuleTable table) noexcept nogil:
    """The same of names of RDF as rules spell them otherwise: IRIs in one way, literals in two."""
    cdef uint64_t i, start = 0, n = counter.graph.n_entities, all = n + counter.graph.n_relations
    cdef int32_t* more = counter.names_of + all
    for i in range(n):
        _spelled_in(
            table, counter.graph, counter.graph.entity_blob + start,
            counter.graph.entity_ends[i] - start, <int32_t>i, &more[i], &more[all + i],
        )
        start = counter.graph.entity_ends[i]
    start = 0
    for i in range(counter.graph.n_relations):
        more[n + i] = _bracketed_in(
            table, counter.graph.relation_blob + start, counter.graph.relation_ends[i] - start
        )
        more[all + n + i] = -1
        start = counter.graph.relation_ends[i]


cdef int n_spellings(TableCounter counter) noexcept nogil:
    """How many names of a table one of the graph's may be."""
    return SPELLINGS if counter.graph.is_rdf else 1


cdef void set_names(TableCounter counter, RuleTable table, bint known) noexcept nogil:
    """Enters the ids of the graph's names beside those names that the rules use as well, or -1."""
    cdef uint64_t i, n = counter.graph.n_entities, all = n + counter.graph.n_relations
    cdef int32_t name
    cdef int spelling
    if <void*>counter.names_in != <void*>table:     # there was no memory to look them up
        return
    for spelling in range(n_spellings(counter)):
        for i in range(n):
            name = counter.names_of[spelling * all + i]
            if name >= 0:
                table.entity_ids[name] = <int32_t>i if known else -1
        for i in range(counter.graph.n_relations):
            name = counter.names_of[spelling * all + n + i]
            if name >= 0:
                table.relation_ids[name] = <int32_t>i if known else -1


cdef inline int64_t _name_in(
    RuleTable table, const unsigned char* blob, uint64_t start, uint64_t end
) noexcept nogil:
    return table.find_name(blob + start, end - start, pff_name_hash(blob + start, end - start))


cdef int32_t _bracketed_in(
    RuleTable table, const unsigned char* name, size_t length
) noexcept nogil:
    """An IRI of the graph as the rules have it in brackets."""
    cdef unsigned char[MOST_BRACKETED + 2] text
    if length > MOST_BRACKETED:
        return -1
    text[0] = 60
    memcpy(text + 1, name, length)
    text[length + 1] = 62
    return <int32_t>_name_in(table, text, 0, length + 2)


cdef void _spelled_in(
    RuleTable table, GraphView graph, const unsigned char* name, size_t length, int32_t entity,
    int32_t* one, int32_t* other
) noexcept nogil:
    """An entity as the rules spell it: an IRI in brackets, a literal by its text, with quotes or not."""
    cdef size_t n = length
    one[0] = other[0] = -1
    if name[0] != 34:
        if name[0] != 60 and name[0] != 95:
            one[0] = _bracketed_in(table, name, length)
        return
    while n > 1 and name[n - 1] != 34:
        n -= 1
    if n < length and graph.find_entity(name, n, pff_name_hash(name, n)) == entity:
        one[0] = <int32_t>_name_in(table, name, 0, n)
    name += 1
    n -= 2
    if n and graph.find_entity(name, n, pff_name_hash(name, n)) == entity:
        other[0] = <int32_t>_name_in(table, name, 0, n)
