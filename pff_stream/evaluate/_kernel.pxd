# What the parts of the kernel share, and what `_blocks` builds on.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from pff_stream.report._record cimport FILTERED, N_COUNTS, N_REASONS, Record
from pff_stream.report._rows cimport RuleRows
from pff_stream.rules._asked cimport AskedRelations
from pff_stream.rules._table cimport RuleTable
from pff_stream.triples._graph cimport GraphView, CSR, find_row


# --- scratch -------------------------------------------------------------------------------------

cdef extern from "evaluate/_lanes.h":
    enum:
        PFF_LANES
        PFF_WORDS
        PFF_PLANES
    ctypedef struct pff_vector:
        pass
    ctypedef struct pff_level:
        pff_vector* vectors
        pff_vector* twice
        uint32_t* touched
        int32_t* list
        int64_t n
        uint32_t epoch


cdef enum:
    ABSENT = -0x7FFFFFFF - 1      # the term of a constant that the graph does not have


# An atom whose names are resolved. A term >= 0 is a variable, a term < 0 the entity -1 - term.
cdef struct Atom:
    int32_t relation
    int32_t left
    int32_t right


# `filters` are inequalities: atoms without a relation, whose left term is a variable.
cdef struct Body:
    const Atom* atoms
    int n_atoms
    const Atom* filters
    int n_filters
    int n_variables


ctypedef void (*Follow)(void* follower, int32_t entity) noexcept nogil


# Where two steps meet: walks over both, and how many edges arrive and leave there.
cdef struct Meeting:
    double walks
    double arriving
    double leaving


# One item an entity in each array. A stamp equal to the current epoch means "seen in this round",
# so that nothing is ever cleared between rounds.
cdef struct Scratch:
    int64_t n_entities
    bint distinct                 # object identity: distinct variables are distinct entities
    uint32_t epoch
    uint32_t* stamp
    int32_t* first                # what reached an entity first; of a member, the first of K
    int32_t* second               # the second entity of K
    int32_t* withheld             # members that a constant takes out, counted per constant; of a
                                  # chain, its sources by end. All zeros in between
    int32_t* near                 # entities in order of discovery: the last level, or members
    int32_t* far                  # the level before the last
    uint64_t* progress            # moved while there is work, for whoever watches
    Follow follow                 # told each entity that a rule goes on to; NULL: nobody asks
    void* follower
    uint64_t edges                # edges touched, for the benchmarks
    const CSR* met[2]             # the first two steps of the last chain whose way was chosen
    Meeting meeting               # of these two
    uint32_t part                 # of the sources of each body only this part is counted
    uint32_t n_parts              # of so many
    bint wide                     # whether what follows is there
    pff_level levels[3]
    int32_t* sources              # of a chain, in the order in which they are taken
    const CSR* ordered            # the step whose sources these are; NULL: of none


cdef inline void* grown(void* block, size_t n_bytes) except NULL:
    """The block with room for `n_bytes`, every page of it taken now; its content is forgotten."""
    cdef void* larger = realloc(block, n_bytes if n_bytes else 1)
    if larger == NULL:
        raise MemoryError
    memset(larger, 0, n_bytes)
    return larger


cdef inline uint32_t next_epoch(Scratch* scratch) noexcept nogil:
    cdef int64_t i
    scratch.epoch += 1
    if scratch.epoch == 0:
        for i in range(scratch.n_entities):
            scratch.stamp[i] = 0
        scratch.epoch = 1
    return scratch.epoch


cdef inline void goes_on(const Scratch* scratch, int32_t entity) noexcept nogil:
    """Says which entity of an ascending list is next."""
    if scratch.follow != NULL:
        scratch.follow(scratch.follower, entity)


cdef inline int64_t part_begin(const Scratch* scratch, int64_t n) noexcept nogil:
    """The first of `n` sources that is counted."""
    return n * scratch.part // scratch.n_parts


cdef inline int64_t part_end(const Scratch* scratch, int64_t n) noexcept nogil:
    """Behind the last of `n` sources that is counted."""
    return n * (scratch.part + 1) // scratch.n_parts


