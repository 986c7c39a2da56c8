"""Rules of one body as units, and what of the graph each looks at.

A unit is what is counted at once; it is no larger than that the relations which it looks at fit
together into the room for them, where they can.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcmp, memmove, memset

from pff_stream.triples._ahead cimport FOLLOWED

cdef enum:
    MOST_RULES = 256              # of a unit: the rows of its heads are gathered together
    GROUPS = 6                    # of relations, that the room for whole ones is thought to hold


cdef uint64_t unit_room_bytes(uint64_t n_chunks, uint64_t n_atoms, uint64_t n_rules):
    """Bytes that are kept for `n_chunks` taken together, with so many atoms and rules in all."""
    cdef uint64_t per_rule = sizeof(Unit) + 4
    return sizeof(TakenRange) * n_chunks + 8 * n_atoms + per_rule * n_rules


cdef class UnitMaker(Evaluator):
    """An `Evaluator` that takes rules by units; `resident` holds the graph's relations."""

    def __dealloc__(self):
        free(self.taken)
        free(self.units)
        free(self.body_sides)
        free(self.head_sides)
        free(self.any_order)

    cdef reserve_ranges(self, size_t n_ranges):
        if n_ranges > self.taken_room:
            self.taken = <TakenRange*>grown(self.taken, n_ranges * sizeof(TakenRange))
            self.taken_room = n_ranges

    cdef reserve_body(self, int n_atoms):
        Evaluator.reserve_body(self, n_atoms)
        if n_atoms > self.sides_room:
            self.any_order = <int32_t*>grown(self.any_order, 2 * n_atoms * sizeof(int32_t))
            self.sides_room = n_atoms

    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules):
        Evaluator.reserve_chunk(self, n_names, n_atoms, n_rules)
        if n_atoms > self.block_atoms:
            self.body_sides = <int32_t*>grown(self.body_sides, n_atoms * 8)
            self.block_atoms = n_atoms
        if n_rules > self.block_rules:
            self.units = <Unit*>grown(self.units, n_rules * sizeof(Unit))
            self.head_sides = <int32_t*>grown(self.head_sides, n_rules * 4)
            self.block_rules = n_rules

    cdef void select_range(self, Py_ssize_t number) noexcept nogil:
        """Has names and columns be those of a range."""
        cdef const TakenRange* taken = &self.taken[number]
        self.entity_ids = self.all_entity_ids + taken.first_name
        self.relation_ids = self.all_relation_ids + taken.first_name
        self.results.names = taken.names
        self.results.name_ends = taken.name_ends

    cdef void make_units(
        self, Py_ssize_t number, Py_ssize_t* n_units, Py_ssize_t* n_pool
    ) noexcept nogil:
        """Parts the rules of each body so that each part's relations fit the room together.

        Of a body that alone does not fit only those sides count that are looked up in any order.
        Longer than a screen: one pass that keeps the state of a part that is still open.
        """
        cdef const TakenRange* taken = &self.taken[number]
        cdef const RuleRange* rules = &taken.rules
        cdef Py_ssize_t rule = 0, first, at
        cdef int32_t side, last
        cdef uint64_t body_bytes, more
        cdef uint32_t stamp
        cdef const int32_t* columns
        cdef int n_atoms, n_heads
        cdef bint matches
        cdef Unit* unit
        while rule < rules.n_rules:
            first = taken.first_rule + rule
            columns = body_of(rules, rule, &n_atoms)
            at = rule
            while rule < rules.n_rules and rules.rule_body[rule] == rules.rule_body[at]:
                rule += 1
            unit = &self.units[n_units[0]]
            n_units[0] += 1
            unit.range = <int32_t>number
            unit.sides = self.body_sides + n_pool[0]
            unit.heads = self.head_sides + first
            unit.n_sides = 0
            unit.first = <int32_t>first
            unit.last = <int32_t>(taken.first_rule + rule)
            unit.row = -1
            unit.is_zero = n_atoms == 0
            matches = self._find_sides(columns, n_atoms, self.body_sides + n_pool[0], unit)
            n_pool[0] += unit.n_sides
            stamp = self.resident.next_stamp()
            body_bytes = 0
            for at in range(unit.n_sides):
                side = unit.sides[at]
                self.resident.stamps[side] = stamp
                if not unit.one_row:
                    body_bytes += self.resident.sizes[side]
            unit.is_cut = matches and body_bytes > self.resident.room_bytes
            unit.in_order = unit.is_cut
            if unit.is_cut:
                body_bytes = 0
                for at in range(first, taken.first_rule + rule):
                    body_bytes = max(body_bytes, self._cut(columns, n_atoms, at))
            unit.whole_bytes = body_bytes
            if not matches:
                continue                      # no head is looked at
            last = -1
            n_heads = 0
            for at in range(first, taken.first_rule + rule):
                side = self.head_sides[at]
                more = 0
                if side >= 0 and side != last and not self.wants_row(unit, at):
                    more = self.resident.sizes[side] if self.resident.stamps[side] != stamp else 0
                    # A head over two variables is counted by either of its sides, a zero rule
                    # looks at both.
                    if self.resident.stamps[side ^ 1] != stamp:
                        if is_pair(&self.heads[at]):
                            more = max(more, self.resident.sizes[side ^ 1])
                        elif unit.is_zero:
                            more += self.resident.sizes[side ^ 1]
                    last = side
                    n_heads += 1
                if unit.is_cut or body_bytes + more > self.resident.room_bytes:
                    more = 0
                    unit.in_order = True
                if at > unit.first and (
                    at - unit.first == MOST_RULES
                    or (more and unit.whole_bytes + more > self.resident.room_bytes // 2)
                    or (unit.in_order and n_heads == FOLLOWED)
                ):
                    n_heads = 1
                    unit.last = <int32_t>at
                    self.units[n_units[0]] = unit[0]
                    unit = &self.units[n_units[0]]
                    n_units[0] += 1
                    unit.heads = self.head_sides + at
                    unit.first = <int32_t>at
                    unit.last = <int32_t>(taken.first_rule + rule)
                    unit.whole_bytes = body_bytes
                unit.whole_bytes += more

    cdef bint _find_sides(
        self, const int32_t* columns, int n_atoms, int32_t* sides, Unit* unit
    ) noexcept nogil:
        """What the body and the heads of a unit look at; False: no heads.

        A single atom with a constant has one row on the constant's side, and nothing else is
        looked at.
        """
        cdef Body body
        cdef Py_ssize_t rule
        cdef int i, j, side
        cdef int32_t term
        cdef const Atom* atom
        cdef const Head* head
        cdef uint8_t reason = resolve_body(self, columns, n_atoms, &body) if n_atoms else 0
        unit.one_row = False
        n_atoms = body.n_atoms if n_atoms else 0
        for rule in range(unit.first, unit.last):
            head = &self.heads[rule]
            self.head_sides[rule] = -1
            if head.relation >= 0 and not reason and self.outcomes[rule] != FILTERED:
                self.head_sides[rule] = 2 * head.relation + (head.left >= 0 and head.right < 0)
        if reason and not self.bounds_work:
            return False
        if n_atoms == 1 and (body.atoms[0].left < 0 or body.atoms[0].right < 0):
            atom = &body.atoms[0]
            if atom.relation >= 0:
                side = atom.left >= 0
                term = atom.right if side else atom.left
                unit.one_row = True
                unit.row = entity_of(term) if term != ABSENT else -1
                unit.n_sides = 1
                sides[0] = 2 * atom.relation + side
            return reason == 0
        for i in range(n_atoms):
            atom = &body.atoms[i]
            for side in range(2 if atom.relation >= 0 else 0):
                for j in range(unit.n_sides):
                    if sides[j] == 2 * atom.relation + side:
                        break
                else:
                    sides[unit.n_sides] = 2 * atom.relation + side
                    unit.n_sides += 1
        return reason == 0

    cdef uint64_t _cut(self, const int32_t* columns, int n_atoms, Py_ssize_t rule) noexcept nogil:
        """The bytes that a rule looks up in any order; all of its body is in the graph."""
        cdef Body body
        cdef uint64_t total = 0
        cdef int32_t first
        cdef int i, n
        resolve_body(self, columns, n_atoms, &body)
        n = self.find_any_order(&body, self.heads[rule].left, self.heads[rule].right, &first)
        for i in range(n):
            total += self.resident.sizes[self.any_order[i]]
        return total

    cdef int find_any_order(
        self, const Body* body, int32_t left, int32_t right, int32_t* first
    ) noexcept nogil:
        """Fills `any_order`; returns how many. `first`: what is gone through, see `_needs`."""
        return sides_in_any_order(
            &self.chain, self.graph.rows, body, left, right,
            self.scratch.distinct, self.search.placed, self.any_order, first
        )

    cdef bint wants_row(self, const Unit* unit, Py_ssize_t rule) noexcept nogil:
        """Whether of a head's side no more is looked at than the row of its constant."""
        cdef const Head* head = &self.heads[rule]
        return not unit.is_zero and (head.left < 0 or head.right < 0)

    cdef int32_t row_of(self, Py_ssize_t rule) noexcept nogil:
        """The constant whose row of its side a head looks at, -1: that is not in the graph."""
        cdef const Head* head = &self.heads[rule]
        return head.right_entity if self.head_sides[rule] & 1 else head.left_entity

    cdef void name_groups(self, Unit* unit) noexcept nogil:
        """Enters which parts of the file its whole sides lie in, so that units of the same follow.

        So many relations as the room holds are in `GROUPS` parts; with the combinations of parts
        in order, from one to the next a part or two is read.
        """
        cdef uint64_t part_bytes = self.resident.sides_bytes // GROUPS + 1
        cdef unsigned char group
        cdef int i, at, n = 0
        cdef int32_t side
        memset(unit.groups, 0, MOST_GROUPS)
        for i in range(unit.n_sides + 1):
            if i < unit.n_sides:
                side = unit.sides[i] if not unit.one_row else -1
            else:
                side = unit.heads[0] if not self.wants_row(unit, unit.first) else -1
            if side < 0 or n == MOST_GROUPS:
                continue
            group = <unsigned char>(min(self.resident.starts[side] // part_bytes, 254) + 1)
            at = n
            while at > 0 and unit.groups[at - 1] > group:
                at -= 1
            if at > 0 and unit.groups[at - 1] == group:
                continue
            memmove(&unit.groups[at + 1], &unit.groups[at], n - at)
            unit.groups[at] = group
            n += 1

    cdef void sort_units(self, Py_ssize_t n_units) noexcept nogil:
        """Brings units into the order of what they look at.

        Every other time the order is turned round, so that what is resident at the end serves the
        next ones first.
        """
        qsort(self.units, n_units, sizeof(Unit), &_by_sides)
        self.backwards = not self.backwards
        if self.backwards:
            _turn_round(self.units, n_units)


cdef void _turn_round(Unit* units, Py_ssize_t n_units) noexcept nogil:
    cdef Py_ssize_t i
    cdef Unit unit
    for i in range(n_units // 2):
        unit = units[i]
        units[i] = units[n_units - 1 - i]
        units[n_units - 1 - i] = unit


cdef int _by_sides(const void* one, const void* other) noexcept nogil:
    """By parts of the file, then by what the body looks at, the head, and as they come."""
    cdef const Unit* a = <const Unit*>one
    cdef const Unit* b = <const Unit*>other
    cdef int i = memcmp(a.groups, b.groups, MOST_GROUPS)
    if i:
        return i
    for i in range(min(a.n_sides, b.n_sides)):
        if a.sides[i] != b.sides[i]:
            return 1 if a.sides[i] > b.sides[i] else -1
    if a.n_sides != b.n_sides:
        return 1 if a.n_sides > b.n_sides else -1
    if a.heads[0] != b.heads[0]:
        return 1 if a.heads[0] > b.heads[0] else -1
    return 1 if a.first > b.first else -1
