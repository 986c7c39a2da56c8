/* Rows of edges, spread over 512 sources at once (multi-source breadth-first search: Then et al.,
 * "The More the Merrier", VLDB 2014). An entity of a level holds a vector of 512 bits, one a source;
 * an edge is one OR. Everything a row needs is done in one call, so that the compiler may use the
 * widest registers of the machine it runs on (function versions, chosen once at load). */
#ifndef PFF_STREAM_LANES_H
#define PFF_STREAM_LANES_H

#include <stdint.h>
#include <string.h>

#define PFF_LANES 512
#define PFF_WORDS 8

typedef uint64_t pff_vector __attribute__((vector_size(64), aligned(64), may_alias));

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define PFF_VERSIONS __attribute__((unused, target_clones("avx512f", "avx2", "default")))
#else
#define PFF_VERSIONS __attribute__((unused))
#endif

/* A level of entities: vectors, the epoch at which each was touched last, and the touched ones.
 * What an entity has holds only where it was touched in the level's present epoch. */
typedef struct {
    pff_vector *vectors;
    pff_vector *twice;      /* sources that reached the entity from more than one predecessor */
    uint32_t *touched;
    int32_t *list;          /* with room for one more than there are entities */
    int64_t n;
    uint32_t epoch;
} pff_level;

/* A new epoch: nothing is touched. */
static inline void pff_open(pff_level *level, int64_t n_entities) {
    level->n = 0;
    if (++level->epoch == 0) {
        memset(level->touched, 0, n_entities * sizeof(uint32_t));
        level->epoch = 1;
    }
}

/* An edge is as often the first to its end as not: what is decided by a mask costs less than a
 * branch that is guessed wrongly. What was written before the present epoch is masked out. */
#define PFF_KEPT(level, value) (-(uint64_t)((level)->touched[value] == (level)->epoch))

#define PFF_TOUCH(level, value, kept, count) do { \
    (level)->touched[value] = (level)->epoch; \
    (level)->list[count] = value; \
    count += 1 + (int64_t)(kept); \
} while (0)

/* Rows of a step that a level is spread by: `places` in the level's list, and the row of each. */
typedef struct {
    const uint32_t *offsets;
    const int32_t *values;
    int skips_own;          /* whether an edge from an entity to itself is left out */
    const int32_t *places;
    const uint32_t *rows;
    int64_t n;
} pff_taken;

/* to[value] |= vector of the entity, for every value of its row. */
PFF_VERSIONS
static void pff_spread(pff_level *to, const pff_level *from, const pff_taken *taken) {
    int64_t count = to->n;
    for (int64_t k = 0; k < taken->n; k++) {
        const int32_t entity = from->list[taken->places[k]];
        const int32_t skip = taken->skips_own ? entity : -1;
        const uint32_t row = taken->rows[k];
        const int32_t *at = taken->values + taken->offsets[row];
        const int32_t *stop = taken->values + taken->offsets[row + 1];
        const pff_vector source = from->vectors[entity];
        for (; at < stop; at++) {
            const int32_t value = *at;
            uint64_t kept;
            if (value == skip) continue;
            kept = PFF_KEPT(to, value);
            to->vectors[value] = (to->vectors[value] & kept) | source;
            PFF_TOUCH(to, value, kept, count);
        }
    }
    to->n = count;
}

/* The same, and remembers the sources that were there already. */
PFF_VERSIONS
static void pff_spread_counting(pff_level *to, const pff_level *from, const pff_taken *taken) {
    int64_t count = to->n;
    for (int64_t k = 0; k < taken->n; k++) {
        const int32_t entity = from->list[taken->places[k]];
        const int32_t skip = taken->skips_own ? entity : -1;
        const uint32_t row = taken->rows[k];
        const int32_t *at = taken->values + taken->offsets[row];
        const int32_t *stop = taken->values + taken->offsets[row + 1];
        const pff_vector source = from->vectors[entity];
        for (; at < stop; at++) {
            const int32_t value = *at;
            pff_vector before;
            uint64_t kept;
            if (value == skip) continue;
            kept = PFF_KEPT(to, value);
            before = to->vectors[value] & kept;
            to->twice[value] = (to->twice[value] & kept) | (before & source);
            to->vectors[value] = before | source;
            PFF_TOUCH(to, value, kept, count);
        }
    }
    to->n = count;
}

