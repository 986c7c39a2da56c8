# distutils: extra_compile_args = -O3
"""Findings as objects, made of the entries of `_joined`: names, reasons, what stands in their place.

The classes are frozen and have slots: what sets their fields one by one in Python takes longer than
all else. Does not cover: how many there are to be, where they stand in the input.
"""

from dataclasses import MISSING, fields

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject_GenericSetAttr
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from pff_stream.errors import DamagedResultsError
from pff_stream.findings._joined cimport (
    ATOM_BYTES, REASON_BYTES, SHOWN, TAIL_BYTES, Joined, get_u32
)
from pff_stream.triples._graph cimport CSR, GraphView, find_row

from pff_stream.report.message import key_of, message_of
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, FindingReason, Found

cdef enum:
    SUBJECT_SIDE = 1
    OBJECT_SIDE = 2

cdef extern from "Python.h":
    str PyUnicode_DecodeUTF8(const char* text, Py_ssize_t size, const char* errors)


def _others(made, *given):
    """What fields have that are not given."""
    return [
        (field.name, field.default if field.default is not MISSING else field.default_factory())
        for field in fields(made)
        if field.name not in given
    ]


cdef list OTHERS = _others(
    Finding, "triple", "reasons", "document", "key", "kind", "score", "ranked_by", "floor", "found",
    "reasons_total", "message", "by_object",
)
cdef list OTHERS_OF_REASON = _others(FindingReason, "line", "text", "witness", "confidence")


include "_standing.pxi"


cdef inline str _text(const unsigned char* at, Py_ssize_t n):
    return PyUnicode_DecodeUTF8(<const char*>at, n, b"surrogateescape")


cdef int _put_name(Joined joined, uint64_t number, bint is_relation) except -1:
    """A name with a NUL behind it."""
    cdef bytes name = joined.relation(number) if is_relation else joined.entity(number)
    return joined._put(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name) + 1)


cdef int _put_standing(Joined joined, uint32_t relation, bint of_object, uint32_t entity) except -1:
    cdef int32_t[SHOWN] first
    cdef int n, i
    cdef uint32_t total = standing(joined.graph, relation, of_object, entity, first, &n)
    cdef unsigned char shown = <unsigned char>n
    joined._put(&total, 4)
    joined._put(&shown, 1)
    for i in range(n):
        _put_name(joined, <uint32_t>first[i], False)
    return 0


def contained(Joined joined, list entries, bint by_score):
    """The same entries with all that a finding tells of the graph, which nobody needs then.

    Behind each: how many objects stand in its place, how many are named, their names; the same of
    subjects; whether no value has several; the names of the witnesses.
    """
    cdef const unsigned char* at
    cdef const unsigned char* end
    cdef const unsigned char* reasons
    cdef uint32_t[5] ids
    cdef int32_t[3] fact
    cdef uint32_t n_atoms, i, j
    cdef unsigned char is_single
    cdef list found = []
    for entry in entries:
        at = <const unsigned char*>PyBytes_AS_STRING(entry)
        end = at + PyBytes_GET_SIZE(entry)
        joined.used = 0
        joined._put(at, end - at)
        at += 4 + (8 if by_score else 0)
        for i in range(3):
            at = <const unsigned char*>memchr(at, 0, end - at) + 1
        memcpy(ids, at, 20)
        reasons = at + TAIL_BYTES
        _put_standing(joined, ids[1], False, ids[0])
        _put_standing(joined, ids[1], True, ids[2])
        is_single = most_values(joined.graph, ids[1], reasons[8] != 0) == 1
        joined._put(&is_single, 1)
        for i in range(ids[4]):
            memcpy(&n_atoms, reasons + 4, 4)
            reasons += REASON_BYTES
            for j in range(n_atoms):
                memcpy(fact, reasons, ATOM_BYTES)
                _put_name(joined, <uint32_t>fact[0], False)
                _put_name(joined, <uint32_t>fact[1], True)
                _put_name(joined, <uint32_t>fact[2], False)
                reasons += ATOM_BYTES
        found.append(PyBytes_FromStringAndSize(<const char*>joined.entry, joined.used))
    return found


