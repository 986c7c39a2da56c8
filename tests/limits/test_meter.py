"""The meter: every phase from its first moment, often where memory moves, cheaply where it may."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pff_stream.limits import meter as meter_module
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Silent
from planner.model import Phase, Term
from planner.plan import Plan

MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Noting(Silent):
    """Notes what it is told of memory."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def memory(self, now: int, planned: int, budget: int) -> None:
        """Planned and budget."""
        self.told.append((planned, budget))


@linux
def test_each_phase_has_its_own_peak() -> None:
    """What was taken in one phase and given back is not the next one's."""
    meter = MemoryMeter(Silent())
    meter.begin("one")
    room = bytearray(32 * MIB)
    room[::4096] = b"x" * len(room[::4096])
    meter.tick(now=True)
    del room
    meter.begin("two")
    meter.tick(now=True)
    one, two = meter.phases["one"], meter.phases["two"]
    assert 30 * MIB < one.bytes - two.bytes < 34 * MIB
    assert meter.peak_bytes == one.bytes
    assert meter.at_peak == one.readings
    meter.begin("one")  # it goes on
    assert meter.phases["one"] is one


@linux
@pytest.mark.parametrize("alone", [True, False])
def test_a_spike_between_two_samples_is_seen_by_its_mark(alone: bool) -> None:
    """The kernel keeps how high a process was; asked for where it maps no large files."""
    Path("/proc/self/clear_refs").write_text("5")  # the mark of this process starts from now
    meter = MemoryMeter(Silent())
    meter.begin("one", alone=alone)
    room = bytearray(32 * MIB)
    room[::4096] = b"x" * len(room[::4096])
    del room
    meter.begin("two", alone=alone)
    spike = meter.phases["one"].bytes - meter.phases["two"].bytes
    assert (28 * MIB < spike < 36 * MIB) == alone


COST_SECONDS = 0.001
"""Of a sample."""


@linux
def test_it_samples_no_more_often_than_is_cheap() -> None:
    """Quick phases wait a multiple of what a sample took, others a quarter of a second."""
    clock = Clock()
    meter = MemoryMeter(Silent(), clock)
    taken = 0

    def samples(seconds: float, step: float = 0.001) -> int:
        nonlocal taken
        before = taken
        for _ in range(int(seconds / step)):
            clock.now += step
            meter.tick()
        return taken - before

    sample = meter.watch.sample

    def counted() -> int:
        nonlocal taken
        taken += 1
        held_bytes = sample()
        meter.watch.sample_seconds = COST_SECONDS  # whatever it took on this machine now
        return held_bytes

    meter.watch.sample = counted  # type: ignore[method-assign]
    meter.begin("steady")
    assert 3 <= samples(1.0) <= 4
    meter.begin("moving", quick=True)
    pause = max(meter_module.QUICK_SECONDS, meter_module.SHARE * COST_SECONDS)
    assert 4 < samples(1.0) <= 1 / pause + 1


@linux
def test_the_observer_hears_of_memory_when_there_is_a_plan() -> None:
    """And a guard looks from then on."""
    observer = Noting()
    meter = MemoryMeter(observer)
    meter.begin("before")
    assert observer.told == [] and meter.guard is None
    plan = Plan([Phase("evaluate", [Term("a", 5, "a")])], 1 << 62, "test")
    meter.promise(plan, 0)
    meter.tick(now=True)
    assert observer.told == [(5, 1 << 62)]


@linux
def test_what_is_drawn_is_watched_to_its_end() -> None:
    """The last look is when the drawer holds all, before it lets go."""
    meter = MemoryMeter(Silent())
    meter.begin("merge")
    held = []

    def items() -> Iterator[int]:
        yield from range(3)
        held.append(bytearray(b"x" * 16 * MIB))

    before = meter.phases["merge"].bytes
    assert list(meter.over(items())) == [0, 1, 2]
    assert meter.phases["merge"].bytes > before + 15 * MIB
