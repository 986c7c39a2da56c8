# What the parts of the kernel share, and what `_blocks` builds on.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc
from libc.string cimport memset

from pff_stream.report._record cimport FILTERED, N_COUNTS, N_REASONS, Record
from pff_stream.report._rows cimport RuleRows
from pff_stream.rules._asked cimport AskedRelations
from pff_stream.rules._table cimport RuleTable
from pff_stream.triples._graph cimport GraphView, CSR, find_row


include "_shared.pxi"


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
    cdef const CSR* keys_of(self, int32_t side) noexcept nogil
    cdef int64_t violations_of(self, Py_ssize_t rule) noexcept nogil
    cdef int count_body(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil
    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil


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



# --- what blocks call ----------------------------------------------------------------------------

cdef void set_head(Counter counter, Py_ssize_t rule, const int32_t* columns) noexcept nogil
cdef uint8_t filter_rule(
    Counter counter, Py_ssize_t rule, const unsigned char* names, const uint32_t* name_ends,
    int64_t support, double confidence
) noexcept nogil
cdef uint8_t resolve_body(
    Counter counter, const int32_t* columns, int n_atoms, Body* body
) noexcept nogil
cdef int sides_in_any_order(
    Chain* chain, const CSR* rows, const Body* body, int32_t left, int32_t right, bint distinct,
    char* used, int32_t* sides, int32_t* first
) noexcept nogil
cdef int cheapest_way(Scratch* scratch, Chain* chain) noexcept nogil
