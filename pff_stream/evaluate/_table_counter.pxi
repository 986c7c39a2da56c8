"""Counts of a whole rule table against a small graph: only what its names can match is looked at.

Writes no records but those of violations that are listed. The table is the work of
`pff_stream/rules/_table.pyx`.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from pff_stream.report._record cimport (
    FILTERED, N_COUNTS, N_REASONS, PREDICTIONS, SATISFIED, SUPPORT, UNKNOWN,
)
from pff_stream.report._rows cimport RuleRows
from pff_stream.rules._table cimport FILTER_REASONS, N_FILTERED, RuleTable

cdef enum:
    MOST_WAITING = 512            # rules that wait for others which share steps with them


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
            find_names(self, table)
            with nogil:
                set_names(self, table, True)
                find_joins(
                    &self.joins, table.room, self.graph.rows, self.graph.n_relations,
                    self.graph.n_entities,
                )
                self.n_waiting = self.n_held = self.n_chain_heads = 0
                count_matching(self, table, &tally)
                settle_waiting(self, &tally)
                if self.by_sets:
                    count_sets(self, table, &tally)
                else:
                    count_others(self, table, &tally)
        finally:
            set_names(self, table, False)
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
            find_names(self, table)
            with nogil:
                set_names(self, table, True)
                for i in range(places.shape[0]):
                    violated = &self.violated[places[i]]
                    set_head(self, 0, table.heads + 3 * violated.row)
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
            set_names(self, table, False)
            self.entity_ids = entity_ids
            self.relation_ids = relation_ids
            results.flush = None
