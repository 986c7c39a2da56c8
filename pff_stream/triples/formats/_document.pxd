# What the two passes over a document share, for both parts of `_document`.
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

from pff_stream.triples._name_table cimport Array, Text

cdef extern from "triples/formats/_json_text.h" nogil:
    enum:
        PFF_AS_IT_IS
        PFF_LINE
        PFF_PATH
        PFF_DOTTED
        PFF_POINTER
    Text pff_json_blanks(Text at, Text stop)
    Text pff_json_plain(Text at, Text stop)
    Text pff_json_string_end(Text at, Text stop, int* escapes)
    Text pff_json_number(Text at, Text stop)
    Text pff_json_value_end(Text at, Text stop)
    int pff_json_hex(Text at, Text stop)
    unsigned char* pff_json_write(Text at, Text stop, unsigned char* out, int how)

cdef enum:
    MOST_DEPTH = 500              # objects and arrays open at once
    MOST_PARTS = 8                # of an id
    MOST_CANDIDATES = 16          # keys that are tried for its parts
    MOST_STEPS = 64               # keys in all of their paths

# What can be wrong with a document; `FAULTS` in `_document` has the words.
cdef enum Fault:
    SOUND
    NO_VALUE
    NO_NAME
    NO_COLON
    NO_COMMA
    OPEN_STRING
    CONTROL
    ESCAPE
    HEX
    NOT_UTF8
    CONSTANT
    TOO_DEEP
    MORE
    NO_MEMORY

# Where the parser is, between two tokens.
cdef enum State:
    VALUE
    FIRST_VALUE
    NAME
    FIRST_NAME
    NEXT

# A key of an object that is open, while repeated ones are looked for.
cdef struct Key:
    uint64_t hash
    uint32_t at
    uint32_t repeat               # its place among the repeats + 1; 0: it stands once so far

# A key that stands twice in one object: the last value is taken, where the first one stood.
cdef struct Repeat:
    uint32_t at                   # the key
    uint32_t value                # of the first: the value to be taken; of the others 0
    uint32_t end                  # of the others: where their value ends

# An object or array that is open while the document is checked.
cdef struct Open:
    uint32_t at
    bint is_object
    uint32_t first_key            # of its keys
    int64_t repeat                # place of the last key among the repeats; -1: it is new
    int64_t slot                  # its ids; -1: it has no key yet
    uint64_t active               # steps of id keys that the keys of this object may be
    uint64_t matched              # those that the last key is
    uint32_t ids[MOST_CANDIDATES] # where their values begin; 0: there is none


cdef enum:
    LONGEST_POINTER = 1 << 12     # that is told of a place
    INDEX_BYTES = 10              # of an index in one


cdef inline uint64_t step_bytes(Text name, Text last) noexcept nogil:
    """What a step of a JSON pointer takes at most: a key up to `last`, an index where that is NULL."""
    return 1 + (INDEX_BYTES if name == NULL else 2 * <uint64_t>(last - name))


cdef inline unsigned char* put_step(
    unsigned char* at, Text name, Text last, uint32_t index
) noexcept nogil:
    """Writes such a step; returns what is behind it."""
    cdef unsigned char digits[INDEX_BYTES]
    cdef int n = 0
    at[0] = 47                                                # /
    at += 1
    if name != NULL:
        return pff_json_write(name, last, at, PFF_POINTER)
    while n == 0 or index:
        digits[n] = <unsigned char>(48 + index % 10)
        index //= 10
        n += 1
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


cdef class DocumentCheck:
    # The keys that name an object: parts, each of several candidates, each of steps from key to key.
    cdef int n_parts, n_candidates, n_steps
    cdef int part_of[MOST_CANDIDATES]
    cdef int candidate_of[MOST_STEPS]
    cdef int step_of[MOST_STEPS]
    cdef const char* step_text[MOST_STEPS]
    cdef size_t step_bytes[MOST_STEPS]
    cdef uint64_t starts          # steps that begin a candidate
    cdef uint64_t lasts           # steps that end one
    cdef object steps             # keeps the texts
    # The document at hand.
    cdef object held
    cdef Text raw
    cdef size_t n_bytes
    cdef Array keys
    cdef uint64_t n_keys
    cdef Array table              # places of keys + 1, by hash
    cdef uint64_t table_mask
    cdef Array ids                # of objects that have one: where it begins, and where its parts do
    cdef uint64_t n_ids
    cdef Array repeats
    cdef uint64_t n_repeats
    cdef Array scratch
    cdef Array other_scratch
    cdef Py_ssize_t depth
    cdef Open opens[MOST_DEPTH + 1]
    cdef size_t fault_at
    cdef uint32_t lone_surrogate  # the first one; 0: none
    cdef bint has_nul             # an escape stands for the NUL character
    cdef uint64_t most_keys
    cdef uint64_t most_table_bytes
    cdef uint64_t longest         # bytes of the longest string
    cdef readonly uint64_t repeated
    """Keys of the document that stood in their object before."""
    cdef readonly bint is_empty
    """Whether it has no key."""

    cdef Fault _check(self) noexcept nogil
    cdef bint _open(self, size_t at, bint is_object) noexcept nogil
    cdef void _close(self) noexcept nogil
    cdef void _scalar(self, size_t at, bint names) noexcept nogil
    cdef void _ended(self, size_t at) noexcept nogil
    cdef void _forget_tables(self) noexcept nogil


