"""The base of what a command was asked to do: groups of options that are only read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self, cast

from pff_stream.errors import UsageError
from pff_stream.settings.frozen import Frozen
from pff_stream.settings.models import Options
from pff_stream.settings.options import OPTIONS


class CommandSettings(Frozen):
    """Base of what a command is told: its fields are groups of options, made by default."""

    needs: ClassVar[str] = ""
    """What a command line must name at least, for the message when it does not."""
    takes: ClassVar[tuple[str, ...]] = ()
    """Fields that the command has options for, where these are not all of its groups."""

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """UsageError where something is missing, or groups contradict each other."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Fields that the command has options for, in the order of its help."""
        groups = _groups(cls).values()
        return cls.takes or _in_order_of_table(name for kind in groups for name in kind.names())

    @classmethod
    def names_in_manifest(cls) -> tuple[str, ...]:
        """Fields that a manifest may set; those that the command does not have do nothing."""
        return cls.names()

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The settings with these values by field, each in its group, the others by default."""
        groups = {}
        for name, kind in _groups(cls).items():
            groups[name] = kind(**{one: values.pop(one) for one in kind.names() if one in values})
        if values:
            raise TypeError(f"{cls.__name__} has no option {min(values)!r}")
        return cls(**groups)

    def values(self) -> dict[str, Any]:
        """Every field of every group."""
        groups = [getattr(self, name) for name in _groups(type(self))]
        return {name: value for group in groups for name, value in group.values().items()}

    def expect(self, name: str, is_there: object) -> None:
        """UsageError unless the command was told `name`."""
        if not is_there:
            raise UsageError(f"found no {name}, expected {self.needs}")


def _groups(kind: type[CommandSettings]) -> dict[str, type[Options]]:
    """The groups of a command by field: each is what makes it where nothing is given."""
    return cast(dict[str, type[Options]], kind.kinds())


def _in_order_of_table(names: Iterable[str]) -> tuple[str, ...]:
    """TRIPLES, which no option fills, then the others as the table has them."""
    places = {name: place for place, name in enumerate(OPTIONS)}
    return tuple(sorted(names, key=lambda name: places.get(name, -1)))
