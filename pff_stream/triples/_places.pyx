# distutils: extra_compile_args = -O3
"""Looks for triples in what is read, by their names, and keeps where each stands first.

What is held grows with the number of those looked for, and not with what is read. Readers are the
ones that encode: `PlaceLines` splits lines, `PlaceWalk` walks documents. Does not cover: which input
is read how, the words of a place (`findings/places`).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from pff_stream.triples._name_table cimport (
    GOOD, MEMORY, Array, Problem, Text, pff_name_hash, release, reserve, slots_for
)
from pff_stream.triples._triple_lines cimport Line, TripleLines
from pff_stream.triples.formats._document cimport (
    BAD, ENDED, NO_ROOM, PFF_POINTER, DocumentWalk, Frame, Stop, pff_json_string_end, pff_json_write
)

cdef extern from "_names.h":
    uint64_t pff_mix(uint64_t h) noexcept nogil


cdef enum:
    NUMBER_BYTES = 10             # of an index
    LONGEST_POINTER = 1 << 16
    LEAST_TEXT = LONGEST_POINTER
    TEXT_OF_ONE = 128

cdef uint64_t NO_END = <uint64_t>-1

WANTED_BYTES = sizeof(Key) + 4 * sizeof(uint64_t) + sizeof(Hit)
"""What one that is looked for takes at most, beside its names and what is found of it."""
FOUND_BYTES = 512
"""What a place takes as Python objects, beside its pointer."""


def pointer_bytes(n):
    """What the pointers of `n` places may take together, in UTF-8."""
    return max(LEAST_TEXT, n * TEXT_OF_ONE)


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


cdef class PlaceLines(TripleLines):
    """Looks for what is wanted in lines: as an encoder is fed, so is this. Keeps no triple."""

    def __init__(self, bad, WantedPlaces wanted):
        TripleLines.__init__(self, bad)
        self.wanted = wanted

    cdef Problem _add(self, const Line* line) noexcept nogil:
        self.n_read += 1
        if self.wanted.n_left and not self.wanted.look(
            line.names, line.lengths, line.hashes, self.line + 1, BY_LINE
        ):
            return MEMORY
        return GOOD


cdef class PlaceWalk(DocumentWalk):
    """Looks for what is wanted in documents, while their lines are made."""

    def __cinit__(self, *_, **__):
        memset(&self.pointer, 0, sizeof(Array))

    def __dealloc__(self):
        release(&self.pointer)

    def __init__(self, id_parts, bint injective, bint by_path, WantedPlaces wanted):
        DocumentWalk.__init__(self, id_parts, injective, by_path)
        self.wanted = wanted

    def begin(self, bytes name):
        """The next walk is from the start of the document; `name` is its name without an id."""
        DocumentWalk.begin(self, name)
        self.n_steps = 0
        if not self._look_for_object():
            raise MemoryError

    cdef Stop _line(self, Text value, size_t length, bint escapes) noexcept nogil:
        cdef size_t before = self.used
        cdef Stop why = DocumentWalk._line(self, value, length, escapes)
        cdef const Frame* frame = &self.frames[self.depth]
        cdef Text names[3]
        cdef size_t lengths[3]
        cdef uint64_t hashes[3]
        cdef uint64_t first = self.wanted.n_hits
        cdef int i
        if why != ENDED or self.wanted.n_left == self.wanted.left[SUBJECT]:
            return why
        lengths[0] = frame.node_end - frame.node
        lengths[1] = frame.relation_end - frame.relation
        lengths[2] = self.used - before - lengths[0] - lengths[1] - 3
        names[0] = self.lines + before
        names[1] = names[0] + lengths[0] + 1
        names[2] = names[1] + lengths[1] + 1
        for i in range(3):
            hashes[i] = pff_name_hash(names[i], lengths[i])
        if not self.wanted.look(names, lengths, hashes, self.at, BY_POINTER):
            return NO_ROOM
        return ENDED if self._place(self.depth + 1, first, False) else NO_ROOM

    cdef Stop _child(self, const uint32_t* ids) noexcept nogil:
        cdef Stop why = DocumentWalk._child(self, ids)
        if (why == ENDED or why == BAD) and not self._look_for_object():
            return NO_ROOM
        return why

    cdef bint _look_for_object(self) noexcept nogil:
        """Whether the object that was just opened has the name of a subject that is wanted."""
        cdef const Frame* frame = &self.frames[self.depth]
        cdef uint64_t first = self.wanted.n_hits
        cdef uint64_t hashes[3]
        cdef size_t lengths[3]
        cdef Text names[3]
        cdef int64_t key
        if frame.bad_node or not self.wanted.subjects_left:
            return True
        names[0] = <Text>self.names.at + frame.node
        lengths[0] = frame.node_end - frame.node
        hashes[0] = pff_name_hash(names[0], lengths[0])
        key = self.wanted._key(SUBJECT, names, lengths, hashes)
        if key < 0:
            return True
        return self.wanted._hit(key, frame.at, BY_POINTER) and self._place(self.depth, first, True)

    cdef bint _place(self, Py_ssize_t n_frames, uint64_t first, bint is_object) noexcept nogil:
        """Keeps the pointer of what was just met, if anything was; False: there is no memory."""
        cdef const Frame* frame = &self.frames[self.depth]
        cdef uint64_t i, end = 0, size = 0, start
        cdef unsigned char* at
        cdef Hit* hit
        if self.wanted.n_hits == first:
            return True
        if not self._point(n_frames, &end):
            return False
        if is_object:
            size = frame.prefix_end - frame.relation
        if end == NO_END or end + size > self.wanted.text_room:
            self.wanted.n_long += self.wanted.n_hits - first
            start, end, size = NO_END, 0, 0
        else:
            start = self.wanted.text_bytes
            if not reserve(&self.wanted.texts, start + end + size):
                return False
            at = <unsigned char*>self.wanted.texts.at + start
            memcpy(at, self.pointer.at, end)
            memcpy(at + end, <const unsigned char*>self.relations.at + frame.relation, size)
            self.wanted.text_bytes += end + size
            self.wanted.text_room -= end + size
        for i in range(first, self.wanted.n_hits):
            hit = <Hit*>self.wanted.hits.at + i
            hit.start, hit.pointer_end, hit.path_end = start, start + end, start + end + size
        return True

    cdef bint _point(self, Py_ssize_t n_frames, uint64_t* end) noexcept nogil:
        """The pointer of the value at hand, in `pointer`: only what is new of it is written."""
        cdef const Frame* frame
        cdef uint32_t place
        cdef Py_ssize_t i
        end[0] = 0
        for i in range(n_frames):
            frame = &self.frames[i]
            place = frame.key if frame.is_object else frame.index
            if (
                i >= self.n_steps
                or self.steps[i].at != place
                or self.steps[i].is_object != frame.is_object
            ):
                if end[0] != NO_END and not self._step(frame, end):
                    return False
                self.steps[i].at, self.steps[i].is_object = place, frame.is_object
                self.steps[i].end = end[0]
                self.n_steps = i + 1
            end[0] = self.steps[i].end
        return True

    cdef bint _step(self, const Frame* frame, uint64_t* end) noexcept nogil:
        """Writes one step of the pointer behind `end`."""
        cdef Text name = NULL, last = NULL, stop = self.raw + self.n_bytes
        cdef unsigned char* at
        cdef unsigned char digits[NUMBER_BYTES]
        cdef uint32_t index = frame.index
        cdef uint64_t size = NUMBER_BYTES
        cdef int escapes = 0, n = 0
        if frame.is_object:
            name = self.raw + frame.key + 1
            last = pff_json_string_end(name, stop, &escapes)
            size = 2 * (last - name)
        if end[0] + size + 1 > LONGEST_POINTER:
            end[0] = NO_END
            return True
        if not reserve(&self.pointer, end[0] + size + 1):
            return False
        at = <unsigned char*>self.pointer.at + end[0]
        at[0] = 47                                            # /
        at += 1
        if frame.is_object:
            at = pff_json_write(name, last, at, PFF_POINTER)
        else:
            while n == 0 or index:
                digits[n] = <unsigned char>(48 + index % 10)
                index //= 10
                n += 1
            while n:
                n -= 1
                at[0] = digits[n]
                at += 1
        end[0] = at - <unsigned char*>self.pointer.at
        return True
