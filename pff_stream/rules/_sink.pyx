# distutils: extra_compile_args = -O3
"""Takes the rules that a format reads, and the lines that it could not read, in the source's order.

A rule goes into the sorted runs, its text and what the miner says of it into the source chunk that
is being filled. `add` and `reject` are for formats written in Python; a compiled format uses the
parts of them.
"""

from cpython.buffer cimport PyBUF_READ
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.math cimport NAN, isnan
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from pff_stream.rules.columns import CONFIDENCE, PREFIX, SUPPORT
from pff_stream.rules.keys import rule_keys

from pff_stream.rules._chunks cimport LINE_BYTES
from pff_stream.rules._runs cimport Head

cdef extern from "_names.h" nogil:
    uint64_t pff_name_hash(const unsigned char *name, size_t length)

cdef enum:
    SOURCE_RULES = 8192
    SOURCE_BYTES = 1024 * 1024
    REASON_BYTES = 1024
    CONSTANT = 0x7F
    FLAG_AMBIGUOUS = 1
    FLAG_UNSETTLED = 2
    FLAG_BLANKS = 4
    KEPT_PLACES = 10


def sink_bytes(int n_columns):
    """What a sink allocates for so many columns of the miner."""
    return SOURCE_RULES * (16 + 8 * n_columns) + SOURCE_BYTES + LINE_BYTES + REASON_BYTES


