"""Saved plans that somebody edited: every field is checked, whatever it was changed to."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError
from pff_stream.observer import Silent
from pff_stream.pipeline.run import make_plan
from pff_stream.plan.budget import read_plan
from pff_stream.settings.commands import RunSettings

WRONG = [float("inf"), float("-inf"), float("nan"), -1, 10**30, True, "text", None, [], {}, 0.5]
FREE = ("identity", "machine", "inputs")
"""Objects whose values may be of several types."""
Place = tuple[str | int, ...]


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:
    """Every place of the document, but for values that may be of several types."""
    if place:
        yield place
    if isinstance(value, dict) and not (place and place[-1] in FREE):
        for name, one in value.items():
            yield from leaves(one, (*place, name))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*place, 0))


def kind(value: Any) -> str:
    """What of JSON it is."""
    return {bool: "bool", int: "int", str: "text", list: "list", dict: "object"}.get(
        type(value), "other"
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan of a small graph."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "r.tsv").write_text("r(X,Y) <= s(X,Y)\n")
    (folder / "g.tsv").write_text("a\ts\tb\n")
    asked = RunSettings.of(rules=str(folder / "r.tsv"), triples=(str(folder / "g.tsv"),), workers=1)
    return dict(json.loads(json.dumps(make_plan(asked, Silent()).to_json())))


def edited(saved: dict[str, Any], place: Place, value: object, path: Path) -> None:
    """Writes the plan with another value there."""
    plan: Any = copy.deepcopy(saved)
    inner = plan
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    path.write_text(json.dumps(plan))


@pytest.mark.thorough
def test_every_field(saved: dict[str, Any], tmp_path: Path) -> None:
    """What is of another type, or no figure that a machine has, is an input error."""
    path = tmp_path / "plan.json"
    places = list(leaves(saved))
    assert len(places) > 30
    for place in places:
        found: Any = saved
        for step in place:
            found = found[step]
        for value in WRONG:
            of_its_type = kind(value) == kind(found) and value not in (-1, 10**30)
            is_no_word = place[0] == "settings" and value == "text"
            if of_its_type and not is_no_word:
                continue
            edited(saved, place, value, path)
            with pytest.raises(InputError, match=r"--plan .*plan\.json: "):
                read_plan(str(path))
                pytest.fail(f"{place}: {value!r} was read")


SIZES = ("window", "chunks_together", "resident_bytes", "document_bytes", "wide", "backing")
MAY_BE_NONE = frozenset(["chunks_together", "resident_bytes", "document_bytes"])
WRONG_SETTINGS = (0, -1, 10**30, float("inf"), float("nan"), True, "2", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in SIZES
        for value in WRONG_SETTINGS
        if not (value is True and name == "wide") and not (value == 0 and name in MAY_BE_NONE)
    ],
)
def test_settings(saved: dict[str, Any], tmp_path: Path, name: str, value: object) -> None:
    """Those of other ways to run, too, but for what a plan may have."""
    path = tmp_path / "plan.json"
    edited(saved, ("settings", name), value, path)
    with pytest.raises(InputError, match=r"--plan .*plan\.json: "):
        read_plan(str(path))
