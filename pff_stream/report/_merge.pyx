# distutils: extra_compile_args = -O3
"""Spooled results and the rules' own lines, merged by source and written, each record formatted once.

Two consumers share one pass (`_pass`): `write_results` formats bytes and makes no object per rule;
`iterate` yields a `RuleOutcome` at a time. Does not commit or open destinations.
"""

from cpython.ref cimport PyObject
from libc.math cimport isnan
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from pff_stream.report._pass cimport REASON_TEXT, VACUOUS, Pass, Rule, Slice, bytes_of, decode
from pff_stream.report._runs cimport N_OUTCOMES
from pff_stream.report._runs import FAN_IN, MAX_RECORD_BYTES, WINDOW_BYTES, heap_bytes
from pff_stream.report._text cimport (
    DECIMALS,
    ESCAPED_BYTES,
    SHORT_BYTES,
    Decimal,
    Sink,
    drain,
    pff_needs_escape,
    put,
    put_decimal,
    put_field,
    put_json,
    put_literal,
    put_number,
)
from pff_stream.report.records import REASON_TEXTS, Outcome, Reason, RuleOutcome, Violation
from pff_stream.triples._graph cimport GraphView

BUFFER_BYTES = 1 << 18
MAX_VIOLATIONS = 1_000_000


cdef enum:
    # Above it the text of a rule is escaped anew for each violation instead of kept.
    KEPT_TEXT_BYTES = 8192


def merge_bytes(
    n_runs, *, fan_in=FAN_IN, window_bytes=WINDOW_BYTES, max_record_bytes=MAX_RECORD_BYTES
):
    """The most bytes that a merge allocates beside its source chunk; the planner's own number."""
    buffers = 3 * BUFFER_BYTES + DECIMALS * sizeof(Decimal)
    shared = 2 * (ESCAPED_BYTES * KEPT_TEXT_BYTES + 1024)     # doubled as it grows
    return heap_bytes(n_runs, fan_in, window_bytes, max_record_bytes) + buffers + shared


cdef class _Decoder(Pass):
    """Makes an object of each rule."""

    def next_outcome(self):
        """The next rule as a `RuleOutcome`, None behind the last."""
        cdef Rule* rule = &self.rule
        if not self.next_rule():
            return None
        examples = []
        reason = REASON_TEXTS[Reason(rule.reason)] or text_of(rule.reason_text)
        while True:
            if rule.has_record:
                self._decode_examples(examples)
            if not self.next_part():
                break
        return RuleOutcome(
            line=rule.line,
            text=text_of(rule.text),
            outcome=Outcome(rule.outcome),
            reason=reason,
            predictions=rule.predictions,
            support=rule.support,
            confidence=self.confidence(rule),
            miner_confidence=None if isnan(rule.miner_confidence) else rule.miner_confidence,
            examples=tuple(examples),
        )

    cdef _decode_examples(self, list examples):
        cdef const unsigned char* ids = self.examples.ids
        cdef Slice names[3]
        cdef uint32_t i, k
        for i in range(self.take_examples()):
            self.head(ids, names)
            head = _triple(names)
            witness = []
            for k in range(self.examples.n_atoms):
                self.body_triple(ids + 8 + 12 * k, names)
                witness.append(_triple(names))
            examples.append(Violation(head, tuple(witness)))
            ids += self.examples.stride


