"""Rules over a graph that is read in blocks: taken in the order of their relations.

The rules of many chunks are taken together. A single row that they look at (that of a constant) is
read beforehand, all such rows in the order of the file; else the relations of a body and of its
heads are made resident as a whole, and those rules follow each other that share them. Records come
in any order, and are sorted by source before they are handed out.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcmp, memmove, memset

from pff_stream.evaluate._chain cimport (
    WAY_BACKWARD,
    WAY_CHOSEN,
    WAY_FORWARD,
    WAY_WIDE_BACKWARD,
    WAY_WIDE_FORWARD,
    cheapest_way,
)
from pff_stream.evaluate._counter cimport FILTERED, UNCOUNTED, Head, is_pair
from pff_stream.evaluate._kernel cimport Evaluator, RuleRange, body_of
from pff_stream.evaluate._needs cimport sides_in_any_order
from pff_stream.evaluate._records cimport ResultBuffer
from pff_stream.evaluate._scratch cimport ABSENT, Atom, Body, entity_of, grown
from pff_stream.triples._ahead cimport FOLLOWED, follow_side, go_on
from pff_stream.triples._graph cimport Rows
from pff_stream.triples._resident cimport ResidentRelations, WantedRow, row_room_bytes

from pff_stream.evaluate._records import sorting_bytes
from pff_stream.triples._resident import rows_room_bytes

cdef enum:
    MOST_RULES = 256              # of a unit: the rows of its heads are gathered together
    ALL_FORMS = 0x7FFFFFFF
    GROUPS = 6                    # of relations, that the room for whole ones is thought to hold
    SIDE_BYTES = 16               # of the room, for each side whose rows are gathered


def block_room_bytes(uint64_t n_chunks, uint64_t n_atoms, uint64_t n_rules, uint64_t buffer_bytes):
    """Bytes that an evaluator keeps beside those of one that reads no blocks.

    For `n_chunks` that are taken together, with so many atoms and rules in all.
    """
    cdef uint64_t per_rule = sizeof(Unit) + 4
    return (
        sizeof(TakenRange) * n_chunks + 8 * n_atoms + per_rule * n_rules
        + rows_room_bytes(2 * n_rules) + sorting_bytes(buffer_bytes)
    )


cdef inline int form_of(const Head* head) noexcept nogil:
    """One number for all heads over the same variables, at least 0."""
    if is_pair(head):
        return (head.left + 1) << 16 | (head.right + 1)
    return max(max(head.left, head.right), -1) + 1


cdef class BlockEvaluator(Evaluator):
    """An `Evaluator` whose graph's relations `resident` holds, a few at a time."""

    def __init__(self, graph, semantics, ResidentRelations resident, **options):
        self.resident = resident
        Evaluator.__init__(self, graph, semantics, **options)
        resident.progress = self.scratch.progress

    def __dealloc__(self):
        free(self.taken)
        free(self.units)
        free(self.body_sides)
        free(self.head_sides)
        free(self.any_order)
        if self.resident is not None:
            self.resident.progress = NULL

    cdef bint sorts_results(self):
        return True

    def reserve_together(self, n_chunks, n_names, n_atoms, n_rules):
        """Takes now what so many chunks together need that have so many names, atoms and rules."""
        self._reserve_ranges(n_chunks)
        self.reserve_chunk(n_names, n_atoms, n_rules)

    cdef _reserve_ranges(self, size_t n_ranges):
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
        self.resident.reserve_names(n_names)
        self.resident.reserve_rows(2 * n_rules)
        if n_atoms > self.block_atoms:
            self.body_sides = <int32_t*>grown(self.body_sides, n_atoms * 8)
            self.block_atoms = n_atoms
        if n_rules > self.block_rules:
            self.units = <Unit*>grown(self.units, n_rules * sizeof(Unit))
            self.head_sides = <int32_t*>grown(self.head_sides, n_rules * 4)
            self.block_rules = n_rules

    def evaluate(
        self, chunk, Py_ssize_t start, Py_ssize_t stop, flush, uint8_t skipped=0
    ):
        """As any evaluator does."""
        return self.evaluate_together([(chunk, start, stop)], flush, skipped)

    def evaluate_together(self, ranges, flush, uint8_t skipped=0):
        """Evaluates ranges of rules as if they were one: (chunk, start, stop) each.

        The chunks, `flush`, `skipped` and what is returned are those of `evaluate`.
        """
        cdef const unsigned char[::1] names
        cdef const uint32_t[::1] name_ends, body_ends, rule_body
        cdef const uint64_t[::1] name_hashes, sources
        cdef const int32_t[::1] atoms, heads
        cdef const uint8_t[::1] flags
        cdef const int64_t[::1] miner_support
        cdef const double[::1] miner_confidence
        cdef int32_t* entity_ids
        cdef int32_t* relation_ids
        cdef Py_ssize_t rule, start, stop, n_rules = 0, n_names = 0, n_atoms = 0, n_ranges = 0
        cdef int longest = 1, length
        cdef uint32_t begin
        cdef int64_t predictions = 0, support = 0
        cdef TakenRange* taken
        ranges = [(chunk, start, stop) for chunk, start, stop in ranges if start < stop]
        for chunk, start, stop in ranges:
            n_rules += stop - start
            n_names += chunk.name_ends.shape[0]
            n_atoms += chunk.atoms.shape[0] // 3
        self._reserve_ranges(len(ranges))
        self.reserve_chunk(n_names, n_atoms, n_rules)
        n_rules = n_names = 0
        for chunk, start, stop in ranges:
            names, name_ends, name_hashes = chunk.names, chunk.name_ends, chunk.name_hashes
            atoms, body_ends, rule_body = chunk.atoms, chunk.body_ends, chunk.rule_body
            sources, flags = chunk.sources, chunk.flags
            taken = &self.taken[n_ranges]
            n_ranges += 1
            taken.names = &names[0] if names.shape[0] else NULL
            taken.name_ends = &name_ends[0] if name_ends.shape[0] else NULL
            taken.n_names = <int>name_ends.shape[0]
            taken.first_name = n_names
            taken.first_rule = n_rules
            taken.rules.atoms = &atoms[0] if atoms.shape[0] else NULL
            taken.rules.body_ends = &body_ends[0]
            taken.rules.rule_body = &rule_body[start]
            taken.rules.sources = &sources[start]
            taken.rules.flags = &flags[start]
            taken.rules.skipped = skipped
            taken.rules.n_rules = stop - start
            if taken.n_names:
                self.resident.seek_names(
                    taken.names, taken.name_ends, &name_hashes[0], taken.n_names
                )
                begin = 0
                for rule in range(taken.n_names):
                    self.relation_ids[n_names + rule] = self.graph.find_relation(
                        taken.names + begin, taken.name_ends[rule] - begin, name_hashes[rule]
                    )
                    begin = taken.name_ends[rule]
            for rule in range(taken.rules.n_rules):
                body_of(&taken.rules, rule, &length)
                longest = max(longest, length)
            n_rules += taken.rules.n_rules
            n_names += taken.n_names
        self.reserve_body(longest)
        self.resident.find_sought(self.entity_ids)
        self.results.flush = flush
        entity_ids, relation_ids = self.entity_ids, self.relation_ids
        self.all_entity_ids, self.all_relation_ids = entity_ids, relation_ids
        try:
            n_ranges = 0
            for chunk, start, stop in ranges:
                heads = chunk.heads
                miner_support, miner_confidence = chunk.miner_support, chunk.miner_confidence
                taken = &self.taken[n_ranges]
                self._select(n_ranges)
                n_ranges += 1
                for rule in range(stop - start):
                    self.set_head(taken.first_rule + rule, &heads[3 * (start + rule)])
                    self.predictions[taken.first_rule + rule] = UNCOUNTED
                    self.support[taken.first_rule + rule] = 0
                    self.reasons[taken.first_rule + rule] = 0
                    self.outcomes[taken.first_rule + rule] = self.filter(
                        taken.first_rule + rule,
                        miner_support[start + rule],
                        miner_confidence[start + rule],
                    )
            with nogil:
                self._take(n_ranges)
                self.results.hand_out()
        finally:
            self.entity_ids, self.relation_ids = entity_ids, relation_ids
        self.results.flush = None
        for start in range(n_ranges):
            taken = &self.taken[start]
            for rule in range(taken.rules.n_rules):
                if not taken.rules.flags[rule] & skipped:
                    predictions += self.predictions[taken.first_rule + rule]
                    support += self.support[taken.first_rule + rule]
        return predictions, support

    cdef void _select(self, Py_ssize_t number) noexcept nogil:
        """Has names and columns be those of a range."""
        cdef const TakenRange* taken = &self.taken[number]
        self.entity_ids = self.all_entity_ids + taken.first_name
        self.relation_ids = self.all_relation_ids + taken.first_name
        self.results.names = taken.names
        self.results.name_ends = taken.name_ends

    cdef int _take(self, Py_ssize_t n_ranges) except -1 nogil:
        """Counts and writes all rules in the order of their relations.

        Every other time the order is turned round, so that what is resident at the end serves the
        next ones first. Rows that are wanted alone are gathered for as many units as there is room.
        """
        cdef Py_ssize_t number, i, j, n_units = 0, n_atoms = 0
        cdef uint64_t whole_bytes = 0, area, used, more
        cdef uint32_t part = 0
        for number in range(n_ranges):
            self._select(number)
            self._make_units(number, &n_units, &n_atoms)
        for i in range(n_units):
            whole_bytes = max(whole_bytes, self.units[i].whole_bytes)
        area = self._locate_rows(n_units)
        used = self.resident.room_bytes - min(whole_bytes, self.resident.room_bytes)
        area = min(area, max(used // 2, used - min(used, 2 * whole_bytes)))
        self.resident.share_room(area)
        for i in range(n_units):
            self._name_groups(&self.units[i])
        qsort(self.units, n_units, sizeof(Unit), &_by_sides)
        self.backwards = not self.backwards
        if self.backwards:
            _turn_round(self.units, n_units)
        i = 0
        while i < n_units:
            part += 1
            used = SIDE_BYTES * self.n_wanted_sides
            j = i
            while j < n_units:
                more = self._add_rows(&self.units[j], part, False)
                self.units[j].is_gathered = used + more <= area
                if self.units[j].is_gathered:
                    used += self._add_rows(&self.units[j], part, True)
                elif j > i:
                    break
                j += 1
            if used > SIDE_BYTES * self.n_wanted_sides:
                self.resident.gather_rows(part)
            while i < j:
                self._take_unit(&self.units[i])
                i += 1
        return 0

    cdef int _take_unit(self, const Unit* unit) except -1 nogil:
        cdef const TakenRange* taken = &self.taken[unit.range]
        cdef Py_ssize_t rule
        cdef int n_atoms
        cdef const int32_t* columns = body_of(
            &taken.rules, unit.first - taken.first_rule, &n_atoms
        )
        self._select(unit.range)
        self.unit = unit
        self._make_resident(unit, False)
        self.count_body(columns, n_atoms, unit.first, unit.last)
        self._make_resident(unit, True)
        if unit.in_order and n_atoms:
            self._write_by_form(unit, columns, n_atoms)
        else:
            for rule in range(unit.first, unit.last):
                self._write(rule, columns, n_atoms)
        self._hide_rows(unit)
        self.scratch.follow = NULL
        return 0

    cdef int _write(self, Py_ssize_t rule, const int32_t* columns, int n_atoms) except -1 nogil:
        cdef const TakenRange* taken = &self.taken[self.unit.range]
        cdef Py_ssize_t place = rule - taken.first_rule
        if not taken.rules.flags[place] & taken.rules.skipped:
            self.write_rule(rule, taken.rules.sources[place], columns, n_atoms)
        return 0

    cdef int _write_by_form(
        self, const Unit* unit, const int32_t* columns, int n_atoms
    ) except -1 nogil:
        """Writes the rules of a unit, those whose heads are over the same variables together."""
        cdef Body body
        cdef Py_ssize_t rule
        cdef int form = -1, next_form, found
        cdef const Head* head
        if self.resolve_body(columns, n_atoms, &body):
            form = ALL_FORMS                  # there is no violation
        while True:
            next_form = ALL_FORMS
            for rule in range(unit.first, unit.last):
                found = form_of(&self.heads[rule])
                if found == form or form == ALL_FORMS:
                    self._write(rule, columns, n_atoms)
                elif found > form:
                    next_form = min(next_form, found)
            if next_form == ALL_FORMS:
                return 0
            form = next_form
            for rule in range(unit.first, unit.last):
                head = &self.heads[rule]
                if form_of(head) == form:
                    if is_pair(head):
                        self.before_heads(&body, head.left, head.right)
                    else:
                        self.before_heads(&body, max(head.left, head.right), -1)
                    break

    # --- units -----------------------------------------------------------------------------------

    cdef void _make_units(
        self, Py_ssize_t number, Py_ssize_t* n_units, Py_ssize_t* n_pool
    ) noexcept nogil:
        """Parts the rules of each body so that each part's relations fit the room together.

        Of a body that alone does not fit only those sides count that are looked up in any order.
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
                if side >= 0 and side != last and not self._wants_row(unit, at):
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
        cdef uint8_t reason = self.resolve_body(columns, n_atoms, &body) if n_atoms else 0
        unit.one_row = False
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
        self.resolve_body(columns, n_atoms, &body)
        n = self._find_any_order(&body, self.heads[rule].left, self.heads[rule].right, &first)
        for i in range(n):
            total += self.resident.sizes[self.any_order[i]]
        return total

    cdef int _find_any_order(
        self, const Body* body, int32_t left, int32_t right, int32_t* first
    ) noexcept nogil:
        """Fills `any_order`; returns how many. `first`: what is gone through, see `_needs`."""
        return sides_in_any_order(
            &self.chain, self.graph.rows, body, left, right,
            self.scratch.distinct, self.search.placed, self.any_order, first
        )

    cdef bint _wants_row(self, const Unit* unit, Py_ssize_t rule) noexcept nogil:
        """Whether of a head's side no more is looked at than the row of its constant."""
        cdef const Head* head = &self.heads[rule]
        return not unit.is_zero and (head.left < 0 or head.right < 0)

    cdef int32_t _row_of(self, Py_ssize_t rule) noexcept nogil:
        """The constant whose row of its side a head looks at, -1: that is not in the graph."""
        cdef const Head* head = &self.heads[rule]
        return head.right_entity if self.head_sides[rule] & 1 else head.left_entity

    cdef void _name_groups(self, Unit* unit) noexcept nogil:
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
                side = unit.heads[0] if not self._wants_row(unit, unit.first) else -1
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

    # --- rows that are wanted alone --------------------------------------------------------------

    cdef uint64_t _locate_rows(self, Py_ssize_t n_units) except? 0 nogil:
        """Finds the rows that units want alone; the room that all of them would take."""
        cdef Py_ssize_t i, rule
        cdef int32_t entity, side = -1
        cdef uint64_t total = 0
        cdef const Unit* unit
        self.resident.n_wanted = 0
        self.n_wanted_sides = 0
        for i in range(n_units):
            unit = &self.units[i]
            if unit.one_row and unit.row >= 0:
                self.resident.want_row(unit.sides[0], unit.row)
            for rule in range(unit.first, unit.last):
                if self.head_sides[rule] >= 0 and self._wants_row(unit, rule):
                    entity = self._row_of(rule)
                    if entity >= 0:
                        self.resident.want_row(self.head_sides[rule], entity)
        self.resident.locate_rows()
        for i in range(self.resident.n_wanted):
            total += row_room_bytes(&self.resident.wanted[i])
            if self.resident.wanted[i].side != side:
                side = self.resident.wanted[i].side
                self.n_wanted_sides += 1
        return total + SIDE_BYTES * self.n_wanted_sides

    cdef uint64_t _add_rows(self, const Unit* unit, uint32_t part, bint adds) noexcept nogil:
        """The room for the rows of a unit that a part has not; with `adds` it has them then."""
        cdef Py_ssize_t rule
        cdef uint64_t total = 0
        cdef int32_t entity
        if unit.one_row and unit.row >= 0:
            total += self._add_row(unit.sides[0], unit.row, part, adds)
        for rule in range(unit.first, unit.last):
            if self.head_sides[rule] >= 0 and self._wants_row(unit, rule):
                entity = self._row_of(rule)
                if entity >= 0:
                    total += self._add_row(self.head_sides[rule], entity, part, adds)
        return total

    cdef uint64_t _add_row(
        self, int32_t side, int32_t entity, uint32_t part, bint adds
    ) noexcept nogil:
        cdef WantedRow* row = &self.resident.wanted[self.resident.find_wanted(side, entity)]
        if row.part == part:
            return 0
        if adds:
            row.part = part
        return row_room_bytes(row)

    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil:
        """Brings in what a unit looks at; a pair's side for counting is brought in when it is known."""
        cdef int i, n = unit.last - unit.first, again
        cdef int32_t side, last
        cdef bint is_row, last_is_row = False
        cdef uint32_t whole = self.resident.next_stamp()
        self.resident.next_round()
        for i in range(unit.n_sides if not unit.one_row else 0):
            self.resident.stamps[unit.sides[i]] = whole
        for i in range(n):
            side = unit.heads[i]
            if side >= 0 and not self._wants_row(unit, unit.first + i):
                self.resident.stamps[side] = whole
                self.resident.stamps[side ^ 1] = whole
        for again in range(2):
            last = -1
            for i in range(unit.n_sides):
                if not again:
                    self.resident.touch(unit.sides[i])
                elif unit.one_row:
                    self._bring_row(unit, unit.sides[i], whole)
                elif not unit.is_cut:
                    self.resident.ensure(unit.sides[i])
            for i in range(n):
                side = unit.heads[i]
                if side < 0 or (is_pair(&self.heads[unit.first + i]) and not for_examples):
                    continue
                is_row = self._wants_row(unit, unit.first + i)
                if side == last and is_row == last_is_row:
                    continue
                last, last_is_row = side, is_row
                if unit.is_zero:              # it looks at both sides
                    self.resident.ensure(side ^ 1)
                if not again:
                    self.resident.touch(side)
                elif is_row:
                    self._bring_row(unit, side, whole)
                else:
                    self.resident.ensure(side)
        if unit.in_order:
            self._follow(-1)
        return 0

    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil:
        """Of a body that is cut, brings in what heads over these variables look up in any order."""
        cdef int32_t first
        cdef int i, n
        if not self.unit.is_cut:
            return 0
        n = self._find_any_order(body, left, right, &first)
        self.resident.next_round()
        for i in range(n):
            self.resident.touch(self.any_order[i])
        for i in range(n):
            self.resident.ensure(self.any_order[i])
        self._follow(first)
        return 0

    cdef void _follow(self, int32_t first) noexcept nogil:
        """Has what the unit goes through in the mapping be read ahead; `first`: of its body, or -1."""
        cdef const Unit* unit = self.unit
        cdef int i
        cdef int32_t side, last = -1
        self.follower.n = 0
        if first >= 0 and not self.resident.is_resident(first):
            follow_side(&self.follower, &self.graph.rows[first], self.graph.n_entities)
        for i in range(unit.last - unit.first):
            side = unit.heads[i]
            if side < 0 or side == last or self._wants_row(unit, unit.first + i):
                continue
            last = side
            if not self.resident.is_resident(side):
                follow_side(&self.follower, &self.graph.rows[side], self.graph.n_entities)
        self.scratch.follow = go_on
        self.scratch.follower = &self.follower

    cdef int _bring_row(self, const Unit* unit, int32_t side, uint32_t whole) except -1 nogil:
        """Brings in a side of which a row is wanted; `whole` marks those that are wanted whole."""
        if self.resident.stamps[side] == whole:
            self.resident.ensure(side)
        elif unit.is_gathered:
            self.resident.show_gathered(side)
        else:
            self.resident.look_up(side)
        return 0

    cdef void _hide_rows(self, const Unit* unit) noexcept nogil:
        cdef int i
        for i in range(unit.n_sides):
            self.resident.hide_gathered(unit.sides[i])
        for i in range(unit.last - unit.first):
            if unit.heads[i] >= 0:
                self.resident.hide_gathered(unit.heads[i])

    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil:
        """Brings in the heads of a chain, on the side that the chain begins with."""
        cdef int i
        cdef bint backward
        cdef const Rows* rows
        if self.unit.in_order:
            # The only way that is sure to fit, and whose sides are followed.
            return WAY_WIDE_FORWARD if self.scratch.wide else WAY_FORWARD
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
