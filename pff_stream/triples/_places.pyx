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
    BAD, ENDED, LONGEST_POINTER, NO_ROOM, DocumentWalk, Frame, Stop, pff_json_string_end, put_step,
    step_bytes,
)

cdef extern from "_names.h":
    uint64_t pff_mix(uint64_t h) noexcept nogil


cdef enum:
    LEAST_TEXT = 1 << 16
    TEXT_OF_ONE = 128

cdef uint64_t NO_END = <uint64_t>-1

WANTED_BYTES = sizeof(Key) + 4 * sizeof(uint64_t) + sizeof(Hit)
"""What one that is looked for takes at most, beside its names and what is found of it."""
POINTER_BYTES = LONGEST_POINTER
"""Of a pointer that is told at most, in UTF-8."""
FOUND_BYTES = 512
"""What a place takes as Python objects, beside its pointer."""


def pointer_bytes(n):
    """What the pointers of `n` places may take together, in UTF-8."""
    return max(LEAST_TEXT, n * TEXT_OF_ONE)


include "_wanted_places.pxi"


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
        cdef uint64_t size
        cdef int escapes = 0
        if frame.is_object:
            name = self.raw + frame.key + 1
            last = pff_json_string_end(name, stop, &escapes)
        size = step_bytes(name, last)
        if end[0] + size > LONGEST_POINTER:
            end[0] = NO_END
            return True
        if not reserve(&self.pointer, end[0] + size):
            return False
        at = put_step(<unsigned char*>self.pointer.at + end[0], name, last, frame.index)
        end[0] = at - <unsigned char*>self.pointer.at
        return True
