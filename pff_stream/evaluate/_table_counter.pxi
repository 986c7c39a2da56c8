"""Counts of a whole rule table against a small graph: only what its names can match is looked at.

Writes no records but those of violations that are listed. The table is the work of
`pff_stream/rules/_table.pyx`.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from pff_stream.report._record cimport (
    ALL_UNKNOWN,
    CONSTANT_ABSENT,
    FILTERED,
    HEAD_RELATION_ABSENT,
    N_COUNTS,
    N_REASONS,
    NOTHING_MATCHES,
    PREDICTIONS,
    RELATION_ABSENT,
    SATISFIED,
    SUPPORT,
    UNKNOWN,
    VACUOUS,
    VIOLATED,
)
from pff_stream.report._rows cimport Row, RuleRows
from pff_stream.rules._table cimport (
    FILTER_REASONS, N_FILTERED, RuleTable, constant_key, find_key_atom, is_one_variable
)
from pff_stream.triples._graph cimport CSR, GraphView

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef enum:
    MOST_WAITING = 512            # rules that wait for others which share steps with them
    SPELLINGS = 3                 # of a name of RDF: as it stands, and two more
    MOST_BRACKETED = 4096         # bytes of an IRI that is looked for in brackets




def violated_rule_bytes():
    """Bytes that a counter keeps of a violated rule."""
    return sizeof(TableViolated)


cdef class TableCounter(Evaluator):
    """Counts tables of rules against one graph, and lists the violations of some of them."""

    def __init__(
        self, graph, semantics, options=EvaluatorOptions(), *, most=None, **more
    ):
        Evaluator.__init__(
            self, graph, semantics, options.listing(), buffer_bytes=0, **more
        )
        if most is not None:
            self.list_at_most(most)

    def __dealloc__(self):
        free(self.violated)
        free(self.names_of)

    def count_table(self, RuleTable table, RuleRows rows=None, *, bint keeps_violated=False):
        """Counts all rules of a table; writes no records.

        Returns ((satisfied, violated, vacuous, filtered) rules, (predictions, support, unknown), and
        rules by reason, in the order of `Reason`). The names of the graph are looked up in the table,
        and only bodies that they can match are counted. `rows` gets the rules that were filtered, and
        those of which the graph has predictions or triples of the head's relation. With
        `keeps_violated` it notes which rules are violated, for `list_violations`.
        """
        cdef Tally tally
        cdef uint64_t n_left_out = 0
        memset(&tally, 0, sizeof(Tally))
        for i in range(N_FILTERED):
            n_left_out += table.left_out[i]
            tally.reasons[FILTER_REASONS[i]] = table.left_out[i]
        tally.outcomes[FILTERED] = n_left_out
        self.rows = rows
        # Whoever asks for rows is told of filtered rules one by one.
        self.by_sets = rows is None and table.n_filtered == n_left_out
        cdef size_t n_waiting = min(<size_t>table.n_rules, <size_t>MOST_WAITING)
        self.reserve_rules(0, table.max_body_atoms, max(<size_t>table.max_body_rules, n_waiting))
        self.reserve_body(max(1, table.max_body_atoms))
        self.keeps_violated = keeps_violated
        self.n_violated = 0
        cdef int32_t* entity_ids = self.entity_ids
        cdef int32_t* relation_ids = self.relation_ids
        self.entity_ids = table.entity_ids
        self.relation_ids = table.relation_ids
        try:
            self._find_names(table)
            with nogil:
                self._set_names(table, True)
                find_joins(
                    &self.joins, table.room, self.graph.rows, self.graph.n_relations,
                    self.graph.n_entities,
                )
                self.n_waiting = self.n_held = self.n_chain_heads = 0
                self._count_matching(table, &tally)
                self._settle_waiting(&tally)
                if self.by_sets:
                    self._count_sets(table, &tally)
                else:
                    self._count_others(table, &tally)
        finally:
            self._set_names(table, False)
            self.entity_ids = entity_ids
            self.relation_ids = relation_ids
            self.rows = None
        return (
            tuple([tally.outcomes[i] for i in range(FILTERED + 1)]),
            tuple([tally.sums[i] for i in range(N_COUNTS)]),
            tuple([tally.reasons[i] for i in range(N_REASONS)]),
        )

    def violated_sources(self):
        """The ordinals of the violated rules that were noted, in the order of their places: uint32."""
        import numpy as np

        found = np.empty(self.n_violated, np.uint32)
        cdef uint32_t[::1] sources = found
        cdef uint32_t i
        for i in range(self.n_violated):
            sources[i] = self.violated[i].source
        return found

    def list_violations(
        self, RuleTable table, const uint32_t[::1] places, uint64_t first, flush
    ):
        """Lists the violations (all, or `most` of each) of rules that were found violated, by their places among those.

        Result records go to `flush(memoryview)` in runs; the source of the first rule is `first`,
        that of the next one is one more.
        """
        cdef Py_ssize_t i
        cdef ResultBuffer results = self.results
        cdef const TableViolated* violated
        cdef uint32_t body, start
        cdef int32_t* entity_ids = self.entity_ids
        cdef int32_t* relation_ids = self.relation_ids
        cdef int n
        results.names = table.names
        results.name_ends = table.name_ends
        results.flush = flush
        self.entity_ids = table.entity_ids
        self.relation_ids = table.relation_ids
        try:
            self._find_names(table)
            with nogil:
                self._set_names(table, True)
                for i in range(places.shape[0]):
                    violated = &self.violated[places[i]]
                    self.set_head(0, table.heads + 3 * violated.row)
                    self.reasons[0] = 0
                    self.outcomes[0] = SATISFIED
                    self.predictions[0] = violated.counts[PREDICTIONS]
                    self.support[0] = violated.counts[SUPPORT]
                    self.unknown[0] = violated.counts[UNKNOWN]
                    body = violated.body
                    start = table.body_ends[body - 1] if body else 0
                    n = <int>(table.body_ends[body] - start)
                    self.write_rule(0, first + <uint64_t>i, table.atoms + 3 * start, n)
                results.hand_out()
        finally:
            self._set_names(table, False)
            self.entity_ids = entity_ids
            self.relation_ids = relation_ids
            results.flush = None

    cdef int _find_names(self, RuleTable table) except -1:
        """Looks the names of the graph up in the table, unless they were: entities, then relations."""
        cdef uint64_t i, start = 0, n = self.graph.n_entities
        if self.names_in is table:
            return 0
        self.names_of = <int32_t*>grown(
            self.names_of, 4 * (n + self.graph.n_relations) * self._n_spellings()
        )
        with nogil:
            for i in range(n):
                self.names_of[i] = <int32_t>_name_in(
                    table, self.graph.entity_blob, start, self.graph.entity_ends[i]
                )
                start = self.graph.entity_ends[i]
            start = 0
            for i in range(self.graph.n_relations):
                self.names_of[n + i] = <int32_t>_name_in(
                    table, self.graph.relation_blob, start, self.graph.relation_ends[i]
                )
                start = self.graph.relation_ends[i]
            if self.graph.is_rdf:
                self._find_spelled(table)
        self.names_in = table
        return 0

    cdef void _find_spelled(self, RuleTable table) noexcept nogil:
        """The same of names of RDF as rules spell them otherwise: IRIs in one way, literals in two."""
        cdef uint64_t i, start = 0, n = self.graph.n_entities, all = n + self.graph.n_relations
        cdef int32_t* more = self.names_of + all
        for i in range(n):
            _spelled_in(
                table, self.graph, self.graph.entity_blob + start,
                self.graph.entity_ends[i] - start, <int32_t>i, &more[i], &more[all + i],
            )
            start = self.graph.entity_ends[i]
        start = 0
        for i in range(self.graph.n_relations):
            more[n + i] = _bracketed_in(
                table, self.graph.relation_blob + start, self.graph.relation_ends[i] - start
            )
            more[all + n + i] = -1
            start = self.graph.relation_ends[i]

    cdef int _n_spellings(self) noexcept nogil:
        """How many names of a table one of the graph's may be."""
        return SPELLINGS if self.graph.is_rdf else 1

    cdef void _set_names(self, RuleTable table, bint known) noexcept nogil:
        """Enters the ids of the graph's names beside those names that the rules use as well, or -1."""
        cdef uint64_t i, n = self.graph.n_entities, all = n + self.graph.n_relations
        cdef int32_t name
        cdef int spelling
        if <void*>self.names_in != <void*>table:     # there was no memory to look them up
            return
        for spelling in range(self._n_spellings()):
            for i in range(n):
                name = self.names_of[spelling * all + i]
                if name >= 0:
                    table.entity_ids[name] = <int32_t>i if known else -1
            for i in range(self.graph.n_relations):
                name = self.names_of[spelling * all + n + i]
                if name >= 0:
                    table.relation_ids[name] = <int32_t>i if known else -1

    cdef int _count_matching(self, RuleTable table, Tally* tally) except -1 nogil:
        """Every body without atoms, without constants, or with a constant beside its relation."""
        cdef uint64_t relation, n = self.graph.n_entities, all = n + self.graph.n_relations
        cdef int32_t name
        cdef int spelling
        table.epoch += 1
        if table.epoch == 0:
            memset(table.visited, 0, 4 * table.n_bodies)
            table.epoch = 1
        self._count_list(table, table.plain_bodies[0], -1, 0, -1, tally)
        for spelling in range(self._n_spellings()):
            for relation in range(self.graph.n_relations):
                name = self.names_of[spelling * all + n + relation]
                if name >= 0:
                    self._count_list(table, table.relation_bodies[name], -1, 0, -1, tally)
                    self._count_constants(table, relation, name, tally)
        return 0

    cdef int _count_constants(
        self, RuleTable table, uint64_t relation, int32_t name, Tally* tally
    ) except -1 nogil:
        """The bodies with a constant beside this relation, which the table calls `name`."""
        cdef uint64_t at, all = self.graph.n_entities + self.graph.n_relations
        cdef uint32_t key
        cdef int32_t constant
        cdef int direction, spelling, n_spellings = self._n_spellings()
        cdef const CSR* rows
        for direction in range(2):
            rows = &self.graph.rows[2 * relation + direction]
            for key in range(rows.n_keys):
                for spelling in range(n_spellings):
                    constant = self.names_of[spelling * all + rows.keys[key]]
                    if constant >= 0:
                        at = constant_key(name, direction, constant)
                        self._count_list(
                            table, table.constant_bodies[at & table.constant_mask],
                            name, direction, constant, tally
                        )
        return 0

    cdef int _count_list(
        self, RuleTable table, uint32_t first, int32_t relation, int direction, int32_t constant,
        Tally* tally
    ) except -1 nogil:
        """Counts the bodies of a list that have this key (relation -1: all of them)."""
        cdef uint32_t body, start
        cdef int32_t key_relation = -1, key_constant = -1
        cdef int key_direction = 0
        while first:
            body = first - 1
            first = table.next_body[body]
            if table.visited[body] == table.epoch:
                continue
            start = table.body_ends[body - 1] if body else 0
            if relation >= 0:
                find_key_atom(
                    table.atoms + 3 * start, table.body_ends[body] - start,
                    &key_relation, &key_direction, &key_constant
                )
                if (
                    key_relation != relation or key_direction != direction
                    or key_constant != constant
                ):
                    continue
            table.visited[body] = table.epoch
            self._count_table_body(table, body, start, tally)
            if self.by_sets and not self.keeps_violated and table.atoms[3 * start] >= 0:
                self._count_reversal(table, body, start, tally)
        return 0

    cdef int _count_reversal(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil:
        """Counts the body beside this one that may be the same chain from its other end.

        Its relations are the same: it is met anyway, but both are counted at once if they follow.
        """
        cdef uint32_t n = table.body_ends[body] - start, at
        cdef const int32_t* atoms = table.atoms + 3 * <size_t>start
        if 1 < n <= MOST_HELD_STEPS:
            at = table.body_ends[body]
            if body + 1 < table.n_bodies and self._may_reverse(table, body + 1, atoms, at, n):
                table.visited[body + 1] = table.epoch
                self._count_table_body(table, body + 1, at, tally)
            elif body and start >= n and self._may_reverse(table, body - 1, atoms, start - n, n):
                table.visited[body - 1] = table.epoch
                self._count_table_body(table, body - 1, start - n, tally)
        return 0

    cdef bint _may_reverse(
        self, RuleTable table, uint32_t body, const int32_t* atoms, uint32_t start, uint32_t n
    ) noexcept nogil:
        """Whether a body that nobody met yet has `n` atoms from here on: these, from the last on."""
        cdef uint32_t i, begin = table.body_ends[body - 1] if body else 0
        cdef const int32_t* others = table.atoms + 3 * <size_t>start
        if (
            table.visited[body] == table.epoch or begin != start
            or table.body_ends[body] != start + n
        ):
            return False
        for i in range(n):
            if others[3 * i] != atoms[3 * (n - 1 - i)] or others[3 * i] < 0 or (
                min(others[3 * i + 1], others[3 * i + 2]) < 0
            ):
                return False
        return True

    cdef int _count_others(self, RuleTable table, Tally* tally) except -1 nogil:
        """Bodies of which no key is in the graph: why, their names tell."""
        cdef uint32_t body, start = 0, rule = 0, end
        cdef uint8_t reason
        for body in range(table.n_bodies):
            end = table.body_ends[body]
            if table.visited[body] != table.epoch:
                reason = self._why_absent(table, start, end)
                while rule < table.rule_ends[body]:
                    self._tally(table, rule, VACUOUS, reason, NULL, tally)
                    rule += 1
            rule = table.rule_ends[body]
            start = end
        return 0

    cdef int _count_sets(self, RuleTable table, Tally* tally) except -1 nogil:
        """The same of a table without filtered rules: of the relations that bodies need together."""
        cdef uint64_t i
        cdef uint32_t at, body, number, start = 0, first = 0, n_without
        cdef int32_t constant
        cdef bint is_there
        for i in range(table.n_sets):
            is_there = True
            for at in range(start, table.set_ends[i]):
                if table.relation_ids[table.set_relations[at]] < 0:
                    is_there = False
                    break
            start = table.set_ends[i]
            if is_there:
                n_without = table.set_rules[i]    # rules whose first constant is not there
                for at in range(first, table.set_body_ends[i]):
                    constant = table.set_constants[at]
                    if constant >= 0 and table.entity_ids[constant] < 0:
                        continue
                    body = table.set_bodies[at]
                    number = table.rule_ends[body] - (table.rule_ends[body - 1] if body else 0)
                    n_without -= number
                    if table.visited[body] != table.epoch:
                        self._add_vacuous(
                            self._why_absent(
                                table, table.body_ends[body - 1] if body else 0,
                                table.body_ends[body],
                            ),
                            number, tally,
                        )
                self._add_vacuous(CONSTANT_ABSENT, n_without, tally)
            else:
                self._add_vacuous(RELATION_ABSENT, table.set_rules[i], tally)
            first = table.set_body_ends[i]
        return 0

    cdef void _add_vacuous(self, uint8_t reason, uint32_t number, Tally* tally) noexcept nogil:
        tally.outcomes[VACUOUS] += number
        tally.reasons[reason] += number

    cdef uint8_t _why_absent(
        self, RuleTable table, uint32_t start, uint32_t end
    ) noexcept nogil:
        """Why atoms match nothing, as `resolve_body` has it."""
        cdef uint32_t atom
        cdef int side
        cdef int32_t term
        for atom in range(start, end):
            if table.atoms[3 * atom] < 0:
                end = atom                    # inequalities are behind
                break
            if table.relation_ids[table.atoms[3 * atom]] < 0:
                return RELATION_ABSENT
        for atom in range(start, end):
            for side in range(1, 3):
                term = table.atoms[3 * atom + side]
                if term < 0 and table.entity_ids[-1 - term] < 0:
                    return CONSTANT_ABSENT
        return NOTHING_MATCHES

    cdef int _tally(
        self, RuleTable table, uint32_t rule, uint8_t outcome, uint8_t reason,
        const int64_t* counts, Tally* tally
    ) except -1 nogil:
        """Counts a rule (place in the table); `counts` NULL: none of its predictions."""
        cdef Row row
        cdef int i
        cdef int32_t relation
        if table.filtered[rule]:
            outcome, reason, counts = FILTERED, table.filtered[rule], NULL
        tally.outcomes[outcome] += 1
        tally.reasons[reason] += 1
        if counts != NULL:
            for i in range(N_COUNTS):
                tally.sums[i] += counts[i]
        if self.rows is None:
            return 0
        memset(&row, 0, sizeof(Row))
        row.source = table.sources[rule]
        row.outcome = outcome
        row.reason = reason
        relation = table.relation_ids[table.heads[3 * rule]]
        if outcome != FILTERED and relation >= 0:
            row.facts = self.graph.rows[2 * relation].n_edges
        if counts != NULL:
            memcpy(row.counts, counts, sizeof(row.counts))
        if outcome == FILTERED or row.facts or row.counts[PREDICTIONS]:
            return self.rows.add(&row)
        return 0

    cdef bint _is_left_out(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil:
        """Whether no rule of the body is to be counted; tells of them then."""
        cdef uint32_t first = table.rule_ends[body - 1] if body else 0
        cdef Py_ssize_t rule, n = table.rule_ends[body] - first
        cdef uint32_t atom
        for rule in range(n):
            if not table.filtered[first + rule]:
                break
        else:
            for rule in range(n):             # filtered, all of them
                self._tally(table, <uint32_t>(first + rule), FILTERED, 0, NULL, tally)
            return True
        for atom in range(start, table.body_ends[body]):
            if table.atoms[3 * atom] < 0:
                break
            if table.relation_ids[table.atoms[3 * atom]] < 0:
                for rule in range(n):
                    self._tally(
                        table, <uint32_t>(first + rule), VACUOUS, RELATION_ABSENT, NULL, tally
                    )
                return True
        return False

    cdef int _count_table_body(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil:
        cdef uint32_t first = table.rule_ends[body - 1] if body else 0, n_atoms
        cdef Py_ssize_t rule, n = table.rule_ends[body] - first
        cdef uint8_t reason
        if self.by_sets:                      # no rule is filtered
            reason = self._why_absent(table, start, table.body_ends[body])
            if reason == RELATION_ABSENT:     # its set tells of them
                return 0
            if reason == CONSTANT_ABSENT:
                self._add_vacuous(reason, <uint32_t>n, tally)
                return 0
        elif self._is_left_out(table, body, start, tally):
            return 0
        n_atoms = table.body_ends[body] - start
        if not atoms_join(&self.joins, table.atoms + 3 * start, n_atoms, table.relation_ids):
            if self.by_sets:
                self._add_vacuous(NOTHING_MATCHES, <uint32_t>n, tally)
                return 0
            reason = self._why_absent(table, start, table.body_ends[body])
            for rule in range(n):
                self._tally(table, <uint32_t>(first + rule), VACUOUS, reason, NULL, tally)
            return 0
        if self.by_sets and not self.keeps_violated:
            self._count_summed(table, body, start, n_atoms, tally)
            return 0
        if count_one_by_one(self, table, start, n_atoms, first, n):
            self.count_body(table.atoms + 3 * start, n_atoms, 0, n)
        for rule in range(n):
            self._settle(table, body, first, rule, tally)
        return 0

    cdef int _count_summed(
        self, RuleTable table, uint32_t body, uint32_t start, uint32_t n_atoms, Tally* tally
    ) except -1 nogil:
        """Counts the rules of a body where no single one is asked for; chains wait for others."""
        cdef Py_ssize_t first, n
        if self.n_waiting + (table.rule_ends[body] - (table.rule_ends[body - 1] if body else 0)) > (
            <Py_ssize_t>self.rule_room
        ):
            self._settle_waiting(tally)
        first = self.n_waiting
        n = count_summed(self, table, body, start, n_atoms, tally)
        self.scratch.progress[0] += 1
        if n:
            self.holds = True
            self.n_waiting = first + n
            self.count_body(table.atoms + 3 * start, n_atoms, first, first + n)
            self.holds = False
        return 0

    cdef void _settle_waiting(self, Tally* tally) noexcept nogil:
        """Counts the chains that are held, and adds all rules that wait."""
        cdef Py_ssize_t rule
        if self.n_waiting == 0:
            return
        self.count_held()
        for rule in range(self.n_waiting):
            if self.predictions[rule] == 0 and self.reasons[rule]:
                self._add_vacuous(self.reasons[rule], 1, tally)
            else:
                add_counted(
                    tally, self.predictions[rule], self.support[rule], self.unknown[rule],
                    self.partial, self.heads[rule].relation >= 0, 1,
                )
        self.n_waiting = 0

    cdef int _settle(
        self, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule, Tally* tally
    ) except -1 nogil:
        """What became of a rule that was counted."""
        cdef int64_t counts[N_COUNTS]
        cdef uint8_t outcome, reason
        counts[PREDICTIONS] = self.predictions[rule]
        counts[SUPPORT] = self.support[rule]
        counts[UNKNOWN] = self.unknown[rule]
        outcome = outcome_of(
            counts[PREDICTIONS], counts[SUPPORT], counts[UNKNOWN], self.partial,
            table.relation_ids[table.heads[3 * (first + rule)]] >= 0, &reason,
        )
        if counts[PREDICTIONS] == 0 and self.reasons[rule]:
            reason = self.reasons[rule]
        if outcome == VIOLATED and self.keeps_violated and self.outcomes[rule] != FILTERED:
            self._keep_violated(table, body, first, rule)
        return self._tally(table, <uint32_t>(first + rule), outcome, reason, counts, tally)

    cdef int _keep_violated(
        self, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule
    ) except -1 nogil:
        cdef const int32_t* head = table.heads + 3 * (first + rule)
        cdef TableViolated* violated
        cdef void* larger
        cdef size_t room
        if self.n_violated == self.violated_room:
            room = min(max(<size_t>256, 2 * <size_t>self.violated_room), <size_t>table.n_rules)
            larger = realloc(self.violated, room * sizeof(TableViolated))
            if larger == NULL:
                with gil:
                    raise MemoryError
            self.violated = <TableViolated*>larger
            self.violated_room = <uint32_t>room
        violated = &self.violated[self.n_violated]
        violated.row = first + <uint32_t>rule
        violated.body = body
        violated.source = table.sources[violated.row]
        violated.by_object = (
            head[1] < 0 if is_one_variable(head) else self.heads[rule].place != 0
        )
        violated.violations = self.violations_of(rule)
        violated.counts[PREDICTIONS] = self.predictions[rule]
        violated.counts[SUPPORT] = self.support[rule]
        violated.counts[UNKNOWN] = self.unknown[rule]
        self.n_violated += 1
        return 0


cdef inline int64_t _name_in(
    RuleTable table, const unsigned char* blob, uint64_t start, uint64_t end
) noexcept nogil:
    return table.find_name(blob + start, end - start, pff_name_hash(blob + start, end - start))


cdef int32_t _bracketed_in(
    RuleTable table, const unsigned char* name, size_t length
) noexcept nogil:
    """An IRI of the graph as the rules have it in brackets."""
    cdef unsigned char[MOST_BRACKETED + 2] text
    if length > MOST_BRACKETED:
        return -1
    text[0] = 60
    memcpy(text + 1, name, length)
    text[length + 1] = 62
    return <int32_t>_name_in(table, text, 0, length + 2)


cdef void _spelled_in(
    RuleTable table, GraphView graph, const unsigned char* name, size_t length, int32_t entity,
    int32_t* one, int32_t* other
) noexcept nogil:
    """An entity as the rules spell it: an IRI in brackets, a literal by its text, with quotes or not."""
    cdef size_t n = length
    one[0] = other[0] = -1
    if name[0] != 34:
        if name[0] != 60 and name[0] != 95:
            one[0] = _bracketed_in(table, name, length)
        return
    while n > 1 and name[n - 1] != 34:
        n -= 1
    if n < length and graph.find_entity(name, n, pff_name_hash(name, n)) == entity:
        one[0] = <int32_t>_name_in(table, name, 0, n)
    name += 1
    n -= 2
    if n and graph.find_entity(name, n, pff_name_hash(name, n)) == entity:
        other[0] = <int32_t>_name_in(table, name, 0, n)
