"""What compiling rules and reading them back holds, as terms."""

from __future__ import annotations

from pff_stream.rules.sizes import RuleSizes
from planner.formula import Formula, given
from planner.model import KERNEL, Term

CHECK_ATOM_BYTES, CHECK_BODY_BYTES, CHECK_RULE_BYTES = 120, 24, 60
CHECK_BYTES = 48 << 10
"""What checking a decoded chunk takes for a while (see `rules.chunk`): the largest of its steps."""


def compile_terms(touched_bytes: int, written_bytes: int, decoder_bytes: int) -> list[Term]:
    """A compile when it is done, by what it came to use, and what the decoder took beside that."""
    compiler, written = given("compiler", touched_bytes), given("file", written_bytes)
    source = "what the compile came to use of its share"
    terms = [
        Term.of("compiler", compiler, source),
        Term.of("rule file being written", written, f"{source}; page cache", group=KERNEL),
    ]
    if decoder_bytes:
        decoder = given("decoder", decoder_bytes)
        terms.append(Term.of("decoder", decoder, "frames of the packed text"))
    return terms


def least_terms(compiler_bytes: int, decoder_bytes: int) -> list[Term]:
    """What compiling takes at least, before the text is read, and its decoder at most."""
    terms = [Term.of("compiler", given("compiler", compiler_bytes), "constant of the code")]
    if decoder_bytes:
        decoder = given("decoder", decoder_bytes)
        terms.append(Term.of("decoder", decoder, "first frame of the packed text", at_most=True))
    return terms


def decoding(rules: RuleSizes, together: int = 1) -> Formula:
    """What a worker's heap holds to decode and check a chunk in, beside those of the same task."""
    return decoded(rules, together) + checking(rules)


def decoded(rules: RuleSizes, together: int = 1) -> Formula:
    """The chunks of a task, as they were unpacked."""
    return given("chunks", together) * given("chunk_bytes", rules.chunk_bytes)


def checking(rules: RuleSizes) -> Formula:
    """What checking a chunk takes for a while."""
    return (
        CHECK_ATOM_BYTES * given("chunk_atoms", rules.chunk_atoms)
        + CHECK_BODY_BYTES * given("chunk_bodies", rules.chunk_bodies)
        + CHECK_RULE_BYTES * given("chunk_rules", rules.chunk_rules)
        + CHECK_BYTES
    )
