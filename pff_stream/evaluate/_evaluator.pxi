"""The evaluator: a chunk of rules in, exact counts and capped examples out.

Names are resolved against the graph once a chunk, each distinct body is counted once for all its
heads (`_counter`); after that, rule by rule in source order, the first violations of each violated
rule are found with their least groundings and written as result records (`_records`).
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
from pff_stream.triples._graph cimport CSR, find_row


cdef enum:
    SORTING = 16                  # what sorting an item costs, in items that are looked at
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
                self.set_head(rule, &heads[3 * (start + rule)])
                self.predictions[rule] = UNCOUNTED
                self.support[rule] = 0
                self.unknown[rule] = 0
                self.reasons[rule] = 0
                self.outcomes[rule] = self.filter(
                    rule, results.names, results.name_ends, miner_support[start + rule],
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
        self.count_held()
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
                self._write_zero_examples(rule)
            else:
                self.resolve_body(columns, n_atoms, &body)
                self._write_examples(rule, &body)
        return 0

    cdef int _put_example(
        self, Py_ssize_t rule, const Body* body, int32_t subject, int32_t object
    ) except -1 nogil:
        """Adds a violation with the grounding that the search holds."""
        return self.results.put_example(
            &self.heads[rule], body, self.search.binding, subject, object
        )

    cdef int _write_zero_examples(self, Py_ssize_t rule) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef const CSR* rows
        cdef Body body
        cdef uint32_t i
        cdef int64_t written = 0
        cdef int32_t left, right, constant = max(head.left_entity, head.right_entity)
        body.atoms = self.atoms
        body.n_atoms = 0
        body.n_filters = 0
        body.n_variables = 0
        if head.left < 0 and head.right < 0:
            return self._put_example(rule, &body, head.left_entity, head.right_entity)
        rows = self.zero_rows(head)
        for i in range(rows.n_keys):
            goes_on(&self.scratch, rows.keys[i])
            left = rows.keys[i] if head.left >= 0 else head.left_entity
            right = rows.keys[i] if head.right >= 0 else head.right_entity
            if self.scratch.distinct and rows.keys[i] == constant:
                continue
            if rows.keys[i] <= self._listed_value(head):
                continue
            if self.known(head, left, right):
                continue
            if self.partial and not self.is_decided(head, left, right):
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
        if is_pair(head):
            return self._write_pairs(rule, body)
        if head.left < 0 and head.right < 0:
            if least_grounding(&self.search):
                self._put_example(rule, body, head.left_entity, head.right_entity)
            return 0
        return self._write_values(rule, body, max(head.left, head.right))

    cdef int32_t _listed_value(self, const Head* head) noexcept nogil:
        """The last value of the head's only variable that was listed before; -1: none."""
        return self.after_left if head.left >= 0 else self.after_right

    cdef void _free(self, const Body* body) noexcept nogil:
        cdef int i
        for i in range(body.n_variables):
            self.search.binding[i] = -1

    cdef int _write_values(self, Py_ssize_t rule, Body* body, int32_t variable) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef Domain domain = self._candidates(body, variable)
        cdef int64_t i, written = 0
        cdef int64_t violations = self.violations_of(rule)
        cdef int32_t value, left, right
        cdef bint planned = False
        for i in range(domain.n_items):
            value = domain.items[i]
            if value <= self._listed_value(head):
                continue
            goes_on(&self.scratch, value)
            left = value if head.left >= 0 else head.left_entity
            right = value if head.right >= 0 else head.right_entity
            if self.known(head, left, right) or not admissible(&self.search, variable, value):
                continue
            if self.partial and not self.is_decided(head, left, right):
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

    cdef Domain _candidates(self, const Body* body, int32_t variable) noexcept nogil:
        """An ascending list of entities, among them all that the head can have; in `near`, perhaps.

        Two atoms that end at a constant have few members, which are found again from there.
        """
        cdef Domain domain = domain_of(&self.search, variable)
        cdef Pattern pattern
        cdef Members members
        if not find_pattern(body, variable, &pattern) or pattern.end >= 0:
            return domain
        members = find_members(&self.scratch, self.graph.rows, body, variable)
        forget_members(&self.scratch, &members)
        if members.n < domain.n_items // SORTING:
            domain.n_items = _least(self.scratch.near, members.n, members.n)
            domain.items = self.scratch.near
        return domain

    cdef int _write_pairs(self, Py_ssize_t rule, Body* body) except -1 nogil:
        cdef Head* head = &self.heads[rule]
        cdef const CSR* known = NULL
        cdef Domain domain
        cdef int64_t i, k, n, row, written = 0
        cdef int64_t wanted = self.violations_of(rule)
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
            if subject < self.after_left:
                continue
            goes_on(&self.scratch, subject)
            if not admissible(&self.search, head.left, subject):
                continue
            if self.partial and head.place == 0 and not self.is_decided(head, subject, -1):
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
            n = _keep_stamped(
                &self.scratch, n, self.after_right if subject == self.after_left else -1
            )
            if self.partial and head.place:       # a violation is decided: the relation is there
                n = keep_keys(self.decided_keys(head), self.scratch.near, n)
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


cdef int64_t _keep_stamped(Scratch* scratch, int64_t n, int32_t after) noexcept nogil:
    """Keeps those that are stamped and behind `after`."""
    cdef int64_t i, kept = 0
    for i in range(n):
        if scratch.stamp[scratch.near[i]] == scratch.epoch and scratch.near[i] > after:
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
