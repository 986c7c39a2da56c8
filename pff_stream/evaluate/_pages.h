/* Zeros for the scratch of an evaluator: every page is taken now, so what is planned is held from here
 * on. Look-ups go anywhere in it, so huge pages are asked for where whole ones fit; what is left behind
 * the last of them is in small pages, so that no more is taken than was asked for. */
#ifndef PFF_STREAM_PAGES_H
#define PFF_STREAM_PAGES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#define PFF_HUGE ((size_t)2 << 20)
#define PFF_PAGE ((size_t)4096)
#define PFF_POPULATE_WRITE 23  /* headers of older systems do not have it */

#ifdef MADV_HUGEPAGE

static inline size_t pff_mapped(size_t n_bytes) {
    return n_bytes < PFF_HUGE ? 0 : (n_bytes + PFF_PAGE - 1) & ~(PFF_PAGE - 1);
}

/* A mapping that begins where a huge page can. */
static inline void *pff_map_aligned(size_t size) {
    uint8_t *block = (uint8_t *)mmap(NULL, size + PFF_HUGE, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t before;
    if (block == (uint8_t *)MAP_FAILED) return NULL;
    before = -(uintptr_t)block & (PFF_HUGE - 1);
    if (before) munmap(block, before);
    if (before < PFF_HUGE) munmap(block + before + size, PFF_HUGE - before);
    madvise(block + before, size & ~(PFF_HUGE - 1), MADV_HUGEPAGE);
    return block + before;
}

static inline void pff_unmap(void *block, size_t size) {
    munmap(block, size);
}

#else

static inline size_t pff_mapped(size_t n_bytes) {
    (void)n_bytes;
    return 0;
}

static inline void *pff_map_aligned(size_t size) {
    (void)size;
    return NULL;
}

static inline void pff_unmap(void *block, size_t size) {
    (void)block;
    (void)size;
}

#endif

/* Takes every page of a mapping that nobody has written to: at once where the kernel can. */
static inline void pff_take(void *block, size_t size) {
#if defined(__linux__)
    if (!madvise(block, size, PFF_POPULATE_WRITE)) return;
#endif
    for (size_t at = 0; at < size; at += PFF_PAGE) ((volatile uint8_t *)block)[at] = 0;
}

/* NULL: there is no memory. */
static inline void *pff_zeros(size_t n_bytes) {
    const size_t mapped = pff_mapped(n_bytes);
    void *block = NULL;
    if (mapped) {
        block = pff_map_aligned(mapped);
        if (block) pff_take(block, mapped);
    } else if (!posix_memalign(&block, 64, n_bytes))
        memset(block, 0, n_bytes);
    else
        block = NULL;
    return block;
}

static inline void pff_free_zeros(void *block, size_t n_bytes) {
    const size_t mapped = pff_mapped(n_bytes);
    if (mapped && block)
        pff_unmap(block, mapped);
    else
        free(block);
}

#endif
