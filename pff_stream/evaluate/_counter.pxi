"""Exact counts of rules: a body is counted once for all heads that share it.

Heads with one variable go to `_members`, closed chains to `_chain`, all other shapes to `_search`.
Rules and names are numbers here; who reads chunks or tables sets them (`set_head`, `entity_ids`,
`relation_ids`) and takes the counts.
"""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memset

from pff_stream.report._record cimport (
    CONSTANT_ABSENT,
    FILTERED,
    OVER_MAX_WORK,
    RELATION_ABSENT,
    SATISFIED,
    TOO_LARGE,
    RELATION_NOT_ASKED,
    UNDER_CONFIDENCE,
    UNDER_SUPPORT,
)
from pff_stream.triples._graph cimport GraphView, CSR, find_row, has_pair

from pff_stream.evaluate.options import EvaluatorOptions

cdef extern from "evaluate/_pages.h":
    void* pff_zeros(size_t n_bytes) noexcept nogil
    void pff_free_zeros(void* block, size_t n_bytes) noexcept nogil


def scratch_bytes(uint64_t n_entities, bint wide):
    """Bytes that a counter allocates for a graph of `n_entities`; the planner's own number."""
    cdef uint64_t narrow = 24 * n_entities + 2 * sizeof(int32_t)
    return narrow + ((4 * sizeof(pff_vector) + 28) * n_entities + 3 * sizeof(int32_t) if wide else 0)


cdef uint64_t rule_room_bytes(uint64_t n_names, uint64_t n_atoms, uint64_t n_rules):
    """Bytes that a counter keeps for so many names, atoms and rules at once."""
    cdef uint64_t per_rule = sizeof(Head) + sizeof(ChainHead) + sizeof(HeldChain) + 3 * sizeof(int64_t) + 2
    return 8 * n_names + sizeof(Atom) * n_atoms + per_rule * n_rules


