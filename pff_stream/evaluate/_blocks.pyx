# distutils: extra_compile_args = -O3
"""Rules over a graph that is read in blocks: taken in the order of their relations.

The rules of many chunks are taken together. A single row that they look at (that of a constant) is
read beforehand, all such rows in the order of the file; else the relations of a body and of its
heads are made resident as a whole, and those rules follow each other that share them. Records come
in any order, and are sorted by source before they are handed out.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.evaluate._kernel cimport (
    ABSENT,
    UNCOUNTED,
    WAY_BACKWARD,
    WAY_CHOSEN,
    WAY_FORWARD,
    WAY_WIDE_BACKWARD,
    WAY_WIDE_FORWARD,
    Atom,
    Body,
    Evaluator,
    Head,
    RuleRange,
    body_of,
    cheapest_way,
    entity_of,
    grown,
    is_pair,
    sides_in_any_order,
)
from pff_stream.report._record cimport FILTERED
from pff_stream.triples._ahead cimport follow_side, go_on
from pff_stream.triples._graph cimport CSR
from pff_stream.triples._resident cimport ResidentRelations, WantedRow, row_room_bytes

from pff_stream.evaluate._kernel import sorting_bytes
from pff_stream.evaluate.options import EvaluatorOptions
from pff_stream.triples._resident import rows_room_bytes

include "_units.pxi"

cdef enum:
    ALL_FORMS = 0x7FFFFFFF
    SIDE_BYTES = 16               # of the room, for each side whose rows are gathered


def block_room_bytes(uint64_t n_chunks, uint64_t n_atoms, uint64_t n_rules, uint64_t buffer_bytes):
    """Bytes that an evaluator keeps beside those of one that reads no blocks.

    For `n_chunks` that are taken together, with so many atoms and rules in all.
    """
    return (
        unit_room_bytes(n_chunks, n_atoms, n_rules)
        + rows_room_bytes(2 * n_rules)
        + sorting_bytes(buffer_bytes)
    )


cdef class BlockEvaluator(UnitMaker):
    """An `Evaluator` whose graph's relations `resident` holds, a few at a time."""

    def __init__(
        self, graph, semantics, ResidentRelations resident, options=EvaluatorOptions(), **more
    ):
        self.resident = resident
        UnitMaker.__init__(self, graph, semantics, options, **more)
        resident.file.progress = self.scratch.progress

    def __dealloc__(self):
        if self.resident is not None:
            self.resident.file.progress = NULL

    cdef bint sorts_results(self):
        return True

    def reserve_together(self, n_chunks, n_names, n_atoms, n_rules):
        """Takes now what so many chunks together need that have so many names, atoms and rules."""
        self.reserve_ranges(n_chunks)
        self.reserve_chunk(n_names, n_atoms, n_rules)

    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules):
        UnitMaker.reserve_chunk(self, n_names, n_atoms, n_rules)
        self.resident.names.reserve(n_names)
        self.resident.reserve_rows(2 * n_rules)

    def evaluate(
        self, chunk, Py_ssize_t start, Py_ssize_t stop, flush, uint8_t skipped=0
    ):
        """As any evaluator does."""
        return self.evaluate_together([(chunk, start, stop)], flush, skipped)

    def evaluate_together(self, ranges, flush, uint8_t skipped=0):
        """Evaluates ranges of rules as if they were one: (chunk, start, stop) each.

        The chunks, `flush`, `skipped` and what is returned are those of `evaluate`. Longer than a
        screen: the views of all chunks must live as long as the pointers into them.
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
        self.reserve_ranges(len(ranges))
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
                self.resident.names.seek(
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
        self.resident.names.find(self.entity_ids)
        if self.graph.is_rdf:
            for n_ranges in range(len(ranges)):
                self._find_spelled(&self.taken[n_ranges])
        self.results.flush = flush
        entity_ids, relation_ids = self.entity_ids, self.relation_ids
        self.all_entity_ids, self.all_relation_ids = entity_ids, relation_ids
        try:
            n_ranges = 0
            for chunk, start, stop in ranges:
                heads = chunk.heads
                miner_support, miner_confidence = chunk.miner_support, chunk.miner_confidence
                taken = &self.taken[n_ranges]
                self.select_range(n_ranges)
                n_ranges += 1
                for rule in range(stop - start):
                    self.set_head(taken.first_rule + rule, &heads[3 * (start + rule)])
                    self.predictions[taken.first_rule + rule] = UNCOUNTED
                    self.support[taken.first_rule + rule] = 0
                    self.unknown[taken.first_rule + rule] = 0
                    self.reasons[taken.first_rule + rule] = 0
                    self.outcomes[taken.first_rule + rule] = self.filter(
                        taken.first_rule + rule,
                        taken.names,
                        taken.name_ends,
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

    cdef void _find_spelled(self, const TakenRange* taken) noexcept nogil:
        """Names of RDF that rules may spell otherwise; those that are relations are looked for no more."""
        cdef int i
        cdef uint32_t begin = 0
        cdef Py_ssize_t at
        for i in range(taken.n_names):
            at = taken.first_name + i
            if self.entity_ids[at] < 0 and self.relation_ids[at] < 0:
                self.entity_ids[at] = self.graph.find_entity(
                    taken.names + begin, taken.name_ends[i] - begin, 0
                )
            begin = taken.name_ends[i]

    cdef int _take(self, Py_ssize_t n_ranges) except -1 nogil:
        """Counts and writes all rules in the order of their relations.

        Rows that are wanted alone are gathered for as many units as there is room.
        """
        cdef Py_ssize_t number, i, j, n_units = 0, n_atoms = 0
        cdef uint64_t whole_bytes = 0, area, used, more
        cdef uint32_t part = 0
        for number in range(n_ranges):
            self.select_range(number)
            self.make_units(number, &n_units, &n_atoms)
        for i in range(n_units):
            whole_bytes = max(whole_bytes, self.units[i].whole_bytes)
        area = self._locate_rows(n_units)
        used = self.resident.room_bytes - min(whole_bytes, self.resident.room_bytes)
        area = min(area, max(used // 2, used - min(used, 2 * whole_bytes)))
        self.resident.share_room(area)
        for i in range(n_units):
            self.name_groups(&self.units[i])
        self.sort_units(n_units)
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
        self.select_range(unit.range)
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

    cdef const CSR* keys_of(self, int32_t side) noexcept nogil:
        """In the mapping, while no more than rows that are wanted alone are shown."""
        cdef const CSR* rows = &self.graph.rows[side]
        if rows.keys == self.resident.gathered[side].keys:
            return &self.resident.mapped[side]
        return rows

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
                if self.head_sides[rule] >= 0 and self.wants_row(unit, rule):
                    entity = self.row_of(rule)
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
            if self.head_sides[rule] >= 0 and self.wants_row(unit, rule):
                entity = self.row_of(rule)
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
            if side >= 0 and not self.wants_row(unit, unit.first + i):
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
                is_row = self.wants_row(unit, unit.first + i)
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
        n = self.find_any_order(body, left, right, &first)
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
            if side < 0 or side == last or self.wants_row(unit, unit.first + i):
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
        cdef bint backward, is_wide
        cdef const CSR* rows
        if self.unit.in_order:
            # The only direction that is sure to fit, and whose sides are followed.
            is_wide = self.scratch.wide and is_chain and self.chain.length > 1
            return WAY_WIDE_FORWARD if is_wide else WAY_FORWARD
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