cdef class FindingMaker:
    """Makes the findings of one document."""

    cdef Joined joined            # None: entries are `contained`
    cdef const unsigned char* told
    cdef const unsigned char* end
    cdef object rule
    cdef object document
    cdef object ranked_by
    cdef object floor
    cdef bint by_score

    def __init__(self, joined, rule, described):
        """`rule` says of a rank what `found.ToldRule` has; `joined` is None of `contained` ones."""
        self.joined = joined
        self.rule = rule
        self.document = described.document
        self.ranked_by, self.floor = described.ranked_by, described.floor
        self.by_score = described.by_score

    def finding(self, bytes entry):
        """The finding of an entry; `DamagedResultsError` where it is none."""
        cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(entry)
        cdef const unsigned char* end = at + PyBytes_GET_SIZE(entry)
        cdef const unsigned char* stop
        cdef uint32_t first, i
        cdef uint32_t[5] ids              # of the triple; reasons in all, and those that are kept
        cdef double noisy_or
        cdef unsigned char sides
        cdef bint by_object
        cdef uint32_t n_objects, n_subjects
        cdef list texts = [], reasons
        cdef tuple triple
        at += 8 if self.by_score else 0
        if end - at < TAIL_BYTES:
            raise DamagedResultsError("a finding that was packed is cut off")
        first = get_u32(at)
        at += 4
        for i in range(3):
            stop = <const unsigned char*>memchr(at, 0, end - at)
            if stop == NULL:
                raise DamagedResultsError("a finding that was packed has no names")
            texts.append(_text(at, stop - at))
            at = stop + 1
        if end - at < TAIL_BYTES:
            raise DamagedResultsError("a finding that was packed is cut off")
        triple = tuple(texts)
        memcpy(ids, at, 20)
        memcpy(&noisy_or, at + 20, 8)
        sides = at[28]
        at += TAIL_BYTES
        if end - at < REASON_BYTES:
            raise DamagedResultsError("a finding that was packed is cut off")
        by_object = at[8] != 0
        self.told, self.end = at, end
        for i in range(ids[4]):
            self._skip_reason()
        found = Found.__new__(Found)
        objects = self._standing(ids[1], False, ids[0], &n_objects)
        subjects = self._standing(ids[1], True, ids[2], &n_subjects)
        PyObject_GenericSetAttr(found, "objects", objects)
        PyObject_GenericSetAttr(found, "objects_total", n_objects)
        PyObject_GenericSetAttr(found, "subjects", subjects)
        PyObject_GenericSetAttr(found, "subjects_total", n_subjects)
        is_conflict = (sides & SUBJECT_SIDE and n_objects) or (sides & OBJECT_SIDE and n_subjects)
        is_single = self._is_single(ids[1], by_object)
        reasons = self._reasons(at, ids[4])
        made = Finding.__new__(Finding)
        PyObject_GenericSetAttr(made, "triple", triple)
        PyObject_GenericSetAttr(made, "reasons", tuple(reasons))
        PyObject_GenericSetAttr(made, "document", self.document)
        PyObject_GenericSetAttr(made, "key", key_of(self.document, triple))
        PyObject_GenericSetAttr(made, "kind", CONFLICT if is_conflict else ABSENT)
        PyObject_GenericSetAttr(made, "score", noisy_or if self.by_score else self.rule(first)[3])
        PyObject_GenericSetAttr(made, "ranked_by", self.ranked_by)
        PyObject_GenericSetAttr(made, "floor", self.floor)
        PyObject_GenericSetAttr(made, "found", found)
        PyObject_GenericSetAttr(made, "reasons_total", ids[3])
        PyObject_GenericSetAttr(made, "message", message_of(
            triple, found, reasons[0].witness, by_object=by_object, is_single=is_single
        ))
        PyObject_GenericSetAttr(made, "by_object", by_object)
        for name, value in OTHERS:
            PyObject_GenericSetAttr(made, name, value)
        return made

    cdef int _skip_reason(self) except -1:
        cdef uint32_t n_atoms
        if self.end - self.told < REASON_BYTES:
            raise DamagedResultsError("a finding that was packed is cut off")
        memcpy(&n_atoms, self.told + 4, 4)
        self.told += REASON_BYTES
        if <size_t>(self.end - self.told) < ATOM_BYTES * <size_t>n_atoms:
            raise DamagedResultsError("a finding that was packed is cut off")
        self.told += ATOM_BYTES * <size_t>n_atoms
        return 0

    cdef list _reasons(self, const unsigned char* at, uint32_t n):
        """Those that are kept, the best first; all of them are there."""
        cdef uint32_t[2] reason           # rank, atoms of the witness
        cdef uint32_t i
        cdef list reasons = []
        for i in range(n):
            memcpy(reason, at, 8)
            at += REASON_BYTES
            line, text, confidence, _ = self.rule(reason[0])
            made = FindingReason.__new__(FindingReason)
            PyObject_GenericSetAttr(made, "line", line)
            PyObject_GenericSetAttr(made, "text", text)
            PyObject_GenericSetAttr(made, "witness", self._facts(at, reason[1]))
            PyObject_GenericSetAttr(made, "confidence", confidence)
            for name, value in OTHERS_OF_REASON:
                PyObject_GenericSetAttr(made, name, value)
            reasons.append(made)
            at += ATOM_BYTES * <size_t>reason[1]
        return reasons

    cdef tuple _facts(self, const unsigned char* witness, uint32_t n):
        """The triples of a witness by name."""
        cdef int32_t ids[3]
        cdef uint32_t i
        cdef list found = []
        for i in range(n):
            memcpy(ids, witness + ATOM_BYTES * <size_t>i, ATOM_BYTES)
            found.append((
                self._name(<uint32_t>ids[0], False),
                self._name(<uint32_t>ids[1], True),
                self._name(<uint32_t>ids[2], False),
            ))
        return tuple(found)

    cdef tuple _standing(
        self, uint32_t relation, bint of_object, uint32_t entity, uint32_t* total
    ):
        """The first names of what stands in the place, and how many there are."""
        cdef int32_t[SHOWN] first
        cdef int n, i
        if self.joined is None:
            if self.end - self.told < 5:
                raise DamagedResultsError("a finding that was packed is cut off")
            memcpy(total, self.told, 4)
            n = min(self.told[4], <unsigned char>SHOWN)
            self.told += 5
        else:
            total[0] = standing(self.joined.graph, relation, of_object, entity, first, &n)
        return tuple([self._name(<uint32_t>first[i], False) for i in range(n)])

    cdef bint _is_single(self, uint32_t relation, bint by_object) except -1:
        """Whether no value of the functional variable has more than one fact."""
        if self.joined is not None:
            return most_values(self.joined.graph, relation, by_object) == 1
        if self.end == self.told:
            raise DamagedResultsError("a finding that was packed is cut off")
        self.told += 1
        return (self.told - 1)[0]

    cdef str _name(self, uint64_t number, bint is_relation):
        """A name; of entries that contain them the next one."""
        cdef const unsigned char* begin = self.told
        cdef const unsigned char* stop
        cdef bytes name
        if self.joined is None:
            stop = <const unsigned char*>memchr(begin, 0, self.end - begin)
            if stop == NULL:
                raise DamagedResultsError("a finding that was packed has no names")
            self.told = stop + 1
            return _text(begin, stop - begin)
        name = self.joined.relation(number) if is_relation else self.joined.entity(number)
        return _text(<const unsigned char*>PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))


def with_places(list findings, list places):
    """The same findings, told the places of what they ask for, in the order of `where.wanted_by`.

    They were made just now and nobody has seen them: a copy of each costs as much as making it.
    """
    cdef Py_ssize_t next = 0, n
    for finding in findings:
        PyObject_GenericSetAttr(finding, "where", places[next])
        next += 1
        for reason in finding.reasons:
            n = len(reason.witness)
            PyObject_GenericSetAttr(reason, "where", tuple(places[next : next + n]))
            next += n
    return findings
