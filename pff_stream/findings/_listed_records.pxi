# Result records of violations to entries of a sort by triple.


cdef int add_record(
    Joined joined, const Record* record, const unsigned char* payload, size_t size
) except -1:
    cdef uint32_t fields[5]
    cdef size_t at = EXAMPLES_BYTES, stride, names_bytes
    cdef uint32_t ids[2]
    cdef int32_t pair[2]
    cdef uint32_t numbers[3]
    cdef uint32_t i
    cdef unsigned char* entry
    if size < EXAMPLES_BYTES:
        raise damaged_record(record.source)
    memcpy(fields, payload, EXAMPLES_BYTES)
    names_bytes = <size_t>fields[2] + fields[3] + fields[4]
    if names_bytes > size - at:
        raise damaged_record(record.source)
    literals = [
        PyBytes_FromStringAndSize(<const char*>payload + at, fields[2]),
        PyBytes_FromStringAndSize(<const char*>payload + at + fields[2], fields[3]),
        PyBytes_FromStringAndSize(<const char*>payload + at + fields[2] + fields[3], fields[4]),
    ]
    at = (at + names_bytes + 3) & ~<size_t>3
    stride = 8 + ATOM_BYTES * <size_t>fields[0]
    if at > size or (size - at) // stride != record.n_examples or (size - at) % stride:
        raise damaged_record(record.source)
    numbers[1] = fields[1]
    if <int32_t>fields[1] == -1:
        numbers[1] = _numbered(
            literals[0], joined.relations, joined.relation_names, joined.n_relations
        )
    elif fields[1] >= joined.n_relations:
        raise damaged_record(record.source)
    ids[0] = ids[1] = 0xFFFFFFFF
    if fields[3]:
        ids[0] = _numbered(
            literals[1], joined.entities, joined.entity_names, joined.n_entities
        )
    if fields[4]:
        ids[1] = _numbered(
            literals[2], joined.entities, joined.entity_names, joined.n_entities
        )
    joined.used = 0
    joined._reserve(FRONT_BYTES + stride)
    for i in range(record.n_examples):
        memcpy(pair, payload + at, 8)
        numbers[0] = pair[0] if pair[0] != -1 else ids[0]
        numbers[2] = pair[1] if pair[1] != -1 else ids[1]
        entry = joined.entry
        put_u32(entry, numbers[0])
        put_u32(entry + 4, numbers[1])
        put_u32(entry + 8, numbers[2])
        put_u32(entry + TRIPLE_BYTES, <uint32_t>record.source)
        entry[16] = record.place
        memcpy(entry + FRONT_BYTES, payload + at + 8, stride - 8)
        joined.taken.add(entry, FRONT_BYTES + stride - 8)
        at += stride
    joined.violations += record.n_examples
    return 0


cdef uint32_t _numbered(bytes name, dict numbers, list names, uint64_t first) except? 0xFFFFFFFF:
    """The number of a name that the graph has not, behind the graph's own."""
    number = numbers.get(name)
    if number is None:
        number = first + len(names)
        numbers[name] = number
        names.append(name)
    return <uint32_t>number


cdef damaged_record(at):
    return DamagedResultsError(f"damaged results: the violations that were listed, at {at}")