# An object or array that is open while the document is walked. Names are places in a buffer; what
# is open further in is written behind them.
cdef struct Frame:
    bint is_object
    uint32_t key                  # of the member at hand
    uint32_t index                # of the element at hand
    uint32_t back                 # where to go on behind a value that stands elsewhere; 0: there
    uint64_t base                 # the name of the object, or the path of the array: from here
    uint64_t base_end
    uint64_t node                 # the name of the object, or of the one that the array is of
    uint64_t node_end
    uint64_t relation
    uint64_t relation_end
    uint64_t prefix_end           # of the relation: what its object adds, if relations are paths
    bint bad_node                 # it can be no name
    uint32_t at                   # of the object
    uint64_t id_hash              # of an id that several objects have; 0: another

# A scalar under a key of an object whose id another object has, too.
cdef struct Scalar:
    uint64_t key                  # hash of the id and the relation; 0: there is none
    uint64_t value                # hash
    uint32_t owner                # the object


# A document of a text, where spots are kept.
cdef struct Root:
    uint32_t at
    uint64_t first                # of its lines


# Why a walk stops before the end of the document.
cdef enum Stop:
    ENDED
    FULL                          # the room for lines
    BAD                           # a line that is no triple
    LONG_NAMES
    NO_ROOM

# What is counted while a document is walked, with the places of the first.
cdef enum Note:
    EMPTY_VALUES
    REPEATED_KEYS
    IDS_LIKE_PATHS
    IDS_OF_SEVERAL
    N_NOTES

cdef enum:
    KEPT_PLACES = 10


cdef class DocumentNames(DocumentCheck):
    cdef bint injective
    cdef size_t at
    cdef uint64_t id_at           # place among the ids where the next object is looked for
    cdef uint64_t repeat_at
    cdef Array names
    cdef Array relations
    cdef uint64_t most_names_bytes
    cdef Array id_hashes          # of each object with an id
    cdef Array id_slots           # places among them + 1, by hash
    cdef uint64_t id_mask
    cdef bint looks_for_ids       # there are some
    cdef Array scalars
    cdef uint64_t n_scalars
    cdef uint64_t scalar_mask
    cdef uint64_t counts[N_NOTES]
    cdef uint32_t places[N_NOTES][KEPT_PLACES]

    cdef bint _path(self, Frame* frame, uint64_t* end) noexcept nogil
    cdef bint _id(self, const uint32_t* ids, uint64_t at, uint64_t* end) noexcept nogil
    cdef const uint32_t* _ids_of(self, size_t at) noexcept nogil
    cdef const Repeat* _repeat_of(self, size_t at) noexcept nogil
    cdef uint64_t _hash_if_repeated(self, const uint32_t* ids) noexcept nogil
    cdef bint _index_ids(self) noexcept nogil
    cdef uint64_t _found_id(self, uint64_t hash) noexcept nogil
    cdef bint _compare(self, const Frame* frame, uint64_t value) noexcept nogil
    cdef bint _more_scalars(self) noexcept nogil
    cdef void _note(self, int note, size_t at) noexcept nogil
    cdef bint _is_bad(self, uint64_t at, uint64_t end) noexcept nogil


cdef class DocumentWalk(DocumentNames):
    cdef bint by_path
    cdef uint64_t most_path_bytes
    cdef uint64_t path_bytes      # of the names of objects by their paths, in this document
    cdef State state
    cdef Frame frames[MOST_DEPTH + 1]
    cdef PyObject* out            # a bytes object that is being written
    cdef unsigned char* lines
    cdef size_t used
    cdef size_t room
    cdef size_t wanted            # room for the line that did not fit
    cdef size_t bad_bytes         # of the line behind those that are used
    cdef readonly size_t place
    """Of the value that the last bad line was made of."""
    cdef size_t counted_at        # newlines before here were counted
    cdef uint64_t counted
    cdef readonly uint64_t named
    """Objects that were named by an id."""
    cdef bint keeps_spots
    cdef Array spots              # uint32: where the value of each line stands, from `spots_from`
    cdef uint64_t n_spots
    cdef uint32_t spots_from      # of this document in its text
    cdef Array roots              # Root: of each document
    cdef uint64_t n_roots

    cdef Stop _walk(self) noexcept nogil
    cdef Stop _value(self) noexcept nogil
    cdef Stop _child(self, const uint32_t* ids) noexcept nogil
    cdef Stop _line(self, Text value, size_t length, bint escapes) noexcept nogil
