/* Rows of edges, listed from one source: each end once, by a stamp that equals the present epoch.
 *
 * An edge is as often the first to its end as not: what is decided by arithmetic costs less than a
 * branch that is guessed wrongly. So each end is written behind the list, which has room for one more
 * than there are entities, and kept only where it is new. */
#ifndef PFF_STREAM_LISTED_H
#define PFF_STREAM_LISTED_H

#include <stdint.h>

/* Adds the values that have no stamp yet, but not `skip` and `single`; returns how many are listed. */
static inline int64_t pff_list_new(uint32_t *stamp, uint32_t epoch, int32_t *list, int64_t n,
                                   const int32_t *values, const int32_t *stop, int32_t skip,
                                   int32_t single) {
    for (; values < stop; values++) {
        const int32_t value = *values;
        const uint32_t before = stamp[value];
        const int is_new = (before != epoch) & (value != skip) & (value != single);
        stamp[value] = is_new ? epoch : before;
        list[n] = value;
        n += is_new;
    }
    return n;
}

/* The same for all but `from`, and only[value] becomes `from`, or -1 where another was there. */
static inline int64_t pff_list_from(uint32_t *stamp, uint32_t epoch, int32_t *list, int64_t n,
                                    int32_t *only, const int32_t *values, const int32_t *stop,
                                    int32_t from) {
    for (; values < stop; values++) {
        const int32_t value = *values;
        int is_old;
        if (value == from) continue;
        is_old = stamp[value] == epoch;
        stamp[value] = epoch;
        only[value] = from | -is_old;
        list[n] = value;
        n += !is_old;
    }
    return n;
}

/* How many of these values are stamped. */
static inline int64_t pff_stamped(const uint32_t *stamp, uint32_t epoch, const int32_t *values,
                                  int64_t n) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) found += stamp[values[i]] == epoch;
    return found;
}

/* Of these entities those that have a row: their places and rows; returns how many. A bit says whether
 * there is one, and `index` how many rows are before those of a word of bits. */
static inline int64_t pff_rows_of(const uint64_t *bits, const uint32_t *index, const int32_t *entities,
                                  int64_t n, int32_t *places, uint32_t *rows) {
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t entity = entities[i];
        const uint64_t word = bits[entity >> 6] >> (entity & 63);
        const uint64_t before = bits[entity >> 6] & ((UINT64_C(1) << (entity & 63)) - 1);
        places[k] = (int32_t)i;
        rows[k] = index[entity >> 6] + (uint32_t)__builtin_popcountll(before);
        k += word & 1;
    }
    return k;
}

/* Whether two sets have a bit in common. */
static inline int pff_bits_meet(const uint64_t *one, const uint64_t *other, int64_t n_words) {
    for (int64_t i = 0; i < n_words; i++)
        if (one[i] & other[i]) return 1;
    return 0;
}

#endif
