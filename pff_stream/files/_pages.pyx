"""Keeps what this process holds in memory to what was planned: pages of files, and the allocator's.

Files are written in windows: writing a window back is started as soon as it is full, and it is
dropped from the page cache when that is done, one window later, so that neither waits for the
other. Does not open, read or write files. Where the system has no such calls nothing is done, and
nothing here fails.
"""

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <fcntl.h>
    #include <stdint.h>
    #include <stdlib.h>
    #if defined(__linux__)
    #include <sys/mman.h>
    #endif
    #include <sys/types.h>
    #include <unistd.h>
    #if defined(__GLIBC__)
    #include <malloc.h>
    #endif

    static void pff_start_writing(int fd, long long offset, long long n) {
    #if defined(__linux__)
        (void)sync_file_range(fd, offset, n, SYNC_FILE_RANGE_WRITE);
    #endif
    }

    static void pff_drop(int fd, long long offset, long long n) {
    #if defined(__linux__)
        (void)sync_file_range(fd, offset, n, SYNC_FILE_RANGE_WAIT_BEFORE
            | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
        /* The cache holds a file in pieces of up to 2 MiB, and drops only whole ones: the piece at
         * the end of one range is dropped with the next range. */
        long long begin = offset > 2 << 20 ? offset - (2 << 20) : 0;
        (void)posix_fadvise(fd, begin, offset + n - begin, POSIX_FADV_DONTNEED);
    #endif
    }

    static void pff_read_alone(int fd) {
    #if defined(__linux__)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    #endif
    }

    static void pff_read_ahead(int fd, long long offset, long long n) {
    #if defined(__linux__)
        (void)posix_fadvise(fd, offset, n, POSIX_FADV_WILLNEED);
    #endif
    }

    static int pff_fix_thresholds(size_t largest, size_t trim) {
    #if defined(__GLIBC__)
        return mallopt(M_MMAP_THRESHOLD, (int)largest) && mallopt(M_TRIM_THRESHOLD, (int)trim);
    #else
        return 0;
    #endif
    }

    static int pff_share_heap(void) {
    #if defined(__GLIBC__)
        return mallopt(M_ARENA_MAX, 1);
    #else
        return 0;
    #endif
    }

    static int pff_hold(size_t n) {
        volatile char *room = malloc(n);  /* volatile: else nobody would see it written */
        if (room == NULL)
            return 0;
    #if defined(__linux__)
        /* Most of it at once: a third of the time. 23 is MADV_POPULATE_WRITE, which headers of older
         * systems do not have; where the kernel cannot, the loop does it. */
        uintptr_t begin = ((uintptr_t)room + 4095) & ~(uintptr_t)4095;
        uintptr_t end = ((uintptr_t)room + n) & ~(uintptr_t)4095;
        if (end > begin)
            (void)madvise((void *)begin, end - begin, 23);
    #endif
        for (size_t i = 0; i < n; i += 4096)
            room[i] = 1;
        if (n)
            room[n - 1] = 1;
        free((void *)room);
        return 1;
    }

    static void *pff_holes;  /* blocks that fill the holes of the heap, each with the next one */

    static void pff_open_holes(void) {
        while (pff_holes != NULL) {
            void *next = *(void **)pff_holes;
            free(pff_holes);
            pff_holes = next;
        }
    }

    static void pff_fill_holes(void) {
    #if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
        /* Up to 1032 bytes each size has a list of free blocks that serves no other size. */
        for (size_t n = (1 << 16) - 8; n >= 24; n = n > 2048 ? n / 2 : n - 16) {
            char *end = (char *)sbrk(0);
            struct mallinfo2 now = mallinfo2();
            char *top = end - now.keepcost;  /* where the heap has not been used yet */
            for (;;) {
                void **block = malloc(n);
                if (block == NULL)
                    return;
                if ((char *)block >= top - 64 || (char *)block < end - now.arena) {
                    free(block);  /* no hole of that size is left */
                    break;
                }
                *block = pff_holes;
                pff_holes = block;
            }
        }
    #endif
    }

    static void *pff_objects;  /* the same in the interpreter's pools of small objects */

    static void pff_free_objects(size_t count) {
        while (count-- && pff_objects != NULL) {
            void *next = *(void **)pff_objects;
            PyObject_Free(pff_objects);
            pff_objects = next;
        }
    }

    static void pff_fill_objects(void) {
        for (size_t n = 16; n <= 512; n += 16) {  /* the sizes that it has pools of */
            char *last = NULL;
            size_t in_row = 0;
            for (size_t i = 0; i < 1 << 16; i++) {
                void **block = PyObject_Malloc(n);
                if (block == NULL)
                    return;
                *block = pff_objects;
                pff_objects = block;
                in_row = last != NULL && (char *)block == last + n ? in_row + 1 : 1;
                last = (char *)block;
                if (in_row * n > 4096) {  /* a page without any used part: no hole is left */
                    pff_free_objects(in_row);
                    break;
                }
            }
        }
    }

    static void pff_trim(void) {
    #if defined(__GLIBC__)
        (void)malloc_trim(0);
    #endif
    }
    """
    void pff_start_writing(int fd, long long offset, long long n) noexcept nogil
    void pff_drop(int fd, long long offset, long long n) noexcept nogil
    void pff_read_alone(int fd) noexcept nogil
    void pff_read_ahead(int fd, long long offset, long long n) noexcept nogil
    int pff_fix_thresholds(size_t largest, size_t trim) noexcept nogil
    int pff_share_heap() noexcept nogil
    int pff_hold(size_t n) noexcept nogil
    void pff_trim() noexcept nogil
    void pff_fill_holes() noexcept nogil
    void pff_open_holes() noexcept nogil
    void pff_fill_objects() noexcept
    void pff_free_objects(size_t count) noexcept


def start_writing(int fd, long long offset, long long length):
    """Has the kernel begin to write a range of a file back, without waiting for it."""
    with nogil:
        pff_start_writing(fd, offset, length)


def drop(int fd, long long offset, long long length):
    """Waits until a range is written back and takes its pages out of the page cache."""
    with nogil:
        pff_drop(fd, offset, length)


def read_alone(int fd):
    """Has the kernel read of a file what is asked for, and nothing ahead."""
    pff_read_alone(fd)


def read_ahead(int fd, long long offset, long long length):
    """Has the kernel begin to read a range of a file, without waiting for it."""
    with nogil:
        pff_read_ahead(fd, offset, length)


def fix_thresholds(size_t mapped_bytes, size_t kept_bytes):
    """Has the allocator map allocations of `mapped_bytes` and more by themselves, for good.

    glibc moves that limit up to 32 MiB while a program runs, and what a process holds with it. At
    most `kept_bytes` are kept free at the end of the heap. True where that could be set.
    """
    return bool(pff_fix_thresholds(mapped_bytes, kept_bytes))


def share_heap():
    """Has threads that are still to come allocate from the process's own heap; True where they do.

    What glibc gives each thread instead, `trim` cannot take back when the thread has ended.
    """
    return bool(pff_share_heap())


def hold(size_t room_bytes):
    """Has the heap hold `room_bytes` from now on: what is planned is taken before it is needed."""
    if not pff_hold(room_bytes):
        raise MemoryError


def trim():
    """Gives back what the allocator keeps free."""
    pff_trim()


def fill_holes():
    """Takes what is free between used parts of the heap and of the interpreter's pools.

    Whoever is forked until `open_holes` finds new memory at the end of its heap and in pools of its
    own, instead of copying pages that it shares, one by one and nobody knows how many.
    """
    pff_fill_holes()
    pff_fill_objects()


def open_holes():
    """Gives back what `fill_holes` took."""
    pff_open_holes()
    pff_free_objects(<size_t>-1)
