"""Heads with one variable, as a table has them: counted from its columns, without a `Head` for each.

A small graph meets bodies of one atom with a hundred heads each, most of whose relations or constants
it has not: what is the same of all heads of a body is found once, and of each relation once.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from pff_stream.report._record cimport (
    ALL_UNKNOWN, FILTERED, HEAD_RELATION_ABSENT, NOTHING_MATCHES, PREDICTIONS, SATISFIED, SUPPORT,
    UNKNOWN, VACUOUS, VIOLATED,
)
from pff_stream.rules._table cimport HeadGroup, RuleTable, is_one_variable


cdef inline uint8_t outcome_of(
    int64_t predictions, int64_t support, int64_t unknown, bint partial, bint is_head_known,
    uint8_t* reason
) noexcept nogil:
    """What becomes of a rule that was counted, and why."""
    cdef int64_t violations = predictions - support
    reason[0] = 0
    if predictions == 0:
        reason[0] = NOTHING_MATCHES
        return VACUOUS
    if partial:
        violations -= unknown
    if violations:
        if not is_head_known:
            reason[0] = HEAD_RELATION_ABSENT
        return VIOLATED
    if support or not partial:
        return SATISFIED
    reason[0] = ALL_UNKNOWN
    return VACUOUS


cdef inline void add_counted(
    Tally* tally, int64_t predictions, int64_t support, int64_t unknown, bint partial,
    bint is_head_known, int64_t n
) noexcept nogil:
    """Adds `n` rules (fewer than 0: takes them out) that are counted alike."""
    cdef uint8_t reason
    tally.outcomes[
        outcome_of(predictions, support, unknown, partial, is_head_known, &reason)
    ] += n
    tally.reasons[reason] += n
    tally.sums[PREDICTIONS] += n * predictions
    tally.sums[SUPPORT] += n * support
    tally.sums[UNKNOWN] += n * unknown


cdef Py_ssize_t count_summed(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t start, uint32_t n_atoms,
    Tally* tally
) noexcept nogil:
    """Counts the heads of a body that have one variable, where its members serve all of them.

    Nothing is kept of a single rule. Returns how many other heads there are, which have the places
    behind those that wait, UNCOUNTED.
    """
    cdef Body resolved
    cdef Members members
    cdef uint32_t first = table.rule_ends[body - 1] if body else 0, rule
    cdef uint32_t group = table.group_ends[body - 1] if body else 0
    cdef uint32_t end = table.group_ends[body], n_told = 0, asked = 0
    cdef int32_t variable
    cdef const int32_t* head
    cdef Py_ssize_t n = 0
    if 0 < n_atoms <= 2:                      # of four variables at most
        resolve_body(counter, table.atoms + 3 * <size_t>start, <int>n_atoms, &resolved)
        while group < end:
            variable = table.groups[group].where >> 1
            members = find_members(&counter.scratch, counter.graph.rows, &resolved, variable)
            if members.shared:
                asked |= <uint32_t>1 << variable
                n_told += _add_groups(counter, &members, table, group, end, tally)
                forget_members(&counter.scratch, &members)
            while group < end and table.groups[group].where >> 1 == variable:
                group += 1
    if n_told == table.rule_ends[body] - first:
        return 0
    for rule in range(first, table.rule_ends[body]):
        head = table.heads + 3 * <size_t>rule
        if asked and is_one_variable(head) and asked >> max(head[1], head[2]) & 1:
            continue
        begin_rule(counter, counter.n_waiting + n, 0)
        set_head(counter, counter.n_waiting + n, head)
        n += 1
    return n


cdef inline void begin_rule(TableCounter counter, Py_ssize_t rule, uint8_t reason) noexcept nogil:
    """Nothing is counted of a rule yet; with a reason it is filtered."""
    counter.predictions[rule] = UNCOUNTED
    counter.support[rule] = 0
    counter.unknown[rule] = 0
    counter.reasons[rule] = reason
    counter.outcomes[rule] = FILTERED if reason else SATISFIED


cdef inline void _begin_members(
    TableCounter counter, const Members* members, Shared* shared
) noexcept nogil:
    """No side was looked at for these members."""
    shared.side = -1
    if counter.joins.n_words:
        count_sides(&counter.joins, counter.scratch.near, members.n)
        return
    counter.sides_epoch += 1
    if counter.sides_epoch == 0:
        memset(counter.sides, 0, sizeof(counter.sides))
        counter.sides_epoch = 1


cdef uint32_t _add_groups(
    TableCounter counter, const Members* members, RuleTable table, uint32_t group, uint32_t end,
    Tally* tally
) noexcept nogil:
    """Adds all heads of a variable, group by group; returns how many there are."""
    cdef int32_t variable = table.groups[group].where >> 1, relation, side
    cdef uint32_t first = table.groups[group - 1].end if group else 0, at = first, n
    cdef int64_t unknown
    cdef const HeadGroup* heads
    cdef Shared shared
    _begin_members(counter, members, &shared)
    while group < end and table.groups[group].where >> 1 == variable:
        heads = &table.groups[group]
        relation = table.relation_ids[heads.relation]
        side = 2 * relation + <int32_t>(heads.where & 1) if relation >= 0 else -1
        n = heads.end - at                    # those that are counted as if the graph had no constant
        while at < heads.end:
            if table.entity_ids[table.constants[at]] >= 0:
                n -= _add_present(
                    counter, members, &shared, side, table.entity_ids[table.constants[at]], tally
                )
            at += 1
        unknown = members.n
        if relation >= 0:
            unknown -= _decided(counter, members, &shared, side, -1)
        add_counted(tally, members.n, 0, unknown, counter.partial, relation >= 0, n)
        group += 1
    return at - first


cdef uint32_t _add_present(
    TableCounter counter, const Members* members, Shared* shared, int32_t side, int32_t constant,
    Tally* tally
) noexcept nogil:
    """Adds a head whose constant is in the graph; 0 where that makes no difference."""
    cdef int64_t predictions = count_members(&counter.scratch, members, constant)
    cdef int64_t support = 0, unknown = predictions
    if side >= 0:
        support = count_supported(&counter.scratch, &counter.graph.rows[side ^ 1], constant)
    if support == 0 and predictions == members.n:
        return 0
    if side >= 0:
        unknown -= _decided(counter, members, shared, side, constant)
    add_counted(tally, predictions, support, unknown, counter.partial, side >= 0, 1)
    return 1


cdef bint count_one_by_one(
    TableCounter counter, RuleTable table, uint32_t start, uint32_t n_atoms, uint32_t first,
    Py_ssize_t n
) noexcept nogil:
    """As `count_summed`, for all `n` rules from `first` on; True where others are left, UNCOUNTED."""
    cdef Body body
    cdef Members members
    cdef Py_ssize_t rule
    cdef const int32_t* head = table.heads + 3 * <size_t>first
    cdef bint is_shared = 0 < n_atoms <= 2, is_left = False
    if is_shared:
        resolve_body(counter, table.atoms + 3 * <size_t>start, <int>n_atoms, &body)
    for rule in range(n):
        begin_rule(counter, rule, table.filtered[first + rule])
    for rule in range(n):
        if counter.predictions[rule] != UNCOUNTED:
            continue
        if counter.outcomes[rule] == FILTERED:
            counter.predictions[rule] = 0
            continue
        if is_shared and is_one_variable(head + 3 * rule):
            members = find_members(
                &counter.scratch, counter.graph.rows, &body,
                max(head[3 * rule + 1], head[3 * rule + 2]),
            )
            if members.shared:
                _count_heads(counter, &members, table, first, rule, n)
                forget_members(&counter.scratch, &members)
                continue
        set_head(counter, rule, head + 3 * rule)
        is_left = True
    return is_left


cdef void _count_heads(
    TableCounter counter, const Members* members, RuleTable table, uint32_t first,
    Py_ssize_t rule, Py_ssize_t n
) noexcept nogil:
    """Counts all heads from `rule` on with its variable."""
    cdef const int32_t* heads = table.heads + 3 * <size_t>first
    cdef const int32_t* head
    cdef int32_t variable = max(heads[3 * rule + 1], heads[3 * rule + 2])
    cdef int32_t constant, relation, side
    cdef Shared shared
    _begin_members(counter, members, &shared)
    for rule in range(rule, n):
        head = heads + 3 * rule
        if max(head[1], head[2]) != variable or not is_one_variable(head) or (
            counter.outcomes[rule] == FILTERED
        ):
            continue
        constant = table.entity_ids[-1 - min(head[1], head[2])]
        counter.predictions[rule] = count_members(&counter.scratch, members, constant)
        counter.unknown[rule] = counter.predictions[rule]
        relation = table.relation_ids[head[0]]
        if relation < 0:
            continue
        side = 2 * relation + (head[1] < 0)
        counter.unknown[rule] -= _decided(counter, members, &shared, side, constant)
        if constant >= 0:
            counter.support[rule] = count_supported(
                &counter.scratch, &counter.graph.rows[side ^ 1], constant
            )


cdef inline int64_t _decided(
    TableCounter counter, const Members* members, Shared* shared, int32_t side, int32_t constant
) noexcept nogil:
    """As `count_decided`; what members have in common with a side is counted once a body."""
    cdef SideCount* count = &counter.sides[side & (N_SIDES - 1)]
    if shared.side != side:
        shared.side = side
        if counter.joins.n_words:
            shared.n = counter.joins.counts[side]
        else:
            if count.side != side or count.epoch != counter.sides_epoch:
                count.side = side
                count.epoch = counter.sides_epoch
                count.n = count_stamped(&counter.scratch, &counter.graph.rows[side], members.n)
            shared.n = count.n
        shared.withheld = False
    return count_decided(
        &counter.scratch, members, shared, &counter.graph.rows[side], side, constant
    )
