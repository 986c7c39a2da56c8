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
    filter_rule,
    grown,
    is_pair,
    resolve_body,
    set_head,
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
include "_resident_units.pxi"

cdef enum:
    ALL_FORMS = 0x7FFFFFFF


def block_room_bytes(uint64_t n_chunks, uint64_t n_atoms, uint64_t n_rules, uint64_t buffer_bytes):
    """Bytes that an evaluator keeps beside those of one that reads no blocks.

    For `n_chunks` that are taken together, with so many atoms and rules in all.
    """
    return (
        unit_room_bytes(n_chunks, n_atoms, n_rules)
        + rows_room_bytes(2 * n_rules)
        + sorting_bytes(buffer_bytes)
    )


cdef class BlockEvaluator(ResidentUnits):
    """An `Evaluator` whose graph's relations `resident` holds, a few at a time."""

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
        self, chunk, Py_ssize_t start, Py_ssize_t stop, flush, uint8_t skipped=0, counts=None
    ):
        """As any evaluator does; but nothing is counted in parts here."""
        if counts is not None or self.told != NULL:
            raise ValueError("a graph that is read in blocks is not counted in parts")
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
                    set_head(self, taken.first_rule + rule, &heads[3 * (start + rule)])
                    self.predictions[taken.first_rule + rule] = UNCOUNTED
                    self.support[taken.first_rule + rule] = 0
                    self.unknown[taken.first_rule + rule] = 0
                    self.reasons[taken.first_rule + rule] = 0
                    self.outcomes[taken.first_rule + rule] = filter_rule(
                        self, taken.first_rule + rule,
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
        if resolve_body(self, columns, n_atoms, &body):
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