/* The same as pff_spread for a row with edges back to where the entity was reached from: of such a value
 * those sources are withheld for which it is the only predecessor. Which edges lead back is a bit each,
 * from the bit `first` on; NULL: all of them. `before` is the level of the predecessors. */
PFF_VERSIONS
static void pff_spread_withholding(pff_level *to, const pff_level *from, const pff_level *before,
                                   int32_t entity, const uint8_t *back, uint64_t first,
                                   const int32_t *values, int64_t n) {
    const pff_vector source = from->vectors[entity];
    const pff_vector single = source & ~from->twice[entity];
    int64_t count = to->n;
    for (int64_t i = 0; i < n; i++) {
        const int32_t value = values[i];
        pff_vector passed = source;
        uint64_t kept;
        if (value == entity) continue;
        if (back == NULL || back[(first + i) >> 3] >> ((first + i) & 7) & 1)
            passed &= ~(before->vectors[value] & PFF_KEPT(before, value) & single);
        kept = PFF_KEPT(to, value);
        to->vectors[value] = (to->vectors[value] & kept) | passed;
        PFF_TOUCH(to, value, kept, count);
    }
    to->n = count;
}

/* The first level of a chain whose sources are all in one batch, by its entities: keys[places[k]] has
 * the sources of its row, whose lanes are known. */
static inline void pff_gather_lanes(pff_level *to, const int32_t *keys, const int32_t *lane_of,
                                    const pff_taken *taken) {
    for (int64_t k = 0; k < taken->n; k++) {
        const int32_t place = taken->places[k];
        const int32_t entity = keys[place];
        const int32_t skip = taken->skips_own ? entity : -1;
        uint64_t *words = (uint64_t *)&to->vectors[entity];
        uint64_t any = 0;
        for (int w = 0; w < PFF_WORDS; w++) words[w] = 0;
        for (uint32_t i = taken->offsets[place]; i < taken->offsets[place + 1]; i++) {
            const int32_t source = taken->values[i];
            uint64_t bit;
            if (source == skip) continue;
            bit = UINT64_C(1) << (lane_of[source] & 63);
            words[lane_of[source] >> 6] |= bit;
            any |= bit;
        }
        if (!any) continue;
        to->touched[entity] = to->epoch;
        to->list[to->n++] = entity;
    }
}

static inline int pff_any_single(const pff_level *level, int32_t entity) {
    const uint64_t *a = (const uint64_t *)&level->vectors[entity];
    const uint64_t *b = (const uint64_t *)&level->twice[entity];
    uint64_t any = 0;
    for (int w = 0; w < PFF_WORDS; w++) any |= a[w] & ~b[w];
    return any != 0;
}

static inline void pff_set_lane(pff_level *to, int32_t value, int lane) {
    uint64_t *words = (uint64_t *)&to->vectors[value];
    if (to->touched[value] != to->epoch) {
        to->touched[value] = to->epoch;
        for (int w = 0; w < PFF_WORDS; w++) words[w] = 0;
        to->list[to->n++] = value;
    }
    words[lane >> 6] |= UINT64_C(1) << (lane & 63);
}

/* Of a level that counts, `counted` clears what was counted, too. */
static inline void pff_clear_lane(pff_level *at, int32_t value, int lane, int counted) {
    if (at->touched[value] == at->epoch) {
        const uint64_t others = ~(UINT64_C(1) << (lane & 63));
        ((uint64_t *)&at->vectors[value])[lane >> 6] &= others;
        if (counted) ((uint64_t *)&at->twice[value])[lane >> 6] &= others;
    }
}

/* Under object identity a source is not entered again. */
static inline void pff_clear_own(pff_level *at, const int32_t *sources, int64_t n, int counted) {
    for (int64_t lane = 0; lane < n; lane++) pff_clear_lane(at, sources[lane], (int)lane, counted);
}

/* How many of the values in the rows of these lanes (places) their sources reach. */
static inline int64_t pff_reached(const pff_level *at, const pff_taken *taken) {
    int64_t found = 0;
    for (int64_t k = 0; k < taken->n; k++) {
        const int32_t lane = taken->places[k];
        const uint64_t *words = (const uint64_t *)at->vectors + (lane >> 6);
        const uint32_t row = taken->rows[k];
        const int32_t *value = taken->values + taken->offsets[row];
        const int32_t *stop = taken->values + taken->offsets[row + 1];
        for (; value < stop; value++)
            found += (at->touched[*value] == at->epoch) &
                     (words[PFF_WORDS * (int64_t)*value] >> (lane & 63));
    }
    return found;
}

