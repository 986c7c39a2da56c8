/* The text of JSON: where a blank, a string, a number ends, and what a string says as a name. */
#ifndef PFF_STREAM_JSON_TEXT_H
#define PFF_STREAM_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How a text is written as a name, or as a part of one. */
enum {
    PFF_AS_IT_IS = 0,
    PFF_LINE = 1,  /* tab, newline and backslash as two characters: every name in a line */
    PFF_PATH = 2,  /* ~ / # as ~0 ~1 ~2: a key, or a stem, in the name of an object */
    PFF_DOTTED = 4, /* ~ . as ~0 ~4: a key in a relation that is a path */
    PFF_POINTER = 8 /* ~ / as ~0 ~1: a key in a JSON pointer (RFC 6901) */
};

static inline const unsigned char *pff_json_blanks(
    const unsigned char *at, const unsigned char *stop
) {
    while (at < stop && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The first byte of [at, stop) that is a quote or a backslash, below 32 or above 127; or stop. */
static inline const unsigned char *pff_json_plain(
    const unsigned char *at, const unsigned char *stop
) {
    const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
    while (at < stop) {
        const unsigned char *end = stop - at > 8 ? at + 8 : stop;
        if (stop - at >= 8) {
            uint64_t word, quote, backslash;
            memcpy(&word, at, 8);
            quote = word ^ (ones * '"');
            backslash = word ^ (ones * '\\');
            if (!((((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                   (word - ones * 32) | word) & high)) {
                at += 8;
                continue;
            }
        }
        for (; at < end; at++)
            if (*at == '"' || *at == '\\' || *at < 32 || *at > 127)
                return at;
    }
    return at;
}

/* The quote that ends the string whose text begins at `at`, or stop; `escapes` is set where it has
 * a backslash. The text is known to be JSON, or wanted only for its end. */
static inline const unsigned char *pff_json_string_end(
    const unsigned char *at, const unsigned char *stop, int *escapes
) {
    for (;;) {
        at = pff_json_plain(at, stop);
        if (at >= stop || *at == '"')
            return at;
        if (*at == '\\') {
            *escapes = 1;
            at += stop - at > 1 ? 2 : 1;
        } else
            at++;
    }
}

/* Where the number that begins at `at` ends; `at` itself where none does. */
static inline const unsigned char *pff_json_number(
    const unsigned char *at, const unsigned char *stop
) {
    const unsigned char *begin = at, *part;
#define PFF_DIGIT(p) ((p) < stop && *(p) >= '0' && *(p) <= '9')
    if (at < stop && *at == '-')
        at++;
    if (!PFF_DIGIT(at))
        return begin;
    if (*at == '0')
        at++;
    else
        while (PFF_DIGIT(at))
            at++;
    if (at < stop && *at == '.' && PFF_DIGIT(at + 1))
        for (at++; PFF_DIGIT(at);)
            at++;
    if (at < stop && (*at == 'e' || *at == 'E')) {
        part = at + 1;
        if (part < stop && (*part == '+' || *part == '-'))
            part++;
        if (PFF_DIGIT(part))
            for (at = part; PFF_DIGIT(at);)
                at++;
    }
#undef PFF_DIGIT
    return at;
}

/* Behind the value that begins at `at`, in a text that is known to be JSON. */
static inline const unsigned char *pff_json_value_end(
    const unsigned char *at, const unsigned char *stop
) {
    size_t depth = 0;
    int escapes = 0;
    while (at < stop) {
        unsigned char c = *at;
        if (c == '"')
            at = pff_json_string_end(at + 1, stop, &escapes);
        else if (c == '{' || c == '[')
            depth++;
        else if (depth == 0 && (c == ',' || c == '}' || c == ']' || c <= ' '))
            return at;
        else if (c == '}' || c == ']')
            depth--;
        at++;
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            return at;
    }
    return at;
}

/* The value of four hexadecimal digits, or -1. */
static inline int32_t pff_json_hex(const unsigned char *at, const unsigned char *stop) {
    int32_t code = 0;
    if (stop - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        unsigned char c = at[i], low = c | 32;
        if (c >= '0' && c <= '9')
            code = code << 4 | (c - '0');
        else if (low >= 'a' && low <= 'f')
            code = code << 4 | (low - 'a' + 10);
        else
            return -1;
    }
    return code;
}

static inline unsigned char *pff_json_put(unsigned char *out, unsigned char c, int how) {
    if (how & PFF_LINE) {
        if (c == '\t' || c == '\n' || c == '\\') {
            *out++ = '\\';
            c = c == '\t' ? 't' : c == '\n' ? 'n' : c;
        }
    }
    if (how & (PFF_PATH | PFF_DOTTED | PFF_POINTER)) {
        unsigned char digit = 0;
        if (c == '~')
            digit = '0';
        else if (how & PFF_PATH)
            digit = c == '/' ? '1' : c == '#' ? '2' : 0;
        else if (how & PFF_POINTER)
            digit = c == '/' ? '1' : 0;
        else if (c == '.')
            digit = '4';
        if (digit) {
            *out++ = '~';
            c = digit;
        }
    }
    *out++ = c;
    return out;
}

/* Writes the text of a string, between its quotes, as a name. Takes as many bytes as the text at
 * most, twice as many where it is escaped for a path. Returns the end of what was written. */
static inline unsigned char *pff_json_write(
    const unsigned char *at, const unsigned char *stop, unsigned char *out, int how
) {
    while (at < stop) {
        unsigned char c = *at++;
        uint32_t code;
        if (c != '\\') {
            if (how & (PFF_PATH | PFF_DOTTED | PFF_POINTER))
                out = pff_json_put(out, c, how);
            else
                *out++ = c; /* no tab, no newline: they stand as escapes */
            continue;
        }
        c = *at++;
        if (c != 'u') {
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'b' ? '\b'
              : c == 'f' ? '\f' : c;
            out = pff_json_put(out, c, how);
            continue;
        }
        code = (uint32_t)pff_json_hex(at, stop);
        at += 4;
        if (code >> 10 == 0xD800 >> 10 && stop - at >= 6 && at[0] == '\\' && at[1] == 'u') {
            uint32_t low = (uint32_t)pff_json_hex(at + 2, stop);
            if (low >> 10 == 0xDC00 >> 10) {
                code = 0x10000 + ((code & 0x3FF) << 10 | (low & 0x3FF));
                at += 6;
            }
        }
        if (code < 0x80)
            out = pff_json_put(out, (unsigned char)code, how);
        else if (code < 0x800) {
            *out++ = (unsigned char)(0xC0 | code >> 6);
            *out++ = (unsigned char)(0x80 | (code & 63));
        } else if (code < 0x10000) {
            *out++ = (unsigned char)(0xE0 | code >> 12);
            *out++ = (unsigned char)(0x80 | (code >> 6 & 63));
            *out++ = (unsigned char)(0x80 | (code & 63));
        } else {
            *out++ = (unsigned char)(0xF0 | code >> 18);
            *out++ = (unsigned char)(0x80 | (code >> 12 & 63));
            *out++ = (unsigned char)(0x80 | (code >> 6 & 63));
            *out++ = (unsigned char)(0x80 | (code & 63));
        }
    }
    return out;
}

#endif
