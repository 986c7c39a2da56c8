# Characters of terms: which stand where, how they are escaped.

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


cdef Text read_escape(Terms terms, Text at, Text stop, int64_t* code) noexcept nogil:
    """The character that is escaped at this backslash."""
    cdef Text start = at
    cdef int i, n, digit
    if stop - at < 2:
        return terms._fault(start, b"an escape")
    for i in range(8):
        if at[1] == (<const unsigned char*>b"tbnrf\"'\\")[i]:
            code[0] = (<const unsigned char*>b"\t\b\n\r\f\"'\\")[i]
            return at + 2
    n = 4 if at[1] == 117 else 8 if at[1] == 85 else 0
    if n == 0 or stop - at < 2 + n:
        return terms._fault(start, b"an escape: \\t \\n \\r \\b \\f \\\" \\' \\\\ \\uXXXX \\UXXXXXXXX")
    code[0] = 0
    for i in range(n):
        digit = _digit(at[2 + i])
        if digit < 0:
            return terms._fault(start, b"an escape of hexadecimal digits")
        code[0] = 16 * code[0] + digit
    if code[0] > 0x10FFFF or 0xD800 <= code[0] < 0xE000:
        return terms._fault(start, b"an escape that is a character")
    return at + 2 + n


cdef bint put_character(Terms terms, int64_t code) noexcept nogil:
    """In UTF-8."""
    cdef unsigned char[4] text
    if code < 0x80:
        text[0] = <unsigned char>code
        return terms._put(text, 1)
    if code < 0x800:
        text[0] = <unsigned char>(0xC0 | code >> 6)
        text[1] = <unsigned char>(0x80 | code & 0x3F)
        return terms._put(text, 2)
    if code < 0x10000:
        text[0] = <unsigned char>(0xE0 | code >> 12)
        text[1] = <unsigned char>(0x80 | code >> 6 & 0x3F)
        text[2] = <unsigned char>(0x80 | code & 0x3F)
        return terms._put(text, 3)
    text[0] = <unsigned char>(0xF0 | code >> 18)
    text[1] = <unsigned char>(0x80 | code >> 12 & 0x3F)
    text[2] = <unsigned char>(0x80 | code >> 6 & 0x3F)
    text[3] = <unsigned char>(0x80 | code & 0x3F)
    return terms._put(text, 4)


cdef bint put_escaped(Terms terms, int64_t code) noexcept nogil:
    """As a literal has it: escaped where it must be, in one way."""
    cdef unsigned char[6] text
    cdef int i
    text[0] = 92
    for i in range(7):
        if code == (<const unsigned char*>b"\t\b\n\r\f\"\\")[i]:
            text[1] = (<const unsigned char*>b"tbnrf\"\\")[i]
            return terms._put(text, 2)
    if code >= 32 and code != 127 and code != 0xFFFE and code != 0xFFFF:
        return put_character(terms, code)
    text[1] = 117
    for i in range(4):
        text[2 + i] = HEX[code >> (12 - 4 * i) & 15]
    return terms._put(text, 6)


cdef inline int _digit(unsigned char letter) noexcept nogil:
    """Of a hexadecimal number; -1 where it is none."""
    if 48 <= letter <= 57:
        return letter - 48
    letter |= 32
    return letter - 87 if 97 <= letter <= 102 else -1


cdef bint has_scheme(Text at, Text stop) noexcept nogil:
    cdef Text start = at
    while at < stop and at[0] != 58:
        if not (65 <= (at[0] & 0xDF) <= 90) and (
            at == start or not (48 <= at[0] <= 57 or at[0] == 43 or at[0] == 45 or at[0] == 46)
        ):
            return False
        at += 1
    return start < at < stop


cdef int label_character(Text at, Text stop, bint is_first) noexcept nogil:
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
