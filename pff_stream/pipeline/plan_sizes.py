"""Plans of inputs that are only counted, on machines that are only told of (`plan --sizes`)."""

from __future__ import annotations

from pff_stream.files.temporary import working_folder
from pff_stream.limits.meter import MemoryMeter
from pff_stream.observer import Observer
from pff_stream.plan.costs import measure_costs
from pff_stream.plan.from_sizes import (
    machine_line,
    plan_on,
    preparing_line,
    read_machines,
    read_sizes,
)
from planner.machine import read_machine
from planner.text import table


def plan_sizes(sizes_path: str, machines_path: str, observer: Observer) -> tuple[list[str], bool]:
    """What to say of each machine, and whether it fits on any."""
    sizes, machines = read_sizes(sizes_path), read_machines(machines_path)
    costs = measure_costs(read_machine(0).budget_bytes, working_folder(None), MemoryMeter(observer))
    plans = [plan_on(sizes, machine, costs) for machine in machines]
    lines = [preparing_line(sizes)]
    for machine, plan in zip(machines, plans, strict=True):
        lines += ["", machine_line(sizes, machine, plan), table(plan)]
    return lines, any(plan.fits for plan in plans)