cdef class Counter:
    """Counts rules against one graph; a base of whoever takes rules from somewhere.

    `semantics` is "object-identity" or "homomorphism"; `options` are `EvaluatorOptions`; `wide`
    allocates the vectors for 512 sources at once; `progress` is a writable buffer of 8 bytes, a counter
    that moves while there is work; `way` forces one way of counting chains (0 chooses: the others are
    for tests and benchmarks). How the work of a body is bounded stands in `_work`, and where an absent
    prediction is decided in `_decided`.
    """

    def __cinit__(self, *arguments, **options):
        memset(&self.scratch, 0, sizeof(Scratch))
        memset(&self.search, 0, sizeof(Search))
        memset(&self.chain, 0, sizeof(Chain))
        memset(&self.work, 0, sizeof(Work))

    def __init__(
        self,
        GraphView graph,
        str semantics,
        options=EvaluatorOptions(),
        *,
        bint wide=True,
        unsigned char[::1] progress=None,
        int way=0,
    ):
        if semantics not in ("object-identity", "homomorphism"):
            raise ValueError(f"unknown semantics {semantics!r}")
        self.graph = graph
        self.way = way
        self.min_support = options.min_support
        self.min_confidence = options.min_confidence
        self.asked = AskedRelations(options.relations)
        self.partial = options.partial
        self._take_places(options.functional)
        self.bounds_work = options.max_work is not None
        self.max_work = min(options.max_work, (1 << 64) - 1) if self.bounds_work else 0
        self.work.rows = graph.rows
        self.work.n_entities = graph.n_entities
        self.scratch.distinct = semantics == "object-identity"
        self.scratch.n_parts = 1
        self.scratch.progress = &self.own_progress
        if progress is not None:
            self.progress_view = progress
            self.scratch.progress = <uint64_t*>&progress[0]
        self._allocate_scratch(wide)
        self.search.scratch = &self.scratch
        self.search.rows = graph.rows
        self.reserve_body(8)

    cdef _allocate_scratch(self, bint wide):
        """One mapping, with what is looked up most behind what wants the widest alignment."""
        cdef size_t n = max(1, self.graph.n_entities)
        cdef Scratch* scratch = &self.scratch
        cdef unsigned char* at
        cdef int level
        scratch.n_entities = self.graph.n_entities
        self.scratch_size = scratch_bytes(n, wide)
        self.scratch_block = pff_zeros(self.scratch_size)
        if self.scratch_block == NULL:
            raise MemoryError
        at = <unsigned char*>self.scratch_block
        if wide:
            for level in range(3):
                scratch.levels[level].vectors = <pff_vector*>_next(&at, n * sizeof(pff_vector))
            scratch.levels[1].twice = <pff_vector*>_next(&at, n * sizeof(pff_vector))
            for level in range(3):
                scratch.levels[level].touched = <uint32_t*>_next(&at, n * 4)
                scratch.levels[level].list = <int32_t*>_next(&at, n * 4 + 4)
            scratch.sources = <int32_t*>_next(&at, n * 4)
        scratch.stamp = <uint32_t*>_next(&at, n * 4)
        scratch.first = <int32_t*>_next(&at, n * 4)
        scratch.second = <int32_t*>_next(&at, n * 4)
        scratch.withheld = <int32_t*>_next(&at, n * 4)
        scratch.near = <int32_t*>_next(&at, n * 4 + 4)
        scratch.far = <int32_t*>_next(&at, n * 4 + 4)
        scratch.wide = wide

    def __dealloc__(self):
        pff_free_zeros(self.scratch_block, self.scratch_size)
        free_work(&self.work)
        free(self.search.binding)
        free(self.search.constants)
        free(self.search.steps)
        free(self.search.placed)
        free(self.chain.steps)
        free(self.chain.inverses)
        free(self.entity_ids)
        free(self.relation_ids)
        free(self.atoms)
        free(self.heads)
        free(self.chain_heads)
        free(self.held)
        free(self.predictions)
        free(self.support)
        free(self.unknown)
        free(self.placed_relations)
        free(self.given_places)
        free(self.outcomes)
        free(self.reasons)

    @property
    def edges(self):
        """Edges touched so far, in all ways together."""
        return self.scratch.edges

    cdef reserve_body(self, int n_atoms):
        """Room in the search for bodies of `n_atoms` (twice as many variables at most)."""
        if n_atoms <= self.capacity:
            return
        self.search.binding = <int32_t*>grown(self.search.binding, 2 * n_atoms * sizeof(int32_t))
        self.search.constants = <int32_t*>grown(
            self.search.constants, (2 * n_atoms + 2) * sizeof(int32_t)
        )
        self.search.steps = <Step*>grown(self.search.steps, 3 * n_atoms * sizeof(Step))
        self.search.placed = <char*>grown(self.search.placed, n_atoms)
        self.chain.steps = <const CSR**>grown(self.chain.steps, n_atoms * sizeof(CSR*))
        self.chain.inverses = <const CSR**>grown(self.chain.inverses, n_atoms * sizeof(CSR*))
        if self.bounds_work:
            reserve_work(&self.work, n_atoms)
        self.capacity = n_atoms

    cdef reserve_rules(self, size_t n_names, size_t n_atoms, size_t n_rules):
        """Room for so many names, atoms of bodies and rules at once."""
        if n_names > self.name_room:
            self.entity_ids = <int32_t*>grown(self.entity_ids, n_names * 4)
            self.relation_ids = <int32_t*>grown(self.relation_ids, n_names * 4)
            self.name_room = n_names
        if n_atoms > self.atom_room:
            self.atoms = <Atom*>grown(self.atoms, n_atoms * sizeof(Atom))
            self.atom_room = n_atoms
        if n_rules > self.rule_room:
            self.heads = <Head*>grown(self.heads, n_rules * sizeof(Head))
            self.chain_heads = <ChainHead*>grown(self.chain_heads, n_rules * sizeof(ChainHead))
            self.held = <HeldChain*>grown(self.held, n_rules * sizeof(HeldChain))
            self.predictions = <int64_t*>grown(self.predictions, n_rules * 8)
            self.support = <int64_t*>grown(self.support, n_rules * 8)
            self.unknown = <int64_t*>grown(self.unknown, n_rules * 8)
            self.outcomes = <uint8_t*>grown(self.outcomes, n_rules)
            self.reasons = <uint8_t*>grown(self.reasons, n_rules)
            self.rule_room = n_rules

    # --- the functional variable ---------------------------------------------------------------

    cdef _take_places(self, functional):
        """Keeps the given places of those relations that the graph has."""
        self.subjects_only = self.graph.mapping.startswith("json")
        self.placed_relations = <int32_t*>grown(NULL, len(functional) * 4)
        self.given_places = <int32_t*>grown(NULL, len(functional) * 4)
        for relation, place in functional:
            if place not in ("subject", "object"):
                raise ValueError(f"found {place!r}, expected subject or object")
            number = self.graph.relation_id(relation)
            if number >= 0:
                self.placed_relations[self.n_placed] = number
                self.given_places[self.n_placed] = place == "object"
                self.n_placed += 1

    cdef int32_t functional_place(self, int32_t relation) noexcept nogil:
        """Of heads over two variables: 0 subject, 1 object."""
        cdef int i
        for i in range(self.n_placed - 1, -1, -1):
            if self.placed_relations[i] == relation:
                return self.given_places[i]
        if self.subjects_only:
            return 0
        return self.keys_of(2 * relation).n_keys < self.keys_of(2 * relation + 1).n_keys

    cdef const CSR* keys_of(self, int32_t side) noexcept nogil:
        """The rows of a side, where all of its keys are."""
        return &self.graph.rows[side]

    cdef const CSR* decided_keys(self, const Head* head) noexcept nogil:
        """The rows whose keys decide predictions of a head, whose relation is in the graph."""
        return self.keys_of(2 * head.relation + head.place)

    cdef bint is_decided(self, const Head* head, int32_t left, int32_t right) noexcept nogil:
        """Whether the graph tells of this prediction (-1: an entity that it has not)."""
        cdef int32_t value = right if head.place else left
        return head.relation >= 0 and value >= 0 and is_key(self.decided_keys(head), value)

    cdef int64_t violations_of(self, Py_ssize_t rule) noexcept nogil:
        """How many violations a counted rule has, under the assumption that was chosen."""
        cdef int64_t absent = self.predictions[rule] - self.support[rule]
        return absent - self.unknown[rule] if self.partial else absent

    # --- names ---------------------------------------------------------------------------------

    cdef void set_head(self, Py_ssize_t rule, const int32_t* columns) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        head.relation = self.relation_ids[columns[0]]
        head.relation_name = columns[0]
        head.left = columns[1]
        head.right = columns[2]
        head.left_name = -1 - columns[1] if columns[1] < 0 else -1
        head.right_name = -1 - columns[2] if columns[2] < 0 else -1
        head.left_entity = self.entity_ids[head.left_name] if columns[1] < 0 else -1
        head.right_entity = self.entity_ids[head.right_name] if columns[2] < 0 else -1
        if (head.left < 0) != (head.right < 0):
            head.place = head.left < 0
        else:
            head.place = self.functional_place(head.relation) if head.relation >= 0 else 0

    cdef uint8_t filter(
        self, Py_ssize_t rule, const unsigned char* names, const uint32_t* name_ends,
        int64_t support, double confidence
    ) noexcept nogil:
        """FILTERED, with the reason, for a rule that is not to be counted; names are the chunk's."""
        cdef int32_t relation = self.heads[rule].relation_name
        cdef uint32_t begin = name_ends[relation - 1] if relation else 0
        if not self.asked.has(names + begin, name_ends[relation] - begin):
            self.reasons[rule] = RELATION_NOT_ASKED
            return FILTERED
        if support >= 0 and support < self.min_support:
            self.reasons[rule] = UNDER_SUPPORT
            return FILTERED
        if not isnan(confidence) and confidence < self.min_confidence:
            self.reasons[rule] = UNDER_CONFIDENCE
            return FILTERED
        return SATISFIED

    cdef uint8_t resolve_body(
        self, const int32_t* columns, int n_atoms, Body* body
    ) noexcept nogil:
        """Fills `body`; returns why nothing can match, or 0."""
        cdef int i
        cdef uint8_t reason = 0
        body.atoms = self.atoms
        body.n_atoms = n_atoms
        body.n_filters = 0
        body.n_variables = 0
        for i in range(n_atoms):
            if columns[3 * i] < 0:
                body.n_atoms = i
                self._resolve_filters(columns, n_atoms, body)
                break
            self.atoms[i].relation = self.relation_ids[columns[3 * i]]
            self.atoms[i].left = self._resolve_term(columns[3 * i + 1], body, &reason)
            self.atoms[i].right = self._resolve_term(columns[3 * i + 2], body, &reason)
        for i in range(body.n_atoms):
            if self.atoms[i].relation < 0:
                return RELATION_ABSENT
        return reason

    cdef void _resolve_filters(
        self, const int32_t* columns, int n_atoms, Body* body
    ) noexcept nogil:
        """Adds the inequalities behind the atoms; one of a constant the graph has not always holds."""
        cdef int i
        cdef uint8_t reason
        cdef Atom* one
        body.filters = self.atoms + body.n_atoms
        for i in range(body.n_atoms, n_atoms):
            one = &self.atoms[body.n_atoms + body.n_filters]
            one.relation = -1
            one.left = columns[3 * i + 1]
            one.right = self._resolve_term(columns[3 * i + 2], body, &reason)
            body.n_filters += one.right != ABSENT

    cdef int32_t _resolve_term(self, int32_t term, Body* body, uint8_t* reason) noexcept nogil:
        cdef int32_t entity
        if term >= 0:
            if term >= body.n_variables:
                body.n_variables = term + 1
            return term
        entity = self.entity_ids[-1 - term]
        if entity < 0:
            reason[0] = CONSTANT_ABSENT
            return ABSENT
        return -1 - entity

    # --- counts --------------------------------------------------------------------------------

    cdef int count_body(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil:
        """Counts the rules first..last, which share a body; each way settles all heads it serves."""
        cdef Body body
        cdef Py_ssize_t rule
        cdef uint8_t reason
        cdef Head* head
        self.scratch.progress[0] += 1
        if n_atoms == 0:
            for rule in range(first, last):
                if self.outcomes[rule] == FILTERED:
                    self.predictions[rule] = 0
                else:
                    self._count_zero_rule(rule)
                    self.unknown[rule] = self.predictions[rule] - self._decided_of_zero_rule(rule)
                    if self.scratch.part:     # the first has all: they are found at once
                        self.predictions[rule] = self.support[rule] = self.unknown[rule] = 0
            return 0
        reason = self.resolve_body(columns, n_atoms, &body)
        if self.bounds_work and (
            body_work(&self.work, body.atoms, body.n_atoms, body.n_variables) > self.max_work
        ):
            reason = OVER_MAX_WORK
        for rule in range(first, last):
            if self.outcomes[rule] == FILTERED:
                self.predictions[rule] = 0
            elif reason:
                self.predictions[rule] = 0
                self.reasons[rule] = reason
                if reason == OVER_MAX_WORK:
                    self.outcomes[rule] = TOO_LARGE
        for rule in range(first, last):
            if self.predictions[rule] != UNCOUNTED:
                continue
            head = &self.heads[rule]
            if is_pair(head):
                self._count_pairs(&body, head.left, head.right, rule, last)
            elif head.left >= 0 or head.right >= 0:
                self._count_values(&body, max(head.left, head.right), rule, last)
            elif self.scratch.part:
                self.predictions[rule] = 0
            else:
                self._count_ground(&body, rule)
        return 0

    cdef void _count_zero_rule(self, Py_ssize_t rule) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        cdef const CSR* rows
        cdef int32_t constant
        cdef int64_t row
        if head.relation < 0:
            self.predictions[rule] = 0
            self.reasons[rule] = RELATION_ABSENT
            return
        if head.left < 0 and head.right < 0:
            self.predictions[rule] = 1
            self.support[rule] = self.known(head, head.left_entity, head.right_entity)
            return
        rows = self.zero_rows(head)
        self.predictions[rule] = rows.n_keys
        if head.left >= 0 and head.right >= 0:
            self.support[rule] = rows.n_loops
            return
        constant = max(head.left_entity, head.right_entity)
        if constant < 0:
            return
        if self.scratch.distinct and find_row(rows, constant) >= 0:
            self.predictions[rule] -= 1
        rows = &self.graph.rows[2 * head.relation + (1 if head.left >= 0 else 0)]
        row = find_row(rows, constant)
        if row >= 0:
            self.support[rule] = rows.offsets[row + 1] - rows.offsets[row]
            if self.scratch.distinct and rows.n_loops and has_pair(rows, constant, constant):
                self.support[rule] -= 1

    cdef int64_t _decided_of_zero_rule(self, Py_ssize_t rule) noexcept nogil:
        """A zero rule predicts for the keys of one side, and mostly these decide."""
        cdef Head* head = &self.heads[rule]
        cdef const CSR* rows
        cdef const CSR* keys
        if head.relation < 0:
            return 0
        if head.left < 0 and head.right < 0:
            return self.is_decided(head, head.left_entity, head.right_entity)
        rows = self.zero_rows(head)
        keys = self.decided_keys(head)
        if head.left < 0 or head.right < 0 or rows.keys == keys.keys:
            return self.predictions[rule]
        return count_keys(keys, rows.keys, rows.n_keys)

    cdef const CSR* zero_rows(self, const Head* head) noexcept nogil:
        """The rows whose keys a zero rule predicts: of subjects, or (number 1, or on the right) of
        objects."""
        cdef bint objects = head.left < 0 or head.left == 1
        return &self.graph.rows[2 * head.relation + objects]

    cdef bint known(self, const Head* head, int32_t left, int32_t right) noexcept nogil:
        if head.relation < 0 or left < 0 or right < 0:
            return False
        if head.left >= 0 and head.right < 0:  # by the row of the constant, as the counts
            return has_pair(&self.graph.rows[2 * head.relation + 1], right, left)
        return has_pair(&self.graph.rows[2 * head.relation], left, right)

    cdef void _count_ground(self, Body* body, Py_ssize_t rule) noexcept nogil:
        cdef Head* head = &self.heads[rule]
        start_search(&self.search, body, head.left_entity, head.right_entity)
        plan_steps(&self.search)
        self.predictions[rule] = exists(&self.search)
        if self.predictions[rule]:
            self.support[rule] = self.known(head, head.left_entity, head.right_entity)
            self.unknown[rule] = not self.is_decided(head, head.left_entity, head.right_entity)

    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil:
        """Called before heads over these variables are counted (-1: a constant, or the same)."""
        return 0

    cdef int _count_values(
        self, Body* body, int32_t variable, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil:
        """All heads of the body whose only variable is `variable`."""
        cdef Members members
        cdef Shared shared
        cdef Py_ssize_t rule
        cdef Head* head
        cdef int32_t constant
        shared.side = -1
        self.before_heads(body, variable, -1)
        members = find_members(&self.scratch, self.graph.rows, body, variable)
        if not members.shared and not self.scratch.distinct:
            start_search(&self.search, body, -1, -1)
            members.n = self._list_values(body, variable)
            members.shared = True
        elif members.shared and self.scratch.part:
            forget_members(&self.scratch, &members)
            members.n = 0                     # as above
            next_epoch(&self.scratch)
        for rule in range(first, last):
            head = &self.heads[rule]
            if self.predictions[rule] != UNCOUNTED or not (
                (head.left == variable and (head.right == variable or head.right < 0))
                or (head.right == variable and head.left < 0)
            ):
                continue
            if not members.shared:
                start_search(&self.search, body, head.left_entity, head.right_entity)
                self.predictions[rule] = self._list_values(body, variable)
                self._count_listed(rule)
                continue
            constant = max(head.left_entity, head.right_entity)
            self.predictions[rule] = count_members(&self.scratch, &members, constant)
            self.unknown[rule] = self.predictions[rule]
            if head.relation < 0:
                continue
            self.unknown[rule] -= count_decided(
                &self.scratch, &members, &shared, self.decided_keys(head),
                2 * head.relation + head.place, constant
            )
            if head.left == head.right:
                self.support[rule] = count_supported_loops(
                    &self.scratch, &self.graph.rows[2 * head.relation]
                )
            elif head.left >= 0 and head.right_entity >= 0:
                self.support[rule] = count_supported(
                    &self.scratch, &self.graph.rows[2 * head.relation + 1], head.right_entity
                )
            elif head.right >= 0 and head.left_entity >= 0:
                self.support[rule] = count_supported(
                    &self.scratch, &self.graph.rows[2 * head.relation], head.left_entity
                )
        if members.shared:
            forget_members(&self.scratch, &members)
        return 0

    cdef int64_t _list_values(self, const Body* body, int32_t variable) noexcept nogil:
        """Stamps and lists the values of a variable in groundings; of a part, some of those."""
        cdef Search* search = &self.search
        cdef Domain domain
        cdef int64_t i, n = 0
        if self.scratch.n_parts == 1:
            plan_steps(search)
            return list_values(search, variable)
        next_epoch(&self.scratch)
        domain = domain_of(search, variable)
        for i in range(
            part_begin(&self.scratch, domain.n_items), part_end(&self.scratch, domain.n_items)
        ):
            if not admissible(search, variable, domain.items[i]):
                continue
            search.binding[variable] = domain.items[i]
            if search.n_steps == 0:
                plan_steps(search)
            if exists(search):
                self.scratch.stamp[domain.items[i]] = self.scratch.epoch
                self.scratch.near[n] = domain.items[i]
                n += 1
            search.binding[variable] = -1
        return n

    cdef void _count_listed(self, Py_ssize_t rule) noexcept nogil:
        """Of the values that a search has just listed, those that are known, and not decided."""
        cdef Head* head = &self.heads[rule]
        cdef int64_t i, n = self.predictions[rule]
        cdef int32_t value
        self.unknown[rule] = n
        if head.relation < 0:
            return
        self.unknown[rule] -= count_keys(self.decided_keys(head), self.scratch.near, n)
        for i in range(n):
            value = self.scratch.near[i]
            self.support[rule] += self.known(
                head,
                value if head.left >= 0 else head.left_entity,
                value if head.right >= 0 else head.right_entity,
            )

    cdef int _count_pairs(
        self, Body* body, int32_t source, int32_t end, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil:
        """All heads of the body over the two variables, in either order."""
        cdef Py_ssize_t rule
        cdef Head* head
        cdef ChainHead* chain_head
        cdef int n = self.n_chain_heads, begin = n, i
        self.before_heads(body, source, end)
        for rule in range(first, last):
            head = &self.heads[rule]
            if self.predictions[rule] != UNCOUNTED or not (
                (head.left == source and head.right == end)
                or (head.left == end and head.right == source)
            ):
                continue
            chain_head = &self.chain_heads[n]
            chain_head.rule = <int32_t>rule
            chain_head.support = 0
            chain_head.decided = 0
            chain_head.at_end = (head.right if head.place else head.left) == end
            chain_head.forward = NULL
            chain_head.backward = NULL
            if head.relation >= 0:
                i = 0 if head.left == source else 1
                chain_head.forward = &self.graph.rows[2 * head.relation + i]
                chain_head.backward = &self.graph.rows[2 * head.relation + 1 - i]
            self.predictions[rule] = 0
            n += 1
        self.n_chain_heads = n
        if find_chain(
            &self.chain, self.graph.rows, body, source, end, self.search.placed
        ) and has_exact_rows(&self.scratch, &self.chain):
            if self.holds and self.hold_chain(begin):
                return 0
            i = self.before_pairs(n - begin, True, self.way)
            count_chain(&self.scratch, &self.chain, self.chain_heads + begin, n - begin, i)
        else:
            self.before_pairs(n - begin, False, self.way)
            self._count_pairs_by_search(body, source, end, begin)
        self.take_chain_counts(begin, n)
        self.n_chain_heads = begin
        return 0

    cdef void take_chain_counts(self, int first_head, int end) noexcept nogil:
        """Gives the counts of these heads of chains to their rules."""
        cdef int i
        cdef const ChainHead* head
        for i in range(first_head, end):
            head = &self.chain_heads[i]
            self.predictions[head.rule] = head.predictions
            self.support[head.rule] = head.support
            self.unknown[head.rule] = head.predictions - head.decided

    cdef bint hold_chain(self, int first_head) noexcept nogil:
        """Holds the present chain back, with its heads from the first on; False: it is too long.

        One that is the same as the last, or that seen from its other end, is the same chain with more
        heads: in a rule file both follow each other.
        """
        cdef int i
        cdef bint same = self.n_held > 0, turned = same
        cdef Chain* chain = &self.chain
        cdef HeldChain* held
        if chain.length > MOST_HELD_STEPS:
            return False
        if same:
            held = &self.held[self.n_held - 1]
            same = turned = held.length == chain.length
            for i in range(chain.length if same else 0):
                same = same and held.steps[i] == chain.steps[i]
                turned = turned and held.steps[i] == chain.inverses[chain.length - 1 - i]
            if same or turned:
                if not same:
                    turn_heads(self.chain_heads + first_head, self.n_chain_heads - first_head)
                held.n_heads = self.n_chain_heads - held.first_head
                return True
        held = &self.held[self.n_held]
        self.n_held += 1
        held.length = <uint8_t>chain.length
        held.first_head = first_head
        held.n_heads = self.n_chain_heads - first_head
        for i in range(chain.length):
            held.steps[i] = chain.steps[i]
        return True

    cdef void count_held(self) noexcept nogil:
        """Counts all chains that are held, those together that begin with the same steps."""
        cdef int i, k, n = 0
        cdef HeldChain* held
        self.scratch.ordered = NULL
        for i in range(self.n_held):
            held = &self.held[i]
            self._take_held(held)
            held.way = <uint8_t>self.way
            if held.way == WAY_CHOSEN:
                held.way = <uint8_t>cheapest_way(&self.scratch, &self.chain)
            if not self.scratch.wide and held.way >= WAY_WIDE_FORWARD:
                held.way -= 2
            if held.way == WAY_BACKWARD or held.way == WAY_WIDE_BACKWARD:
                reverse_chain(&self.chain)
                for k in range(held.length):
                    held.steps[k] = self.chain.steps[k]
                turn_heads(self.chain_heads + held.first_head, held.n_heads)
                held.way -= 1
        if self.n_held > 1:
            qsort(self.held, self.n_held, sizeof(HeldChain), &_by_steps)
        i = 0
        while i < self.n_held:
            i += self._count_together(&self.held[i], self.n_held - i)
        self.take_chain_counts(0, self.n_chain_heads)
        self.n_held = 0
        self.n_chain_heads = 0

    cdef void _take_held(self, const HeldChain* held) noexcept nogil:
        """Has the present chain be that which is held."""
        cdef int i
        self.chain.length = held.length
        for i in range(held.length):
            self.chain.steps[i] = held.steps[i]
            self.chain.inverses[i] = self.graph.rows + (held.steps[i] - self.graph.rows ^ 1)

    cdef int _count_together(self, HeldChain* held, int n) noexcept nogil:
        """Counts the first of these chains and all behind it that share what it begins with.

        Returns how many.
        """
        cdef LastStep lasts[MOST_TOGETHER]
        cdef int i = 0, k
        cdef bint is_wide = held.way == WAY_WIDE_FORWARD
        self._take_held(held)
        # The notes about the rows of a last step lie in one array of the scratch.
        n = min(n, MOST_TOGETHER, 4 * self.scratch.n_entities // (self.scratch.n_entities + 7 >> 3))
        if held.length == 1 or not (is_wide or (held.length == 3 and self.scratch.distinct)):
            n = 1                             # there is nothing to share
        while i < n:
            if i and (held[i].way != held.way or held[i].length != held.length):
                break
            for k in range(held.length - 1):
                if held[i].steps[k] != held.steps[k]:
                    break
            else:
                lasts[i].step = held[i].steps[held.length - 1]
                lasts[i].inverse = self.graph.rows + (lasts[i].step - self.graph.rows ^ 1)
                lasts[i].heads = self.chain_heads + held[i].first_head
                lasts[i].n_heads = held[i].n_heads
                i += 1
                continue
            break
        if is_wide:
            count_wide(&self.scratch, &self.chain, lasts, i)
        else:
            count_narrow(&self.scratch, &self.chain, lasts, i)
        return i

    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil:
        """Called before heads over two variables are counted; returns the way to count a chain."""
        return way

    cdef void _count_pairs_by_search(
        self, Body* body, int32_t source, int32_t end, int first_head
    ) noexcept nogil:
        """Counts the heads of chains from the first on."""
        cdef Domain domain
        cdef int64_t i, n, row, total = 0
        cdef uint32_t edge
        cdef int k
        cdef ChainHead* head
        cdef const CSR* rows
        start_search(&self.search, body, -1, -1)
        domain = domain_of(&self.search, source)
        for i in range(
            part_begin(&self.scratch, domain.n_items), part_end(&self.scratch, domain.n_items)
        ):
            goes_on(&self.scratch, domain.items[i])
            if not admissible(&self.search, source, domain.items[i]):
                continue
            self.search.binding[source] = domain.items[i]
            if self.search.n_steps == 0:
                plan_steps(&self.search)
            n = list_values(&self.search, end)
            total += n
            for k in range(first_head, self.n_chain_heads if n else first_head):
                head = &self.chain_heads[k]
                rows = head.forward
                if rows == NULL:
                    continue
                row = find_row(rows, domain.items[i])
                if row >= 0:
                    for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                        head.support += (
                            self.scratch.stamp[rows.values[edge]] == self.scratch.epoch
                        )
                if head.at_end:
                    head.decided += count_keys(head.backward, self.scratch.near, n)
                elif row >= 0:
                    head.decided += n
            self.search.binding[source] = -1
        for k in range(first_head, self.n_chain_heads):
            self.chain_heads[k].predictions = total


cdef int _by_steps(const void* one, const void* other) noexcept nogil:
    """Narrow before wide, short before long, then by steps."""
    cdef const HeldChain* a = <const HeldChain*>one
    cdef const HeldChain* b = <const HeldChain*>other
    cdef int i
    if a.way != b.way:
        return 1 if a.way > b.way else -1
    if a.length != b.length:
        return 1 if a.length > b.length else -1
    for i in range(a.length):
        if a.steps[i] != b.steps[i]:
            return 1 if a.steps[i] > b.steps[i] else -1
    return 0


cdef inline void* _next(unsigned char** at, size_t n_bytes) noexcept nogil:
    cdef void* found = at[0]
    at[0] += n_bytes
    return found
