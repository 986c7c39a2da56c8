# A file that is written and read from front to back in several places, by few bytes of memory each.
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memmove
from posix.types cimport off_t
from posix.unistd cimport pread, pwrite

from pff_stream.triples._name_table cimport Array, release, reserve

cdef enum:
    SCRATCH_BYTES = 1 << 16       # of each reader and writer

cdef struct Writer:
    int fd
    uint64_t at                   # where the buffer goes
    size_t used
    Array buffer

cdef struct Reader:
    int fd
    uint64_t at                   # what is read next
    uint64_t stop
    size_t begin                  # what is in the buffer
    size_t end
    Array buffer


cdef inline int write_all(int fd, const void* data, size_t n, uint64_t at) noexcept nogil:
    """0, or the number of the error."""
    cdef ssize_t done
    cdef const unsigned char* left = <const unsigned char*>data
    while n:
        done = pwrite(fd, left, n if n < (1 << 30) else 1 << 30, <off_t>at)
        if done < 0 and errno == EINTR:
            continue
        if done <= 0:
            return errno if done < 0 else EIO
        left += done
        at += done
        n -= done
    return 0


cdef inline int flush(Writer* writer) noexcept nogil:
    cdef int error = write_all(writer.fd, writer.buffer.at, writer.used, writer.at)
    writer.at += writer.used
    writer.used = 0
    return error


cdef inline int put(Writer* writer, const void* data, size_t n) noexcept nogil:
    """Writes `n` bytes behind the last ones; the buffer has been reserved."""
    cdef int error
    if writer.used + n > SCRATCH_BYTES:
        error = flush(writer)
        if error:
            return error
    if n > SCRATCH_BYTES:
        error = write_all(writer.fd, data, n, writer.at)
        writer.at += n
        return error
    memcpy(<unsigned char*>writer.buffer.at + writer.used, data, n)
    writer.used += n
    return 0


cdef inline const unsigned char* take(Reader* reader, size_t n, int* error) noexcept nogil:
    """The next `n` bytes, until the next call; NULL with an error, or 0 where there is no memory."""
    cdef ssize_t done
    cdef size_t wanted
    cdef unsigned char* buffer
    if reader.end - reader.begin < n:
        error[0] = 0
        if not reserve(&reader.buffer, n if n > SCRATCH_BYTES else SCRATCH_BYTES):
            return NULL
        buffer = <unsigned char*>reader.buffer.at
        memmove(buffer, buffer + reader.begin, reader.end - reader.begin)
        reader.end -= reader.begin
        reader.begin = 0
        while reader.end < n:
            wanted = (n if n > SCRATCH_BYTES else SCRATCH_BYTES) - reader.end
            if wanted > reader.stop - reader.at:
                wanted = reader.stop - reader.at
            done = pread(reader.fd, buffer + reader.end, wanted, <off_t>reader.at)
            if done < 0 and errno == EINTR:
                continue
            if done <= 0:
                error[0] = errno if done < 0 else EIO
                return NULL
            reader.end += done
            reader.at += done
    reader.begin += n
    return <const unsigned char*>reader.buffer.at + reader.begin - n


cdef inline void read_from(Reader* reader, uint64_t at, uint64_t stop) noexcept nogil:
    reader.at, reader.stop = at, stop
    reader.begin = reader.end = 0
