"""How rules spell names of RDF otherwise than a graph has them.

An IRI may stand in brackets. A literal may lack its datatype, or be its value alone: it is the one
literal of the graph that has this value, as text or of one of the usual datatypes; where several
have it, it is none. Or its datatype has a prefix that nobody declares, as AMIE 3.5 writes it
(`"2013-08-10"^^p10:date>`): then it is XML Schema's.
"""

cdef const char* XSD = b"^^<http://www.w3.org/2001/XMLSchema#"
cdef const char* ENDINGS[N_ENDINGS]
ENDINGS[:] = [
    b"", b"integer>", b"decimal>", b"double>", b"float>", b"boolean>", b"date>", b"dateTime>",
    b"time>", b"gYear>", b"gYearMonth>", b"int>", b"long>", b"nonNegativeInteger>",
    b"positiveInteger>", b"anyURI>", b"duration>",
]


cdef inline size_t _length(const char* text) noexcept nogil:
    cdef size_t length = 0
    while text[length]:
        length += 1
    return length


cdef int32_t _of_prefixed_datatype(
    const Index* index, const unsigned char* name, size_t length
) noexcept nogil:
    """The literal `"value"^^p:local>` as one of XML Schema's datatype."""
    cdef unsigned char[MOST_SPELLED + 100] text
    cdef size_t n = length, colon, more = _length(XSD)
    while n > 3 and not (name[n - 3] == 34 and name[n - 2] == 94 and name[n - 1] == 94):
        n -= 1
    colon = n
    while colon < length and name[colon] != 58:
        colon += 1
    if n <= 3 or name[n] == 60 or colon >= length - 2 or name[length - 1] != 62:
        return -1
    memcpy(text, name, n - 2)
    memcpy(text + n - 2, XSD, more)
    memcpy(text + n - 2 + more, name + colon + 1, length - colon - 1)
    n += more + length - colon - 3
    return find_name(index, text, n, pff_name_hash(text, n))


cdef int32_t find_spelled(
    const Index* index, const unsigned char* name, size_t length, bint is_entity
) noexcept nogil:
    """The number of a name that the graph does not have as it stands; -1 where it has none."""
    cdef unsigned char[MOST_SPELLED + 100] text
    cdef size_t n, more
    cdef int32_t found = -1, one
    cdef int i
    if in_brackets(name, length):
        return find_name(index, name + 1, length - 2, pff_name_hash(name + 1, length - 2))
    if not is_entity or length > MOST_SPELLED:
        return -1
    if length >= 2 and name[0] == 34 and name[length - 1] == 34:
        memcpy(text, name, length)
        n = length
    elif name[0] == 34:
        return _of_prefixed_datatype(index, name, length)
    elif name[0] == 60 or (length >= 2 and name[0] == 95 and name[1] == 58):
        return -1                                   # a triple term, or a blank node
    else:
        text[0] = text[length + 1] = 34
        memcpy(text + 1, name, length)
        n = length + 2
    for i in range(N_ENDINGS):
        more = 0
        if i:
            more = _length(XSD)
            memcpy(text + n, XSD, more)
            memcpy(text + n + more, ENDINGS[i], _length(ENDINGS[i]))
            more += _length(ENDINGS[i])
        one = find_name(index, text, n + more, pff_name_hash(text, n + more))
        if one >= 0 and found >= 0:
            return -1
        found = max(found, one)
    return found
