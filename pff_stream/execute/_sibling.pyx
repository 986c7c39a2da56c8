"""Copies a process so that the copy is a child of that process's own parent."""

import os

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <sched.h>
    #include <signal.h>
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
    """
    long pff_fork_sibling() noexcept

cdef extern from "errno.h":
    int errno

cdef extern from "Python.h":
    void PyOS_BeforeFork()
    void PyOS_AfterFork_Child()
    void PyOS_AfterFork_Parent()


def fork_sibling():
    """As `os.fork`, but who collects this process collects the copy, too.

    0 in the copy, else its process id. Only for a process of one thread that is itself a fork: what
    the C library does before a fork is left out. Raises OSError, on other systems than Linux always.
    """
    cdef long pid
    cdef int error
    PyOS_BeforeFork()
    pid = pff_fork_sibling()
    error = errno
    if pid == 0:
        PyOS_AfterFork_Child()
    else:
        PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(error, os.strerror(error))
    return pid
