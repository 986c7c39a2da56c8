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
cdef const char* HEX = b"0123456789ABCDEF"
cdef unsigned char[256] NO_IRI    # bytes that end the plain part of an IRI
cdef unsigned char[256] NO_TEXT   # and of a literal


cdef void _fill_tables():
    cdef int i
    for i in range(256):
        NO_IRI[i] = i <= 32
        NO_TEXT[i] = i < 32 or i == 127 or i == 0xEF
    for i in b'<>"{}|^`\\':
        NO_IRI[i] = 1
    for i in b'"\\':
        NO_TEXT[i] = 1


_fill_tables()


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
            at = self._escape(at, stop, &code)
            if at == NULL:
                return NULL
            if code < 128 and NO_IRI[code]:
                return self._fault(start, b"an IRI without this character")
            if not self._put_character(code):
                return NULL
            start = at
        if not _has_scheme(<Text>self.out.at + begin, <Text>self.out.at + self.out_bytes):
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
        if stop - at < 3 or at[1] != 58 or not _label_character(start, stop, True):
            return self._fault(at, b"a blank node: _: and a label")
        at = start
        while at < stop:
            length = 1 if at[0] == 46 else _label_character(at, stop, False)
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
                at = self._escape(at, stop, &code)
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
            if not self._put_escaped(code):
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

    cdef Text _escape(self, Text at, Text stop, int64_t* code) noexcept nogil:
        """The character that is escaped at this backslash."""
        cdef Text start = at
        cdef int i, n, digit
        if stop - at < 2:
            return self._fault(start, b"an escape")
        for i in range(8):
            if at[1] == (<const unsigned char*>b"tbnrf\"'\\")[i]:
                code[0] = (<const unsigned char*>b"\t\b\n\r\f\"'\\")[i]
                return at + 2
        n = 4 if at[1] == 117 else 8 if at[1] == 85 else 0
        if n == 0 or stop - at < 2 + n:
            return self._fault(start, b"an escape: \\t \\n \\r \\b \\f \\\" \\' \\\\ \\uXXXX \\UXXXXXXXX")
        code[0] = 0
        for i in range(n):
            digit = _digit(at[2 + i])
            if digit < 0:
                return self._fault(start, b"an escape of hexadecimal digits")
            code[0] = 16 * code[0] + digit
        if code[0] > 0x10FFFF or 0xD800 <= code[0] < 0xE000:
            return self._fault(start, b"an escape that is a character")
        return at + 2 + n

    cdef bint _put(self, Text at, size_t length) noexcept nogil:
        if self.out_bytes + length > self.out.bytes:
            if not reserve(&self.out, self.out_bytes + length):
                self.no_memory = True
                return False
        memcpy(<unsigned char*>self.out.at + self.out_bytes, at, length)
        self.out_bytes += length
        return True

    cdef bint _put_character(self, int64_t code) noexcept nogil:
        """In UTF-8."""
        cdef unsigned char[4] text
        if code < 0x80:
            text[0] = <unsigned char>code
            return self._put(text, 1)
        if code < 0x800:
            text[0] = <unsigned char>(0xC0 | code >> 6)
            text[1] = <unsigned char>(0x80 | code & 0x3F)
            return self._put(text, 2)
        if code < 0x10000:
            text[0] = <unsigned char>(0xE0 | code >> 12)
            text[1] = <unsigned char>(0x80 | code >> 6 & 0x3F)
            text[2] = <unsigned char>(0x80 | code & 0x3F)
            return self._put(text, 3)
        text[0] = <unsigned char>(0xF0 | code >> 18)
        text[1] = <unsigned char>(0x80 | code >> 12 & 0x3F)
        text[2] = <unsigned char>(0x80 | code >> 6 & 0x3F)
        text[3] = <unsigned char>(0x80 | code & 0x3F)
        return self._put(text, 4)

    cdef bint _put_escaped(self, int64_t code) noexcept nogil:
        """As a literal has it: escaped where it must be, in one way."""
        cdef unsigned char[6] text
        cdef int i
        text[0] = 92
        for i in range(7):
            if code == (<const unsigned char*>b"\t\b\n\r\f\"\\")[i]:
                text[1] = (<const unsigned char*>b"tbnrf\"\\")[i]
                return self._put(text, 2)
        if code >= 32 and code != 127 and code != 0xFFFE and code != 0xFFFF:
            return self._put_character(code)
        text[1] = 117
        for i in range(4):
            text[2 + i] = HEX[code >> (12 - 4 * i) & 15]
        return self._put(text, 6)

    cdef Text _fault(self, Text at, const char* expected) noexcept nogil:
        self.fault_at = at
        self.expected = expected
        return NULL


cdef inline int _digit(unsigned char letter) noexcept nogil:
    """Of a hexadecimal number; -1 where it is none."""
    if 48 <= letter <= 57:
        return letter - 48
    letter |= 32
    return letter - 87 if 97 <= letter <= 102 else -1


cdef bint _has_scheme(Text at, Text stop) noexcept nogil:
    cdef Text start = at
    while at < stop and at[0] != 58:
        if not (65 <= (at[0] & 0xDF) <= 90) and (
            at == start or not (48 <= at[0] <= 57 or at[0] == 43 or at[0] == 45 or at[0] == 46)
        ):
            return False
        at += 1
    return start < at < stop


cdef bint _ends(Terms terms, size_t begin, const char* datatype) noexcept nogil:
    """Whether what was written last is this datatype."""
    cdef size_t length = 0
    while datatype[length]:
        length += 1
    return terms.out_bytes - begin == length and memcmp(
        <Text>terms.out.at + begin, datatype, length
    ) == 0


cdef int _label_character(Text at, Text stop, bint is_first) noexcept nogil:
    """Bytes of the character, 0 where no label can have it."""
    cdef int64_t code
    if at[0] < 128:
        if 65 <= (at[0] & 0xDF) <= 90 or 48 <= at[0] <= 57 or at[0] == 95:
            return 1
        return at[0] == 45 and not is_first
    if at[0] < 0xE0:
        code = (at[0] & 0x1F) << 6 | (at[1] & 0x3F)
        if 0xC0 <= code <= 0x2FF:
            return 0 if code == 0xD7 or code == 0xF7 else 2
        if code == 0xB7 or 0x300 <= code <= 0x36F:
            return 0 if is_first else 2
        return 2 if code >= 0x370 and code != 0x37E else 0
    if at[0] < 0xF0:
        code = (at[0] & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F)
        if code == 0x203F or code == 0x2040:
            return 0 if is_first else 3
        return 3 if (
            code <= 0x1FFF or code == 0x200C or code == 0x200D or 0x2070 <= code <= 0x218F
            or 0x2C00 <= code <= 0x2FEF or 0x3001 <= code <= 0xD7FF or 0xF900 <= code <= 0xFDCF
            or 0xFDF0 <= code <= 0xFFFD
        ) else 0
    code = (at[0] & 7) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F)
    return 4 if code <= 0xEFFFF else 0
