/* What both the triples and the compiled rules ask of a text. */
#ifndef PFF_STREAM_TEXT_H
#define PFF_STREAM_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether no byte of [at, stop) is 0 or above 127. */
static inline int pff_is_plain(const unsigned char *at, const unsigned char *stop) {
    unsigned char high = 0, zero = 0;
    while (at < stop) {
        const unsigned char *end = stop - at > 4096 ? at + 4096 : stop;
        for (; at < end; at++) {
            high |= *at;
            zero |= (unsigned char)(*at == 0);
        }
        if ((high & 0x80) | zero)
            return 0;
    }
    return 1;
}

/* The first byte of [at, stop) that is no part of valid UTF-8, or NULL. */
static inline const unsigned char *pff_bad_utf8(const unsigned char *at, const unsigned char *stop) {
    while (at < stop) {
        unsigned char c = *at;
        size_t more, i;
        unsigned char low = 0x80, high = 0xBF;
        if (c < 0x80) {
            uint64_t word;
            at++;
            for (; stop - at >= 8; at += 8) {  /* most texts are plain */
                memcpy(&word, at, 8);
                if (word & UINT64_C(0x8080808080808080))
                    break;
            }
            continue;
        }
        if (c >= 0xC2 && c <= 0xDF) more = 1;
        else if (c >= 0xE0 && c <= 0xEF) more = 2;
        else if (c >= 0xF0 && c <= 0xF4) more = 3;
        else return at;
        if (c == 0xE0) low = 0xA0;   /* no overlong form */
        if (c == 0xED) high = 0x9F;  /* no surrogate */
        if (c == 0xF0) low = 0x90;
        if (c == 0xF4) high = 0x8F;  /* no more than U+10FFFF */
        if ((size_t)(stop - at) <= more)
            return at;
        for (i = 1; i <= more; i++) {
            if (at[i] < low || at[i] > high)
                return at;
            low = 0x80;
            high = 0xBF;
        }
        at += more + 1;
    }
    return NULL;
}

/* The first byte of [at, stop) that is 0 or no part of valid UTF-8, or NULL. */
static inline const unsigned char *pff_bad_text(const unsigned char *at, const unsigned char *stop) {
    const unsigned char *zero = memchr(at, 0, (size_t)(stop - at));
    const unsigned char *bad = pff_bad_utf8(at, zero ? zero : stop);
    return bad ? bad : zero;
}

/* Whether the name is well nested in ( and ). */
static inline int pff_well_nested(const unsigned char *at, size_t length) {
    long depth = 0;
    for (size_t i = 0; i < length; i++) {
        depth += (at[i] == '(') - (at[i] == ')');
        if (depth < 0)
            return 0;
    }
    return depth == 0;
}

/* Whether blanks in a rule may be part of this name: it has some around it, or `),` in it, with or
   without blanks before the comma, which elsewhere part the atoms of a rule. */
static inline int pff_has_blanks(const unsigned char *at, size_t length) {
    if (length > 1 && (at[0] == ' ' || at[length - 1] == ' '))
        return 1;
    const unsigned char *stop = at + length;
    while ((at = memchr(at, ')', (size_t)(stop - at))) != NULL) {
        do
            at++;
        while (at < stop && *at == ' ');
        if (at < stop && *at == ',')
            return 1;
    }
    return 0;
}

/* Whether it can be a name: not empty, no NUL, no tab, no newline, UTF-8. */
static inline int pff_is_name(const unsigned char *at, size_t length) {
    unsigned char high = 0;
    for (size_t i = 0; i < length; i++) {
        if (at[i] == 0 || at[i] == '\t' || at[i] == '\n')
            return 0;
        high |= at[i];
    }
    return length > 0 && (high < 0x80 || pff_bad_utf8(at, at + length) == NULL);
}

#endif
