"""The evaluator: a chunk of rules in, exact counts and capped examples out.

Names are resolved against the graph once a chunk, each distinct body is counted once for all its
heads (`_counter`); after that, rule by rule in source order, the first violations of each violated
rule are found with their least groundings (`_examples`) and written as result records (`_records`).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from pff_stream.report._record cimport (
    ALL_UNKNOWN,
    FILTERED,
    HEAD_RELATION_ABSENT,
    N_COUNTS,
    NOTHING_MATCHES,
    PREDICTIONS,
    SATISFIED,
    SUPPORT,
    TOO_LARGE,
    UNKNOWN,
    VACUOUS,
    VIOLATED,
    Record,
)


cdef enum:
    N_TOLD = 5                    # numbers of a rule that is counted in parts


def chunk_room_bytes(uint64_t n_names, uint64_t n_atoms, uint64_t n_rules):
    """Bytes that an evaluator keeps for chunks of at most so many names, atoms and rules."""
    return rule_room_bytes(n_names, n_atoms, n_rules) + 2 * sizeof(uint32_t) * n_rules


cdef class Evaluator(Counter):
    """Evaluates chunks of rules against one graph; one evaluator a worker or thread.

    Results go through a buffer of `buffer_bytes`. All else is that of a `Counter`.
    """

    def __init__(
        self,
        graph,
        semantics,
        options=EvaluatorOptions(),
        *,
        size_t buffer_bytes=1 << 20,
        **more,
    ):
        Counter.__init__(self, graph, semantics, options, **more)
        self.max_examples = options.max_examples
        self.after_left, self.after_right = options.after
        self.results = ResultBuffer(buffer_bytes, self.sorts_results())

    def __dealloc__(self):
        free(self.order)
        free(self.spare)

    def reserve(self, n_names, n_atoms, n_rules):
        """Takes now what chunks of at most so many names, atoms and rules need."""
        self.reserve_chunk(n_names, n_atoms, n_rules)

    cdef void list_at_most(self, int64_t n) noexcept:
        """So many examples of each rule from here on."""
        self.max_examples = n

    cdef bint sorts_results(self):
        """Whether rules are written in another order than that of the source."""
        return False

    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules):
        self.reserve_rules(n_names, n_atoms, n_rules)
        if n_rules > self.order_room:
            self.order = <uint32_t*>grown(self.order, n_rules * 4)
            self.spare = <uint32_t*>grown(self.spare, n_rules * 4)
            self.order_room = n_rules

    def evaluate(
        self, chunk, Py_ssize_t start, Py_ssize_t stop, flush, uint8_t skipped=0,
        const int64_t[:, ::1] counts=None
    ):
        """Evaluates rules `start` to `stop` of a chunk and hands out their result records.

        `chunk` has the columns of a rule file's chunk as contiguous arrays (checked by its reader);
        rules that have a flag of `skipped` are left out; `flush(memoryview)` is called with each
        full buffer and with the rest: each is a run of records in source order. Returns the
        (predictions, support) of the rules written, summed. `counts` are those of the rules, where
        they are counted already: the sums of what `count_part` gives of all parts.

        Longer than a screen: the views of the chunk must live as long as the pointers into them.
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
        cdef Py_ssize_t n_written, rule, i
        cdef int n_names = <int>name_ends.shape[0], n_atoms, longest = 1
        cdef int64_t predictions = 0, support = 0
        cdef ResultBuffer results = self.results
        cdef RuleRange rules
        rules.n_rules = stop - start
        if rules.n_rules <= 0:
            return 0, 0
        rules.atoms = &atoms[0] if atoms.shape[0] else NULL
        rules.body_ends = &body_ends[0]
        rules.rule_body = &rule_body[start]
        rules.sources = &sources[start]
        rules.flags = &flags[start]
        rules.skipped = skipped
        self.reserve_chunk(n_names, atoms.shape[0] // 3, rules.n_rules)
        for rule in range(rules.n_rules):
            body_of(&rules, rule, &n_atoms)
            longest = max(longest, n_atoms)
        self.reserve_body(longest)
        self.given = NULL
        if counts is not None:
            if counts.shape[0] != rules.n_rules or counts.shape[1] != N_TOLD:
                raise ValueError(f"counts of {counts.shape[0]} rules, expected {rules.n_rules}")
            self.given = &counts[0, 0]
        results.names = &names[0] if names.shape[0] else NULL
        results.name_ends = &name_ends[0] if n_names else NULL
        results.flush = flush
        with nogil:
            if n_names:
                self._resolve(results.names, results.name_ends, &name_hashes[0], n_names)
            for rule in range(rules.n_rules):
                set_head(self, rule, &heads[3 * (start + rule)])
                self.predictions[rule] = UNCOUNTED
                self.support[rule] = 0
                self.unknown[rule] = 0
                self.reasons[rule] = 0
                self.outcomes[rule] = filter_rule(
                    self, rule, results.names, results.name_ends, miner_support[start + rule],
                    miner_confidence[start + rule]
                )
            n_written = in_source_order(
                rules.sources, rules.flags, skipped, rules.n_rules, self.order, self.spare
            )
            self.take_rules(&rules, n_written)
            for i in range(n_written):
                predictions += self.predictions[self.order[i]]
                support += self.support[self.order[i]]
            results.hand_out()
        results.flush = None
        return predictions, support

    cdef int take_rules(self, const RuleRange* rules, Py_ssize_t n_written) except -1 nogil:
        """Counts all rules, then writes them in source order."""
        cdef Py_ssize_t rule, i
        cdef const int32_t* columns
        cdef int n_atoms
        if self.given != NULL:
            self._take_counts(rules.n_rules)
        else:
            self._count_rules(rules)
        if self.told != NULL:
            self._tell_counts(rules.n_rules)
            return 0
        for i in range(n_written):
            rule = self.order[i]
            columns = body_of(rules, rule, &n_atoms)
            self.write_rule(rule, rules.sources[rule], columns, n_atoms)
        return 0

    cdef int _count_rules(self, const RuleRange* rules) except -1 nogil:
        cdef Py_ssize_t rule = 0, first
        cdef const int32_t* columns
        cdef int n_atoms
        self.n_held = self.n_chain_heads = 0
        self.holds = True
        while rule < rules.n_rules:
            first = rule
            columns = body_of(rules, rule, &n_atoms)
            while rule < rules.n_rules and rules.rule_body[rule] == rules.rule_body[first]:
                rule += 1
            self.count_body(columns, n_atoms, first, rule)
        count_held(self)
        self.holds = False
        return 0

    cdef void _take_counts(self, Py_ssize_t n_rules) noexcept nogil:
        cdef Py_ssize_t rule
        for rule in range(n_rules):
            self.predictions[rule] = self.given[N_TOLD * rule]
            self.support[rule] = self.given[N_TOLD * rule + 1]
            self.unknown[rule] = self.given[N_TOLD * rule + 2]
            self.outcomes[rule] = <uint8_t>self.given[N_TOLD * rule + 3]
            self.reasons[rule] = <uint8_t>self.given[N_TOLD * rule + 4]

    cdef void _tell_counts(self, Py_ssize_t n_rules) noexcept nogil:
        cdef Py_ssize_t rule
        for rule in range(n_rules):
            self.told[N_TOLD * rule] = self.predictions[rule]
            self.told[N_TOLD * rule + 1] = self.support[rule]
            self.told[N_TOLD * rule + 2] = self.unknown[rule]
            self.told[N_TOLD * rule + 3] = self.outcomes[rule]
            self.told[N_TOLD * rule + 4] = self.reasons[rule]

    def count_part(
        self, chunk, Py_ssize_t start, Py_ssize_t stop, uint32_t part, uint32_t n_parts
    ):
        """Counts of rules `start` to `stop` by one of `n_parts` of the sources of their bodies.

        A source is what groundings begin with, mostly an entity of the head. Of each rule: int64
        predictions, support, unknown, which add up over all parts, outcome so far and reason,
        which are the same in each. Nothing is written.
        """
        import numpy as np

        counts = np.zeros((max(0, stop - start), N_TOLD), np.int64)
        cdef int64_t[:, ::1] told = counts
        if not 0 <= part < n_parts:
            raise ValueError(f"part {part} of {n_parts}")
        if stop <= start:
            return counts
        self.scratch.part, self.scratch.n_parts = part, n_parts
        self.told = &told[0, 0]
        try:
            self.evaluate(chunk, start, stop, None)
        finally:
            self.told = NULL
            self.scratch.part, self.scratch.n_parts = 0, 1
        return counts

    # --- names ---------------------------------------------------------------------------------

    cdef int _resolve(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil:
        """Looks every name of the chunk up once, as a relation and as an entity."""
        cdef int i
        cdef uint32_t begin = 0
        self.find_entities(names, ends, hashes, n)
        for i in range(n):
            self.relation_ids[i] = self.graph.find_relation(
                names + begin, ends[i] - begin, hashes[i]
            )
            begin = ends[i]
        return 0

    cdef int find_entities(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil:
        """Enters the entity of each name, -1 where the graph has none."""
        cdef int i
        cdef uint32_t begin = 0
        for i in range(n):
            self.entity_ids[i] = self.graph.find_entity(names + begin, ends[i] - begin, hashes[i])
            begin = ends[i]
        return 0

    # --- records -------------------------------------------------------------------------------

    cdef void _settle_outcome(self, Py_ssize_t rule) noexcept nogil:
        if self.outcomes[rule] == FILTERED or self.outcomes[rule] == TOO_LARGE:
            return
        if self.predictions[rule] == 0:
            self.outcomes[rule] = VACUOUS
            if self.reasons[rule] == 0:
                self.reasons[rule] = NOTHING_MATCHES
        elif self.violations_of(rule):
            self.outcomes[rule] = VIOLATED
            if self.heads[rule].relation < 0:
                self.reasons[rule] = HEAD_RELATION_ABSENT
        elif self.partial and self.support[rule] == 0:
            self.outcomes[rule] = VACUOUS
            self.reasons[rule] = ALL_UNKNOWN
        else:
            self.outcomes[rule] = SATISFIED

    cdef int write_rule(
        self, Py_ssize_t rule, uint64_t source, const int32_t* columns, int n_atoms
    ) except -1 nogil:
        cdef Body body
        cdef Record record
        self._settle_outcome(rule)
        memset(&record, 0, sizeof(Record))
        record.source = source
        record.n_counts = N_COUNTS
        record.place = self.heads[rule].place
        record.counts[PREDICTIONS] = self.predictions[rule]
        record.counts[SUPPORT] = self.support[rule]
        record.counts[UNKNOWN] = self.unknown[rule]
        record.outcome = self.outcomes[rule]
        record.reason = self.reasons[rule]
        if record.outcome <= VACUOUS and self.heads[rule].relation >= 0:
            record.facts = self.graph.rows[2 * self.heads[rule].relation].n_edges
        self.results.start(&record)
        if self.outcomes[rule] == VIOLATED and self.max_examples > 0:
            if n_atoms == 0:
                write_zero_examples(self, rule, self.max_examples)
            else:
                resolve_body(self, columns, n_atoms, &body)
                write_examples(self, rule, &body, self.max_examples)
        return 0
