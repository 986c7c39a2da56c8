"""Chunks of rules over a graph that is read in blocks: taken in the order of their relations.

Rules of one body whose relations fit the room together are counted and written at once, each such
set once resident. Records come in any order, and are sorted by source before they are handed out.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort

from pff_stream.evaluate._chain cimport (
    WAY_BACKWARD,
    WAY_CHOSEN,
    WAY_WIDE_BACKWARD,
    cheapest_way,
)
from pff_stream.evaluate._counter cimport FILTERED, Head, is_pair
from pff_stream.evaluate._kernel cimport Evaluator, RuleRange, body_of
from pff_stream.evaluate._scratch cimport Atom, Body, grown
from pff_stream.triples._graph cimport Rows
from pff_stream.triples._resident cimport ResidentRelations

from pff_stream.evaluate._records import sorting_bytes


def block_room_bytes(uint64_t n_atoms, uint64_t n_rules, uint64_t buffer_bytes):
    """Bytes that an evaluator keeps beside those of one that reads no blocks."""
    cdef uint64_t per_rule = sizeof(Unit) + 4
    return 8 * n_atoms + per_rule * n_rules + sorting_bytes(buffer_bytes)


cdef class BlockEvaluator(Evaluator):
    """An `Evaluator` whose graph's relations `resident` holds, a few at a time."""

    def __init__(self, graph, semantics, ResidentRelations resident, **options):
        self.resident = resident
        Evaluator.__init__(self, graph, semantics, **options)
        resident.progress = self.scratch.progress

    def __dealloc__(self):
        free(self.units)
        free(self.body_sides)
        free(self.head_sides)
        if self.resident is not None:
            self.resident.progress = NULL

    cdef bint sorts_results(self):
        return True

    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules):
        Evaluator.reserve_chunk(self, n_names, n_atoms, n_rules)
        self.resident.reserve_names(n_names)
        if n_atoms > self.block_atoms:
            self.body_sides = <int32_t*>grown(self.body_sides, n_atoms * 8)
            self.block_atoms = n_atoms
        if n_rules > self.block_rules:
            self.units = <Unit*>grown(self.units, n_rules * sizeof(Unit))
            self.head_sides = <int32_t*>grown(self.head_sides, n_rules * 4)
            self.block_rules = n_rules

    cdef int find_entities(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil:
        return self.resident.find_entities(names, ends, hashes, n, self.entity_ids)

    cdef int take_rules(self, const RuleRange* rules, Py_ssize_t n_written) except -1 nogil:
        """Counts and writes all rules in the order of their relations, each set once resident.

        Every other time the order is turned round, so that what is resident at the end of a chunk
        serves the next one first.
        """
        cdef Py_ssize_t n_units = self._make_units(rules)
        cdef Py_ssize_t i, rule
        cdef const int32_t* columns
        cdef int n_atoms
        cdef Unit* unit
        qsort(self.units, n_units, sizeof(Unit), &_by_sides)
        self.backwards = not self.backwards
        for i in range(n_units):
            unit = &self.units[n_units - 1 - i if self.backwards else i]
            columns = body_of(rules, unit.first, &n_atoms)
            self._make_resident(unit, False)
            self.count_body(columns, n_atoms, unit.first, unit.last)
            self._make_resident(unit, True)
            for rule in range(unit.first, unit.last):
                if not rules.flags[rule] & rules.skipped:
                    self.write_rule(rule, rules.sources[rule], columns, n_atoms)
        return 0

    cdef Py_ssize_t _make_units(self, const RuleRange* rules) noexcept nogil:
        """Cuts the rules of each body so that each part's relations fit the room together.

        A body with a constant is quickly counted again: its rules are cut by the head's relation,
        so that rules of other bodies share what is resident.
        """
        cdef Py_ssize_t rule = 0, first, at, n_units = 0, n_pool = 0
        cdef int32_t side, last
        cdef uint64_t body_bytes, part_bytes, more
        cdef uint32_t stamp
        cdef bint has_constant
        cdef const int32_t* columns
        cdef int n_atoms
        cdef Unit* unit
        while rule < rules.n_rules:
            first = rule
            columns = body_of(rules, rule, &n_atoms)
            while rule < rules.n_rules and rules.rule_body[rule] == rules.rule_body[first]:
                rule += 1
            unit = &self.units[n_units]
            n_units += 1
            unit.sides = self.body_sides + n_pool
            unit.heads = self.head_sides + first
            unit.n_sides = 0
            unit.first = <int32_t>first
            unit.last = <int32_t>rule
            stamp = self.resident.next_stamp()
            has_constant = False
            if self._find_sides(
                columns, n_atoms, first, rule, self.body_sides + n_pool, &unit.n_sides,
                &has_constant
            ):
                continue                      # nothing matches: no head is looked at
            unit.one_row = has_constant and n_atoms == 1
            body_bytes = 0
            for at in range(unit.n_sides):
                side = unit.sides[at]
                self.resident.stamps[side] = stamp
                body_bytes += self.resident.sizes[side]
            n_pool += unit.n_sides
            part_bytes = body_bytes
            last = -1
            for at in range(first, rule):
                side = self.head_sides[at]
                if side < 0 or side == last:
                    continue
                # A head over two variables is counted by either of its sides.
                more = self.resident.sizes[side] if self.resident.stamps[side] != stamp else 0
                if is_pair(&self.heads[at]) and self.resident.stamps[side ^ 1] != stamp:
                    more = max(more, self.resident.sizes[side ^ 1])
                if at > unit.first and (
                    has_constant or part_bytes + more > self.resident.room_bytes
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
        cdef uint8_t reason = self.resolve_body(columns, n_atoms, &body) if n_atoms else 0
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

    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil:
        """Brings in what a unit looks at; a pair's side for counting is brought in when it is known."""
        cdef int i, n = unit.last - unit.first, again
        cdef int32_t side
        self.resident.next_round()
        for again in range(2):
            for i in range(unit.n_sides):
                if not again:
                    self.resident.touch(unit.sides[i])
                elif unit.one_row:
                    self.resident.look_up(unit.sides[i])
                else:
                    self.resident.ensure(unit.sides[i])
            for i in range(n):
                side = unit.heads[i]
                if side < 0 or (i and side == unit.heads[i - 1]) or (
                    is_pair(&self.heads[unit.first + i]) and not for_examples
                ):
                    continue
                if unit.n_sides == 0:         # a zero rule looks at both
                    self.resident.ensure(side ^ 1)
                if not again:
                    self.resident.touch(side)
                elif _is_row(&self.heads[unit.first + i]) and unit.n_sides:
                    self.resident.look_up(side)
                else:
                    self.resident.ensure(side)
        return 0

    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil:
        """Brings in the heads of a chain, on the side that the chain begins with."""
        cdef int i
        cdef bint backward
        cdef const Rows* rows
        if is_chain and way == WAY_CHOSEN:
            way = cheapest_way(&self.scratch, &self.chain)
        backward = is_chain and (way == WAY_BACKWARD or way == WAY_WIDE_BACKWARD)
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.touch(<int32_t>(rows - self.graph.rows))
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.ensure(<int32_t>(rows - self.graph.rows))
        return way


cdef inline bint _is_row(const Head* head) noexcept nogil:
    """Whether the head has a constant: one row of its side has all that is true."""
    return head.left < 0 or head.right < 0


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
