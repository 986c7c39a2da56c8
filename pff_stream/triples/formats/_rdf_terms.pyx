# distutils: extra_compile_args = -O3
"""The terms of N-Triples to names by the mapping `rdf-1`.

An IRI loses its brackets, a blank node gets a number, a literal is written in the one form that
N-Triples has for it. IRIs are held against the grammar of N-Triples, not against that of each scheme.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from pff_stream.triples._name_table cimport (
    GOOD, Array, Names, Text, free_names, grow_slots, intern, pff_name_hash, release, reserve
)

MAX_DEPTH = 100

cdef enum:
    MOST_DEPTH = 100
    FIRST_SLOTS = 64

cdef const char* XSD_STRING = b"^^<http://www.w3.org/2001/XMLSchema#string>"
cdef const char* RDF_LANG_STRING = b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString>"
cdef const char* RDF_DIR_STRING = b"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#dirLangString>"

include "_rdf_characters.pxi"




cdef class BlankNodes:
    """The numbers of the blank nodes of one graph, in order of first appearance.

    A label means one node in one input. Holds the labels of the input at hand.
    """

    def __cinit__(self):
        memset(&self.labels, 0, sizeof(self.labels))
        if not grow_slots(&self.labels, FIRST_SLOTS):
            raise MemoryError

    def __dealloc__(self):
        free_names(&self.labels)

    def start_input(self):
        """Forgets the labels of the input before."""
        self.before += self.labels.n
        free_names(&self.labels)
        memset(&self.labels, 0, sizeof(self.labels))
        if not grow_slots(&self.labels, FIRST_SLOTS):
            raise MemoryError

    @property
    def held_bytes(self):
        """What the labels take."""
        return self.labels.blob.bytes + self.labels.ends.bytes + self.labels.slots.bytes

    def name(self, str label):
        """What the node of a label is called: `_:b` and its number."""
        text = label.encode()
        cdef int64_t number = self.number(<Text><const char*>text, len(text))
        if number < 0:
            raise MemoryError
        return f"_:b{number}"

    cdef int64_t number(self, Text label, size_t length) noexcept nogil:
        """-1 where there is no memory for it."""
        cdef int32_t id
        if intern(&self.labels, label, length, pff_name_hash(label, length), &id) != GOOD:
            return -1
        return <int64_t>self.before + id


cdef class Terms:
    """Reads terms from bytes and appends their names to `out`; knows what is wrong where.

    Its methods return where a term ends, NULL where it is none.
    """

    def __dealloc__(self):
        release(&self.out)

    cdef Text _triple(self, Text at, Text stop, unsigned char between, int depth) noexcept nogil:
        """Three terms; in triple terms (`depth` over 0) IRIs keep their brackets."""
        at = self._term(at, stop, IRI | BLANK, depth)
        if at == NULL or not self._put(&between, 1):
            return NULL
        at = self._term(skip_blanks(at, stop), stop, IRI, depth)
        if at == NULL or not self._put(&between, 1):
            return NULL
        return self._term(skip_blanks(at, stop), stop, IRI | BLANK | LITERAL | TRIPLE, depth)

    cdef Text _term(self, Text at, Text stop, int allowed, int depth) noexcept nogil:
        if at < stop:
            if at[0] == 60 and stop - at >= 2 and at[1] == 60:
                if not allowed & TRIPLE or stop - at < 3 or at[2] != 40:
                    return self._fault(at, b"an IRI, a blank node, a literal or <<( )>>")
                if depth == MOST_DEPTH:
                    return self._fault(at, b"triple terms nested at most 100 deep")
                if not self._put(<Text><const char*>b"<<( ", 4):
                    return NULL
                at = self._triple(skip_blanks(at + 3, stop), stop, 32, depth + 1)
                if at == NULL:
                    return NULL
                at = skip_blanks(at, stop)
                if stop - at < 3 or memcmp(at, b")>>", 3) != 0:
                    return self._fault(at, b")>> behind a triple term")
                return at + 3 if self._put(<Text><const char*>b" )>>", 4) else NULL
            if at[0] == 60:
                return self._iri(at, stop, depth > 0)
            if at[0] == 95 and allowed & BLANK:
                return self._blank(at, stop)
            if at[0] == 34 and allowed & LITERAL:
                return self._literal(at, stop)
        if allowed & LITERAL:
            return self._fault(at, b"an object: <IRI>, _:label, a literal or <<( )>>")
        if allowed & BLANK:
            return self._fault(at, b"a subject: <IRI> or _:label")
        return self._fault(at, b"a predicate: <IRI>")

    cdef Text _iri(self, Text at, Text stop, bint bracketed) noexcept nogil:
        """`at` is its bracket."""
        cdef Text start = at + 1
        cdef Text opening = at
        cdef int64_t code
        cdef size_t begin
        if bracketed and not self._put(at, 1):
            return NULL
        begin = self.out_bytes
        at += 1
        while True:
            while at < stop and not NO_IRI[at[0]]:
                at += 1
            if at == stop:
                return self._fault(opening, b"an IRI that ends in >")
            if not self._put(start, at - start):
                return NULL
            if at[0] == 62:
                break
            start = at
            if at[0] != 92:
                return self._fault(at, b"an IRI without this character")
            at = read_escape(self, at, stop, &code)
            if at == NULL:
                return NULL
            if code < 128 and NO_IRI[code]:
                return self._fault(start, b"an IRI without this character")
            if not put_character(self, code):
                return NULL
            start = at
        if not has_scheme(<Text>self.out.at + begin, <Text>self.out.at + self.out_bytes):
            return self._fault(opening, b"an absolute IRI, as <http://example.org/a>")
        if bracketed and not self._put(at, 1):
            return NULL
        return at + 1

    cdef Text _blank(self, Text at, Text stop) noexcept nogil:
        """`at` is its underscore."""
        cdef Text start = at + 2
        cdef unsigned char[24] digits
        cdef int64_t number
        cdef int n = 24, length
        if stop - at < 3 or at[1] != 58 or not label_character(start, stop, True):
            return self._fault(at, b"a blank node: _: and a label")
        at = start
        while at < stop:
            length = 1 if at[0] == 46 else label_character(at, stop, False)
            if not length:
                break
            at += length
        while (at - 1)[0] == 46:
            at -= 1
        if self.is_dry:
            return at if self._put(<Text><const char*>b"_:", 2) else NULL
        number = self.blank_nodes.number(start, at - start)
        if number < 0:
            self.no_memory = True
            return NULL
        while True:
            n -= 1
            digits[n] = <unsigned char>(48 + number % 10)
            number //= 10
            if number == 0:
                break
        if not (self._put(<Text><const char*>b"_:b", 3) and self._put(digits + n, 24 - n)):
            return NULL
        return at

    cdef Text _literal(self, Text at, Text stop) noexcept nogil:
        """`at` is its quote."""
        cdef Text start = at
        cdef Text opening = at
        cdef int64_t code
        cdef size_t begin
        at += 1
        while True:
            while at < stop and not NO_TEXT[at[0]]:
                at += 1
            if at == stop:
                return self._fault(opening, b"a literal that ends in a quote")
            if at[0] == 0xEF and not (
                stop - at >= 3 and at[1] == 0xBF and (at[2] == 0xBE or at[2] == 0xBF)
            ):
                at += 3
                continue
            if not self._put(start, at - start):
                return NULL
            if at[0] == 34:
                break
            if at[0] == 92:
                at = read_escape(self, at, stop, &code)
                if at == NULL:
                    return NULL
            elif at[0] == 13:
                return self._fault(opening, b"a literal that ends in a quote")
            elif at[0] == 0xEF:
                code = 0xFFC0 | (at[2] & 0x3F)
                at += 3
            else:
                code = at[0]
                at += 1
            if not put_escaped(self, code):
                return NULL
            start = at
        if not self._put(at, 1):
            return NULL
        opening = at + 1
        at = skip_blanks(opening, stop)
        if at < stop and at[0] == 64:
            return self._language(at, stop)
        if stop - at < 2 or at[0] != 94 or at[1] != 94:
            return opening
        begin = self.out_bytes
        opening = skip_blanks(at + 2, stop)
        if not self._put(at, 2):
            return NULL
        if opening == stop or opening[0] != 60:
            return self._fault(opening, b"a datatype: <IRI>")
        at = self._iri(opening, stop, True)
        if at == NULL:
            return NULL
        if _ends(self, begin, RDF_LANG_STRING) or _ends(self, begin, RDF_DIR_STRING):
            return self._fault(opening, b"@ and a language, or another datatype")
        if _ends(self, begin, XSD_STRING):
            self.out_bytes = begin
        return at

    cdef Text _language(self, Text at, Text stop) noexcept nogil:
        """`at` is its @. Parts of one to eight letters or digits, in lower case; a direction."""
        cdef Text start = at
        cdef int length = 0
        cdef bint is_first = True
        cdef unsigned char letter
        if not self._put(at, 1):
            return NULL
        at += 1
        while at < stop:
            letter = at[0]
            if 65 <= letter <= 90:
                letter += 32
            if 97 <= letter <= 122 or (48 <= letter <= 57 and not is_first):
                length += 1
                if length > 8:
                    break
            elif letter == 45 and length:
                length = 0
                is_first = False
                if stop - at >= 5 and at[1] == 45:
                    if memcmp(at + 2, b"ltr", 3) != 0 and memcmp(at + 2, b"rtl", 3) != 0:
                        return self._fault(at, b"--ltr or --rtl")
                    return at + 5 if self._put(at, 5) else NULL
            else:
                break
            if not self._put(&letter, 1):
                return NULL
            at += 1
        if not 0 < length <= 8:
            return self._fault(start, b"a language tag, as @en or @en-gb")
        return at

    cdef bint _put(self, Text at, size_t length) noexcept nogil:
        if self.out_bytes + length > self.out.bytes:
            if not reserve(&self.out, self.out_bytes + length):
                self.no_memory = True
                return False
        memcpy(<unsigned char*>self.out.at + self.out_bytes, at, length)
        self.out_bytes += length
        return True

    cdef Text _fault(self, Text at, const char* expected) noexcept nogil:
        self.fault_at = at
        self.expected = expected
        return NULL


cdef bint _ends(Terms terms, size_t begin, const char* datatype) noexcept nogil:
    """Whether what was written last is this datatype."""
    cdef size_t length = 0
    while datatype[length]:
        length += 1
    return terms.out_bytes - begin == length and memcmp(
        <Text>terms.out.at + begin, datatype, length
    ) == 0
