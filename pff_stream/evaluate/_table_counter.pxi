"""Counts of a whole rule table against a small graph: only what its names can match is looked at.

Writes no records but those of violations that are listed. The table is the work of
`pff_stream/rules/_table.pyx`.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from pff_stream.report._record cimport FILTERED, N_COUNTS, PREDICTIONS, SATISFIED, SUPPORT, UNKNOWN, VACUOUS, VIOLATED
from pff_stream.rules._table cimport RuleTable, constant_key, find_key_atom
from pff_stream.triples._graph cimport CSR

cdef extern from "_names.h":
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil


cdef enum:
    HEADS_ABSENT = 4              # behind the first four outcomes
    N_TALLIED = 5

EXAMPLES = (1 << 63) - 1          # all violations of a rule are listed


def violated_rule_bytes():
    """Bytes that a counter keeps of a violated rule."""
    return sizeof(TableViolated)


cdef class TableCounter(Evaluator):
    """Counts tables of rules against one graph, and lists the violations of some of them."""

    def __init__(self, graph, semantics, options=EvaluatorOptions(), **more):
        Evaluator.__init__(
            self, graph, semantics, options._replace(max_examples=EXAMPLES), buffer_bytes=0, **more
        )

    def __dealloc__(self):
        free(self.violated)

    def count_table(self, RuleTable table, *, bint keeps_violated=False):
        """Counts all rules of a table; writes no records.

        Returns ((satisfied, violated, vacuous, filtered) rules, (predictions, support, unknown), and
        how many violated rules have a head relation that the graph has not). The names of the graph
        are looked up in the table, and only bodies that they can match are counted. With
        `keeps_violated` it notes which rules are violated, for `list_violations`.
        """
        cdef uint64_t tally[N_TALLIED]
        cdef int64_t sums[N_COUNTS]
        memset(tally, 0, sizeof(tally))
        memset(sums, 0, sizeof(sums))
        self.reserve_rules(0, table.max_body_atoms, table.max_body_rules)
        self.reserve_body(max(1, table.max_body_atoms))
        self.keeps_violated = keeps_violated
        self.n_violated = 0
        cdef int32_t* entity_ids = self.entity_ids
        cdef int32_t* relation_ids = self.relation_ids
        self.entity_ids = table.entity_ids
        self.relation_ids = table.relation_ids
        try:
            with nogil:
                self._set_names(table, True)
                self._count_matching(table, tally, sums)
                self._set_names(table, False)
        finally:
            self.entity_ids = entity_ids
            self.relation_ids = relation_ids
        tally[FILTERED] = table.n_filtered
        tally[VACUOUS] = table.n_rules - table.n_filtered - tally[SATISFIED] - tally[VIOLATED]
        return (
            (tally[0], tally[1], tally[2], tally[3]),
            (sums[PREDICTIONS], sums[SUPPORT], sums[UNKNOWN]),
            tally[HEADS_ABSENT],
        )

    def list_violations(
        self, RuleTable table, const uint32_t[::1] places, uint64_t first, flush
    ):
        """Lists all violations of rules that were found violated, by their places among those.

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

    cdef void _set_names(self, RuleTable table, bint known) noexcept nogil:
        """Enters the ids of the graph's names beside those names that the rules use as well, or -1."""
        cdef uint64_t i, start = 0
        cdef int64_t name
        for i in range(self.graph.n_entities):
            name = _name_in(table, self.graph.entity_blob, start, self.graph.entity_ends[i])
            if name >= 0:
                table.entity_ids[name] = <int32_t>i if known else -1
            start = self.graph.entity_ends[i]
        start = 0
        for i in range(self.graph.n_relations):
            name = _name_in(table, self.graph.relation_blob, start, self.graph.relation_ends[i])
            if name >= 0:
                table.relation_ids[name] = <int32_t>i if known else -1
            start = self.graph.relation_ends[i]

    cdef int _count_matching(
        self, RuleTable table, uint64_t* tally, int64_t* sums
    ) except -1 nogil:
        """Every body without atoms, without constants, or with a constant beside its relation."""
        cdef uint64_t relation, start = 0, at
        cdef uint32_t key
        cdef int64_t name, constant
        cdef int direction
        cdef const CSR* rows
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
            for direction in range(2):
                rows = &self.graph.rows[2 * relation + direction]
                for key in range(rows.n_keys):
                    constant = self._name_of(table, rows.keys[key])
                    if constant >= 0:
                        at = constant_key(<int32_t>name, direction, <int32_t>constant)
                        self._count_list(
                            table, table.constant_bodies[at & table.constant_mask],
                            <int32_t>name, direction, <int32_t>constant, tally, sums
                        )
        return 0

    cdef int64_t _name_of(self, RuleTable table, int32_t entity) noexcept nogil:
        cdef uint64_t start = self.graph.entity_ends[entity - 1] if entity else 0
        return _name_in(table, self.graph.entity_blob, start, self.graph.entity_ends[entity])

    cdef int _count_list(
        self, RuleTable table, uint32_t first, int32_t relation, int direction, int32_t constant,
        uint64_t* tally, int64_t* sums
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
            self._count_table_body(table, body, start, tally, sums)
        return 0

    cdef int _count_table_body(
        self, RuleTable table, uint32_t body, uint32_t start, uint64_t* tally, int64_t* sums
    ) except -1 nogil:
        cdef uint32_t first = table.rule_ends[body - 1] if body else 0
        cdef Py_ssize_t rule, n = table.rule_ends[body] - first
        cdef uint32_t atom
        for rule in range(n):
            if not table.filtered[first + rule]:
                break
        else:
            return 0                          # filtered, all of them
        for atom in range(start, table.body_ends[body]):
            if table.relation_ids[table.atoms[3 * atom]] < 0:
                return 0                      # vacuous, as all that is not tallied
        for rule in range(n):
            self.set_head(rule, table.heads + 3 * (first + rule))
            self.predictions[rule] = UNCOUNTED
            self.support[rule] = 0
            self.unknown[rule] = 0
            self.reasons[rule] = table.filtered[first + rule]
            self.outcomes[rule] = FILTERED if table.filtered[first + rule] else SATISFIED
        self.count_body(table.atoms + 3 * start, table.body_ends[body] - start, 0, n)
        for rule in range(n):
            if self.outcomes[rule] != FILTERED and self.predictions[rule] > 0:
                if self.violations_of(rule):
                    tally[VIOLATED] += 1
                    tally[HEADS_ABSENT] += self.heads[rule].relation < 0
                    if self.keeps_violated:
                        self._keep_violated(table, body, first, rule)
                elif self.support[rule] or not self.partial:
                    tally[SATISFIED] += 1     # else all predictions are unknown: vacuous
                sums[PREDICTIONS] += self.predictions[rule]
                sums[SUPPORT] += self.support[rule]
                sums[UNKNOWN] += self.unknown[rule]
        return 0

    cdef int _keep_violated(
        self, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule
    ) except -1 nogil:
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
        violated.by_object = self.heads[rule].place != 0
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
