"""The evaluator: a chunk of rules in, exact counts and capped examples out.

Names are resolved against the graph once a chunk. Each distinct body is then counted once for all
its heads (`_members` for heads with one variable, `_chain` for closed chains, `_search` for all other
shapes); after that, rule by rule in source order, the first violations of each violated rule are
found with their least groundings and written as result records (the format is described in
`pff_stream/report/records.py`). The interpreter lock is held only to hand out a full buffer.
"""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memset

from pff_stream.evaluate._chain cimport (
    WAY_BACKWARD,
    WAY_CHOSEN,
    WAY_WIDE_BACKWARD,
    Chain,
    ChainHead,
    cheapest_way,
    count_chain,
    find_chain,
    has_exact_rows,
    list_chain_row,
)
from pff_stream.evaluate._members cimport (
    Members,
    count_members,
    count_supported,
    count_supported_loops,
    find_members,
    forget_members,
)
from pff_stream.evaluate._order cimport in_source_order
from pff_stream.evaluate._scratch cimport (
    ABSENT,
    Atom,
    Body,
    Scratch,
    entity_of,
    grown,
    pff_vector,
)
from pff_stream.evaluate._search cimport (
    Domain,
    Search,
    Step,
    admissible,
    domain_of,
    exists,
    least_grounding,
    list_values,
    plan_steps,
    start_search,
)
from pff_stream.evaluate._work cimport Work, body_work, free_work, reserve_work
from pff_stream.rules._table cimport RuleTable, constant_key, find_key_atom
from pff_stream.triples._graph cimport GraphView, Rows, find_row, has_pair
from pff_stream.triples._resident cimport ResidentRelations

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef extern from "stdlib.h":
    int posix_memalign(void** pointer, size_t alignment, size_t size) noexcept nogil

cdef enum:
    SATISFIED = 0
    VIOLATED = 1
    VACUOUS = 2
    FILTERED = 3
    TOO_LARGE = 4
    RELATION_ABSENT = 1
    CONSTANT_ABSENT = 2
    NOTHING_MATCHES = 3
    UNDER_SUPPORT = 4
    UNDER_CONFIDENCE = 5
    OVER_MAX_WORK = 6
    RECORD_BYTES = 48
    UNCOUNTED = -1


# A head: a term >= 0 is a variable of the body; else the constant's entity (-1: not in the graph).
cdef struct Head:
    int32_t relation              # -1: not in the graph
    int32_t left
    int32_t right
    int32_t left_entity
    int32_t right_entity
    int32_t relation_name         # places in the chunk's names, -1 for a variable
    int32_t left_name
    int32_t right_name


cdef struct Record:
    uint64_t source
    uint32_t part
    uint32_t payload_bytes
    int64_t predictions
    int64_t support
    uint8_t outcome
    uint8_t reason
    uint16_t zero
    uint32_t n_examples
    uint64_t reserved


# Rules of one body whose relations, and those of the heads, are resident together. A side is a
# relation in one direction: 2 * relation + direction.
cdef struct Unit:
    const int32_t* sides          # of the body, each once
    const int32_t* heads          # the side of each rule's head, -1: none is needed
    int32_t n_sides
    int32_t first
    int32_t last
    bint one_row                  # of its only side it takes the row of a constant


# Where a record stands in the result buffer.
cdef struct Placed:
    uint64_t source
    uint32_t part
    uint32_t n_bytes
    size_t at


def chunk_room_bytes(uint64_t n_names, uint64_t n_atoms, uint64_t n_rules):
    """Bytes that an evaluator keeps for chunks of at most so many names, atoms and rules."""
    cdef uint64_t per_rule = sizeof(Head) + sizeof(ChainHead) + 3 * 4 + 2 * sizeof(int64_t) + 2
    return 8 * n_names + sizeof(Atom) * n_atoms + per_rule * n_rules


def block_room_bytes(uint64_t n_atoms, uint64_t n_rules, uint64_t buffer_bytes):
    """Bytes that an evaluator keeps beside those where the graph is read in blocks."""
    cdef uint64_t per_rule = sizeof(Unit) + 4
    cdef uint64_t records = buffer_bytes // RECORD_BYTES + 1
    return 8 * n_atoms + per_rule * n_rules + buffer_bytes + sizeof(Placed) * records


def scratch_bytes(uint64_t n_entities, bint wide):
    """Bytes that an evaluator allocates for a graph of `n_entities`; the planner's own number."""
    cdef uint64_t narrow = 24 * n_entities
    return narrow + ((4 * sizeof(pff_vector) + 24) * n_entities + 64 * 4 if wide else 0)


