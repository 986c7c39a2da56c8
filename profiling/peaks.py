"""Measures the peak of one piece of work with memray, and holds it against a bound.

A plain capture is written, not an aggregated one: only that can be read for its peak. The tracker
runs in the process that does the work, since memray follows no spawned process. What memray counts
is the size of an allocation, touched or not, and a mapped graph would count whole for each process
that attaches it: mappings are left out here. The encoder's arrays are mappings that grow; they are
held against the kernel's figure instead (`kernel_peak`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import memray

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "example"
KIB = 1024
NOT_HEAP = frozenset(
    {
        memray.AllocatorType.FREE,
        memray.AllocatorType.MMAP,
        memray.AllocatorType.MUNMAP,
        memray.AllocatorType.PYMALLOC_FREE,
    }
)
FLAMEGRAPHS = "FLAMEGRAPHS"
"""Variable that names a folder: each captured piece of work leaves its flame graph there."""
# What the tracker's own objects may add.
MARGIN_BYTES = 64 * KIB


def traced_peak(work: Callable[[], object]) -> int:
    """Most bytes that `work` held at once, Python objects one by one, without mappings."""
    with tempfile.TemporaryDirectory(prefix="pff-stream-memray-") as folder:
        capture = Path(folder, "capture.bin")
        with memray.Tracker(capture, trace_python_allocators=True):
            work()
        if flamegraphs := os.environ.get(FLAMEGRAPHS):
            _draw(capture, Path(flamegraphs))
        return captured_peak(capture)


def _draw(capture: Path, folder: Path) -> None:
    """Writes the flame graph of a capture, under the name of the job and a number."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Path(sys.argv[0]).stem
    number = 1 + len(list(folder.glob(f"{job}-*.html")))
    target = folder / f"{job}-{number}.html"
    subprocess.run(
        [sys.executable, "-m", "memray", "flamegraph", "-o", target, capture],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def captured_peak(capture: Path) -> int:
    """Peak of a plain capture, in bytes, without mappings (files, shared memory, arenas)."""
    held: dict[int, int] = {}
    total = peak = 0
    with memray.FileReader(capture) as reader:
        for event in reader.get_allocation_records():
            # An address that was freed, or that is given out again.
            total -= held.pop(event.address, 0)
            if event.allocator not in NOT_HEAP:
                held[event.address] = event.size
                total += event.size
                peak = max(peak, total)
    return peak


def kernel_peak(work: Callable[[], object]) -> int | None:
    """Growth of resident memory at its highest, by the kernel's count; None where it has none."""
    try:
        # 5: the highest resident size starts again from the present one.
        Path("/proc/self/clear_refs").write_text("5")
        before = _status_bytes("VmRSS")
        work()
        return _status_bytes("VmHWM") - before
    except OSError:
        return None


def _status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * KIB
    raise OSError(f"/proc/self/status has no {field}")


class Report:
    """Prints each comparison and remembers whether all held."""

    def __init__(self) -> None:
        self._held = True

    def at_most(self, what: str, measured: int, terms: Mapping[str, int]) -> None:
        """`measured` bytes must not be over the sum of the terms."""
        allowed = sum(terms.values())
        held = measured <= allowed
        self._held &= held
        sign = "<=" if held else "OVER"
        print(f"{what}: {measured / KIB:,.0f} KiB {sign} {allowed / KIB:,.0f} KiB")
        for name, size in terms.items():
            print(f"    {name}: {size / KIB:,.0f} KiB")

    def finish(self) -> None:
        """Ends the job: exit code 1 where something was over its bound."""
        if not self._held:
            sys.exit(f"{Path(sys.argv[0]).name}: a peak is over its bound")
