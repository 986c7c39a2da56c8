"""What a finding is called, and what is said of it in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pff_stream.report.found import SHOWN_FACTS
from pff_stream.report.records import Names
from pff_stream.report.streams import Found

KEY_BYTES = 8


def key_of(document: str, triple: Names) -> str:
    """16 hex digits, the same for the same triple of the same document (BLAKE2b)."""
    text = "\0".join((document, *triple, "")).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=KEY_BYTES).hexdigest()


def message_of(
    triple: Names, found: Found, witness: Sequence[Names], *, by_object: bool, is_single: bool
) -> str:
    """What is expected, what is found in its place, and why, by the best rule and its witness.

    `by_object`: the functional variable is the object, so that a subject is expected. `is_single`:
    no value of the functional variable has more than one fact of the relation.
    """
    subject, _, object_ = triple
    if by_object:
        wanted, values, total = f"subject {subject}", found.subjects, found.subjects_total
    else:
        wanted, values, total = object_, found.objects, found.objects_total
    if total == 1 and is_single:
        said = f"expected {wanted}, found {values[0]}"
    elif total:
        said = f"missing {wanted} (has {some_of(values, total)})"
    else:
        said = f"missing {wanted}"
    because = " and ".join(_fact(fact, subject) for fact in witness[:SHOWN_FACTS])
    if len(witness) > SHOWN_FACTS:
        because += f" and {len(witness) - SHOWN_FACTS:,} more"
    return f"{said}, because {because}" if because else said


def some_of(names: Sequence[str], total: int) -> str:
    """The first names, and how many more there are."""
    more = total - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _fact(fact: Names, subject: str) -> str:
    """A triple of the witness in words; the finding's own subject is not said again."""
    of, relation, value = fact
    return f"{relation} is {value}" if of == subject else f"{of} {relation} {value}"