cdef class RuleSink:
    """Where a rule format puts what it reads.

    `source_sink(first, n_rules, columns)` gets each source chunk, `columns` by name, valid during
    the call only. `on_reject(line, column, found, expected)` hears of each rejected line and
    answers its reason (UTF-8, at most 1 KiB). `columns` are `MinerColumn`s; those that are named as
    `columns.SUPPORT` and `columns.CONFIDENCE` go to the evaluation, which can leave rules out by them.
    `open_temporary()` gives a format an unnamed file for lines that have to wait; it closes it.
    `namespaces` is the format's to fill, where texts shorten names by them.
    """

    def __cinit__(
        self, SortedRuns runs, object source_sink, object on_reject, columns,
        object open_temporary=None,
    ):
        cdef int i
        columns = tuple(columns)
        if len(columns) > MAX_COLUMNS:
            raise ValueError(f"{len(columns)} columns of the miner, expected {MAX_COLUMNS} at most")
        self.runs = runs
        self.source_sink = source_sink
        self.on_reject = on_reject
        self.open_temporary = open_temporary
        self.namespaces = {}
        self.reasons = []
        self.first_blanks = []
        self.names = tuple([column.name for column in columns])
        self.n_columns = len(columns)
        self.support_at = self.confidence_at = -1
        for i, column in enumerate(columns):
            self.is_share[i] = column.is_share
            if column.name == SUPPORT.name:
                self.support_at = i
            elif column.name == CONFIDENCE.name:
                self.confidence_at = i
        self.lines = <uint64_t *>malloc(SOURCE_RULES * 8)
        self.texts = <uint8_t *>malloc(SOURCE_BYTES + LINE_BYTES + 8)
        self.text_ends = <uint32_t *>malloc(SOURCE_RULES * 4)
        self.rejected_ends = <uint32_t *>malloc(SOURCE_RULES * 4)
        if not (self.lines and self.texts and self.text_ends and self.rejected_ends):
            raise MemoryError
        for i in range(self.n_columns):
            self.values[i] = <Value *>malloc(SOURCE_RULES * sizeof(Value))
            if not self.values[i]:
                raise MemoryError

    def __dealloc__(self):
        cdef int i
        free(self.lines)
        free(self.texts)
        free(self.text_ends)
        free(self.rejected_ends)
        for i in range(self.n_columns):
            free(self.values[i])

    @property
    def columns(self):
        """How many rules have each column of the miner."""
        return {name: self.rules_with[i] for i, name in enumerate(self.names)}

    @property
    def in_range(self):
        """How many rules have a share of at most 1 in each column; 0 for counts."""
        return {name: self.rules_in_range[i] for i, name in enumerate(self.names)}

    def add(self, uint64_t line, str text, rule, values=None, bint doubtful=False) -> None:
        """Adds the rule of a line (from 1, rising); rejects it where it is none that can be meant.

        `text` is what reports show. `values`: what the miner says, by column; None is no value.
        A `doubtful` text is settled by the format's `settle` with the names of each graph; `rule` is
        what it is until then.
        ValueError for a column that the format does not have.
        """
        problem = rule.problem() or self._problem_of(values or {})
        if problem is not None:
            self.reject(line, text, 1, *problem)
            return
        cdef bytes raw = text.encode("utf-8", "surrogatepass")
        if len(raw) > LINE_BYTES or b"\0" in raw or b"\t" in raw or b"\n" in raw:
            self.reject(line, text, 1, f"the text {text[:60]!r}", "one line without NUL and tab")
            return
        body_key, head_key = rule_keys(rule)
        self._check_line(line)
        self._set_row(values or {})
        self.runs.reserve(2 * len(raw) + 2 * len(body_key) + len(head_key))
        memcpy(self.text_at(), <const uint8_t *>raw, len(raw))
        cdef uint32_t flags = FLAG_AMBIGUOUS | FLAG_UNSETTLED if doubtful else 0
        self.add_keys(flags, body_key, head_key, self.text_at(), len(raw))
        self.keep(line, len(raw))

    def reject(self, uint64_t line, str text, size_t column, str found, str expected) -> None:
        """Keeps a line that is no rule, with the place (characters, from 1) and the reason."""
        self._check_line(line)
        cdef bytes raw = text.encode("utf-8", "replace")
        self.keep_rejected(line, <const uint8_t *>raw, len(raw), column - 1, found, expected)

    def finish(self) -> None:
        """Hands the last source chunk out."""
        self._close()

    cdef void clear_row(self) noexcept nogil:
        """No value in any column, until the next rule is kept."""
        cdef int i
        for i in range(self.n_columns):
            if self.is_share[i]:
                self.row[i].share = NAN
            else:
                self.row[i].count = -1

    cdef uint8_t *text_at(self) noexcept nogil:
        """Where the text of the next rule is to be written, of at most LINE_BYTES + 8."""
        return self.texts + self.texts_used

    cdef void add_entries(
        self, uint32_t head, uint32_t body, uint32_t flags, const uint8_t *text, size_t length
    ) noexcept nogil:
        """Adds a rule of head and body in the run; `reserve` comes before these are looked up."""
        self.ambiguous += flags & 1
        self.unsettled += flags >> 1 & 1
        self.has_blanks = flags & FLAG_BLANKS
        self.runs.add_rule(
            head, body, self.rules,
            self.row[self.support_at].count if self.support_at >= 0 else -1,
            self.row[self.confidence_at].share if self.confidence_at >= 0 else NAN,
            flags, text, <uint32_t>length,
        )

    cdef int add_keys(
        self, uint32_t flags, bytes body_key, bytes head_key, const uint8_t *text, size_t length
    ) except -1:
        """Adds a rule by its keys, as `keys.rule_keys` makes them."""
        cdef uint32_t body = self._body_of_key(body_key)
        cdef uint32_t head = self._head_of_key(head_key)
        self.add_entries(head, body, flags, text, length)
        return 0

    cdef int keep(self, uint64_t line, size_t length) except -1 nogil:
        """Keeps the text at `text_at` and the row as those of the next rule of the source."""
        cdef int i
        cdef size_t at = self.n_kept
        if self.has_blanks:
            self.has_blanks = False
            self.blanks += 1
            if self.blanks <= KEPT_PLACES:
                with gil:
                    text = PyBytes_FromStringAndSize(<const char *>self.text_at(), length)
                    self.first_blanks.append((line, text.decode("utf-8", "replace")))
        self.texts_used += length
        self.longest_text = max(self.longest_text, <uint64_t>length)
        self.lines[at] = line
        self.text_ends[at] = <uint32_t>self.texts_used
        self.rejected_ends[at] = <uint32_t>self.reasons_used
        for i in range(self.n_columns):
            self.values[i][at] = self.row[i]
            if self.is_share[i]:
                self.rules_with[i] += not isnan(self.row[i].share)
                self.rules_in_range[i] += self.row[i].share <= 1    # none is below 0
            else:
                self.rules_with[i] += self.row[i].count >= 0
        self.last_line = line
        self.n_kept += 1
        self.rules += 1
        if self.n_kept == SOURCE_RULES or self.texts_used + self.reasons_used >= SOURCE_BYTES:
            with gil:
                self._close()
        return 0

    cdef int keep_rejected(
        self, uint64_t line, const uint8_t *text, size_t length, size_t column, object found,
        object expected,
    ) except -1:
        """Keeps a line as rejected; `column` counts characters of the line from 0."""
        # Not cut within a character: what is kept is always UTF-8.
        kept = PyBytes_FromStringAndSize(<const char *>text, length).decode("utf-8", "replace")
        cdef bytes raw = kept.replace("\0", "\ufffd").replace("\n", "\ufffd").encode()[:LINE_BYTES]
        raw = raw.decode("utf-8", "ignore").encode()
        memcpy(self.text_at(), <const uint8_t *>raw, len(raw))
        return self.keep_reason(line, len(raw), column, found, expected)

    cdef int keep_reason(
        self, uint64_t line, size_t length, size_t column, object found, object expected
    ) except -1:
        """The same for a text that stands at `text_at` already."""
        cdef bytes reason = self.on_reject(line, column + 1, found, expected)
        self.rejected += 1
        self.reasons.append(reason)
        self.reasons_used += len(reason)
        self.clear_row()
        return self.keep(line, length)

    cdef int _check_line(self, uint64_t line) except -1:
        if line <= self.last_line:
            raise ValueError(f"line {line} after line {self.last_line}: lines must rise")
        return 0

    cdef int _set_row(self, values) except -1:
        cdef int i
        self.clear_row()
        for name, value in values.items():
            if value is None:
                continue
            i = self.names.index(name)
            if self.is_share[i]:
                self.row[i].share = value
            else:
                self.row[i].count = value
        return 0

    cdef object _problem_of(self, values):
        """What is found among the values that no column can hold, and what is expected; or None."""
        for name, value in values.items():
            if name not in self.names:
                raise ValueError(f"column {name!r}: expected one of {', '.join(self.names)}")
            if value is not None and not 0 <= value < float(1 << 63):
                return f"{name} {value!r}", "a number from 0 on"
        return None

    cdef uint32_t _body_of_key(self, bytes key) except 0:
        """The entry of a body that came as a key; a NUL before it keeps it apart from texts."""
        cdef bytes text = b"\0" + key
        cdef const uint8_t *at = text
        cdef uint64_t hashed = pff_name_hash(at, len(text))
        cdef uint32_t entry = self.runs.find(True, at, <uint32_t>len(text), hashed)
        if not entry:
            entry = self.runs.add_body(at, <uint32_t>len(text), hashed)
            memcpy(self.runs.new_key(), at + 1, len(key))
            self.runs.set_key(entry, len(key))
        return entry

    cdef uint32_t _head_of_key(self, bytes key) except 0:
        cdef const uint8_t *at = key
        cdef uint64_t hashed = pff_name_hash(at, len(key))
        cdef uint32_t entry = self.runs.find(False, at, <uint32_t>len(key), hashed)
        cdef Head *head
        cdef uint32_t place
        if not entry:
            entry = self.runs.add_head(at, <uint32_t>len(key), hashed)
            head = self.runs.head_at(entry)
            head.relation_bytes = <uint32_t>key.index(0)
            place = head.relation_bytes + 1
            if at[place] == CONSTANT:
                head.subject_at = place + 1
                head.subject_bytes = <uint32_t>key.index(0, place) - place - 1
                place += head.subject_bytes + 1
            else:
                head.subject = at[place]
            place += 1
            if at[place] == CONSTANT:
                head.object_at = place + 1
                head.object_bytes = <uint32_t>len(key) - place - 2
            else:
                head.object = at[place]
        return entry

    cdef object _column(self, int column):
        """A column of the miner as bytes, counts in the narrowest width; None: it has no value."""
        cdef Value *values = self.values[column]
        cdef int64_t most = -1
        cdef bint has_value = False
        cdef size_t i, width
        if self.is_share[column]:
            for i in range(self.n_kept):
                if not isnan(values[i].share):
                    has_value = True
                    break
            return view(values, 8 * self.n_kept) if has_value else None
        for i in range(self.n_kept):
            most = max(most, values[i].count)
        if most < 0:
            return None
        # In place, from the front: what is written is never longer than what was read.
        width = 1 if most <= 0x7F else 2 if most <= 0x7FFF else 4 if most <= 0x7FFFFFFF else 8
        for i in range(self.n_kept):
            if width == 1:
                (<int8_t *>values)[i] = <int8_t>values[i].count
            elif width == 2:
                (<int16_t *>values)[i] = <int16_t>values[i].count
            elif width == 4:
                (<int32_t *>values)[i] = <int32_t>values[i].count
        return view(values, width * self.n_kept)

    cdef int _close(self) except -1:
        if self.n_kept == 0:
            return 0
        cdef dict columns = {
            "lines": view(self.lines, 8 * self.n_kept),
            "texts": view(self.texts, self.texts_used),
            "text_ends": view(self.text_ends, 4 * self.n_kept),
        }
        if self.reasons_used:
            columns["rejected"] = view(self.rejected_ends, 4 * self.n_kept)
            columns["reasons"] = b"".join(self.reasons)
        cdef int i
        for i in range(self.n_columns):
            column = self._column(i)
            if column is not None:
                columns[PREFIX + self.names[i]] = column
        self.source_sink(self.first, self.n_kept, columns)
        self.first += self.n_kept
        self.n_kept = self.texts_used = self.reasons_used = 0
        self.reasons = []
        return 0


cdef object view(const void *data, size_t length):
    return PyMemoryView_FromMemory(<char *>data, length, PyBUF_READ)
