# distutils: extra_compile_args = -O3
"""How deep a text is nested, before a parser sees it that would take any depth.

Does not parse: it knows strings, comments and brackets, and what is wrong otherwise is the parser's.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

cdef enum State:
    PLAIN            # of Turtle; text of XML
    ESCAPED
    OPENED_IRI       # behind <
    IRI
    COMMENT
    ONE_QUOTE
    TWO_QUOTES
    STRING
    LONG_STRING
    OPENED_TAG
    START_TAG
    IN_QUOTES
    SLASH
    END_TAG
    INSTRUCTION
    DECLARATION      # behind <!
    XML_COMMENT
    CDATA
    DOCTYPE
    DOCTYPE_QUOTES
    DOCTYPE_COMMENT
    REFERENCE        # behind & in the value of an entity

MAX_DOCTYPE_BYTES = 1 << 16


cdef class Nesting:
    """Looks at a text as it goes by. `depth` is the most so far, `line` where `limit` was passed."""

    cdef State state
    cdef State before_escape
    cdef unsigned char quote
    cdef int run                  # of equal characters at hand
    cdef int64_t now
    cdef uint64_t lines
    cdef readonly uint64_t depth
    cdef readonly uint64_t line
    cdef readonly uint64_t weight
    """Bytes of the text, references of XML with what they may stand for."""
    cdef readonly str fault
    cdef uint64_t limit

    def __init__(self, uint64_t limit):
        self.limit = limit

    def look(self, const unsigned char[::1] text):
        """The next bytes."""
        cdef size_t i
        with nogil:
            for i in range(<size_t>text.shape[0]):
                self._next(text[i])
        self.weight += text.shape[0]
        self._judge()

    cdef void _next(self, unsigned char c) noexcept nogil:
        """The next byte."""

    cdef _judge(self):
        """Says in `fault` what is wrong but the depth."""

    cdef void _open(self) noexcept nogil:
        self.now += 1
        if self.now > <int64_t>self.depth:
            self.depth = self.now
            if self.depth == self.limit + 1:
                self.line = self.lines + 1

    cdef void _close(self) noexcept nogil:
        if self.now > 0:
            self.now -= 1


cdef class TurtleNesting(Nesting):
    """Of Turtle, TriG and N3: brackets of all kinds."""

    cdef void _next(self, unsigned char c) noexcept nogil:
        cdef State state = self.state
        self.lines += c == 10
        if state == ESCAPED:
            self.state = self.before_escape
        elif state == IRI:
            if c == 62 or c <= 32:
                self.state = PLAIN
        elif state == COMMENT:
            if c == 10 or c == 13:
                self.state = PLAIN
        elif state == STRING or state == LONG_STRING:
            self._in_string(c)
        elif state == ONE_QUOTE and c == self.quote:
            self.state = TWO_QUOTES
        elif state == ONE_QUOTE:
            self.state = STRING
            self._in_string(c)
        elif state == TWO_QUOTES and c == self.quote:
            self.state, self.run = LONG_STRING, 0
        elif state == OPENED_IRI and c == 60:
            self._open()
            self.state = PLAIN
        elif state == OPENED_IRI and c != 61:      # <= is a word of N3
            self.state = PLAIN if c == 62 or c <= 32 else IRI
        else:
            self.state = PLAIN
            self._plain(c)

    cdef void _in_string(self, unsigned char c) noexcept nogil:
        if c == 92:
            self.before_escape, self.state, self.run = self.state, ESCAPED, 0
        elif c == self.quote:
            self.run += 1
            if self.state == STRING or self.run == 3:
                self.state = PLAIN
        else:
            self.run = 0
            if c == 10 and self.state == STRING:
                self.state = PLAIN

    cdef void _plain(self, unsigned char c) noexcept nogil:
        if c == 62:
            self.run += 1
            if self.run == 2:
                self._close()
                self.run = 0
            return
        self.run = 0
        if c == 60:
            self.state = OPENED_IRI
        elif c == 34 or c == 39:
            self.quote, self.state = c, ONE_QUOTE
        elif c == 35:
            self.state = COMMENT
        elif c == 92:
            self.before_escape, self.state = PLAIN, ESCAPED
        elif c == 40 or c == 91 or c == 123:
            self._open()
        elif c == 41 or c == 93 or c == 125:
            self._close()


cdef class XmlNesting(Nesting):
    """Of XML: elements. Says in `fault` what is wrong with entities."""

    cdef uint64_t n_doctype
    cdef uint64_t value           # bytes of the value at hand
    cdef uint64_t longest
    cdef int brackets
    cdef int place                # behind <!
    cdef uint32_t before          # the four bytes before
    cdef bint has_nested_entity

    cdef _judge(self):
        if self.n_doctype > MAX_DOCTYPE_BYTES:
            self.fault = f"a DOCTYPE of over {MAX_DOCTYPE_BYTES} bytes"
        elif self.has_nested_entity:
            self.fault = "an entity that is made of others"

    cdef void _next(self, unsigned char c) noexcept nogil:
        cdef State state = self.state
        self.lines += c == 10
        if state == PLAIN:
            if c == 60:
                self.state = OPENED_TAG
            elif c == 38:
                self.weight += self.longest
        elif state == OPENED_TAG:
            self._opened(c)
        elif state == START_TAG or state == SLASH:
            self._in_tag(c)
        elif state == IN_QUOTES:
            if c == self.quote:
                self.state = START_TAG
            elif c == 38:
                self.weight += self.longest
        elif state == END_TAG:
            if c == 62:
                self.state = PLAIN
        elif state == INSTRUCTION:
            self._until(c, 63, 1)
        elif state == XML_COMMENT:
            self._until(c, 45, 2)
        elif state == CDATA:
            self._until(c, 93, 2)
        elif state == DECLARATION:
            self._declared(c)
        else:
            self._in_doctype(c)

    cdef void _opened(self, unsigned char c) noexcept nogil:
        self.run = 0
        if c == 47:
            self._close()
            self.state = END_TAG
        elif c == 63:
            self.state = INSTRUCTION
        elif c == 33:
            self.state, self.place = DECLARATION, 0
        else:
            self._open()
            self.state = START_TAG

    cdef void _in_tag(self, unsigned char c) noexcept nogil:
        if c == 62:
            if self.state == SLASH:
                self._close()
            self.state = PLAIN
        elif c == 34 or c == 39:
            self.quote, self.state = c, IN_QUOTES
        else:
            self.state = SLASH if c == 47 else START_TAG

    cdef void _until(self, unsigned char c, unsigned char last, int times) noexcept nogil:
        if c == 62 and self.run >= times:
            self.state, self.run = PLAIN, 0
        else:
            self.run = self.run + 1 if c == last else 0

    cdef void _declared(self, unsigned char c) noexcept nogil:
        """Behind `<!`: `--` begins a comment, `[` a CDATA section."""
        self.place += 1
        if self.place == 1 and c == 91:
            self.state = CDATA
        elif self.place == 2 and c == 45 and self.quote == 45:
            self.state, self.run = XML_COMMENT, 0
        elif self.place == 2:
            self.state, self.brackets = DOCTYPE, 0
            self._in_doctype(c)
        self.quote = c

    cdef void _in_doctype(self, unsigned char c) noexcept nogil:
        self.n_doctype += 1
        self.before = self.before << 8 | c
        if self.state == DOCTYPE_COMMENT:
            if self.before & 0xFFFFFF == 0x2D2D3E:      # -->
                self.state = DOCTYPE
            return
        if self.state == REFERENCE:
            self.state = DOCTYPE_QUOTES
            self.has_nested_entity = self.has_nested_entity or c != 35
        if self.state == DOCTYPE_QUOTES:
            self.value += 1
            if c == self.quote:
                self.state = DOCTYPE
                self.longest = max(self.longest, self.value)
            elif c == 38:
                self.state = REFERENCE
        elif self.before == 0x3C212D2D:                 # <!--
            self.state = DOCTYPE_COMMENT
        elif c == 34 or c == 39:
            self.quote, self.state, self.value = c, DOCTYPE_QUOTES, 0
        elif c == 91:
            self.brackets += 1
        elif c == 93:
            self.brackets -= 1
        elif c == 62 and self.brackets <= 0:
            self.state = PLAIN


include "_json_nesting.pxi"
