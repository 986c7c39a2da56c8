/* The order of byte strings that are sorted outside of Python, shared by all who sort them. */
#ifndef PFF_STREAM_ENTRIES_H
#define PFF_STREAM_ENTRIES_H

#include <stdint.h>
#include <string.h>

/* Of two entries, each behind its length. Most differ in their first eight bytes. */
static inline int pff_entries(const unsigned char *a, const unsigned char *b) {
    uint32_t n_a, n_b, n;
    uint64_t first_a, first_b;
    int order;
    memcpy(&n_a, a, 4);
    memcpy(&n_b, b, 4);
    n = n_a < n_b ? n_a : n_b;
    a += 4;
    b += 4;
    if (n >= 8) {
        memcpy(&first_a, a, 8);
        memcpy(&first_b, b, 8);
        if (first_a != first_b) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            first_a = __builtin_bswap64(first_a);
            first_b = __builtin_bswap64(first_b);
#endif
            return first_a < first_b ? -1 : 1;
        }
    }
    order = memcmp(a, b, n);
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

#endif