static inline int64_t pff_count_lanes(const pff_level *at) {
    int64_t total = 0;
    for (int64_t i = 0; i < at->n; i++) {
        const uint64_t *words = (const uint64_t *)&at->vectors[at->list[i]];
        for (int w = 0; w < PFF_WORDS; w++) total += __builtin_popcountll(words[w]);
    }
    return total;
}

/* As pff_count_lanes, and counts[i] becomes how many sources reach the entity list[i]. */
PFF_VERSIONS
static int64_t pff_count_each(const pff_level *at, int32_t *counts) {
    int64_t total = 0;
    for (int64_t i = 0; i < at->n; i++) {
        const uint64_t *words = (const uint64_t *)&at->vectors[at->list[i]];
        int32_t n = 0;
        for (int w = 0; w < PFF_WORDS; w++) n += __builtin_popcountll(words[w]);
        counts[i] = n;
        total += n;
    }
    return total;
}

/* How many entities of the level each source reaches, in bit planes: of plane p each bit stands for
 * 2^p entities. A carry-save adder takes eight vectors at a time (Harley and Seal; Mula, Kurz and
 * Lemire, "Faster Population Counts", 2018). */
#define PFF_PLANES 32

static inline void pff_carry(pff_vector *planes, int from, pff_vector carry) {
    for (int p = from; p < PFF_PLANES; p++) {
        const uint64_t *words = (const uint64_t *)&carry;
        uint64_t any = 0;
        pff_vector next;
        for (int w = 0; w < PFF_WORDS; w++) any |= words[w];
        if (!any) return;
        next = planes[p] & carry;
        planes[p] ^= carry;
        carry = next;
    }
}

#define PFF_ADD(high, low, a, b) do { \
    const pff_vector one_ = (a), two_ = (b), both_ = low ^ one_; \
    high = (low & one_) | (both_ & two_); \
    low = both_ ^ two_; \
} while (0)

PFF_VERSIONS
static void pff_lane_planes(const pff_level *at, pff_vector *planes) {
    const pff_vector *vectors = at->vectors;
    const int32_t *list = at->list;
    int64_t i = 0;
    pff_vector ones, twos, fours;
    memset(planes, 0, PFF_PLANES * sizeof(pff_vector));
    ones = twos = fours = planes[0];
    for (; i + 8 <= at->n; i += 8) {
        pff_vector twos_a, twos_b, fours_a, fours_b, eights;
        PFF_ADD(twos_a, ones, vectors[list[i]], vectors[list[i + 1]]);
        PFF_ADD(twos_b, ones, vectors[list[i + 2]], vectors[list[i + 3]]);
        PFF_ADD(fours_a, twos, twos_a, twos_b);
        PFF_ADD(twos_a, ones, vectors[list[i + 4]], vectors[list[i + 5]]);
        PFF_ADD(twos_b, ones, vectors[list[i + 6]], vectors[list[i + 7]]);
        PFF_ADD(fours_b, twos, twos_a, twos_b);
        PFF_ADD(eights, fours, fours_a, fours_b);
        pff_carry(planes, 3, eights);
    }
    planes[0] = ones;
    planes[1] = twos;
    planes[2] = fours;
    for (; i < at->n; i++) pff_carry(planes, 0, vectors[list[i]]);
}

/* The entities that the sources of `lanes` reach, summed over the sources; NULL: all of them. */
static inline int64_t pff_count_planes(const pff_vector *planes, const pff_vector *lanes) {
    int64_t total = 0;
    for (int p = 0; p < PFF_PLANES; p++) {
        const uint64_t *words = (const uint64_t *)&planes[p];
        const uint64_t *wanted = (const uint64_t *)lanes;
        int64_t n = 0;
        for (int w = 0; w < PFF_WORDS; w++)
            n += __builtin_popcountll(wanted ? words[w] & wanted[w] : words[w]);
        total += n << p;
    }
    return total;
}

static inline void pff_mark_lane(pff_vector *lanes, int lane) {
    ((uint64_t *)lanes)[lane >> 6] |= UINT64_C(1) << (lane & 63);
}

#endif
