"""Copies a process into many that are children of that process's own parent, and opens their ends.

No object of Python is touched between two copies: each would be copied again behind each.
"""

import os

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <fcntl.h>
    #include <sched.h>
    #include <signal.h>
    #include <stdint.h>
    #include <sys/socket.h>
    #include <unistd.h>
    #if defined(__linux__)
    #include <sys/syscall.h>
    #endif

    static long pff_fork_sibling(void) {
    #if defined(__linux__) && defined(SYS_clone) && defined(CLONE_PARENT)
        /* Neither a stack nor a thread of its own: the order of what follows is the same in all. */
        #if defined(__s390__) || defined(__s390x__) || defined(__CRIS__)
        return syscall(SYS_clone, 0, CLONE_PARENT | SIGCHLD, 0, 0, 0);
        #else
        return syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        #endif
    #else
        errno = ENOSYS;
        return -1;
    #endif
    }

    static void pff_report(int reports, int64_t number, int64_t told) {
        int64_t report[2] = {number, told};
        if (write(reports, report, sizeof report) < 0) {}  /* then nobody is there to read it */
    }

    static int pff_spread(int n, int reports) {
        int begin = 0;
        while (n > 1) {
            int kept = n / 2;
            long pid = pff_fork_sibling();
            if (pid == 0) {
                begin += kept;
                n -= kept;
                pff_report(reports, begin, getpid());
                continue;
            }
            if (pid > 0)
                /* By both: whoever is killed meanwhile, somebody has told of it. */
                pff_report(reports, begin + kept, pid);
            else {
                int error = errno;
                for (int other = begin + kept; other < begin + n; other++)
                    pff_report(reports, other, -(int64_t)error);
            }
            n = kept;
        }
        return begin;
    }

    static int pff_open_ends(int ends[4]) {
        int pair[2], line[2];
    #if defined(__linux__)
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) return -1;
        if (pipe2(line, O_CLOEXEC)) {
    #else
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return -1;
        if (pipe(line)) {
    #endif
            int error = errno;
            close(pair[0]);
            close(pair[1]);
            errno = error;
            return -1;
        }
    #if !defined(__linux__)
        for (int i = 0; i < 2; i++) {
            fcntl(pair[i], F_SETFD, FD_CLOEXEC);
            fcntl(line[i], F_SETFD, FD_CLOEXEC);
        }
    #endif
        ends[0] = pair[0];
        ends[1] = pair[1];
        ends[2] = line[0];
        ends[3] = line[1];
        return 0;
    }
    """
    int pff_spread(int n, int reports) noexcept nogil
    int pff_open_ends(int* ends) noexcept nogil

cdef extern from "errno.h":
    int errno

cdef extern from "unistd.h":
    int close(int descriptor) noexcept nogil

cdef extern from "Python.h":
    void PyOS_BeforeFork()
    void PyOS_AfterFork_Child()
    void PyOS_AfterFork_Parent()


def spread(int n, int reports):
    """Makes `n` of this process, as `os.fork`, but who collects this one collects all of them.

    Answers in each which it is, from 0 on; 0 is this one. Of each other two int64 are written to
    `reports`: its number and its process id, or minus an errno where the system would not; on other
    systems than Linux it never does. Only for a process of one thread that is itself a fork: what
    the C library does before a fork is left out.
    """
    cdef int number
    PyOS_BeforeFork()
    number = pff_spread(n, reports)
    if number:
        PyOS_AfterFork_Child()
    else:
        PyOS_AfterFork_Parent()
    return number


def open_ends(int n):
    """Two ends of a channel and two of a pipe, from where it is read first, `n` times.

    No new program has them. Raises OSError where there are no more descriptors.
    """
    cdef int[4] ends
    found = []
    for _ in range(n):
        if pff_open_ends(ends):
            error = errno
            close_all([end for four in found for end in four])
            raise OSError(error, os.strerror(error))
        found.append((ends[0], ends[1], ends[2], ends[3]))
    return found


def close_all(descriptors):
    """Closes them, whether they are open or not."""
    cdef int descriptor
    for descriptor in descriptors:
        close(descriptor)
