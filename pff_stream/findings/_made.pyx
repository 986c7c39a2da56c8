# distutils: extra_compile_args = -O3
"""Findings as objects, made of the entries of `_joined`: names, reasons, what stands in their place.

The classes are frozen and have slots: what sets their fields one by one in Python takes longer than
all else. Does not cover: how many there are to be, where they stand in the input.
"""

from dataclasses import MISSING, fields

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject_GenericSetAttr
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from pff_stream.errors import DamagedResultsError
from pff_stream.findings._joined cimport (
    ATOM_BYTES, REASON_BYTES, TAIL_BYTES, Joined, get_u32
)
from pff_stream.report.message import key_of, message_of
from pff_stream.report.streams import ABSENT, CONFLICT, Finding, FindingReason, Found

cdef enum:
    SHOWN = 3                     # names of what stands in a triple's place
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


cdef inline str _text(const unsigned char* at, Py_ssize_t n):
    return PyUnicode_DecodeUTF8(<const char*>at, n, b"surrogateescape")


cdef inline str _decoded(bytes name):
    return PyUnicode_DecodeUTF8(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name), b"surrogateescape")


cdef class FindingMaker:
    """Makes the findings of one document."""

    cdef Joined joined
    cdef object rule
    cdef object document
    cdef object ranked_by
    cdef object floor
    cdef bint by_score

    def __init__(self, Joined joined, rule, described):
        """`rule` says of a rank what `found.ToldRule` has."""
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
        reasons = self._reasons(at, end, ids[4])
        objects, n_objects = self.joined.standing(ids[1], False, ids[0], SHOWN)
        subjects, n_subjects = self.joined.standing(ids[1], True, ids[2], SHOWN)
        found = Found.__new__(Found)
        PyObject_GenericSetAttr(found, "objects", tuple([_decoded(name) for name in objects]))
        PyObject_GenericSetAttr(found, "objects_total", n_objects)
        PyObject_GenericSetAttr(found, "subjects", tuple([_decoded(name) for name in subjects]))
        PyObject_GenericSetAttr(found, "subjects_total", n_subjects)
        is_conflict = (sides & SUBJECT_SIDE and n_objects) or (sides & OBJECT_SIDE and n_subjects)
        is_single = self.joined.most_values(ids[1], by_object) == 1
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

    cdef list _reasons(self, const unsigned char* at, const unsigned char* end, uint32_t n):
        """Those that are kept, the best first."""
        cdef uint32_t[2] reason           # rank, atoms of the witness
        cdef uint32_t i
        cdef list reasons = []
        for i in range(n):
            if end - at < REASON_BYTES:
                raise DamagedResultsError("a finding that was packed is cut off")
            memcpy(reason, at, 8)
            at += REASON_BYTES
            if <size_t>(end - at) < ATOM_BYTES * <size_t>reason[1]:
                raise DamagedResultsError("a finding that was packed is cut off")
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
                self._entity(<uint32_t>ids[0]),
                _decoded(self.joined.relation(<uint32_t>ids[1])),
                self._entity(<uint32_t>ids[2]),
            ))
        return tuple(found)

    cdef str _entity(self, uint64_t number):
        return _decoded(self.joined.entity(number))


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
