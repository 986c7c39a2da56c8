"""Whether a rule predicts one given triple: its head is bound first, then one grounding is enough.

For whoever asks about a triple and not about a rule. Nothing is counted, so nothing is held that
grows with the graph.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport find_row


def bound_room_bytes(uint64_t n_names, uint64_t n_atoms):
    """Bytes that a bound search keeps for chunks of at most so many names and atoms."""
    return chunk_room_bytes(n_names, n_atoms, 1)


cdef class BoundSearch(Evaluator):
    """Looks for groundings under which the head of a rule is one given triple."""

    def __init__(self, graph, semantics):
        Evaluator.__init__(self, graph, semantics, buffer_bytes=0, wide=False)

    cdef _allocate_scratch(self, bint wide):
        """None of it: a search for one grounding stamps and lists nothing."""
        self.scratch.n_entities = self.graph.n_entities

    def find(self, chunk, const int64_t[::1] rules, int32_t subject, int32_t object):
        """The rules of a chunk that predict (subject, h, object), each with its least grounding.

        `rules` are places in the chunk, of rules whose head has this triple's relation and, where
        it has constants, their names; a triple's end that the graph does not have is -1. Returns
        a list of (place, witness): int32 x 3 for each atom of the body, subject, relation, object.
        """
        cdef const unsigned char[::1] names = chunk.names
        cdef const uint32_t[::1] name_ends = chunk.name_ends
        cdef const uint64_t[::1] name_hashes = chunk.name_hashes
        cdef const int32_t[::1] atoms = chunk.atoms
        cdef const uint32_t[::1] body_ends = chunk.body_ends
        cdef const uint32_t[::1] rule_body = chunk.rule_body
        cdef const int32_t[::1] heads = chunk.heads
        cdef int n_names = <int>name_ends.shape[0]
        cdef uint32_t begin, body
        cdef int n_atoms
        cdef int64_t rule
        cdef Py_ssize_t i
        found = []
        if not n_names:
            return found
        self.reserve_chunk(n_names, atoms.shape[0] // 3, 1)
        self._resolve(
            &names[0] if names.shape[0] else NULL, &name_ends[0], &name_hashes[0], n_names
        )
        for i in range(rules.shape[0]):
            rule = rules[i]
            body = rule_body[rule]
            begin = body_ends[body - 1] if body else 0
            n_atoms = body_ends[body] - begin
            self.reserve_body(max(1, n_atoms))
            set_head(self, 0, &heads[3 * rule])
            PyErr_CheckSignals()
            if n_atoms == 0:
                if self._zero_rule_predicts(subject, object):
                    found.append((rule, b""))
                continue
            witness = self._witness(&atoms[3 * begin], n_atoms, subject, object)
            if witness is not None:
                found.append((rule, witness))
        return found

    cdef bint _zero_rule_predicts(self, int32_t subject, int32_t object) noexcept nogil:
        cdef Head* head = &self.heads[0]
        cdef int32_t value = subject if head.left >= 0 else object
        if head.relation < 0:
            return False
        if head.left < 0 and head.right < 0:
            return True
        if value < 0 or (head.left == head.right and subject != object):
            return False
        if self.scratch.distinct and value == max(head.left_entity, head.right_entity):
            return False
        return find_row(zero_rows(self, head), value) >= 0

    cdef _witness(self, const int32_t* columns, int n_atoms, int32_t subject, int32_t object):
        """The triples of the body's least grounding, None where there is none."""
        cdef Head* head = &self.heads[0]
        cdef Body body
        cdef int32_t* out
        cdef int32_t term
        cdef int i
        if resolve_body(self, columns, n_atoms, &body):
            return None
        start_search(&self.search, &body, head.left_entity, head.right_entity)
        if not self._bind_head(head, subject, object):
            return None
        # A planned search says no faster than the fixed order of the least grounding.
        plan_steps(&self.search)
        if not exists(&self.search):
            return None
        free_binding(self, &body)
        self._bind_head(head, subject, object)
        if not least_grounding(&self.search):
            return None
        witness = PyBytes_FromStringAndSize(NULL, 12 * body.n_atoms)
        out = <int32_t*>PyBytes_AS_STRING(witness)
        for i in range(body.n_atoms):
            term = body.atoms[i].left
            out[3 * i] = self.search.binding[term] if term >= 0 else entity_of(term)
            out[3 * i + 1] = body.atoms[i].relation
            term = body.atoms[i].right
            out[3 * i + 2] = self.search.binding[term] if term >= 0 else entity_of(term)
        return witness

    cdef bint _bind_head(self, const Head* head, int32_t subject, int32_t object) noexcept nogil:
        """Gives the head's variables their entities; False where they cannot take them."""
        if head.left >= 0:
            if subject < 0 or not admissible(&self.search, head.left, subject):
                return False
            self.search.binding[head.left] = subject
        if head.right >= 0 and head.right == head.left:
            return subject == object
        if head.right >= 0:
            if object < 0 or not admissible(&self.search, head.right, object):
                return False
            self.search.binding[head.right] = object
        return True
