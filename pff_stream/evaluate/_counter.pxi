"""Exact counts of rules: a body is counted once for all heads that share it.

Heads over two variables go to `_pairs`, all others to `_values`; rules without a body to `_zero_rules`.
Rules and names are numbers here; who reads chunks or tables sets them (`set_head` of `_names`,
`entity_ids`, `relation_ids`) and takes the counts.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from pff_stream.report._record cimport FILTERED, OVER_MAX_WORK, TOO_LARGE
from pff_stream.rules._asked cimport AskedRelations
from pff_stream.triples._graph cimport CSR, GraphView

from pff_stream.evaluate.options import EvaluatorOptions

cdef extern from "evaluate/_pages.h":
    void* pff_zeros(size_t n_bytes) noexcept nogil
    void pff_free_zeros(void* block, size_t n_bytes) noexcept nogil


def scratch_bytes(uint64_t n_entities, bint wide):
    """Bytes that a counter allocates for a graph of `n_entities`; the planner's own number."""
    cdef uint64_t narrow = 24 * n_entities + 2 * sizeof(int32_t)
    return narrow + ((4 * sizeof(pff_vector) + 28) * n_entities + 3 * sizeof(int32_t) if wide else 0)


cdef uint64_t rule_room_bytes(uint64_t n_names, uint64_t n_atoms, uint64_t n_rules):
    """Bytes that a counter keeps for so many names, atoms and rules at once."""
    cdef uint64_t per_rule = sizeof(Head) + sizeof(ChainHead) + sizeof(HeldChain) + 3 * sizeof(int64_t) + 2
    return 8 * n_names + sizeof(Atom) * n_atoms + per_rule * n_rules


