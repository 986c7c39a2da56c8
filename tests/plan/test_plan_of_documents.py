"""What is planned for a document is what the run takes: its whole tree, measured from outside.

Small documents of each shape that takes memory in its own way; large ones are in docs/plan-grid.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from profiling.document_grid import COMMAND, MIB, find_out_costs, measured
from profiling.document_shapes import RULES, Shape, shapes

BYTES = 3 * MIB
LIKE_OTHERS = {
    "small objects, .json.gz",
    "small objects, standard input",
    "a flat array of empty arrays",
    "triples, .tsv.zst of a window of 8 MiB",
    "a top-level array of small objects",
    "JSON Lines",
    "one string of escapes",
    "strings of 10,000",
    "a flat array of numbers",
    "triples, .tsv",
    "a manifest, one string",
}
"""Shapes that take memory as another one does, which stands for both in the default run."""
BETWEEN_SAMPLES = 8
"""A peak that is seen from outside may be one of so many parts above what the run saw of itself."""
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform != "linux", reason="measured as Linux counts"),
]


@pytest.fixture(scope="module", autouse=True)
def costs_are_known() -> None:
    """A probe would be in the first plan."""
    find_out_costs()


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(
            shape, id=shape.name, marks=pytest.mark.slow if shape.name in LIKE_OTHERS else ()
        )
        for shape in shapes()
    ],
)
def test_a_document_takes_what_was_planned(shape: Shape) -> None:
    """Never more; and in each phase what the run measures is no more than was planned for it.

    The run sees its own peak, whatever the phase.
    """
    outcome = measured(shape, BYTES, out=not shape.is_bound)
    assert outcome.held, outcome.row()
    for phase in outcome.plan["phases"]:
        bounds = any(term.get("at_most") for term in phase["terms"])
        # Findings of any names are a bound, too.
        of_names = phase["name"] == "join"
        assert bounds == (of_names or (shape.is_bound and phase["name"] == "evaluate"))
    if outcome.summary is None:
        return
    run = outcome.summary["run"]
    # Where no rule is violated, nothing is listed.
    listed = {"list", "join"} if outcome.summary["rules"]["violated"] else set()
    assert set(run["measured_phases"]) | {"list", "join"} == set(run["planned_phases"])
    assert listed <= set(run["measured_phases"])
    for phase, measured_bytes in run["measured_phases"].items():
        assert measured_bytes <= run["planned_phases"][phase], phase
    assert run["measured_peak_bytes"] == max(run["measured_phases"].values())
    unseen = outcome.peak.tree_bytes - run["measured_peak_bytes"]
    assert unseen < outcome.peak.tree_bytes // BETWEEN_SAMPLES


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A run, whatever it ends with."""
    command = [*COMMAND, "run", "--fail-on=none", "--workers=1", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_bound_does_not_refuse_what_may_fit(tmp_path: Path) -> None:
    """It is said, the document is read, and refused by what it takes; what is told does fit."""
    (tmp_path / "rules.tsv").write_text(RULES)
    inputs = [tmp_path / "rules.tsv", tmp_path / "a.json"]
    inputs[1].write_text(json.dumps({"v": "x" * 8 * MIB}))
    done = run(*inputs, "--budget=60MiB")
    assert done.returncode == 0
    assert "a.json: reading it takes at most 56.0 MiB, by its size; " in done.stderr
    inputs[1].write_text(json.dumps({"v": "x" * 40 * MIB}))
    done = run(*inputs, "--budget=60MiB")
    assert done.returncode == 3
    assert "a.json, line 1 (byte 0): the document that begins here takes 80." in done.stderr
    budget = done.stderr.rpartition("--budget ")[2].split()[0]
    assert run(*inputs, f"--budget={budget}").returncode == 0


def test_a_document_that_takes_more_than_its_room_is_refused_alone(tmp_path: Path) -> None:
    """The others are evaluated; the plan says how much room there is, and that it is a bound."""
    (tmp_path / "rules.tsv").write_text(RULES)
    (tmp_path / "dense.json").write_text(
        "{" + ",".join(f'"{key:05}":1' for key in range(90_000)) + "}"
    )
    (tmp_path / "long.json").write_text(json.dumps({"v": "x" * MIB}))
    (tmp_path / "m.yaml").write_text("tasks:\n  - dense: dense.json\n  - long: long.json\n")
    given: list[str | Path] = ["--rules", tmp_path / "rules.tsv", "--manifest", tmp_path / "m.yaml"]
    done = run(*given, "--budget=60MiB")
    assert done.returncode == 4
    assert "failed: dense: refused: " in done.stdout
    assert "2 documents: 1 unchecked, 1 failed" in done.stdout
    assert "a document takes at most 131." in done.stderr
    assert run(*given).returncode == 0


def test_decoders_are_in_the_plan_of_rules(tmp_path: Path) -> None:
    """What does not fit is refused before it is decoded."""
    shape = next(one for one in shapes() if one.name.startswith("rules"))
    inputs = shape.write(tmp_path, MIB)
    done = run(*inputs, "--budget=44MiB")
    assert done.returncode == 3
    assert "decoder" in done.stderr and "at most: decoder" in done.stderr
