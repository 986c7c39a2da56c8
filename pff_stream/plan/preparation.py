"""Plans what comes before a run: compiling rule text and encoding raw triples.

Neither can be planned exactly before it is read. So what both take at least is held against the
budget before, reading is bounded by what the budget leaves, and what it held is told afterwards, by
counts of what was read. Does not cover: the run itself (`terms`, `choose`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pff_stream.errors import RefusedError
from pff_stream.files.arrow_library import import_tables
from pff_stream.files.decoders import import_for
from pff_stream.files.known import is_graph_file, is_rule_file
from pff_stream.files.sources import decoder_bytes
from pff_stream.inputs import Rules, TriplesGiven
from pff_stream.observer import Observer
from pff_stream.plan import process_terms as processes
from pff_stream.plan.sizes import ProcessCosts
from pff_stream.rules import terms as rule_terms
from pff_stream.rules.share import CompileShare
from pff_stream.settings.models import InputOptions, Inputs, ResourceOptions
from planner.machine import Machine
from planner.model import Phase, Term, peak_bytes
from planner.plan import Plan
from planner.sizes import format_size
from planner.text import refusal

if TYPE_CHECKING:
    from pff_stream.rules.given import RulesGiven

COMPILE, ENCODE = "compile", "encode"
"""Names of the phases."""
OPENED_BYTES = 128 << 10
"""What this process takes to open inputs, beside what it held before."""
FORMAT_BYTES = 3 << 19
"""What it takes to read a rule format, and what is left free between that: 1.3 MiB were seen."""
LEAST_RUN_BYTES = 4 << 20
"""How much more the smallest run takes, by one thread, than encoding the smallest graph."""


class Preparation:
    """What is to be compiled and encoded for one run; imports what does it.

    What this process holds is to be measured behind that.
    """

    def __init__(
        self,
        inputs: Inputs,
        rules: RulesGiven | None,
        triples: TriplesGiven | None,
        resources: ResourceOptions,
    ) -> None:
        """Given rules and triples stand in for the paths of the inputs."""
        self._resources = resources
        given: Iterable[object] = inputs.triples if triples is None else triples
        self._rules = [inputs.rules] if rules is None else []
        self._triples = [path for path in given if isinstance(path, str)]
        self.compiles = rules is not None or not is_rule_file(inputs.rules)
        """Whether there is rule text."""
        self.encodes = triples is not None or (
            bool(inputs.triples) and not any(map(is_graph_file, inputs.triples))
        )
        """Whether there are raw triples."""
        self._encoder_method = "fork"
        import_tables([rules, *given])
        import_for(self._rules * self.compiles + self._triples * self.encodes)
        if self.compiles:
            import pff_stream.rules.compile
        if self.encodes:
            import pff_stream.triples.encode_process  # noqa: F401
            from pff_stream.execute.call import usual_method

            self._encoder_method = usual_method()

    def agree(self, machine: Machine, parent_bytes: int) -> CompileShare:
        """What compiling may use; nothing where the rules are compiled.

        Raises `RefusedError` before anything is read where even the least that preparing takes does
        not fit. What is compiled and encoded already is planned from its headers.
        """
        decoder = 0
        phases = []
        if self.compiles:
            from pff_stream.rules.compile import MIN_MEMORY_BYTES

            decoder = self._decoder_bytes(self._rules)
            least = rule_terms.least_terms(MIN_MEMORY_BYTES, decoder)
            phases.append(self._compile_phase(parent_bytes, least))
        if self.encodes:
            phases.append(self._least_encode_phase(parent_bytes))
        check(phases, machine)
        left = machine.budget_bytes - parent_bytes
        if self.compiles:
            path = self._rules[0] if self._rules else ""
            return CompileShare.of(path, decoder, left, self._resources.max_window_bytes)
        return CompileShare(0, left)

    def encoder_bytes(self, machine: Machine, parent_bytes: int) -> int:
        """Bytes for encoding, the graph included: what is left beside the processes.

        Raises `RefusedError` where that is less than the least.
        """
        if self.encodes:
            check([self._least_encode_phase(parent_bytes)], machine)
        return machine.budget_bytes - self._encode_phase(parent_bytes, []).bytes

    def note_bound(self, reading: InputOptions, encoder_bytes: int, observer: Observer) -> None:
        """Says where the inputs may take more than encoding may use, and may not."""
        if not self.encodes:
            return
        from pff_stream.triples.inputs import held_at_most
        from pff_stream.triples.options import encode_options

        options = encode_options(reading)
        bounds = [(held_at_most(path, options), path) for path in self._triples]
        most, path = max(bounds, default=(0, ""))
        if most > encoder_bytes:
            observer.note(
                f"{path}: reading it takes at most {format_size(most)}, by its size; "
                f"{format_size(encoder_bytes)} may be used: it is read as far as that goes"
            )

    def compiled(self, rules: Rules, parent_bytes: int) -> list[Phase]:
        """The phase that compiled them; none where they were compiled before."""
        if rules.compiled is None:
            return []
        compiled = rules.compiled
        decoder_bytes = max(0, rules.decoder_bytes - compiled.unread_bytes)
        terms = rule_terms.compile_terms(
            compiled.touched_bytes, compiled.written_bytes, decoder_bytes
        )
        return [self._compile_phase(parent_bytes, terms)]

    def encoded(self, terms: Sequence[Term] | None, parent_bytes: int) -> list[Phase]:
        """The phase that encoded, by its terms; none where there are none."""
        return [] if terms is None else [self._encode_phase(parent_bytes, terms)]

    def _compile_phase(self, parent_bytes: int, terms: Sequence[Term]) -> Phase:
        parent = _parent(parent_bytes + OPENED_BYTES + FORMAT_BYTES)
        return Phase(COMPILE, [parent, *terms, processes.kernel_memory(1, 1)])

    def _least_encode_phase(self, parent_bytes: int) -> Phase:
        from pff_stream.triples.sizes import least_terms

        return self._encode_phase(parent_bytes, least_terms(self._decoder_bytes(self._triples)))

    def _decoder_bytes(self, paths: Sequence[str]) -> int:
        """What decompressing one of the files takes at most, by its first frame.

        What comes through a pipe tells nothing before it is read: its decoder is bounded then.
        """
        files = [path for path in paths if os.path.isfile(path)]
        return max(
            (decoder_bytes(path, self._resources.max_window_bytes) for path in files), default=0
        )

    def _encode_phase(self, parent_bytes: int, terms: Sequence[Term]) -> Phase:
        own = processes.encoder_process(self._encoder_method)
        tables = processes.encoder_tables(sum(term.bytes for term in terms))
        kernel = processes.kernel_memory(2, 2)
        return Phase(ENCODE, [_parent(parent_bytes), own, *terms, tables, kernel])


def check(phases: Sequence[Phase], machine: Machine, more_bytes: int = LEAST_RUN_BYTES) -> None:
    """`RefusedError` where phases do not fit; what comes after them takes so much more."""
    budget = machine.budget_bytes
    peak = peak_bytes(phases) if phases else 0
    if peak > budget:
        source, limits = machine.budget_source, machine.limits
        # What comes after them is the smallest run, whatever was asked for.
        least = peak if more_bytes else None
        plan = Plan(phases, budget, source, limits, least_bytes=least, margin_bytes=more_bytes)
        raise RefusedError(refusal(plan))


def _parent(parent_bytes: int) -> Term:
    return processes.parent(ProcessCosts(parent_bytes, 0, 0, "measured here"))
