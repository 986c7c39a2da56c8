"""Rules that a Python caller gives, as the lines of a rule file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Real
from typing import Any, TypeAlias

from pff_stream.errors import InputError
from pff_stream.files.arrow_library import is_table

RuleGiven: TypeAlias = "str | tuple[int, int, float, str]"
"""The text of a rule, or what a miner says of it: predicted, support, confidence, text."""
RulesGiven: TypeAlias = Iterable[RuleGiven]
"""Rules from a Python caller, instead of a path. A table is read by its columns (`given_table`)."""

_BLOCK_BYTES = 64 * 1024
_MAX_SHOWN = 200


def lines_of(rules: Iterable[RuleGiven]) -> Iterator[bytes]:
    """Blocks for `compile_rules` from rules given by a caller, one line each."""
    if is_table(rules):
        from pff_stream.rules.given_table import rules_of

        rules = rules_of(rules)
    block = bytearray()
    given: Iterable[Any] = rules
    for number, one in enumerate(given, 1):
        rule = one.as_py() if hasattr(one, "as_py") else one  # an element of a column of Arrow
        line = _line_of(rule, number)
        if b"\n" in line:
            raise InputError(f"rule {number}: found a line end in {rule!r}, expected one line")
        block += line + b"\n"
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _line_of(rule: RuleGiven, number: int) -> bytes:
    """A rule as a line of a rule file; `InputError` where it is none."""
    if isinstance(rule, tuple) and len(rule) == 4:
        *numbers, text = rule
        is_rule = all(isinstance(one, Real) and not isinstance(one, bool) for one in numbers)
        columns = [*map(str, numbers), text]
    else:
        is_rule, columns = True, [rule]
    if not is_rule or not isinstance(columns[-1], str):
        raise InputError(
            f"rule {number}: found {_shortened(rule)}, "
            "expected a text, or a tuple (predicted, support, confidence, text)"
        )
    try:
        return "\t".join(columns).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"rule {number}: found {rule!r}, expected text") from error


def _shortened(rule: object) -> str:
    """What was given for a rule, so long as a line of a message takes it."""
    text = repr(rule)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."
