"""Importing the planner costs nothing, and gives its public names when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import planner


def test_every_public_name_is_there() -> None:
    """All public names can be had, and every one of them says what it is for."""
    for name in planner.__all__:
        assert getattr(planner, name).__doc__, name
    assert set(planner.__all__) <= set(dir(planner))
    assert sorted(planner.__all__) == sorted(
        name for names in planner._HOMES.values() for name in names
    )


def test_other_names_are_refused() -> None:
    """A name that does not exist is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        planner.nothing  # noqa: B018


def test_the_import_is_light() -> None:
    """Importing the planner imports none of its own modules and nothing heavy."""
    code = "import sys; had = set(sys.modules); import planner; print(*(set(sys.modules) - had))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"planner", "__future__"}


def test_machine_and_plan_import_no_heavy_library() -> None:
    """Reading the machine and making a plan need neither psutil, multiprocessing nor json."""
    code = (
        "import sys, planner.machine, planner.plan, planner.fence, planner.watch, planner.probe\n"
        "print(*{'psutil', 'multiprocessing', 'json', 'numpy', 'pff_stream'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
