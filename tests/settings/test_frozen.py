"""Groups of values are made once, compare by what they hold, and cannot be changed."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest

from pff_stream.settings.frozen import Frozen, made


class Inner(Frozen):
    """Values of their own."""

    size: int = 3


class Outer(Frozen):
    """A group with a group in it, and what is no field."""

    note: ClassVar[str] = "none"
    name: str = ""
    inner: Inner = made(default_factory=Inner)


class Wider(Outer):
    """The fields of its base, and one more."""

    more: tuple[int, ...] = ()


def test_fields_are_those_with_a_default() -> None:
    """Names of the class stay with the class; those of a base come first."""
    assert Outer.fields() == ("name", "inner")
    assert Wider.fields() == ("name", "inner", "more")
    assert Wider.kinds() == {"inner": Inner}
    assert repr(Wider("a")) == "Wider(name='a', inner=Inner(size=3), more=())"


def test_they_compare_by_their_values() -> None:
    """Of one class; copies and those that went to another process are the same."""
    one = Outer("a", inner=Inner(4))
    assert one == Outer(name="a", inner=Inner(size=4)) != Outer("a")
    assert one != Wider("a", Inner(4))
    assert hash(one) == hash(Outer("a", Inner(4)))
    for same in (copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one.replace(name="a")):
        assert same == one
    assert one.replace(name="b").inner is one.inner


def test_they_cannot_be_changed() -> None:
    """Neither a field, nor anything else."""
    one = Inner()
    for name in ("size", "other"):
        with pytest.raises(AttributeError):
            setattr(one, name, 5)
    with pytest.raises(AttributeError):
        del one.size
    assert one == Inner()


@pytest.mark.parametrize(
    ("values", "named", "found"),
    [
        ((1, 2), {}, "found 2 values, expected at most 1"),
        ((1,), {"size": 2}, "found size twice"),
        ((), {"wide": 2}, "found 'wide', expected a field of Inner"),
    ],
)
def test_what_is_no_field_is_refused(
    values: tuple[int, ...], named: dict[str, int], found: str
) -> None:
    """With its name."""
    with pytest.raises(TypeError, match=found):
        Inner(*values, **named)
