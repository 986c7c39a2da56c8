/* Arrays that grow without a copy and are given back to the kernel at once, page by page where wanted.
 * malloc is not used for them: its thresholds move while a program runs, and with them the peak. */
#ifndef PFF_STREAM_ARRAYS_H
#define PFF_STREAM_ARRAYS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "_text.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

/* mremap needs _GNU_SOURCE, which Python.h defines: include it first. */
static inline void *pff_grow(void *old, size_t old_bytes, size_t new_bytes) {
    void *at;
    if (old == NULL)
        at = mmap(NULL, new_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else
        at = mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
    return at == MAP_FAILED ? NULL : at;
}

static inline void pff_release(void *at, size_t bytes) {
    if (at != NULL)
        munmap(at, bytes);
}

/* Gives back the whole pages of [at + from, at + to); they must not be read again. */
static inline void pff_forget(void *at, size_t from, size_t to) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) & ~(page - 1);
    to &= ~(page - 1);
    if (to > from)
        madvise((char *)at + from, to - from, MADV_DONTNEED);
}

#else

static inline void *pff_grow(void *old, size_t old_bytes, size_t new_bytes) {
    void *at = realloc(old, new_bytes);
    if (at != NULL && new_bytes > old_bytes)
        memset((char *)at + old_bytes, 0, new_bytes - old_bytes);
    return at;
}

static inline void pff_release(void *at, size_t bytes) {
    (void)bytes;
    free(at);
}

static inline void pff_forget(void *at, size_t from, size_t to) {
    (void)at;
    (void)from;
    (void)to;
}
#endif

/* Asks for what lies at `at`, which may be anywhere, without waiting for it. */
static inline void pff_fetch(const void *at) {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(at, 0, 3);
#else
    (void)at;
#endif
}

/* Sorts numbers in place by the bytes at the shifts from `shift` on: radix exchange from the front
 * (McIlroy, Bostic and McIlroy, "Engineering Radix Sort", 1993). */
static void pff_exchange(uint64_t *at, size_t n, const int *shift, int n_shifts) {
    size_t starts[256], ends[256], i, sum = 0;
    if (n <= 32 || n_shifts == 0) {
        for (i = 1; i < n; i++) {
            uint64_t number = at[i];
            size_t j = i;
            while (j > 0 && at[j - 1] > number) {
                at[j] = at[j - 1];
                j--;
            }
            at[j] = number;
        }
        return;
    }
    memset(ends, 0, sizeof(ends));
    for (i = 0; i < n; i++)
        ends[(at[i] >> *shift) & 255]++;
    for (i = 0; i < 256; i++) {
        starts[i] = sum;
        sum += ends[i];
        ends[i] = sum;
    }
    for (i = 0; i < 256; i++)
        while (starts[i] < ends[i]) {
            uint64_t number = at[starts[i]];
            size_t bucket = (number >> *shift) & 255;
            while (bucket != i) {
                size_t place = starts[bucket]++;
                uint64_t other = at[place];
                at[place] = number;
                number = other;
                bucket = (number >> *shift) & 255;
            }
            at[starts[i]++] = number;
        }
    for (sum = i = 0; i < 256; i++) {
        if (ends[i] - sum > 1)
            pff_exchange(at + sum, ends[i] - sum, shift + 1, n_shifts - 1);
        sum = ends[i];
    }
}

/* Sorts different pairs as `pff_sort_pairs` does those that are sorted by the high half already, or
 * (not `low_only`) any pairs, without a second array. */
static inline void pff_sort_pairs_in_place(uint64_t *pairs, size_t n, int bits, int low_only) {
    int shifts[8], n_shifts = 0;
    size_t i;
    for (int half = 1; half >= 0; half--)
        for (int digit = (bits + 7) / 8 - 1; digit >= 0; digit--)
            shifts[n_shifts++] = 32 * half + 8 * digit;
    if (low_only)
        for (i = 0; i < n; i++)
            pairs[i] = pairs[i] << 32 | pairs[i] >> 32;
    pff_exchange(pairs, n, shifts, n_shifts);
    if (low_only)
        for (i = 0; i < n; i++)
            pairs[i] = pairs[i] << 32 | pairs[i] >> 32;
}

/* Sorts pairs (high 32 bits, low 32 bits) by the low half, then, unless `low_only`, by the high one.
 * Stable; `spare` holds as many pairs. Ids have `bits` bits. Returns where the result lies. */
static inline uint64_t *pff_sort_pairs(
    uint64_t *pairs, uint64_t *spare, size_t n, int bits, int low_only
) {
    if (n <= 32) {
        for (size_t i = 1; i < n; i++) {
            uint64_t pair = pairs[i];
            uint64_t key = low_only ? (uint32_t)pair : pair;
            size_t j = i;
            while (j > 0 && (low_only ? (uint64_t)(uint32_t)pairs[j - 1] : pairs[j - 1]) > key) {
                pairs[j] = pairs[j - 1];
                j--;
            }
            pairs[j] = pair;
        }
        return pairs;
    }
    /* Equal digits, no wider than keeps the counters in the first-level cache. */
    int widest = n < 4096 ? 8 : 11;
    int digits = (bits + widest - 1) / widest;
    int width = (bits + digits - 1) / digits;
    for (int half = 0; half < (low_only ? 1 : 2); half++) {
        for (int digit = 0; digit < digits; digit++) {
            int shift = 32 * half + digit * width;
            /* The last digit must not reach into the other half. */
            int own = 32 - digit * width < width ? 32 - digit * width : width;
            uint32_t mask = ((uint32_t)1 << own) - 1;
            size_t counts[2048];
            memset(counts, 0, ((size_t)mask + 1) * sizeof(size_t));
            for (size_t i = 0; i < n; i++)
                counts[(pairs[i] >> shift) & mask]++;
            if (counts[(pairs[0] >> shift) & mask] == n)
                continue; /* all alike */
            size_t at = 0;
            for (size_t b = 0; b <= mask; b++) {
                size_t count = counts[b];
                counts[b] = at;
                at += count;
            }
            for (size_t i = 0; i < n; i++)
                spare[counts[(pairs[i] >> shift) & mask]++] = pairs[i];
            uint64_t *other = pairs;
            pairs = spare;
            spare = other;
        }
    }
    return pairs;
}

#endif