cdef class Evaluator:
    """Evaluates chunks of rules against one graph; one evaluator a worker or thread.

    `semantics` is "object-identity" or "homomorphism"; `wide` allocates the vectors for 512 sources
    at once; `progress` is a writable buffer of 8 bytes, a counter that moves while there is work;
    `resident`, the graph's own, holds its relations where it is read in blocks: rules are then taken
    in the order of their relations; with `max_work` a body whose work bound (`_work`) is over it is not counted: its rules are
    too large; `way` forces one way of counting chains (0 chooses: the others are for tests and benchmarks).
    """

    cdef GraphView graph
    cdef Scratch scratch
    cdef Search search
    cdef Chain chain
    cdef int capacity             # atoms of a body that the search has room for
    cdef int way
    cdef uint64_t own_progress
    cdef const unsigned char[::1] progress_view
    cdef Work work
    cdef bint bounds_work
    cdef uint64_t max_work
    cdef int64_t max_examples
    cdef int64_t min_support
    cdef double min_confidence
    # the present chunk
    cdef const unsigned char* names
    cdef const uint32_t* name_ends
    cdef int n_names
    cdef int32_t* entity_ids      # per name; -2: not looked up yet
    cdef int32_t* relation_ids
    cdef Atom* atoms
    cdef Head* heads
    cdef ChainHead* chain_heads
    cdef int32_t* chain_rules
    cdef uint32_t* order          # the rules to write, by source, and room to sort them
    cdef uint32_t* spare
    cdef int64_t* predictions
    cdef int64_t* support
    cdef uint8_t* outcomes
    cdef uint8_t* reasons
    cdef size_t name_room
    cdef size_t atom_room
    cdef size_t rule_room
    # the result buffer
    cdef unsigned char* buffer
    cdef size_t buffer_bytes
    cdef size_t used
    cdef size_t record_at
    cdef object flush
    # a graph that is read in blocks
    cdef ResidentRelations resident
    cdef Unit* units
    cdef int32_t* body_sides
    cdef int32_t* head_sides
    cdef size_t block_rules       # rules and atoms that there is room for
    cdef size_t block_atoms
    cdef bint backwards
    cdef Placed* placed
    cdef unsigned char* sorted_buffer
    cdef size_t sorted_bytes

    def __cinit__(self, GraphView graph, str semantics, **options):
        memset(&self.scratch, 0, sizeof(Scratch))
        memset(&self.search, 0, sizeof(Search))
        memset(&self.chain, 0, sizeof(Chain))
        memset(&self.work, 0, sizeof(Work))

    def __init__(
        self,
        GraphView graph,
        str semantics,
        *,
        bint wide=True,
        int64_t max_examples=10,
        int64_t min_support=0,
        double min_confidence=0.0,
        max_work=None,
        size_t buffer_bytes=1 << 20,
        unsigned char[::1] progress=None,
        int way=0,
        ResidentRelations resident=None,
    ):
        if semantics not in ("object-identity", "homomorphism"):
            raise ValueError(f"unknown semantics {semantics!r}")
        self.graph = graph
        self.way = way
        self.max_examples = max_examples
        self.min_support = min_support
        self.min_confidence = min_confidence
        self.bounds_work = max_work is not None
        self.max_work = 0 if max_work is None else min(max_work, (1 << 64) - 1)
        self.work.rows = graph.rows
        self.work.n_entities = graph.n_entities
        self.buffer_bytes = max(buffer_bytes, 4096)
        self.buffer = <unsigned char*>_taken(self.buffer_bytes)
        self.scratch.distinct = semantics == "object-identity"
        self.scratch.progress = &self.own_progress
        if progress is not None:
            self.progress_view = progress
            self.scratch.progress = <uint64_t*>&progress[0]
        self._allocate_scratch(wide)
        self.resident = resident
        if resident is not None:
            resident.progress = self.scratch.progress
            self._reserve_sorting()
        self.search.scratch = &self.scratch
        self.search.rows = graph.rows
        self._reserve_body(8)

    cdef _allocate_scratch(self, bint wide):
        cdef size_t n = max(1, self.graph.n_entities)
        cdef Scratch* scratch = &self.scratch
        cdef int level
        scratch.n_entities = self.graph.n_entities
        scratch.stamp = <uint32_t*>_taken(n * 4)
        scratch.first = <int32_t*>_taken(n * 4)
        scratch.second = <int32_t*>_taken(n * 4)
        scratch.withheld = <int32_t*>_taken(n * 4)
        scratch.near = <int32_t*>_taken(n * 4)
        scratch.far = <int32_t*>_taken(n * 4)
        if not wide:
            return
        for level in range(3):
            scratch.levels[level].touched = <uint32_t*>_taken(n * 4)
            scratch.levels[level].list = <int32_t*>_taken(n * 4)
            scratch.levels[level].vectors = <pff_vector*>_taken(n * sizeof(pff_vector))
        scratch.levels[1].twice = <pff_vector*>_taken(n * sizeof(pff_vector))
        scratch.wide = True

    def __dealloc__(self):
        cdef int level
        free(self.scratch.stamp)
        free(self.scratch.first)
        free(self.scratch.second)
        free(self.scratch.withheld)
        free(self.scratch.near)
        free(self.scratch.far)
        for level in range(3):
            free(self.scratch.levels[level].touched)
            free(self.scratch.levels[level].list)
            free(self.scratch.levels[level].vectors)
            free(self.scratch.levels[level].twice)
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
        free(self.chain_rules)
        free(self.order)
        free(self.spare)
        free(self.predictions)
        free(self.support)
        free(self.outcomes)
        free(self.reasons)
        free(self.buffer)
        free(self.units)
        free(self.body_sides)
        free(self.head_sides)
        free(self.placed)
        free(self.sorted_buffer)
        if self.resident is not None:
            self.resident.progress = NULL

    @property
    def edges(self):
        """Edges touched so far, in all ways together."""
        return self.scratch.edges

    cdef _reserve_body(self, int n_atoms):
        """Room in the search for bodies of `n_atoms` (twice as many variables at most)."""
        if n_atoms <= self.capacity:
            return
        self.search.binding = <int32_t*>grown(self.search.binding, 2 * n_atoms * sizeof(int32_t))
        self.search.constants = <int32_t*>grown(
            self.search.constants, (2 * n_atoms + 2) * sizeof(int32_t)
        )
        self.search.steps = <Step*>grown(self.search.steps, 3 * n_atoms * sizeof(Step))
        self.search.placed = <char*>grown(self.search.placed, n_atoms)
        self.chain.steps = <const Rows**>grown(self.chain.steps, n_atoms * sizeof(Rows*))
        self.chain.inverses = <const Rows**>grown(self.chain.inverses, n_atoms * sizeof(Rows*))
        if self.bounds_work:
            reserve_work(&self.work, n_atoms)
        self.capacity = n_atoms

    def reserve(self, n_names, n_atoms, n_rules):
        """Takes now what chunks of at most so many names, atoms and rules need."""
        self._reserve_chunk(n_names, n_atoms, n_rules)

    cdef _reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules):
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
            self.chain_rules = <int32_t*>grown(self.chain_rules, n_rules * 4)
            self.order = <uint32_t*>grown(self.order, n_rules * 4)
            self.spare = <uint32_t*>grown(self.spare, n_rules * 4)
            self.predictions = <int64_t*>grown(self.predictions, n_rules * 8)
            self.support = <int64_t*>grown(self.support, n_rules * 8)
            self.outcomes = <uint8_t*>grown(self.outcomes, n_rules)
            self.reasons = <uint8_t*>grown(self.reasons, n_rules)
            self.rule_room = n_rules
        if self.resident is None:
            return
        self.resident.reserve_names(n_names)
        if n_atoms > self.block_atoms:
            self.body_sides = <int32_t*>grown(self.body_sides, n_atoms * 8)
            self.block_atoms = n_atoms
        if n_rules > self.block_rules:
            self.units = <Unit*>grown(self.units, n_rules * sizeof(Unit))
            self.head_sides = <int32_t*>grown(self.head_sides, n_rules * 4)
            self.block_rules = n_rules

    cdef _reserve_sorting(self):
        """As much again as the result buffer, for records in source order."""
        self.sorted_bytes = self.buffer_bytes
        self.sorted_buffer = <unsigned char*>grown(self.sorted_buffer, self.sorted_bytes)
        self.placed = <Placed*>grown(
            self.placed, (self.sorted_bytes // RECORD_BYTES + 1) * sizeof(Placed)
        )

    def evaluate(
        self, chunk, Py_ssize_t start, Py_ssize_t stop, flush, uint8_t skipped=0
    ):
        """Evaluates rules `start` to `stop` of a chunk and hands out their result records.

        `chunk` has the columns of a rule file's chunk as contiguous arrays (checked by its reader);
        rules that have a flag of `skipped` are left out; `flush(memoryview)` is called with each
        full buffer and with the rest: each is a run of records in source order. Returns the
        (predictions, support) of the rules written, summed.
        """
        cdef const unsigned char[::1] names = chunk.names
        cdef const uint32_t[::1] name_ends = chunk.name_ends
        cdef const uint64_t[::1] name_hashes = chunk.name_hashes
        cdef const int32_t[::1] atoms = chunk.atoms
        cdef const uint32_t[::1] body_ends = chunk.body_ends
        cdef const uint32_t[::1] rule_body = chunk.rule_body
        cdef const int32_t[::1] heads = chunk.heads
        cdef const uint64_t[::1] sources = chunk.sources
        cdef const uint8_t[::1] flags = chunk.flags
        cdef const int64_t[::1] miner_support = chunk.miner_support
        cdef const double[::1] miner_confidence = chunk.miner_confidence
        cdef Py_ssize_t n_rules = stop - start, n_written, rule, i, first, body
        cdef int64_t predictions = 0, support = 0
        if n_rules <= 0:
            return 0, 0
        self._reserve_chunk(name_ends.shape[0], atoms.shape[0] // 3, n_rules)
        self._reserve_body(self._longest(body_ends, rule_body, start, stop))
        self.names = &names[0] if names.shape[0] else NULL
        self.name_ends = &name_ends[0] if name_ends.shape[0] else NULL
        self.n_names = name_ends.shape[0]
        self.flush = flush
        with nogil:
            self._resolve(name_hashes)
            for rule in range(n_rules):
                self._set_head(rule, &heads[3 * (start + rule)])
                self.predictions[rule] = UNCOUNTED
                self.support[rule] = 0
                self.reasons[rule] = 0
                self.outcomes[rule] = self._filter(
                    rule, miner_support[start + rule], miner_confidence[start + rule]
                )
            n_written = in_source_order(
                &sources[start], &flags[start], skipped, n_rules, self.order, self.spare
            )
            if self.resident is not None:
                self._evaluate_in_blocks(
                    atoms, body_ends, rule_body, sources, flags, skipped, start, n_rules
                )
            else:
                rule = 0
                while rule < n_rules:
                    body = rule_body[start + rule]
                    first = rule
                    while rule < n_rules and <Py_ssize_t>rule_body[start + rule] == body:
                        rule += 1
                    i = body_ends[body - 1] if body else 0
                    self._count_body(&atoms[3 * i] if atoms.shape[0] > 3 * i else NULL,
                                     body_ends[body] - i, first, rule)
            for i in range(n_written):
                rule = self.order[i]
                if self.resident is None:
                    body = rule_body[start + rule]
                    first = body_ends[body - 1] if body else 0
                    self._write_rule(
                        rule, sources[start + rule],
                        &atoms[3 * first] if atoms.shape[0] > 3 * first else NULL,
                        body_ends[body] - first,
                    )
                predictions += self.predictions[rule]
                support += self.support[rule]
        if self.used:
            self._hand_out()
        self.flush = None
        return predictions, support

    cdef int _longest(
        self, const uint32_t[::1] body_ends, const uint32_t[::1] rule_body,
        Py_ssize_t start, Py_ssize_t stop
    ) noexcept:
        cdef Py_ssize_t body
        cdef uint32_t longest = 1
        for body in range(rule_body[start], rule_body[stop - 1] + 1):
            longest = max(longest, body_ends[body] - (body_ends[body - 1] if body else 0))
        return longest

    # --- a graph in blocks ---------------------------------------------------------------------

    cdef int _evaluate_in_blocks(
        self, const int32_t[::1] atoms, const uint32_t[::1] body_ends,
        const uint32_t[::1] rule_body, const uint64_t[::1] sources,
        const uint8_t[::1] flags, uint8_t skipped, Py_ssize_t start, Py_ssize_t n_rules
    ) except -1 nogil:
        """Counts and writes all rules in the order of their relations, each set once resident.

        Every other time the order is turned round, so that what is resident at the end of a chunk
        serves the next one first.
        """
        cdef Py_ssize_t n_units = self._make_units(
            self.resident, atoms, body_ends, rule_body, start, n_rules
        )
        cdef Py_ssize_t i, rule, body, first
        cdef const int32_t* columns
        cdef Unit* unit
        qsort(self.units, n_units, sizeof(Unit), &_by_sides)
        self.backwards = not self.backwards
        for i in range(n_units):
            unit = &self.units[n_units - 1 - i if self.backwards else i]
            body = rule_body[start + unit.first]
            first = body_ends[body - 1] if body else 0
            columns = &atoms[3 * first] if atoms.shape[0] > 3 * first else NULL
            self._make_resident(self.resident, unit, False)
            self._count_body(columns, body_ends[body] - first, unit.first, unit.last)
            self._make_resident(self.resident, unit, True)
            for rule in range(unit.first, unit.last):
                if not flags[start + rule] & skipped:
                    self._write_rule(rule, sources[start + rule], columns, body_ends[body] - first)
        return 0

    cdef Py_ssize_t _make_units(
        self, ResidentRelations resident, const int32_t[::1] atoms, const uint32_t[::1] body_ends,
        const uint32_t[::1] rule_body, Py_ssize_t start, Py_ssize_t n_rules
    ) noexcept nogil:
        """Cuts the rules of each body so that each part's relations fit the room together.

        A body with a constant is quickly counted again: its rules are cut by the head's relation,
        so that rules of other bodies share what is resident.
        """
        cdef Py_ssize_t rule = 0, first, body, begin, at, n_units = 0, n_pool = 0
        cdef int32_t side, last
        cdef uint64_t body_bytes, part_bytes, more
        cdef uint32_t stamp
        cdef bint has_constant
        cdef Unit* unit
        while rule < n_rules:
            body = rule_body[start + rule]
            first = rule
            while rule < n_rules and <Py_ssize_t>rule_body[start + rule] == body:
                rule += 1
            begin = body_ends[body - 1] if body else 0
            unit = &self.units[n_units]
            n_units += 1
            unit.sides = self.body_sides + n_pool
            unit.heads = self.head_sides + first
            unit.n_sides = 0
            unit.first = <int32_t>first
            unit.last = <int32_t>rule
            stamp = resident.next_stamp()
            has_constant = False
            if self._find_sides(
                &atoms[3 * begin] if atoms.shape[0] > 3 * begin else NULL,
                body_ends[body] - begin, first, rule, self.body_sides + n_pool, &unit.n_sides,
                &has_constant
            ):
                continue                      # nothing matches: no head is looked at
            unit.one_row = has_constant and body_ends[body] - begin == 1
            body_bytes = 0
            for at in range(unit.n_sides):
                side = unit.sides[at]
                resident.stamps[side] = stamp
                body_bytes += resident.sizes[side]
            n_pool += unit.n_sides
            part_bytes = body_bytes
            last = -1
            for at in range(first, rule):
                side = self.head_sides[at]
                if side < 0 or side == last:
                    continue
                # A head over two variables is counted by either of its sides.
                more = resident.sizes[side] if resident.stamps[side] != stamp else 0
                if self._is_pair(at) and resident.stamps[side ^ 1] != stamp:
                    more = max(more, resident.sizes[side ^ 1])
                if at > unit.first and (
                    has_constant or part_bytes + more > resident.room_bytes
                ):
                    unit.last = <int32_t>at
                    self.units[n_units] = unit[0]
                    unit = &self.units[n_units]
                    n_units += 1
                    unit.heads = self.head_sides + at
                    unit.first = <int32_t>at
                    unit.last = <int32_t>rule
                    part_bytes = body_bytes
                part_bytes += more
                last = side
        return n_units

    cdef inline bint _is_row(self, Py_ssize_t rule) noexcept nogil:
        """Whether the head has a constant: one row of its side has all that is true."""
        cdef const Head* head = &self.heads[rule]
        return head.left < 0 or head.right < 0

    cdef inline bint _is_pair(self, Py_ssize_t rule) noexcept nogil:
        cdef const Head* head = &self.heads[rule]
        return head.left >= 0 and head.right >= 0 and head.left != head.right

    cdef bint _find_sides(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last,
        int32_t* sides, int32_t* n_sides, bint* has_constant
    ) noexcept nogil:
        """What the body and the heads of the rules first..last look at; True: no heads.

        A term that is a constant has one row on its own side, and nothing else is looked at.
        """
        cdef Body body
        cdef Py_ssize_t rule
        cdef int i, j, side
        cdef int32_t relation
        cdef const Atom* atom
        cdef const Head* head
        cdef uint8_t reason = self._resolve_body(columns, n_atoms, &body) if n_atoms else 0
        for rule in range(first, last):
            head = &self.heads[rule]
            self.head_sides[rule] = -1
            if head.relation >= 0 and not reason and self.outcomes[rule] != FILTERED:
                self.head_sides[rule] = 2 * head.relation + (head.left >= 0 and head.right < 0)
        if reason and not self.bounds_work:
            return True
        for i in range(n_atoms):
            atom = &body.atoms[i]
            relation = atom.relation
            has_constant[0] |= atom.left < 0 or atom.right < 0
            if relation < 0:
                continue
            for side in range(2):
                if n_atoms == 1 and side != (atom.left >= 0 and atom.right < 0) and (
                    atom.left < 0 or atom.right < 0
                ):
                    continue
                for j in range(n_sides[0]):
                    if sides[j] == 2 * relation + side:
                        break
                else:
                    sides[n_sides[0]] = 2 * relation + side
                    n_sides[0] += 1
        return reason != 0

    cdef int _make_resident(
        self, ResidentRelations resident, const Unit* unit, bint for_examples
    ) except -1 nogil:
        """Brings in what a unit looks at; a pair's side for counting is brought in when it is known."""
        cdef int i, n = unit.last - unit.first, again
        cdef int32_t side
        resident.next_round()
        for again in range(2):
            for i in range(unit.n_sides):
                if not again:
                    resident.touch(unit.sides[i])
                elif unit.one_row:
                    resident.look_up(unit.sides[i])
                else:
                    resident.ensure(unit.sides[i])
            for i in range(n):
                side = unit.heads[i]
                if side < 0 or (i and side == unit.heads[i - 1]) or (
                    self._is_pair(unit.first + i) and not for_examples
                ):
                    continue
                if unit.n_sides == 0:         # a zero rule looks at both
                    resident.ensure(side ^ 1)
                if not again:
                    resident.touch(side)
                elif self._is_row(unit.first + i) and unit.n_sides:
                    resident.look_up(side)
                else:
                    resident.ensure(side)
        return 0

    cdef int _make_heads_resident(self, int n_heads, bint backward) except -1 nogil:
        """The heads of a chain, on the side that the chain begins with."""
        cdef int i
        cdef const Rows* rows
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.touch(<int32_t>(rows - self.graph.rows))
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.ensure(<int32_t>(rows - self.graph.rows))
        return 0

    cdef int _sort_records(self) except -1:
        """Brings the records of the buffer into source order, in the other buffer."""
        cdef size_t at = 0, n = 0, i
        cdef Record* record
        if self.sorted_bytes < self.buffer_bytes:
            self._reserve_sorting()
        while at < self.used:
            record = <Record*>(self.buffer + at)
            self.placed[n].source = record.source
            self.placed[n].part = record.part
            self.placed[n].n_bytes = RECORD_BYTES + record.payload_bytes
            self.placed[n].at = at
            at += RECORD_BYTES + record.payload_bytes
            n += 1
        qsort(self.placed, n, sizeof(Placed), &_by_source)
        at = 0
        for i in range(n):
            memcpy(self.sorted_buffer + at, self.buffer + self.placed[i].at, self.placed[i].n_bytes)
            at += self.placed[i].n_bytes
        return 0

    # --- tables --------------------------------------------------------------------------------

    def count_table(self, RuleTable table):
        """Counts all rules of a table; writes no records.

        Returns ((satisfied, violated, vacuous, filtered) rules, predictions, support). The names of
        the graph are looked up in the table, and only bodies that they can match are counted.
        """
        cdef uint64_t tally[4]
        cdef int64_t sums[2]
        memset(tally, 0, sizeof(tally))
        memset(sums, 0, sizeof(sums))
        self._reserve_chunk(0, table.max_body_atoms, table.max_body_rules)
        self._reserve_body(max(1, table.max_body_atoms))
        cdef int32_t* entity_ids = self.entity_ids
        cdef int32_t* relation_ids = self.relation_ids
        self.entity_ids = table.entity_ids
        self.relation_ids = table.relation_ids
        try:
            with nogil:
                self._match_names(table)
                self._count_matching(table, tally, sums)
                self._forget_names(table)
        finally:
            self.entity_ids = entity_ids
            self.relation_ids = relation_ids
        tally[FILTERED] = table.n_filtered
        tally[VACUOUS] = table.n_rules - table.n_filtered - tally[SATISFIED] - tally[VIOLATED]
        return (tally[0], tally[1], tally[2], tally[3]), sums[0], sums[1]

    cdef void _match_names(self, RuleTable table) noexcept nogil:
        """Enters the ids of the graph's names beside those names that the rules use as well."""
        cdef uint64_t i, start = 0
        cdef int64_t name
        for i in range(self.graph.n_entities):
            name = _name_in(table, self.graph.entity_blob, start, self.graph.entity_ends[i])
            if name >= 0:
                table.entity_ids[name] = <int32_t>i
            start = self.graph.entity_ends[i]
        start = 0
        for i in range(self.graph.n_relations):
            name = _name_in(table, self.graph.relation_blob, start, self.graph.relation_ends[i])
            if name >= 0:
                table.relation_ids[name] = <int32_t>i
            start = self.graph.relation_ends[i]

    cdef void _forget_names(self, RuleTable table) noexcept nogil:
        cdef uint64_t i, start = 0
        cdef int64_t name
        for i in range(self.graph.n_entities):
            name = _name_in(table, self.graph.entity_blob, start, self.graph.entity_ends[i])
            if name >= 0:
                table.entity_ids[name] = -1
            start = self.graph.entity_ends[i]
        start = 0
        for i in range(self.graph.n_relations):
            name = _name_in(table, self.graph.relation_blob, start, self.graph.relation_ends[i])
            if name >= 0:
                table.relation_ids[name] = -1
            start = self.graph.relation_ends[i]

    cdef void _count_matching(
        self, RuleTable table, uint64_t* tally, int64_t* sums
    ) noexcept nogil:
        """Every body without atoms, without constants, or with a constant beside its relation."""
        cdef uint64_t relation, start = 0, at
        cdef uint32_t key
        cdef int64_t name, constant
        cdef int side
        cdef const Rows* rows
        table.epoch += 1
        if table.epoch == 0:
            memset(table.visited, 0, 4 * table.n_bodies)
            table.epoch = 1
        self._count_list(table, table.plain_bodies[0], -1, 0, -1, tally, sums)
        for relation in range(self.graph.n_relations):
            name = _name_in(
                table, self.graph.relation_blob, start, self.graph.relation_ends[relation]
            )
            start = self.graph.relation_ends[relation]
            if name < 0:
                continue
            self._count_list(table, table.relation_bodies[name], -1, 0, -1, tally, sums)
            for side in range(2):
                rows = &self.graph.rows[2 * relation + side]
                for key in range(rows.n_keys):
                    constant = self._name_of(table, rows.keys[key])
                    if constant >= 0:
                        at = constant_key(<int32_t>name, side, <int32_t>constant)
                        self._count_list(
                            table, table.constant_bodies[at & table.constant_mask],
                            <int32_t>name, side, <int32_t>constant, tally, sums
                        )

    cdef inline int64_t _name_of(self, RuleTable table, int32_t entity) noexcept nogil:
        cdef uint64_t start = self.graph.entity_ends[entity - 1] if entity else 0
        return _name_in(table, self.graph.entity_blob, start, self.graph.entity_ends[entity])

    cdef void _count_list(
        self, RuleTable table, uint32_t first, int32_t relation, int side, int32_t constant,
        uint64_t* tally, int64_t* sums
    ) noexcept nogil:
        """Counts the bodies of a list that have this key (relation -1: all of them)."""
        cdef uint32_t body, start
        cdef int32_t key_relation = -1, key_constant = -1
        cdef int key_side = 0
        while first:
            body = first - 1
            first = table.next_body[body]
            if table.visited[body] == table.epoch:
                continue
            start = table.body_ends[body - 1] if body else 0
            if relation >= 0:
                find_key_atom(
                    table.atoms + 3 * start, table.body_ends[body] - start,
                    &key_relation, &key_side, &key_constant
                )
                if key_relation != relation or key_side != side or key_constant != constant:
                    continue
            table.visited[body] = table.epoch
            self._count_table_body(table, body, start, tally, sums)

    cdef void _count_table_body(
        self, RuleTable table, uint32_t body, uint32_t start, uint64_t* tally, int64_t* sums
    ) noexcept nogil:
        cdef uint32_t first = table.rule_ends[body - 1] if body else 0
        cdef Py_ssize_t rule, n = table.rule_ends[body] - first
        cdef uint32_t atom
        for atom in range(start, table.body_ends[body]):
            if table.relation_ids[table.atoms[3 * atom]] < 0:
                return                        # vacuous, as all that is not tallied
        for rule in range(n):
            self._set_head(rule, table.heads + 3 * (first + rule))
            self.predictions[rule] = UNCOUNTED
            self.support[rule] = 0
            self.reasons[rule] = table.filtered[first + rule]
            self.outcomes[rule] = FILTERED if table.filtered[first + rule] else SATISFIED
        self._count_body(table.atoms + 3 * start, table.body_ends[body] - start, 0, n)
        for rule in range(n):
            if self.outcomes[rule] != FILTERED and self.predictions[rule] > 0:
                tally[self.predictions[rule] != self.support[rule]] += 1
                sums[0] += self.predictions[rule]
                sums[1] += self.support[rule]

    # --- names ---------------------------------------------------------------------------------

    cdef int _resolve(self, const uint64_t[::1] hashes) except -1 nogil:
        """Looks every name of the chunk up once, as a relation and as an entity."""
        cdef int i
        cdef uint32_t begin = 0, length
        if self.resident is not None and self.n_names:
            self.resident.find_entities(
                self.names, self.name_ends, &hashes[0], self.n_names, self.entity_ids
            )
        for i in range(self.n_names):
            length = self.name_ends[i] - begin
            if self.resident is None:
                self.entity_ids[i] = self.graph.find_entity(self.names + begin, length, hashes[i])
            self.relation_ids[i] = self.graph.find_relation(self.names + begin, length, hashes[i])
            begin = self.name_ends[i]
        return 0

    cdef void _set_head(self, Py_ssize_t rule, const int32_t* columns) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        head.relation = self.relation_ids[columns[0]]
        head.relation_name = columns[0]
        head.left = columns[1]
        head.right = columns[2]
        head.left_name = -1 - columns[1] if columns[1] < 0 else -1
        head.right_name = -1 - columns[2] if columns[2] < 0 else -1
        head.left_entity = self.entity_ids[head.left_name] if columns[1] < 0 else -1
        head.right_entity = self.entity_ids[head.right_name] if columns[2] < 0 else -1

    cdef uint8_t _filter(self, Py_ssize_t rule, int64_t support, double confidence) noexcept nogil:
        if support >= 0 and support < self.min_support:
            self.reasons[rule] = UNDER_SUPPORT
            return FILTERED
        if not isnan(confidence) and confidence < self.min_confidence:
            self.reasons[rule] = UNDER_CONFIDENCE
            return FILTERED
        return SATISFIED

    cdef uint8_t _resolve_body(
        self, const int32_t* columns, int n_atoms, Body* body
    ) noexcept nogil:
        """Fills `body`; returns why nothing can match, or 0."""
        cdef int i
        cdef int32_t term
        cdef uint8_t reason = 0
        body.atoms = self.atoms
        body.n_atoms = n_atoms
        body.n_variables = 0
        for i in range(n_atoms):
            self.atoms[i].relation = self.relation_ids[columns[3 * i]]
            self.atoms[i].left = self._resolve_term(columns[3 * i + 1], body, &reason)
            self.atoms[i].right = self._resolve_term(columns[3 * i + 2], body, &reason)
        for i in range(n_atoms):
            if self.atoms[i].relation < 0:
                return RELATION_ABSENT
        return reason

    cdef int32_t _resolve_term(self, int32_t term, Body* body, uint8_t* reason) noexcept nogil:
        cdef int32_t entity
        if term >= 0:
            if term >= body.n_variables:
                body.n_variables = term + 1
            return term
        entity = self.entity_ids[-1 - term]
        if entity < 0:
            reason[0] = CONSTANT_ABSENT
            return ABSENT
        return -1 - entity

    # --- counts --------------------------------------------------------------------------------

    cdef int _count_body(
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
                    self._count_zero_rule(rule)
            return 0
        reason = self._resolve_body(columns, n_atoms, &body)
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
            if head.left >= 0 and head.right >= 0 and head.left != head.right:
                self._count_pairs(&body, head.left, head.right, rule, last)
            elif head.left >= 0 or head.right >= 0:
                self._count_values(&body, max(head.left, head.right), rule, last)
            else:
                self._count_ground(&body, rule)
        return 0

    cdef void _count_zero_rule(self, Py_ssize_t rule) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        cdef const Rows* rows
        cdef int32_t constant
        cdef int64_t row
        if head.relation < 0:
            self.predictions[rule] = 0
            self.reasons[rule] = RELATION_ABSENT
            return
        if head.left < 0 and head.right < 0:
            self.predictions[rule] = 1
            self.support[rule] = self._known(head, head.left_entity, head.right_entity)
            return
        rows = self._zero_rows(head)
        self.predictions[rule] = rows.n_keys
        if head.left >= 0 and head.right >= 0:
            self.support[rule] = rows.n_loops
            return
        constant = max(head.left_entity, head.right_entity)
        if constant < 0:
            return
        if self.scratch.distinct and find_row(rows, constant) >= 0:
            self.predictions[rule] -= 1
        rows = &self.graph.rows[2 * head.relation + (1 if head.left >= 0 else 0)]
        row = find_row(rows, constant)
        if row >= 0:
            self.support[rule] = rows.offsets[row + 1] - rows.offsets[row]
            if self.scratch.distinct and rows.n_loops and has_pair(rows, constant, constant):
                self.support[rule] -= 1

    cdef const Rows* _zero_rows(self, const Head* head) noexcept nogil:
        """The rows whose keys a zero rule predicts: of subjects, or (number 1, or on the right) of
        objects."""
        cdef bint objects = head.left < 0 or head.left == 1
        return &self.graph.rows[2 * head.relation + objects]

    cdef inline bint _known(self, const Head* head, int32_t left, int32_t right) noexcept nogil:
        if head.relation < 0 or left < 0 or right < 0:
            return False
        if head.left >= 0 and head.right < 0:  # by the row of the constant, as the counts
            return has_pair(&self.graph.rows[2 * head.relation + 1], right, left)
        return has_pair(&self.graph.rows[2 * head.relation], left, right)

    cdef void _count_ground(self, Body* body, Py_ssize_t rule) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        start_search(&self.search, body, head.left_entity, head.right_entity)
        plan_steps(&self.search)
        self.predictions[rule] = exists(&self.search)
        if self.predictions[rule]:
            self.support[rule] = self._known(head, head.left_entity, head.right_entity)

    cdef void _count_values(
        self, Body* body, int32_t variable, Py_ssize_t first, Py_ssize_t last
    ) noexcept nogil:
        """All heads of the body whose only variable is `variable`."""
        cdef Members members = find_members(&self.scratch, self.graph.rows, body, variable)
        cdef Py_ssize_t rule
        cdef Head* head
        if not members.shared and not self.scratch.distinct:
            start_search(&self.search, body, -1, -1)
            plan_steps(&self.search)
            members.n = list_values(&self.search, variable)
            members.shared = True
        for rule in range(first, last):
            head = &self.heads[rule]
            if self.predictions[rule] != UNCOUNTED or not (
                (head.left == variable and (head.right == variable or head.right < 0))
                or (head.right == variable and head.left < 0)
            ):
                continue
            if not members.shared:
                start_search(&self.search, body, head.left_entity, head.right_entity)
                plan_steps(&self.search)
                self.predictions[rule] = list_values(&self.search, variable)
                self._support_of_listed(rule)
                continue
            self.predictions[rule] = count_members(
                &self.scratch, &members, max(head.left_entity, head.right_entity)
            )
            if head.relation < 0:
                continue
            if head.left == head.right:
                self.support[rule] = count_supported_loops(
                    &self.scratch, &self.graph.rows[2 * head.relation]
                )
            elif head.left >= 0 and head.right_entity >= 0:
                self.support[rule] = count_supported(
                    &self.scratch, &self.graph.rows[2 * head.relation + 1], head.right_entity
                )
            elif head.right >= 0 and head.left_entity >= 0:
                self.support[rule] = count_supported(
                    &self.scratch, &self.graph.rows[2 * head.relation], head.left_entity
                )
        if members.shared:
            forget_members(&self.scratch, &members)

    cdef void _support_of_listed(self, Py_ssize_t rule) noexcept nogil:
        """Of the values that a search has just listed, those whose head triple is known."""
        cdef Head* head = &self.heads[rule]
        cdef int64_t i
        cdef int32_t value
        for i in range(self.predictions[rule]):
            value = self.scratch.near[i]
            self.support[rule] += self._known(
                head,
                value if head.left >= 0 else head.left_entity,
                value if head.right >= 0 else head.right_entity,
            )

    cdef int _count_pairs(
        self, Body* body, int32_t source, int32_t end, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil:
        """All heads of the body over the two variables, in either order."""
        cdef Py_ssize_t rule
        cdef Head* head
        cdef ChainHead* chain_head
        cdef int n = 0, i, way = self.way
        cdef int64_t total
        for rule in range(first, last):
            head = &self.heads[rule]
            if self.predictions[rule] != UNCOUNTED or not (
                (head.left == source and head.right == end)
                or (head.left == end and head.right == source)
            ):
                continue
            chain_head = &self.chain_heads[n]
            chain_head.support = 0
            chain_head.forward = NULL
            chain_head.backward = NULL
            if head.relation >= 0:
                i = 0 if head.left == source else 1
                chain_head.forward = &self.graph.rows[2 * head.relation + i]
                chain_head.backward = &self.graph.rows[2 * head.relation + 1 - i]
            self.chain_rules[n] = rule
            n += 1
        if find_chain(
            &self.chain, self.graph.rows, body, source, end, self.search.placed
        ) and has_exact_rows(&self.scratch, &self.chain):
            if self.resident is not None:
                if way == WAY_CHOSEN:
                    way = cheapest_way(&self.scratch, &self.chain)
                self._make_heads_resident(n, way == WAY_BACKWARD or way == WAY_WIDE_BACKWARD)
            total = count_chain(&self.scratch, &self.chain, self.chain_heads, n, way)
        else:
            if self.resident is not None:
                self._make_heads_resident(n, False)
            total = self._count_pairs_by_search(body, source, end, n)
        for i in range(n):
            self.predictions[self.chain_rules[i]] = total
            self.support[self.chain_rules[i]] = self.chain_heads[i].support
        return 0

    cdef int64_t _count_pairs_by_search(
        self, Body* body, int32_t source, int32_t end, int n_heads
    ) noexcept nogil:
        cdef Domain domain
        cdef int64_t i, n, row, total = 0
        cdef uint32_t edge
        cdef int head
        cdef const Rows* rows
        start_search(&self.search, body, -1, -1)
        domain = domain_of(&self.search, source)
        for i in range(domain.n_items):
            if not admissible(&self.search, domain.items[i]):
                continue
            self.search.binding[source] = domain.items[i]
            if i == 0 or self.search.n_steps == 0:
                plan_steps(&self.search)
            n = list_values(&self.search, end)
            total += n
            for head in range(n_heads if n else 0):
                rows = self.chain_heads[head].forward
                row = find_row(rows, domain.items[i]) if rows != NULL else -1
                if row >= 0:
                    for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                        self.chain_heads[head].support += (
                            self.scratch.stamp[rows.values[edge]] == self.scratch.epoch
                        )
            self.search.binding[source] = -1
        return total

    # --- records -------------------------------------------------------------------------------

    cdef void _settle_outcome(self, Py_ssize_t rule) noexcept nogil:
        if self.outcomes[rule] == FILTERED or self.outcomes[rule] == TOO_LARGE:
            return
        if self.predictions[rule] == 0:
            self.outcomes[rule] = VACUOUS
            if self.reasons[rule] == 0:
                self.reasons[rule] = NOTHING_MATCHES
        elif self.predictions[rule] == self.support[rule]:
            self.outcomes[rule] = SATISFIED
        else:
            self.outcomes[rule] = VIOLATED

    cdef int _write_rule(
        self, Py_ssize_t rule, uint64_t source, const int32_t* columns, int n_atoms
    ) except -1 nogil:
        cdef Body body
        cdef Record* record
        self._settle_outcome(rule)
        self._start_record(rule, source, 0)
        if self.outcomes[rule] == VIOLATED and self.max_examples > 0:
            if n_atoms == 0:
                body.atoms = self.atoms
                body.n_atoms = 0
                body.n_variables = 0
                self._write_zero_examples(rule)
            else:
                self._resolve_body(columns, n_atoms, &body)
                self._write_examples(rule, &body)
        return 0

    cdef int _start_record(self, Py_ssize_t rule, uint64_t source, uint32_t part) except -1 nogil:
        cdef Record* record
        if self.used + RECORD_BYTES > self.buffer_bytes:
            self._hand_out()
        record = <Record*>(self.buffer + self.used)
        memset(record, 0, sizeof(Record))
        record.source = source
        record.part = part
        record.predictions = self.predictions[rule]
        record.support = self.support[rule]
        record.outcome = self.outcomes[rule]
        record.reason = self.reasons[rule]
        self.record_at = self.used
        self.used += RECORD_BYTES
        return 0

    cdef int _hand_out(self) except -1 nogil:
        with gil:
            if self.resident is not None:
                self._sort_records()
                self.flush(memoryview(<unsigned char[: self.used]>self.sorted_buffer))
            else:
                self.flush(memoryview(<unsigned char[: self.used]>self.buffer))
            self.used = 0
        return 0

    cdef uint32_t _name_bytes(self, int32_t name) noexcept nogil:
        return self.name_ends[name] - (self.name_ends[name - 1] if name else 0)

    cdef void _put_name(self, int32_t name) noexcept nogil:
        cdef uint32_t begin = self.name_ends[name - 1] if name else 0
        memcpy(self.buffer + self.used, self.names + begin, self.name_ends[name] - begin)
        self.used += self.name_ends[name] - begin

    cdef int _open_examples(self, const Head* head, int n_atoms, size_t room) except -1 nogil:
        """Begins the payload of the present record, with `room` for what follows at once."""
        cdef uint32_t fields[5]
        cdef size_t need
        cdef Record record
        fields[0] = n_atoms
        fields[1] = <uint32_t>head.relation
        fields[2] = self._name_bytes(head.relation_name) if head.relation < 0 else 0
        fields[3] = (
            self._name_bytes(head.left_name) if head.left < 0 and head.left_entity < 0 else 0
        )
        fields[4] = (
            self._name_bytes(head.right_name) if head.right < 0 and head.right_entity < 0 else 0
        )
        need = 20 + <size_t>fields[2] + fields[3] + fields[4] + 4
        if self.used + need + room > self.buffer_bytes:
            memcpy(&record, self.buffer + self.record_at, RECORD_BYTES)
            self.used = self.record_at
            if self.used:
                self._hand_out()
            if RECORD_BYTES + need + room > self.buffer_bytes:
                self._enlarge(RECORD_BYTES + need + room)
            memcpy(self.buffer, &record, RECORD_BYTES)
            self.record_at = 0
            self.used = RECORD_BYTES
        memcpy(self.buffer + self.used, fields, 20)
        self.used += 20
        if fields[2]:
            self._put_name(head.relation_name)
        if fields[3]:
            self._put_name(head.left_name)
        if fields[4]:
            self._put_name(head.right_name)
        while (self.used - self.record_at) & 3:
            self.buffer[self.used] = 0
            self.used += 1
        return 0

    cdef int _enlarge(self, size_t n_bytes) except -1 nogil:
        cdef void* larger = realloc(self.buffer, n_bytes)
        if larger == NULL:
            with gil:
                raise MemoryError
        self.buffer = <unsigned char*>larger
        self.buffer_bytes = n_bytes
        return 0

    cdef int _put_example(
        self, Py_ssize_t rule, const Body* body, int32_t subject, int32_t object
    ) except -1 nogil:
        """Adds a violation with the grounding that the search holds; opens and splits records."""
        cdef size_t size = 8 + 12 * <size_t>body.n_atoms
        cdef Record* record = <Record*>(self.buffer + self.record_at)
        cdef int32_t* out
        cdef int i
        cdef int32_t term
        if record.n_examples and self.used + size > self.buffer_bytes:
            self._start_record(rule, record.source, record.part + 1)
            record = <Record*>(self.buffer + self.record_at)
        if record.n_examples == 0:
            self._open_examples(&self.heads[rule], body.n_atoms, size)
            record = <Record*>(self.buffer + self.record_at)
        out = <int32_t*>(self.buffer + self.used)
        out[0] = subject
        out[1] = object
        for i in range(body.n_atoms):
            term = body.atoms[i].left
            out[3 * i + 2] = self.search.binding[term] if term >= 0 else entity_of(term)
            out[3 * i + 3] = body.atoms[i].relation
            term = body.atoms[i].right
            out[3 * i + 4] = self.search.binding[term] if term >= 0 else entity_of(term)
        self.used += size
        record.n_examples += 1
        record.payload_bytes = <uint32_t>(self.used - self.record_at - RECORD_BYTES)
        return 0

    cdef int _write_zero_examples(self, Py_ssize_t rule) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef const Rows* rows
        cdef Body body
        cdef uint32_t i
        cdef int64_t written = 0
        cdef int32_t left, right, constant = max(head.left_entity, head.right_entity)
        body.atoms = self.atoms
        body.n_atoms = 0
        body.n_variables = 0
        if head.left < 0 and head.right < 0:
            return self._put_example(rule, &body, head.left_entity, head.right_entity)
        rows = self._zero_rows(head)
        for i in range(rows.n_keys):
            left = rows.keys[i] if head.left >= 0 else head.left_entity
            right = rows.keys[i] if head.right >= 0 else head.right_entity
            if self.scratch.distinct and rows.keys[i] == constant:
                continue
            if self._known(head, left, right):
                continue
            self._put_example(rule, &body, left, right)
            written += 1
            if written == self.max_examples:
                break
        return 0

    cdef int _write_examples(self, Py_ssize_t rule, Body* body) except -1 nogil:
        """The first violations of a rule by (subject, object), each with its least grounding."""
        cdef Head* head = &self.heads[rule]
        start_search(&self.search, body, head.left_entity, head.right_entity)
        if head.left >= 0 and head.right >= 0 and head.left != head.right:
            return self._write_pairs(rule, body)
        if head.left < 0 and head.right < 0:
            if least_grounding(&self.search):
                self._put_example(rule, body, head.left_entity, head.right_entity)
            return 0
        return self._write_values(rule, body, max(head.left, head.right))

    cdef void _free(self, const Body* body) noexcept nogil:
        cdef int i
        for i in range(body.n_variables):
            self.search.binding[i] = -1

    cdef int _write_values(self, Py_ssize_t rule, Body* body, int32_t variable) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef Domain domain = domain_of(&self.search, variable)
        cdef int64_t i, written = 0
        cdef int64_t violations = self.predictions[rule] - self.support[rule]
        cdef int32_t value, left, right
        cdef bint planned = False
        for i in range(domain.n_items):
            value = domain.items[i]
            left = value if head.left >= 0 else head.left_entity
            right = value if head.right >= 0 else head.right_entity
            if self._known(head, left, right) or not admissible(&self.search, value):
                continue
            self.search.binding[variable] = value
            if body.n_atoms > 2:
                # A planned search says no faster than the fixed order of the least grounding.
                if not planned:
                    plan_steps(&self.search)
                    planned = True
                if not exists(&self.search):
                    self._free(body)
                    continue
                self._free(body)
                self.search.binding[variable] = value
            if least_grounding(&self.search):
                self._put_example(rule, body, left, right)
                written += 1
            self._free(body)
            if written == self.max_examples or written == violations:
                break
        return 0

    cdef int _write_pairs(self, Py_ssize_t rule, Body* body) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef const Rows* known = NULL
        cdef Domain domain
        cdef int64_t i, k, n, row, written = 0
        cdef int64_t wanted = self.predictions[rule] - self.support[rule]
        cdef uint32_t edge
        cdef int32_t subject
        cdef bint planned = False
        cdef bint by_levels = find_chain(
            &self.chain, self.graph.rows, body, head.left, head.right, self.search.placed
        ) and has_exact_rows(&self.scratch, &self.chain)
        wanted = min(wanted, self.max_examples)
        if head.relation >= 0:
            known = &self.graph.rows[2 * head.relation]
        domain = domain_of(&self.search, head.left)
        for i in range(domain.n_items):
            subject = domain.items[i]
            if not admissible(&self.search, subject):
                continue
            if by_levels:
                n = list_chain_row(&self.scratch, &self.chain, subject)
            else:
                self.search.binding[head.left] = subject
                if not planned:
                    plan_steps(&self.search)
                    planned = True
                n = list_values(&self.search, head.right)
                self.search.binding[head.left] = -1
            row = find_row(known, subject) if known != NULL and n else -1
            if row >= 0:
                for edge in range(known.offsets[row], known.offsets[row + 1]):
                    self.scratch.stamp[known.values[edge]] = 0
            n = _keep_stamped(&self.scratch, n)
            n = _least(self.scratch.near, n, wanted - written)
            for k in range(n):
                self.search.binding[head.left] = subject
                self.search.binding[head.right] = self.scratch.near[k]
                if least_grounding(&self.search):
                    self._put_example(rule, body, subject, self.scratch.near[k])
                    written += 1
                self._free(body)
            if written == wanted:
                break
        return 0


cdef int _by_sides(const void* one, const void* other) noexcept nogil:
    """By what the body looks at, then the head, then as they come."""
    cdef const Unit* a = <const Unit*>one
    cdef const Unit* b = <const Unit*>other
    cdef int32_t i
    for i in range(min(a.n_sides, b.n_sides)):
        if a.sides[i] != b.sides[i]:
            return 1 if a.sides[i] > b.sides[i] else -1
    if a.n_sides != b.n_sides:
        return 1 if a.n_sides > b.n_sides else -1
    if a.heads[0] != b.heads[0]:
        return 1 if a.heads[0] > b.heads[0] else -1
    return 1 if a.first > b.first else -1


cdef int _by_source(const void* one, const void* other) noexcept nogil:
    cdef const Placed* a = <const Placed*>one
    cdef const Placed* b = <const Placed*>other
    if a.source != b.source:
        return 1 if a.source > b.source else -1
    return (a.part > b.part) - (a.part < b.part)


cdef inline int64_t _name_in(
    RuleTable table, const unsigned char* blob, uint64_t start, uint64_t end
) noexcept nogil:
    return table.find_name(blob + start, end - start, pff_name_hash(blob + start, end - start))


cdef int64_t _keep_stamped(Scratch* scratch, int64_t n) noexcept nogil:
    cdef int64_t i, kept = 0
    for i in range(n):
        if scratch.stamp[scratch.near[i]] == scratch.epoch:
            scratch.near[kept] = scratch.near[i]
            kept += 1
    return kept


cdef inline void _sift_down(int32_t* heap, int64_t at, int64_t n) noexcept nogil:
    cdef int64_t child
    cdef int32_t value = heap[at]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


cdef int64_t _least(int32_t* items, int64_t n, int64_t wanted) noexcept nogil:
    """Brings the `wanted` least items to the front, ascending; returns how many there are."""
    cdef int64_t i
    cdef int32_t value
    wanted = min(n, wanted)
    if wanted <= 0:
        return 0
    for i in range(wanted // 2 - 1, -1, -1):
        _sift_down(items, i, wanted)
    for i in range(wanted, n):
        if items[i] < items[0]:
            items[0] = items[i]
            _sift_down(items, 0, wanted)
    for i in range(wanted - 1, 0, -1):
        value = items[0]
        items[0] = items[i]
        items[i] = value
        _sift_down(items, 0, i)
    return wanted


cdef void* _taken(size_t n_bytes) except NULL:
    """Zeros on a cache line's border, every page taken now: what is planned is held from here on."""
    cdef void* block = NULL
    if posix_memalign(&block, 64, max(n_bytes, 1)) != 0:
        raise MemoryError
    memset(block, 0, n_bytes)
    return block
