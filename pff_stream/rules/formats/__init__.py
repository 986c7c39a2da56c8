"""The formats of rules, one file each, in the order in which a source is offered to them.

A new one is a class with the members of `interface.RuleFormat` in a file here, and its instance in
`FORMATS`. A caller adds its own for one call: `RuleOptions(formats=(Mine(), *FORMATS))`.
"""

from pff_stream.rules.formats.amie import AmieFormat
from pff_stream.rules.formats.anyburl import AnyBurlFormat
from pff_stream.rules.formats.interface import RuleFormat

FORMATS: tuple[RuleFormat, ...] = (AmieFormat(), AnyBurlFormat())


def named(name: str, formats: tuple[RuleFormat, ...] = FORMATS) -> RuleFormat | None:
    """The format of this name, None where there is none."""
    return next((each for each in formats if each.name == name), None)
