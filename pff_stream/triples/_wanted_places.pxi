# Triples that are looked for by their names, and where each was met first.


cdef class WantedPlaces:
    """What is looked for, all of it different: (subject, relation, object).

    An empty name stands for any: of a triple with a subject alone the subject is looked for, in a
    line, or as the object of a document that has its name. Of lines and documents the first counts,
    but such an object before any line.
    """

    def __cinit__(self, *_, **__):
        memset(&self.keys, 0, sizeof(Array))
        memset(&self.slots, 0, sizeof(Array))
        memset(&self.blob, 0, sizeof(Array))
        memset(&self.hits, 0, sizeof(Array))
        memset(&self.texts, 0, sizeof(Array))

    def __dealloc__(self):
        release(&self.keys)
        release(&self.slots)
        release(&self.blob)
        release(&self.hits)
        release(&self.texts)

    def __init__(self, triples):
        cdef uint64_t slot, count
        cdef uint64_t hashes[3]
        cdef Key* key
        cdef int i
        cdef bytes name
        n = len(triples)
        if n >> 31:
            raise ValueError(f"found {n} to be looked for, expected fewer")
        count = slots_for(n)
        self.n = 0
        self.mask = count - 1
        self.blob_bytes = sum(len(name) for triple in triples for name in triple)
        if not (
            reserve(&self.keys, max(n, 1) * sizeof(Key))
            and reserve(&self.slots, count * sizeof(uint64_t))
            and reserve(&self.blob, max(self.blob_bytes, 1))
        ):
            raise MemoryError
        memset(self.slots.at, 0, count * sizeof(uint64_t))
        memset(self.left, 0, sizeof(self.left))
        self.found = [None] * n
        self.blob_bytes = 0
        for triple in triples:
            key = <Key*>self.keys.at + self.n
            key.start, key.kind, key.found = self.blob_bytes, 0, 0
            for i in range(3):
                name = triple[i]
                key.lengths[i] = <uint32_t>len(name)
                key.kind |= <uint8_t>((len(name) > 0) << i)
                hashes[i] = pff_name_hash(<Text>name, len(name))
                memcpy(<unsigned char*>self.blob.at + self.blob_bytes, <Text>name, len(name))
                self.blob_bytes += len(name)
            if key.kind not in (1, 3, 6, 7):
                raise ValueError(f"found {triple!r}, expected two names or a subject")
            key.hash = self._hash(key.kind, hashes)
            slot = key.hash & self.mask
            while (<uint64_t*>self.slots.at)[slot]:
                slot = (slot + 1) & self.mask
            self.n += 1
            (<uint64_t*>self.slots.at)[slot] = (key.hash & ~<uint64_t>0xFFFFFFFF) | self.n
            self.left[key.kind] += 1
        self.n_left, self.subjects_left = self.n, self.left[SUBJECT]
        self.text_room = pointer_bytes(n)

    @property
    def held_bytes(self):
        """What is held, without the places that were found."""
        return (
            self.n * sizeof(Key)
            + (self.mask + 1) * sizeof(uint64_t)
            + self.blob_bytes
            + self.n_hits * sizeof(Hit)
            + self.text_bytes
        )

    def settle(self, str source, line_of, bytes before=None):
        """Turns what was met since the last time into places.

        `line_of` says the line in `source` from what was told of each (a line, a place in a
        document), in rising order. `before` is what pointers begin with.
        """
        cdef const Hit* hits = <const Hit*>self.hits.at
        cdef const char* texts = <const char*>self.texts.at
        cdef uint64_t i
        cdef list order = []
        if self.n_hits == 0:
            return
        for i in range(self.n_hits):
            order.append((hits[i].at, i))
        order.sort()
        for at, number in order:
            i = number
            pointer = None
            path = b""
            if before is not None and hits[i].start != NO_END:
                pointer = before + texts[hits[i].start : hits[i].pointer_end]
                path = texts[hits[i].pointer_end : hits[i].path_end]
            self.found[hits[i].key] = (source, line_of(at), pointer, path)
        self.n_hits = self.text_bytes = 0

    cdef uint64_t _hash(self, int kind, const uint64_t* hashes) noexcept nogil:
        cdef uint64_t hash = <uint64_t>kind
        if kind & SUBJECT:
            hash += hashes[0]
        if kind & RELATION:
            hash += hashes[1] * <uint64_t>0x9E3779B97F4A7C15
        if kind & OBJECT:
            hash += hashes[2] * <uint64_t>0xC2B2AE3D27D4EB4F
        return pff_mix(hash)

    cdef int64_t _key(
        self, int kind, const Text* names, const size_t* lengths, const uint64_t* hashes
    ) noexcept nogil:
        """The place of what is looked for, -1 where it is not."""
        cdef uint64_t hash = self._hash(kind, hashes), slot = hash & self.mask, entry
        cdef const uint64_t* slots = <const uint64_t*>self.slots.at
        cdef const Key* key
        cdef Text name
        cdef int i
        while slots[slot]:
            entry = slots[slot]
            slot = (slot + 1) & self.mask
            if entry >> 32 != hash >> 32:
                continue
            key = <const Key*>self.keys.at + (<uint32_t>entry - 1)
            if key.kind != kind or key.hash != hash:
                continue
            name = <Text>self.blob.at + key.start
            for i in range(3):
                if kind >> i & 1:
                    if key.lengths[i] != lengths[i] or memcmp(name, names[i], lengths[i]) != 0:
                        break
                    name += lengths[i]
            else:
                return <int64_t>(<uint32_t>entry) - 1
        return -1

    cdef bint _hit(self, uint64_t number, uint64_t at, int how) noexcept nogil:
        """Keeps where it was met, if that is new; False where there is no memory."""
        cdef Key* key = <Key*>self.keys.at + number
        cdef Hit* hit
        if key.found and (key.kind != SUBJECT or key.found >= how):
            return True
        if not reserve(&self.hits, (self.n_hits + 1) * sizeof(Hit)):
            return False
        hit = <Hit*>self.hits.at + self.n_hits
        hit.key, hit.at = <uint32_t>number, at
        hit.start = hit.pointer_end = hit.path_end = self.text_bytes
        self.n_hits += 1
        if not key.found:
            self.left[key.kind] -= 1
            self.n_left -= 1
        if key.kind == SUBJECT and how == BY_POINTER:
            self.subjects_left -= 1
        key.found = <uint8_t>how
        return True

    cdef bint look(
        self, const Text* names, const size_t* lengths, const uint64_t* hashes, uint64_t at, int how
    ) noexcept nogil:
        """Looks for a triple that stands `at`; False where there is no memory."""
        cdef int64_t key
        cdef int kind
        for kind in range(1, KINDS):
            if not self.left[kind] or (kind == SUBJECT and how == BY_POINTER):
                continue
            key = self._key(kind, names, lengths, hashes)
            if key >= 0 and not self._hit(key, at, how):
                return False
        return True
