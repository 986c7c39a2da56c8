/* The hash of a name, shared by the three places that must agree on it: the encoder (which builds
 * the name index of a graph), the rule compiler (which stores the hash beside each name) and the
 * look-up. Changing it changes the format version of both files. */
#ifndef PFF_STREAM_NAMES_H
#define PFF_STREAM_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t pff_mix(uint64_t h) {
    h ^= h >> 32;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    h ^= h >> 29;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 32;
    return h;
}

/* Little-endian words of eight bytes, the last one padded with zeros; the length is mixed in first. */
static inline uint64_t pff_name_hash(const unsigned char *name, size_t length) {
    uint64_t h = UINT64_C(0x2545F4914F6CDD1D) ^ (uint64_t)length;
    uint64_t word;
    while (length >= 8) {
        memcpy(&word, name, 8);
        h = (h ^ word) * UINT64_C(0xFF51AFD7ED558CCD);
        h ^= h >> 32;
        name += 8;
        length -= 8;
    }
    if (length) {
        word = 0;
        memcpy(&word, name, length);
        h = (h ^ word) * UINT64_C(0xFF51AFD7ED558CCD);
    }
    return pff_mix(h);
}

#endif
