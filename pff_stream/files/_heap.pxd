# Which of several runs has the least entry: a heap of their numbers, the least in front.

# Whether the entry at hand of one run comes before that of another.
ctypedef bint (*Before)(const void* runs, int one, int other) noexcept nogil


cdef inline void sift_down(
    int* heap, int n, int at, Before before, const void* runs
) noexcept nogil:
    """Brings what stands `at` to its place among the `n`: those below it are in order."""
    cdef int child, moved = heap[at]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and before(runs, heap[child + 1], heap[child]):
            child += 1
        if not before(runs, heap[child], moved):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved


cdef inline void make_heap(int* heap, int n, Before before, const void* runs) noexcept nogil:
    """Puts the numbers in order."""
    cdef int i
    for i in range(n // 2 - 1, -1, -1):
        sift_down(heap, n, i, before, runs)
