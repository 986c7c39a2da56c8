# Texts, numbers and words of a document, each gone through once.

cdef extern from "triples/_arrays.h":
    const unsigned char* pff_bad_utf8(const unsigned char* at, const unsigned char* stop) noexcept nogil


cdef Fault take_text(DocumentCheck check, size_t* place) noexcept nogil:
    """Goes from the opening quote behind the closing one."""
    cdef Text start = check.raw + place[0], stop = check.raw + check.n_bytes, at = start + 1, end
    cdef int code, low
    while True:
        at = pff_json_plain(at, stop)
        check.fault_at = at - check.raw
        if at == stop:
            check.fault_at = place[0]
            return OPEN_STRING
        if at[0] == 34:
            place[0] = at + 1 - check.raw
            if <uint64_t>(at - start) > check.longest:
                check.longest = at - start
            return SOUND
        if at[0] < 32:
            return CONTROL
        if at[0] != 92:
            # One character: 4 bytes at most.
            end = at + 1
            while end < stop and end[0] & 0xC0 == 0x80 and end - at < 4:
                end += 1
            if pff_bad_utf8(at, end) != NULL:
                return NOT_UTF8
            at = end
            continue
        if at + 1 == stop:
            check.fault_at = place[0]
            return OPEN_STRING
        if at[1] != 117:                                  # u
            if at[1] == 0 or memchr(b'"\\/bfnrt', at[1], 8) == NULL:
                return ESCAPE
            at += 2
            continue
        code = pff_json_hex(at + 2, stop)
        if code < 0:
            check.fault_at += 1
            return HEX
        at += 6
        if code >> 10 == 0xD800 >> 10 and stop - at >= 6 and at[0] == 92 and at[1] == 117:
            low = pff_json_hex(at + 2, stop)
            if low >= 0 and low >> 10 == 0xDC00 >> 10:
                at += 6
                continue
        if code == 0:
            check.has_nul = True
        if code >> 11 == 0xD800 >> 11 and not check.lone_surrogate:
            check.lone_surrogate = code


cdef Fault take_word(DocumentCheck check, size_t* at) noexcept nogil:
    """Goes behind a number, true, false or null."""
    cdef Text here = check.raw + at[0], stop = check.raw + check.n_bytes, end
    cdef size_t left = stop - here
    end = pff_json_number(here, stop)
    if end != here:
        at[0] = end - check.raw
        return SOUND
    if left >= 4 and (memcmp(here, b"true", 4) == 0 or memcmp(here, b"null", 4) == 0):
        at[0] += 4
        return SOUND
    if left >= 5 and memcmp(here, b"false", 5) == 0:
        at[0] += 5
        return SOUND
    if left >= 3 and memcmp(here, b"NaN", 3) == 0:
        return CONSTANT
    if left >= 8 and memcmp(here, b"Infinity", 8) == 0:
        return CONSTANT
    if left >= 9 and memcmp(here, b"-Infinity", 9) == 0:
        return CONSTANT
    # What begins with no ASCII may be no character at all.
    if left and here[0] > 127:
        end = here + 1
        while end < stop and end[0] & 0xC0 == 0x80 and end - here < 4:
            end += 1
        if pff_bad_utf8(here, end) != NULL:
            return NOT_UTF8
    return NO_VALUE