cdef class _Formatter(Pass):
    """Writes three files while it counts; a writer that is None takes nothing."""

    cdef object writers
    cdef Sink violations
    cdef Sink rules
    cdef Sink outcomes_sink
    cdef Sink before              # a violation up to its head, once a rule
    cdef Sink after               # and from behind its witness
    cdef Decimal* decimals
    cdef Slice reason_texts[REASON_TEXT + 1]
    cdef Slice outcome_words[N_OUTCOMES]
    cdef list words

    def __cinit__(self, *arguments):
        memset(&self.violations, 0, sizeof(Sink))
        memset(&self.rules, 0, sizeof(Sink))
        memset(&self.outcomes_sink, 0, sizeof(Sink))
        memset(&self.before, 0, sizeof(Sink))
        memset(&self.after, 0, sizeof(Sink))
        self.decimals = <Decimal*>calloc(DECIMALS, sizeof(Decimal))
        if self.decimals == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.violations.data)
        free(self.rules.data)
        free(self.outcomes_sink.data)
        free(self.before.data)
        free(self.after.data)
        free(self.decimals)

    def set_writers(self, violations, rules, outcomes, size_t buffer_bytes):
        """The three writers; each gets a buffer of `buffer_bytes`."""
        if buffer_bytes < SHORT_BYTES:
            raise ValueError(f"expected buffers of at least {SHORT_BYTES} bytes")
        self.writers = (violations, rules, outcomes)
        _open_sink(&self.violations, violations, buffer_bytes)
        _open_sink(&self.rules, rules, buffer_bytes)
        _open_sink(&self.outcomes_sink, outcomes, buffer_bytes)
        self.words = [outcome.word.encode() for outcome in Outcome]
        for i, word in enumerate(self.words):
            self.outcome_words[i] = _slice_of(word)
        self.words += [REASON_TEXTS[reason].encode() for reason in Reason]
        for i, word in enumerate(self.words[N_OUTCOMES:]):
            self.reason_texts[i] = _slice_of(word)

    def write(self):
        """The whole pass; returns `Totals`."""
        cdef uint64_t written, cap = self.examples_left
        while self.next_rule():
            self.count()
            if self.outcomes_sink.writer != NULL:
                self._put_outcome()
            if self.rules.writer != NULL and self.rule.outcome <= VACUOUS:
                self._put_rule()
            self._put_violations()
        drain(&self.violations)
        drain(&self.rules)
        drain(&self.outcomes_sink)
        written = cap - self.examples_left
        return self.totals(written, self.violations.writer != NULL)

    cdef int _put_outcome(self) except -1:
        cdef Rule* rule = &self.rule
        cdef Slice* word = &self.outcome_words[rule.outcome]
        cdef Slice* reason = &self.reason_texts[rule.reason]
        if rule.reason == REASON_TEXT:
            reason = &rule.reason_text
        put_number(&self.outcomes_sink, rule.line)
        put_literal(&self.outcomes_sink, b"\t")
        put(&self.outcomes_sink, <const char*>word.text, word.n)
        put_literal(&self.outcomes_sink, b"\t")
        put_field(&self.outcomes_sink, reason.text, reason.n)
        return put_literal(&self.outcomes_sink, b"\n")

    cdef int _put_rule(self) except -1:
        cdef Rule* rule = &self.rule
        put_number(&self.rules, rule.predictions)
        put_literal(&self.rules, b"\t")
        put_number(&self.rules, rule.support)
        put_literal(&self.rules, b"\t")
        self._put_confidence(&self.rules)
        put_literal(&self.rules, b"\t")
        put(&self.rules, <const char*>rule.text.text, rule.text.n)
        return put_literal(&self.rules, b"\n")

    cdef int _put_confidence(self, Sink* sink) except -1:
        cdef Rule* rule = &self.rule
        cdef uint64_t limit = <uint64_t>1 << 53
        cdef double confidence = 0.0
        if rule.predictions:
            if <uint64_t>rule.predictions < limit and self.unseen < limit:
                # Both terms are exact, so the quotient is rounded once.
                confidence = <double>rule.support / <double>(rule.predictions + self.unseen)
            else:
                confidence = self.confidence(rule)
        return put_decimal(sink, confidence, self.decimals)

    cdef int _put_violations(self) except -1:
        cdef bint begun = False
        while True:
            if self.rule.has_record and self.examples.n:
                self.add(2, self.examples.n)
                if self.violations.writer != NULL and self.examples_left:
                    if not begun:
                        self._prepare()
                        begun = True
                    self._put_examples(self.take_examples())
            if not self.next_part():
                return 0

    cdef int _prepare(self) except -1:
        """What all violations of the rule share."""
        cdef Rule* rule = &self.rule
        self.before.used = 0
        if rule.text.n <= KEPT_TEXT_BYTES:
            self._put_begin(&self.before)
        self.after.used = 0
        put_literal(&self.after, b'],"confidence":')
        self._put_confidence(&self.after)
        put_literal(&self.after, b',"miner_confidence":')
        if isnan(rule.miner_confidence):
            put_literal(&self.after, b"null")
        else:
            put_decimal(&self.after, rule.miner_confidence, self.decimals)
        return put_literal(&self.after, b"}\n")

    cdef int _put_begin(self, Sink* sink) except -1:
        put_literal(sink, b'{"rule":')
        put_number(sink, self.rule.line)
        put_literal(sink, b',"rule_text":"')
        put_json(sink, self.rule.text.text, self.rule.text.n)
        return put_literal(sink, b'","head":')

    cdef int _put_examples(self, uint32_t n) except -1:
        cdef Sink* sink = &self.violations
        cdef const unsigned char* ids = self.examples.ids
        cdef Slice names[3]
        cdef uint32_t i, k
        for i in range(n):
            if self.before.used:
                put(sink, self.before.data, self.before.used)
            else:
                self._put_begin(sink)
            self.head(ids, names)
            _put_triple(sink, names)
            put_literal(sink, b',"witness":[')
            for k in range(self.examples.n_atoms):
                self.body_triple(ids + 8 + 12 * k, names)
                if k:
                    put_literal(sink, b",")
                _put_triple(sink, names)
            put(sink, self.after.data, self.after.used)
            ids += self.examples.stride
        return 0