cdef inline int32_t entity_of(int32_t term) noexcept nogil:
    return -1 - term


cdef inline bint is_key(const CSR* rows, int32_t entity) noexcept nogil:
    """Whether there is a row of `entity`."""
    if rows.bits != NULL:
        return rows.bits[entity >> 6] >> (entity & 63) & 1
    return find_row(rows, entity) >= 0


# --- search --------------------------------------------------------------------------------------

# SCAN binds `target` to each key; EXTEND to each value in the row of `source`; CHECK tests a pair.
cdef struct Step:
    int operation
    const CSR* rows
    int32_t source
    int32_t target


cdef struct Search:
    Scratch* scratch
    const CSR* rows
    const Body* body
    int32_t* binding              # per variable, -1 = free
    int32_t* constants            # entities that no variable may take (object identity)
    int n_constants
    Step* steps
    int n_steps
    char* placed
    int32_t target                # the variable whose distinct values are wanted, or -1
    int64_t n_found               # they are listed in scratch.near


cdef struct Domain:
    const int32_t* items
    int64_t n_items
    int atom                      # whose row they are, so that it holds for each; -1: keys


# --- chains --------------------------------------------------------------------------------------

cdef struct Chain:
    int length
    const CSR** steps            # from each variable of the chain to the next
    const CSR** inverses         # and back: inverses[i] undoes steps[i]


# One head over a chain: the rows of its relation seen from the source, and from the other end.
cdef struct ChainHead:
    const CSR* forward           # NULL: the relation is not in the graph
    const CSR* backward
    int64_t support
    int64_t decided
    int64_t predictions
    int32_t rule
    bint at_end                  # whether the other end is the functional variable


# How a chain is counted: one source at a time or 512, from the source as written or from the end.
cdef enum:
    WAY_CHOSEN = 0
    WAY_FORWARD = 1
    WAY_BACKWARD = 2
    WAY_WIDE_FORWARD = 3
    WAY_WIDE_BACKWARD = 4


cdef enum:
    MOST_HELD_STEPS = 3           # of a chain that is held back, to be counted with others
    MOST_TOGETHER = 16            # chains that share all steps but the last, counted at once


# A chain with all its heads, as it is held until those like it are known.
cdef struct HeldChain:
    const CSR* steps[MOST_HELD_STEPS]
    uint8_t length
    uint8_t way
    int32_t first_head            # of the heads of chains
    int32_t n_heads


# The last step of a chain, and the heads over it.
cdef struct LastStep:
    const CSR* step
    const CSR* inverse
    ChainHead* heads
    int n_heads
    int64_t total                 # predictions
    int n_at_end                  # heads that ends are counted for
    bint by_ends                  # whether sources are counted by end until all are done
    bint at_source                # whether sources decide predictions of some head
    bint returns                  # whether an end may be a source
    bint leads_back               # whether an edge leads back to where one of the step before came from
    uint8_t* rows_back            # which rows have such an edge, a bit each; NULL: all
    uint8_t* edges_back           # and which edges do; NULL: not noted


# --- work ----------------------------------------------------------------------------------------

cdef struct Work:
    int64_t n_entities
    const CSR* rows
    int n_atoms
    Atom* atoms                   # with a fresh variable where an occurrence closes a cycle
    int* component                # per variable: which part it belongs to, -1: not yet met
    uint64_t* count               # per part: homomorphisms
    uint64_t** level              # one vector over entities per depth of the tree
    int n_levels


# --- counter -------------------------------------------------------------------------------------

cdef enum:
    UNCOUNTED = -1


# A head: a term >= 0 is a variable of the body; else the constant's entity (-1: not in the graph).
cdef struct Head:
    int32_t relation              # -1: not in the graph
    int32_t left
    int32_t right
    int32_t left_entity
    int32_t right_entity
    int32_t place                 # of the functional variable: 0 subject, 1 object
    int32_t relation_name         # places in the chunk's names, -1 for a variable
    int32_t left_name
    int32_t right_name


cdef inline bint is_pair(const Head* head) noexcept nogil:
    """Whether the head is over two variables."""
    return head.left >= 0 and head.right >= 0 and head.left != head.right


