"""Groups of named values that are made once and then only read.

They are what frozen dataclasses are, without code that is generated when the program starts: that
took longer than all else that the settings do there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, cast, dataclass_transform

T = TypeVar("T")


class _Made:
    """A default that is made for each group of values."""

    def __init__(self, kind: Callable[[], Any]) -> None:
        self.kind = kind


def made(*, default_factory: Callable[[], T]) -> T:
    """The default of a field that holds values itself: those that `default_factory` makes."""
    return cast(T, _Made(default_factory))


@dataclass_transform(frozen_default=True, field_specifiers=(made,))
class Frozen:
    """Base of groups of values: each annotated name is a field, and has a default.

    `TypeError` for names that are no fields, `AttributeError` where a field is set.
    """

    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        annotated = inspect.get_annotations(cls)
        own = {name: cls.__dict__[name] for name in annotated if "ClassVar" not in annotated[name]}
        cls._defaults = cls._defaults | own

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._defaults
        if len(values) > len(fields):
            raise TypeError(f"found {len(values)} values, expected at most {len(fields)}")
        for name, value in zip(fields, values, strict=False):
            if name in named:
                raise TypeError(f"found {name} twice, expected it once")
            named[name] = value
        for name in named:
            if name not in fields:
                raise TypeError(f"found {name!r}, expected a field of {type(self).__name__}")
        for name, default in fields.items():
            if name not in named:
                named[name] = default.kind() if isinstance(default, _Made) else default
        self.__dict__.update(named)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Checks what was given."""

    @classmethod
    def kinds(cls) -> dict[str, Callable[[], Any]]:
        """What makes the default of each field that holds values itself."""
        return {n: one.kind for n, one in cls._defaults.items() if isinstance(one, _Made)}

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """The names of all fields, in their order."""
        return tuple(cls._defaults)

    def replace(self, **changes: Any) -> Self:
        """The same with some fields changed, checked again."""
        return type(self)(**self.__dict__ | changes)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name}: found an assignment, expected none")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name}: found a deletion, expected none")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__[name] for name in self._defaults))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self._defaults)
        return f"{type(self).__name__}({shown})"
