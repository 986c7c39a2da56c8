/* Arrays that lie in files: the kernel can take their pages back, since they are written there.
 * Where the system has no such calls they lie in memory. */
#ifndef PFF_FILE_ARRAYS_H
#define PFF_FILE_ARRAYS_H
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "triples/_arrays.h"
#if defined(__linux__)
#include <linux/falloc.h>
#include <sys/mman.h>

/* An array that lies in a file: its pages can be taken back, they are written there. Every block
 * is allocated before it is touched, so that a full disk is an errno here and no signal later. */
static inline void *pff_grow_in_file(int fd, void *old, size_t old_bytes, size_t new_bytes, int *error) {
    void *at;
    *error = posix_fallocate(fd, 0, (off_t)new_bytes);
    if (*error)
        return NULL;
    if (old == NULL)
        at = mmap(NULL, new_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    else
        at = mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
    if (at == MAP_FAILED)
        *error = errno;
    return at == MAP_FAILED ? NULL : at;
}

/* Starts to write [from, middle), which is full, and takes [before, from), which is on its way,
 * out of memory. */
static inline void pff_write_behind(int fd, void *at, size_t before, size_t from, size_t to) {
    if (from > before)
        madvise((char *)at + before, from - before, MADV_DONTNEED);
    (void)sync_file_range(fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
    if (from > before) {
        (void)sync_file_range(fd, (off_t)before, (off_t)(from - before),
            SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
        (void)posix_fadvise(fd, (off_t)before, (off_t)(from - before), POSIX_FADV_DONTNEED);
    }
}

/* Places all over the array are written, each from front to back: no reading around them, which
 * would push out what is being filled. Or again from front to back in all. */
static inline void pff_scattered(void *at, size_t bytes, int scattered) {
    madvise(at, bytes, scattered ? MADV_RANDOM : MADV_NORMAL);
}

/* As pff_forget, of an array in a file: the blocks are given back, too. */
static inline void pff_forget_in_file(void *at, size_t from, size_t to) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) & ~(page - 1);
    to &= ~(page - 1);
    if (to > from && madvise((char *)at + from, to - from, MADV_REMOVE) != 0)
        madvise((char *)at + from, to - from, MADV_DONTNEED);
}

/* Gives the blocks of a part of a file back that is not read again; best effort. */
static inline void pff_punch(int fd, uint64_t at, uint64_t bytes) {
    if (bytes)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes);
}
#else
static inline void *pff_grow_in_file(int fd, void *old, size_t old_bytes, size_t new_bytes, int *error) {
    (void)fd;
    *error = 0;
    return pff_grow(old, old_bytes, new_bytes);
}
static inline void pff_write_behind(int fd, void *at, size_t before, size_t from, size_t to) {
    (void)fd, (void)at, (void)before, (void)from, (void)to;
}
static inline void pff_scattered(void *at, size_t bytes, int scattered) {
    (void)at, (void)bytes, (void)scattered;
}
static inline void pff_forget_in_file(void *at, size_t from, size_t to) {
    (void)at, (void)from, (void)to;
}
static inline void pff_punch(int fd, uint64_t at, uint64_t bytes) {
    (void)fd, (void)at, (void)bytes;
}
#endif
#endif
