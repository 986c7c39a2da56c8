# Sorted runs of a file, read in windows that lie side by side in the buffer; the least entry of all next.


cdef int open_runs(Sorter sorter, list runs) except -1:
    """Opens so many runs, each with a window in the buffer."""
    cdef int i
    cdef SortedRun* run
    sorter.window_bytes = sorter.capacity // len(runs)
    sorter.has_taken = False
    sorter.n_open = 0
    for i, (first, n_bytes) in enumerate(runs):
        run = &sorter.open_runs[i]
        run.next = first
        run.stop = first + n_bytes
        run.window = sorter.buffer + i * sorter.window_bytes
        run.at = run.filled = 0
        if _has_entry(sorter, run):
            sorter.heap[sorter.n_open] = i
            sorter.n_open += 1
    make_heap(sorter.heap, sorter.n_open, _comes_before, sorter.open_runs)
    return 0


cdef const unsigned char* next_of_runs(Sorter sorter, size_t* n) except? NULL:
    """The next entry of all runs that are open."""
    cdef SortedRun* run
    cdef uint32_t length
    if sorter.has_taken:
        # Only now: what was given until now lies in its window.
        run = &sorter.open_runs[sorter.heap[0]]
        memcpy(&length, run.window + run.at, LENGTH)
        run.at += LENGTH + length
        if not _has_entry(sorter, run):
            sorter.n_open -= 1
            sorter.heap[0] = sorter.heap[sorter.n_open]
        sift_down(sorter.heap, sorter.n_open, 0, _comes_before, sorter.open_runs)
        sorter.has_taken = False
    if sorter.n_open == 0:
        return NULL
    run = &sorter.open_runs[sorter.heap[0]]
    memcpy(&length, run.window + run.at, LENGTH)
    sorter.has_taken = True
    n[0] = length
    return run.window + run.at + LENGTH


cdef bint _has_entry(Sorter sorter, SortedRun* run) except -1:
    """Has the run's next entry whole in its window; False at its end."""
    cdef uint32_t length
    if run.filled - run.at < LENGTH:
        if run.at == run.filled and run.next == run.stop:
            return False
        _fill_window(sorter, run)
    memcpy(&length, run.window + run.at, LENGTH)
    if run.filled - run.at < LENGTH + <size_t>length:
        _fill_window(sorter, run)
    return True


cdef int _fill_window(Sorter sorter, SortedRun* run) except -1:
    """Moves what is left to the front of the window and fills it."""
    cdef size_t kept = run.filled - run.at
    cdef size_t n = min(<uint64_t>(sorter.window_bytes - kept), run.stop - run.next)
    cdef size_t done = 0
    cdef int fd = sorter.file.fileno()
    cdef ssize_t got
    memmove(run.window, run.window + run.at, kept)
    run.at = 0
    while done < n:
        with nogil:
            got = pread(fd, run.window + kept + done, n - done, <off_t>(run.next + done))
        if got <= 0:
            raise OutputError(f"{sorter.file.name}: cannot be read: {os.strerror(errno)}")
        done += got
    _pages.drop(fd, run.next, n)
    run.next += n
    run.filled = kept + n
    return 0


cdef bint _comes_before(const void* runs, int one, int other) noexcept nogil:
    cdef const SortedRun* left = <const SortedRun*>runs + one
    cdef const SortedRun* right = <const SortedRun*>runs + other
    return pff_entries(left.window + left.at, right.window + right.at) < 0
