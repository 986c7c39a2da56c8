# distutils: extra_compile_args = -O3
"""Lines by rule, written straight from the pass: no object is made of a rule or of a violation.

What the lines are is said in `lines.py`, which can also write them from objects, for the same bytes.
"""

from libc.math cimport isnan
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from pff_stream.report._pass cimport Pass, Rule, Slice
from pff_stream.report._record cimport N_OUTCOMES, PREDICTIONS, REASON_TEXT, SUPPORT, VACUOUS
from pff_stream.report._text cimport (
    ESCAPED_BYTES,
    SHORT_BYTES,
    Sink,
    drain,
    open_sink,
    pff_needs_escape,
    put,
    put_field,
    put_json,
    put_literal,
    put_number,
)
from pff_stream.report.records import REASON_TEXTS, Outcome, Reason


cdef enum:
    # Above it the text of a rule is escaped anew for each violation instead of kept.
    KEPT_TEXT_BYTES = 8192


def kept_bytes():
    """What `ViolationLines` holds beside its buffer, at most."""
    return 2 * (ESCAPED_BYTES * KEPT_TEXT_BYTES + 1024)      # doubled as it grows


cdef class Lines(Formatter):
    """Lines on their way to `out`, in a buffer of `buffer_bytes`."""

    def __cinit__(self, *arguments):
        memset(&self.sink, 0, sizeof(Sink))

    def __init__(self, out, size_t buffer_bytes):
        if buffer_bytes < SHORT_BYTES:
            raise ValueError(f"expected a buffer of at least {SHORT_BYTES} bytes")
        self.out = out
        open_sink(&self.sink, out, buffer_bytes)

    def __dealloc__(self):
        free(self.sink.data)

    cdef int finish(self) except -1:
        return drain(&self.sink)

    def put(self, bytes line):
        """Takes a line that was made elsewhere."""
        put(&self.sink, <const char*>line, len(line))

    def drain(self):
        """Gives `out` all that there is."""
        drain(&self.sink)

    @property
    def held(self):
        """Bytes that `out` has not got yet."""
        return self.sink.used

    def discard(self):
        """Forgets what `out` has not got yet, and what was counted."""
        self.sink.used = 0
        self.left_out = 0

    def release(self):
        """Gives `out` all that there is, and the memory back: no line comes any more."""
        drain(&self.sink)
        free(self.sink.data)
        self.sink.data = NULL
        self.sink.capacity = 0


cdef class OutcomeLines(Lines):
    """line, outcome, reason."""

    def __init__(self, out, size_t buffer_bytes):
        Lines.__init__(self, out, buffer_bytes)
        self.words = [outcome.word.encode() for outcome in Outcome]
        for i, word in enumerate(self.words):
            self.outcome_words[i] = _slice_of(word)
        self.words += [REASON_TEXTS[reason].encode() for reason in Reason]
        for i, word in enumerate(self.words[N_OUTCOMES:]):
            self.reason_texts[i] = _slice_of(word)

    cdef int rule(self, Pass at) except -1:
        self.put_outcome(at)
        return put_literal(&self.sink, b"\n")

    cdef int put_outcome(self, Pass at) except -1:
        """The line without its end."""
        cdef Rule* rule = &at.rule
        cdef Slice* word = &self.outcome_words[rule.outcome]
        cdef Slice* reason = &self.reason_texts[rule.reason]
        if rule.reason == REASON_TEXT:
            reason = &rule.reason_text
        put_number(&self.sink, rule.line)
        put_literal(&self.sink, b"\t")
        put(&self.sink, <const char*>word.text, word.n)
        put_literal(&self.sink, b"\t")
        return put_field(&self.sink, reason.text, reason.n)


cdef class RuleLines(Lines):
    """predictions, support, confidence, text of each rule that was evaluated."""

    cdef int rule(self, Pass at) except -1:
        cdef Rule* rule = &at.rule
        if rule.outcome > VACUOUS:
            return 0
        put_number(&self.sink, rule.counts[PREDICTIONS])
        put_literal(&self.sink, b"\t")
        put_number(&self.sink, rule.counts[SUPPORT])
        put_literal(&self.sink, b"\t")
        at.put_confidence(&self.sink)
        put_literal(&self.sink, b"\t")
        put(&self.sink, <const char*>rule.text.text, rule.text.n)
        return put_literal(&self.sink, b"\n")


cdef class ViolationLines(Lines):
    """A JSON object a violation."""

    cdef Sink before              # a violation up to its head, once a rule
    cdef Sink after               # and from behind its witness
    cdef bint prepared            # whether both are of the present rule

    def __cinit__(self, *arguments):
        memset(&self.before, 0, sizeof(Sink))
        memset(&self.after, 0, sizeof(Sink))
        self.wants_examples = True

    def __dealloc__(self):
        free(self.before.data)
        free(self.after.data)

    cdef int rule(self, Pass at) except -1:
        self.prepared = False
        return 0

    cdef int examples(self, Pass at, uint32_t n) except -1:
        cdef Sink* sink = &self.sink
        cdef const unsigned char* ids = at.examples.ids
        cdef Slice names[3]
        cdef uint32_t i, k
        if not self.prepared:
            self._prepare(at)
        for i in range(n):
            if self.before.used:
                put(sink, self.before.data, self.before.used)
            else:
                _put_begin(sink, &at.rule)
            at.head(ids, names)
            _put_triple(sink, names)
            put_literal(sink, b',"witness":[')
            for k in range(at.examples.n_atoms):
                at.body_triple(ids + 8 + 12 * k, names)
                if k:
                    put_literal(sink, b",")
                _put_triple(sink, names)
            put(sink, self.after.data, self.after.used)
            ids += at.examples.stride
        return 0

    cdef int _prepare(self, Pass at) except -1:
        """What all violations of the rule share."""
        cdef Rule* rule = &at.rule
        self.prepared = True
        self.before.used = 0
        if rule.text.n <= KEPT_TEXT_BYTES:
            _put_begin(&self.before, rule)
        self.after.used = 0
        put_literal(&self.after, b'],"confidence":')
        at.put_confidence(&self.after)
        put_literal(&self.after, b',"miner_confidence":')
        if isnan(rule.miner_confidence):
            put_literal(&self.after, b"null")
        else:
            at.put_decimal(&self.after, rule.miner_confidence)
        return put_literal(&self.after, b"}\n")


cdef int _put_begin(Sink* sink, const Rule* rule) except -1:
    put_literal(sink, b'{"rule":')
    put_number(sink, rule.line)
    put_literal(sink, b',"rule_text":"')
    put_json(sink, rule.text.text, rule.text.n)
    return put_literal(sink, b'","head":')


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


cdef inline Slice _slice_of(bytes text):
    cdef Slice whole
    whole.text = text
    whole.n = len(text)
    return whole