cdef class Counter:
    """Counts rules against one graph; a base of whoever takes rules from somewhere.

    `semantics` is "object-identity" or "homomorphism"; `options` are `EvaluatorOptions`; `wide`
    allocates the vectors for 512 sources at once; `progress` is a writable buffer of 8 bytes, a counter
    that moves while there is work; `way` forces one way of counting chains (0 chooses: the others are
    for tests and benchmarks). How the work of a body is bounded stands in `_work`, and where an absent
    prediction is decided in `_decided`.
    """

    def __cinit__(self, *arguments, **options):
        memset(&self.scratch, 0, sizeof(Scratch))
        memset(&self.search, 0, sizeof(Search))
        memset(&self.chain, 0, sizeof(Chain))
        memset(&self.work, 0, sizeof(Work))

    def __init__(
        self,
        GraphView graph,
        str semantics,
        options=EvaluatorOptions(),
        *,
        bint wide=True,
        unsigned char[::1] progress=None,
        int way=0,
    ):
        if semantics not in ("object-identity", "homomorphism"):
            raise ValueError(f"unknown semantics {semantics!r}")
        self.graph = graph
        self.way = way
        self.min_support = options.min_support
        self.min_confidence = options.min_confidence
        self.asked = AskedRelations(options.relations)
        self.partial = options.partial
        take_places(self, options.functional)
        self.bounds_work = options.max_work is not None
        self.max_work = min(options.max_work, (1 << 64) - 1) if self.bounds_work else 0
        self.work.rows = graph.rows
        self.work.n_entities = graph.n_entities
        self.scratch.distinct = semantics == "object-identity"
        self.scratch.n_parts = 1
        self.scratch.progress = &self.own_progress
        if progress is not None:
            self.progress_view = progress
            self.scratch.progress = <uint64_t*>&progress[0]
        self._allocate_scratch(wide)
        self.search.scratch = &self.scratch
        self.search.rows = graph.rows
        self.reserve_body(8)

    cdef _allocate_scratch(self, bint wide):
        """One mapping, with what is looked up most behind what wants the widest alignment."""
        cdef size_t n = max(1, self.graph.n_entities)
        cdef Scratch* scratch = &self.scratch
        cdef unsigned char* at
        cdef int level
        scratch.n_entities = self.graph.n_entities
        self.scratch_size = scratch_bytes(n, wide)
        self.scratch_block = pff_zeros(self.scratch_size)
        if self.scratch_block == NULL:
            raise MemoryError
        at = <unsigned char*>self.scratch_block
        if wide:
            for level in range(3):
                scratch.levels[level].vectors = <pff_vector*>_next(&at, n * sizeof(pff_vector))
            scratch.levels[1].twice = <pff_vector*>_next(&at, n * sizeof(pff_vector))
            for level in range(3):
                scratch.levels[level].touched = <uint32_t*>_next(&at, n * 4)
                scratch.levels[level].list = <int32_t*>_next(&at, n * 4 + 4)
            scratch.sources = <int32_t*>_next(&at, n * 4)
        scratch.stamp = <uint32_t*>_next(&at, n * 4)
        scratch.first = <int32_t*>_next(&at, n * 4)
        scratch.second = <int32_t*>_next(&at, n * 4)
        scratch.withheld = <int32_t*>_next(&at, n * 4)
        scratch.near = <int32_t*>_next(&at, n * 4 + 4)
        scratch.far = <int32_t*>_next(&at, n * 4 + 4)
        scratch.wide = wide

    def __dealloc__(self):
        pff_free_zeros(self.scratch_block, self.scratch_size)
        free_work(&self.work)
        free(self.search.binding)
        free(self.search.constants)
        free(self.search.steps)
        free(self.search.placed)
        free(self.chain.steps)
        free(self.chain.inverses)
        free(self.entity_ids)
        free(self.relation_ids)
        free(self.atoms)
        free(self.heads)
        free(self.chain_heads)
        free(self.held)
        free(self.predictions)
        free(self.support)
        free(self.unknown)
        free(self.placed_relations)
        free(self.given_places)
        free(self.outcomes)
        free(self.reasons)

    @property
    def edges(self):
        """Edges touched so far, in all ways together."""
        return self.scratch.edges

    cdef reserve_body(self, int n_atoms):
        """Room in the search for bodies of `n_atoms` (twice as many variables at most)."""
        if n_atoms <= self.capacity:
            return
        self.search.binding = <int32_t*>grown(self.search.binding, 2 * n_atoms * sizeof(int32_t))
        self.search.constants = <int32_t*>grown(
            self.search.constants, (2 * n_atoms + 2) * sizeof(int32_t)
        )
        self.search.steps = <Step*>grown(self.search.steps, 3 * n_atoms * sizeof(Step))
        self.search.placed = <char*>grown(self.search.placed, n_atoms)
        self.chain.steps = <const CSR**>grown(self.chain.steps, n_atoms * sizeof(CSR*))
        self.chain.inverses = <const CSR**>grown(self.chain.inverses, n_atoms * sizeof(CSR*))
        if self.bounds_work:
            reserve_work(&self.work, n_atoms)
        self.capacity = n_atoms

    cdef reserve_rules(self, size_t n_names, size_t n_atoms, size_t n_rules):
        """Room for so many names, atoms of bodies and rules at once."""
        if n_names > self.name_room:
            self.entity_ids = <int32_t*>grown(self.entity_ids, n_names * 4)
            self.relation_ids = <int32_t*>grown(self.relation_ids, n_names * 4)
            self.name_room = n_names
        if n_atoms > self.atom_room:
            self.atoms = <Atom*>grown(self.atoms, n_atoms * sizeof(Atom))
            self.atom_room = n_atoms
        if n_rules > self.rule_room:
            self.heads = <Head*>grown(self.heads, n_rules * sizeof(Head))
            self.chain_heads = <ChainHead*>grown(self.chain_heads, n_rules * sizeof(ChainHead))
            self.held = <HeldChain*>grown(self.held, n_rules * sizeof(HeldChain))
            self.predictions = <int64_t*>grown(self.predictions, n_rules * 8)
            self.support = <int64_t*>grown(self.support, n_rules * 8)
            self.unknown = <int64_t*>grown(self.unknown, n_rules * 8)
            self.outcomes = <uint8_t*>grown(self.outcomes, n_rules)
            self.reasons = <uint8_t*>grown(self.reasons, n_rules)
            self.rule_room = n_rules

    # --- counts --------------------------------------------------------------------------------

    cdef const CSR* keys_of(self, int32_t side) noexcept nogil:
        """The rows of a side, where all of its keys are."""
        return &self.graph.rows[side]

    cdef int64_t violations_of(self, Py_ssize_t rule) noexcept nogil:
        """How many violations a counted rule has, under the assumption that was chosen."""
        cdef int64_t absent = self.predictions[rule] - self.support[rule]
        return absent - self.unknown[rule] if self.partial else absent

    cdef int count_body(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil:
        """Counts the rules first..last, which share a body; each way settles all heads it serves."""
        cdef Body body
        cdef Py_ssize_t rule
        cdef uint8_t reason
        cdef Head* head
        self.scratch.progress[0] += 1
        if n_atoms == 0:
            for rule in range(first, last):
                if self.outcomes[rule] == FILTERED:
                    self.predictions[rule] = 0
                else:
                    count_zero_rule(self, rule)
                    self.unknown[rule] = self.predictions[rule] - decided_of_zero_rule(self, rule)
                    if self.scratch.part:     # the first has all: they are found at once
                        self.predictions[rule] = self.support[rule] = self.unknown[rule] = 0
            return 0
        reason = resolve_body(self, columns, n_atoms, &body)
        if self.bounds_work and (
            body_work(&self.work, body.atoms, body.n_atoms, body.n_variables) > self.max_work
        ):
            reason = OVER_MAX_WORK
        for rule in range(first, last):
            if self.outcomes[rule] == FILTERED:
                self.predictions[rule] = 0
            elif reason:
                self.predictions[rule] = 0
                self.reasons[rule] = reason
                if reason == OVER_MAX_WORK:
                    self.outcomes[rule] = TOO_LARGE
        for rule in range(first, last):
            if self.predictions[rule] != UNCOUNTED:
                continue
            head = &self.heads[rule]
            if is_pair(head):
                count_pairs(self, &body, head.left, head.right, rule, last)
            elif head.left >= 0 or head.right >= 0:
                count_values(self, &body, max(head.left, head.right), rule, last)
            elif self.scratch.part:
                self.predictions[rule] = 0
            else:
                count_ground(self, &body, rule)
        return 0

    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil:
        """Called before heads over these variables are counted (-1: a constant, or the same)."""
        return 0

    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil:
        """Called before heads over two variables are counted; returns the way to count a chain."""
        return way


cdef inline void* _next(unsigned char** at, size_t n_bytes) noexcept nogil:
    cdef void* found = at[0]
    at[0] += n_bytes
    return found