cdef inline int _put_triple(Sink* sink, const Slice* names) except -1:
    """`["s","r","o"]`, with one look at the room and one at the escapes where both are there."""
    cdef size_t need = names[0].n + names[1].n + names[2].n + 11
    cdef char* to
    cdef int i
    if sink.capacity - sink.used < need:
        drain(sink)
    if sink.capacity >= need and not (
        pff_needs_escape(names[0].text, names[0].n)
        | pff_needs_escape(names[1].text, names[1].n)
        | pff_needs_escape(names[2].text, names[2].n)
    ):
        to = sink.data + sink.used
        memcpy(to, b'["', 2)
        memcpy(to + 2, names[0].text, names[0].n)
        to += 2 + names[0].n
        memcpy(to, b'","', 3)
        memcpy(to + 3, names[1].text, names[1].n)
        to += 3 + names[1].n
        memcpy(to, b'","', 3)
        memcpy(to + 3, names[2].text, names[2].n)
        to += 3 + names[2].n
        memcpy(to, b'"]', 2)
        sink.used += need - 1
        return 0
    put_literal(sink, b'["')
    for i in range(3):
        if i:
            put_literal(sink, b'","')
        put_json(sink, names[i].text, names[i].n)
    return put_literal(sink, b'"]')


cdef int _open_sink(Sink* sink, writer, size_t buffer_bytes) except -1:
    if writer is None:
        return 0
    sink.data = <char*>malloc(buffer_bytes)
    if sink.data == NULL:
        raise MemoryError
    sink.capacity = buffer_bytes
    sink.writer = <PyObject*>writer
    return 0


cdef inline Slice _slice_of(bytes text):
    cdef Slice whole
    whole.text = text
    whole.n = len(text)
    return whole


cdef str text_of(Slice part):
    return decode(bytes_of(part))


cdef tuple _triple(const Slice* names):
    return text_of(names[0]), text_of(names[1]), text_of(names[2])


def write_results(
    GraphView graph,
    files,
    runs,
    chunks,
    *,
    violations=None,
    rules=None,
    outcomes=None,
    unseen=0,
    max_violations=MAX_VIOLATIONS,
    buffer_bytes=BUFFER_BYTES,
    **options,
):
    """Writes `violations.jsonl`, `rules.tsv` and `outcomes.tsv` in one pass; returns `Totals`.

    `files` are descriptors of the spools, `runs` where their runs lie, `chunks` the source
    chunks of the rule file in order. A writer that is None is left out; none is committed or abandoned
    here. `options`: `fan_in`, `window_bytes`, `max_record_bytes`, `temporary_dir` (where runs are
    merged first when there are more than `fan_in`). Raises what a writer raises, `DamagedResultsError`
    where results are missing, doubled or damaged.
    """
    formatter = _Formatter(graph, files, runs, chunks, unseen, max_violations, options)
    try:
        formatter.set_writers(violations, rules, outcomes, buffer_bytes)
        return formatter.write()
    finally:
        formatter.close()


def iterate(
    GraphView graph, files, runs, chunks, *, unseen=0, max_violations=MAX_VIOLATIONS, **options
):
    """Yields a `RuleOutcome` for every rule, in source order; arguments as in `write_results`."""
    decoder = _Decoder(graph, files, runs, chunks, unseen, max_violations, options)
    try:
        while (outcome := decoder.next_outcome()) is not None:
            yield outcome
    finally:
        decoder.close()