cdef class Counter:
    cdef GraphView graph
    cdef Scratch scratch
    cdef void* scratch_block
    cdef size_t scratch_size
    cdef Search search
    cdef Chain chain
    cdef int capacity             # atoms of a body that the search has room for
    cdef int way
    cdef uint64_t own_progress
    cdef const unsigned char[::1] progress_view
    cdef Work work
    cdef bint bounds_work
    cdef uint64_t max_work
    cdef int64_t min_support
    cdef double min_confidence
    cdef AskedRelations asked
    cdef bint partial             # whether an absent prediction is a violation only where it is decided
    cdef bint subjects_only       # a graph of documents: the subject is functional of every relation
    cdef int n_placed
    cdef int32_t* placed_relations    # whose functional place is given, and that place
    cdef int32_t* given_places
    # the rules at hand
    cdef int32_t* entity_ids      # per name
    cdef int32_t* relation_ids
    cdef Atom* atoms
    cdef Head* heads
    cdef ChainHead* chain_heads
    cdef int32_t n_chain_heads
    cdef HeldChain* held
    cdef int32_t n_held
    cdef bint holds               # whether chains are held back until `count_held`
    cdef int64_t* predictions
    cdef int64_t* support
    cdef int64_t* unknown
    cdef uint8_t* outcomes
    cdef uint8_t* reasons
    cdef size_t name_room
    cdef size_t atom_room
    cdef size_t rule_room

    cdef _allocate_scratch(self, bint wide)
    cdef reserve_body(self, int n_atoms)
    cdef reserve_rules(self, size_t n_names, size_t n_atoms, size_t n_rules)
    cdef _take_places(self, functional)
    cdef int32_t functional_place(self, int32_t relation) noexcept nogil
    cdef const CSR* keys_of(self, int32_t side) noexcept nogil
    cdef const CSR* decided_keys(self, const Head* head) noexcept nogil
    cdef bint is_decided(self, const Head* head, int32_t left, int32_t right) noexcept nogil
    cdef int64_t violations_of(self, Py_ssize_t rule) noexcept nogil
    cdef void set_head(self, Py_ssize_t rule, const int32_t* columns) noexcept nogil
    cdef uint8_t filter(
        self, Py_ssize_t rule, const unsigned char* names, const uint32_t* name_ends,
        int64_t support, double confidence
    ) noexcept nogil
    cdef uint8_t resolve_body(self, const int32_t* columns, int n_atoms, Body* body) noexcept nogil
    cdef void _resolve_filters(self, const int32_t* columns, int n_atoms, Body* body) noexcept nogil
    cdef int32_t _resolve_term(self, int32_t term, Body* body, uint8_t* reason) noexcept nogil
    cdef int count_body(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil
    cdef bint hold_chain(self, int first_head) noexcept nogil
    cdef void count_held(self) noexcept nogil
    cdef void _take_held(self, const HeldChain* held) noexcept nogil
    cdef int _count_together(self, HeldChain* held, int n) noexcept nogil
    cdef void take_chain_counts(self, int first_head, int end) noexcept nogil
    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil
    cdef const CSR* zero_rows(self, const Head* head) noexcept nogil
    cdef bint known(self, const Head* head, int32_t left, int32_t right) noexcept nogil
    cdef void _count_zero_rule(self, Py_ssize_t rule) noexcept nogil
    cdef int64_t _decided_of_zero_rule(self, Py_ssize_t rule) noexcept nogil
    cdef void _count_ground(self, Body* body, Py_ssize_t rule) noexcept nogil
    cdef int64_t _list_values(self, const Body* body, int32_t variable) noexcept nogil
    cdef int _count_values(
        self, Body* body, int32_t variable, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef void _count_listed(self, Py_ssize_t rule) noexcept nogil
    cdef int _count_pairs(
        self, Body* body, int32_t source, int32_t end, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef void _count_pairs_by_search(
        self, Body* body, int32_t source, int32_t end, int first_head
    ) noexcept nogil


# --- records -------------------------------------------------------------------------------------

# Where a record stands in the buffer.
cdef struct Placed:
    uint64_t source
    uint32_t part
    uint32_t n_bytes
    size_t at


cdef class ResultBuffer:
    cdef unsigned char* buffer
    cdef size_t buffer_bytes
    cdef size_t used
    cdef size_t record_at         # of the present record
    cdef object flush
    cdef const unsigned char* names   # of the present chunk
    cdef const uint32_t* name_ends
    cdef bint sorts               # whether records come in any order, and are handed out by source
    cdef Placed* placed
    cdef unsigned char* sorted_buffer
    cdef size_t sorted_bytes

    cdef int start(self, const Record* record) except -1 nogil
    cdef int hand_out(self) except -1 nogil
    cdef int put_example(
        self, const Head* head, const Body* body, const int32_t* binding, int32_t subject,
        int32_t object
    ) except -1 nogil
    cdef int _open_examples(self, const Head* head, int n_atoms, size_t room) except -1 nogil
    cdef int _enlarge(self, size_t n_bytes) except -1 nogil
    cdef uint32_t _name_bytes(self, int32_t name) noexcept nogil
    cdef void _put_name(self, int32_t name) noexcept nogil
    cdef _reserve_sorting(self)
    cdef int _sort_records(self) except -1


# --- evaluator -----------------------------------------------------------------------------------

# Columns of a chunk from the first rule of a range on.
cdef struct RuleRange:
    const int32_t* atoms
    const uint32_t* body_ends
    const uint32_t* rule_body     # per rule of the range, as all below
    const uint64_t* sources
    const uint8_t* flags
    uint8_t skipped               # rules with one of these flags are not written
    Py_ssize_t n_rules


cdef inline const int32_t* body_of(
    const RuleRange* rules, Py_ssize_t rule, int* n_atoms
) noexcept nogil:
    """The columns of the body of a rule, and how many atoms it has."""
    cdef uint32_t body = rules.rule_body[rule]
    cdef uint32_t begin = rules.body_ends[body - 1] if body else 0
    n_atoms[0] = rules.body_ends[body] - begin
    return rules.atoms + 3 * <size_t>begin if n_atoms[0] else NULL


cdef class Evaluator(Counter):
    cdef int64_t max_examples
    cdef int32_t after_left       # violations are listed behind this one; -1: from the first on
    cdef int32_t after_right
    cdef ResultBuffer results
    cdef uint32_t* order          # the rules to write, by source, and room to sort them
    cdef uint32_t* spare
    cdef size_t order_room
    cdef const int64_t* given     # counts of the rules at hand by another; NULL: they are counted
    cdef int64_t* told            # where counts go in place of records; NULL: nowhere

    cdef void list_at_most(self, int64_t n) noexcept
    cdef bint sorts_results(self)
    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules)
    cdef int _resolve(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil
    cdef int find_entities(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil
    cdef int take_rules(self, const RuleRange* rules, Py_ssize_t n_written) except -1 nogil
    cdef int _count_rules(self, const RuleRange* rules) except -1 nogil
    cdef void _take_counts(self, Py_ssize_t n_rules) noexcept nogil
    cdef void _tell_counts(self, Py_ssize_t n_rules) noexcept nogil
    cdef int write_rule(
        self, Py_ssize_t rule, uint64_t source, const int32_t* columns, int n_atoms
    ) except -1 nogil
    cdef void _settle_outcome(self, Py_ssize_t rule) noexcept nogil
    cdef int _put_example(
        self, Py_ssize_t rule, const Body* body, int32_t subject, int32_t object
    ) except -1 nogil
    cdef int _write_zero_examples(self, Py_ssize_t rule) except -1 nogil
    cdef int _write_examples(self, Py_ssize_t rule, Body* body) except -1 nogil
    cdef int _write_values(self, Py_ssize_t rule, Body* body, int32_t variable) except -1 nogil
    cdef Domain _candidates(self, const Body* body, int32_t variable) noexcept nogil
    cdef int _write_pairs(self, Py_ssize_t rule, Body* body) except -1 nogil
    cdef int32_t _listed_value(self, const Head* head) noexcept nogil
    cdef void _free(self, const Body* body) noexcept nogil


cdef enum:
    N_SIDES = 128                 # whose counts are kept; a power of two


# How many members of a body are keys of a side, where `epoch` is that of the body.
cdef struct SideCount:
    int64_t n
    int32_t side
    uint32_t epoch


# What a table comes to on one graph.
cdef struct Tally:
    uint64_t outcomes[FILTERED + 1]
    uint64_t reasons[N_REASONS]
    int64_t sums[N_COUNTS]


# Which sides of relations have a key in common: a row of bits for each.
cdef struct Joins:
    uint64_t* bits
    uint64_t n_words              # of a row; 0: not known
    uint64_t n_sides
    uint64_t* sides_of            # a row of bits for each entity: the sides that it is a key of
    uint32_t* counts              # of some entities, how many are keys of each side


# A violated rule of a table.
cdef struct TableViolated:
    uint32_t row                  # of the table
    uint32_t body
    uint32_t source               # ordinal in the rule file
    bint by_object                # whether the functional variable of its head is the object
    int64_t violations
    int64_t counts[N_COUNTS]


cdef class TableCounter(Evaluator):
    cdef RuleRows rows            # what is told of rules, while they are counted; None: nothing
    cdef bint by_sets             # bodies that match nothing are counted by the relations they need
    cdef RuleTable names_in       # the table whose names are known
    cdef int32_t* names_of        # names of the table: of entities, then of relations; -1
    cdef Py_ssize_t n_waiting     # rules whose counts are not complete before `count_held`
    cdef bint keeps_violated
    cdef TableViolated* violated
    cdef uint32_t violated_room
    cdef readonly uint32_t n_violated
    cdef Joins joins
    cdef SideCount[N_SIDES] sides     # what the members of a body have in common with a side
    cdef uint32_t sides_epoch

    cdef int _find_names(self, RuleTable table) except -1
    cdef int _count_sets(self, RuleTable table, Tally* tally) except -1 nogil
    cdef void _add_vacuous(self, uint8_t reason, uint32_t number, Tally* tally) noexcept nogil
    cdef void _find_spelled(self, RuleTable table) noexcept nogil
    cdef int _n_spellings(self) noexcept nogil
    cdef void _set_names(self, RuleTable table, bint known) noexcept nogil
    cdef int _count_matching(
        self, RuleTable table, Tally* tally
    ) except -1 nogil
    cdef int _count_constants(
        self, RuleTable table, uint64_t relation, int32_t name, Tally* tally
    ) except -1 nogil
    cdef int _count_list(
        self, RuleTable table, uint32_t first, int32_t relation, int direction, int32_t constant,
        Tally* tally
    ) except -1 nogil
    cdef int _count_others(self, RuleTable table, Tally* tally) except -1 nogil
    cdef uint8_t _why_absent(self, RuleTable table, uint32_t start, uint32_t end) noexcept nogil
    cdef int _tally(
        self, RuleTable table, uint32_t rule, uint8_t outcome, uint8_t reason,
        const int64_t* counts, Tally* tally
    ) except -1 nogil
    cdef bint _is_left_out(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil
    cdef int _count_table_body(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil
    cdef int _count_summed(
        self, RuleTable table, uint32_t body, uint32_t start, uint32_t n_atoms, Tally* tally
    ) except -1 nogil
    cdef void _settle_waiting(self, Tally* tally) noexcept nogil
    cdef int _count_reversal(
        self, RuleTable table, uint32_t body, uint32_t start, Tally* tally
    ) except -1 nogil
    cdef bint _may_reverse(
        self, RuleTable table, uint32_t body, const int32_t* atoms, uint32_t start, uint32_t n
    ) noexcept nogil
    cdef int _settle(
        self, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule, Tally* tally
    ) except -1 nogil
    cdef int _keep_violated(
        self, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule
    ) except -1 nogil


# --- what blocks call ----------------------------------------------------------------------------

cdef int sides_in_any_order(
    Chain* chain, const CSR* rows, const Body* body, int32_t left, int32_t right, bint distinct,
    char* used, int32_t* sides, int32_t* first
) noexcept nogil
cdef int cheapest_way(Scratch* scratch, Chain* chain) noexcept nogil
