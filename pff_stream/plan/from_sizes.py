"""Plans for machines that one does not have, of inputs that one does not have: from counts alone.

The terms are those of every plan. Where a header would say more, a bound takes its place. Times are
CPU seconds by rates that were measured (docs/performance-scale.md); they tell the order of size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pff_stream.errors import InputError
from pff_stream.plan.blocks import BlockSizes
from pff_stream.plan.by_rules import RulesWorkload
from pff_stream.plan.choose import plan_run
from pff_stream.plan.costs import Costs
from pff_stream.plan.from_sample import NO_SAMPLE, Sample, read_sample
from pff_stream.plan.sizes import RunSizes
from pff_stream.report.sizes import result_sizes
from pff_stream.rules.sizes import RuleSizes
from pff_stream.settings.models import ResourceOptions
from pff_stream.settings.values import read_size, read_whole
from pff_stream.settings.yaml import Placed, read_mapping
from pff_stream.triples._encode import PAIR_BYTES
from pff_stream.triples._name_runs import NAME_DISK_BYTES
from pff_stream.triples._triple_lines import MAX_NAMES, MAX_TRIPLES, RECORD_BYTES
from pff_stream.triples.sizes import (
    EncodeCounts,
    NameRunCounts,
    graph_at_most,
    largest_terms,
)
from pff_stream.triples.terms import GraphSizes
from pff_stream.work.task import RESULT_BYTES
from planner.machine import Machine
from planner.model import Limit
from planner.plan import Plan
from planner.sizes import format_size

CHUNK_RULES, CHUNK_BYTES = 4096, 1 << 20
SECONDS_PER_RULE_AND_TRIPLE = 1.1e-11
"""CPU seconds: 1,000,000 rules on 1,000,000 triples took 11.3."""
ENCODE_SECONDS, COMPILE_SECONDS = 7e-7, 4e-6
"""CPU seconds a triple, and a rule: 20,000,000 triples took 13.5, 1,000,000 rules 3.9."""
SPILLED_BYTES = 64 << 20
"""What triples, or names, take in memory before they go to files."""
DISK_BYTES = RECORD_BYTES + PAIR_BYTES
"""Of temporary files for each triple."""
_NEEDED = ("triples", "entities", "relations", "rules", "name_bytes")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What there would be."""

    triples: int
    entities: int
    relations: int
    rules: int
    name_bytes: int
    """Names of all entities together."""
    largest_relation: int
    """Its triples; all of them where nothing is said."""
    body_atoms: int
    sample: Sample = NO_SAMPLE
    """Whose headers say more than the counts."""

    @property
    def counts(self) -> EncodeCounts:
        """What encoding them depends on."""
        mean = self.name_bytes // max(1, self.entities)
        names = self.relations * mean
        largest = self.largest_relation or self.triples
        return EncodeCounts(
            self.triples, self.entities, self.relations, self.name_bytes, names, largest, 0, 0
        )

    def on(self, cores: int, parts: int, *, in_memory: bool) -> RunSizes:
        """A part of a run over them, with the graph in memory or in a file."""
        rules = self.sample.rules_of(self.rules) or self._usual_rules()
        rules = replace(rules, n_chunks=-(-rules.n_chunks // parts))
        results = result_sizes(
            rules, (), (), max_examples=0, buffer_bytes=RESULT_BYTES, in_memory=False
        )
        total_bytes, blocks = self._graph()
        graph = GraphSizes(total_bytes, in_memory, self.entities, self.relations, self.triples)
        return RunSizes(graph, rules, results, False, None, cores, None if in_memory else blocks)

    def graph_bytes(self) -> int:
        """A bound on the graph, or what it comes to by the sample."""
        return self._graph()[0]

    def _usual_rules(self) -> RuleSizes:
        return RuleSizes(
            self.rules, -(-self.rules // CHUNK_RULES), CHUNK_BYTES, CHUNK_RULES, CHUNK_RULES * 4,
            CHUNK_RULES * self.body_atoms, CHUNK_RULES, CHUNK_BYTES, self.body_atoms,
        )  # fmt: skip

    def _graph(self) -> tuple[int, BlockSizes]:
        sample = self.sample.graph_of(self.triples, self.entities, self.name_bytes)
        if sample is not None:
            return sample.total_bytes, replace(sample.blocks, n_relations=self.relations)
        graph_bytes = graph_at_most(self.counts).value
        rows = max(0, graph_bytes - self.name_bytes)
        share = (self.largest_relation or self.triples) / max(1, self.triples)
        needed = min(rows, int(rows * share) * self.body_atoms)
        return graph_bytes, BlockSizes(self.relations, rows, self.name_bytes, needed)


def read_sizes(path: str) -> Sizes:
    """A mapping of counts, or a sample with a scale; `InputError` for what no graph can have."""
    found = read_mapping(path)
    placed = found.pop("sample", None)
    sample = NO_SAMPLE if placed is None else read_sample(path, placed)
    values = {"largest_relation": 0, "body_atoms": 3, **sample.counts()}
    lines = dict.fromkeys(values, 0 if placed is None else placed.line)
    for name, one in found.items():
        if name not in (*_NEEDED, "largest_relation", "body_atoms"):
            raise _wrong(path, one.line, name, f"sample or one of {', '.join(_NEEDED)}")
        values[name] = _number(path, name, one, is_size=name == "name_bytes")
        lines[name] = one.line
    for name in _NEEDED:
        if name not in values:
            raise InputError(f"{path}: found no {name}, expected a number of them, or a sample")
    _check(path, values, lines)
    return Sizes(**values, sample=sample)


def _check(path: str, values: Mapping[str, int], lines: Mapping[str, int]) -> None:
    """Refuses what no graph can have, or has room for."""
    for name, most in (("triples", MAX_TRIPLES), ("largest_relation", MAX_TRIPLES),
                       ("entities", MAX_NAMES), ("relations", MAX_NAMES)):  # fmt: skip
        if values[name] > most:
            raise _wrong(
                path, lines[name], _told(name, values[name]),
                f"at most {most:,} in one graph: split it by relations, and give each rule the "
                "graph that has its relations",
            )  # fmt: skip
    triples = values["triples"]
    for name, most in (("largest_relation", triples), ("relations", triples),
                       ("entities", 2 * triples)):  # fmt: skip
        if values[name] > most:
            expected = f"at most {most:,}, for there are {triples:,} triples"
            raise _wrong(path, lines[name], _told(name, values[name]), expected)


def _told(name: str, value: int) -> str:
    if name == "largest_relation":
        return f"a largest relation of {value:,} triples"
    return f"{value:,} {name}"


def read_machines(path: str) -> list[dict[str, Any]]:
    """`machines:` with `name`, `cores`, `memory` and `hosts` each."""
    found = read_mapping(path).get("machines")
    listed = None if found is None else found.value
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{path}: found no machines, expected `machines:` with a list of them")
    machines = []
    for one in listed:
        if not isinstance(one, Mapping) or not {"cores", "memory"} <= one.keys():
            raise InputError(f"{path}: found {one!r}, expected cores, memory and hosts")
        told = {name: Placed(value, found.line if found else 0) for name, value in one.items()}
        machine: dict[str, Any] = {
            "cores": _number(path, "cores", told["cores"]),
            "memory": _number(path, "memory", told["memory"], is_size=True),
            "hosts": _number(path, "hosts", told.get("hosts", Placed(1, 0))),
        }
        machine["name"] = str(one.get("name", f"{machine['cores']} cores"))
        machines.append(machine)
    return machines


def plan_on(sizes: Sizes, machine: Mapping[str, Any], costs: Costs) -> Plan:
    """The plan of one host's part; in memory where that fits, else from a file."""
    resources = ResourceOptions()
    budget = max(1, machine["memory"] - resources.reserve_bytes)
    limit = Limit("memory", budget, f"{machine['name']}: {format_size(machine['memory'])}")
    here = Machine(budget, limit.source, (replace(limit, deciding=True),), machine["cores"],
                   machine["name"], 0)  # fmt: skip
    for in_memory in (True, False):
        of_run = sizes.on(machine["cores"], machine["hosts"], in_memory=in_memory)
        made = plan_run(resources, here, RulesWorkload(of_run), costs, ())
        if made.fits:
            break
    return made


def machine_line(sizes: Sizes, machine: Mapping[str, Any], plan: Plan) -> str:
    """What one of its hosts needs, and how long all take, by rates that were measured."""
    hosts, of_host = machine["hosts"], int(plan.settings["workers"] or 1)
    seconds = sizes.rules * sizes.triples * SECONDS_PER_RULE_AND_TRIPLE
    need = f"{format_size(plan.peak_bytes)} of {format_size(plan.budget_bytes)} a host"
    if not plan.fits:
        return f"{machine['name']}: {hosts} x {machine['cores']} cores: refused: needs {need}"
    return (
        f"{machine['name']}: {hosts} x {machine['cores']} cores: {need}, graph in "
        f"{plan.settings.get('backing')}, {of_host} workers; evaluation about "
        f"{_duration(seconds / of_host / hosts)} ({_duration(seconds)} of CPU time)"
    )


def preparing_line(sizes: Sizes) -> str:
    """What compiling and encoding take, once."""
    counts = sizes.counts
    spilled = replace(counts, spilled_at_bytes=SPILLED_BYTES, graph_in_file=True)
    ways = (counts, spilled, replace(spilled, name_runs=_name_runs(sizes), sorts_in_file=True))
    held, in_files, least = (
        format_size(sum(term.bytes for term in largest_terms(one))) for one in ways
    )
    seconds = sizes.rules * COMPILE_SECONDS, sizes.triples * ENCODE_SECONDS
    disk = DISK_BYTES * sizes.triples + NAME_DISK_BYTES * sizes.entities + 2 * sizes.name_bytes
    return (
        f"once: compile about {_duration(seconds[0])}, encode about {_duration(seconds[1])} with "
        f"{held} at most, or {in_files} where triples and graph lie in files, or {least} where "
        f"names of entities do, too ({format_size(disk)} of temporary files, more for names that "
        f"come again and again); the graph has {_at_most(sizes)}{format_size(sizes.graph_bytes())}"
    )


def _at_most(sizes: Sizes) -> str:
    return "at most " if sizes.sample.graph is None else "about "


def _name_runs(sizes: Sizes) -> NameRunCounts:
    """With the names of entities in a file, a run as large as the triples that are in memory.

    At most: as if each triple brought two names that its run did not have.
    """
    bits = sizes.triples // 4
    return NameRunCounts(
        held_bytes=SPILLED_BYTES,
        merging_bytes=SPILLED_BYTES,
        map_bytes=SPILLED_BYTES // 4,
        rank_bytes=bits + bits // 16,
        window_bytes=SPILLED_BYTES // 2,
        longest_bytes=sizes.name_bytes // max(1, sizes.entities),
    )


def _number(path: str, name: str, placed: Placed, *, is_size: bool = False) -> int:
    read = read_size(1) if is_size else read_whole(1)
    try:
        return read(placed.value)
    except (TypeError, ValueError):
        expected = "a size, such as 64GiB" if is_size else "a whole number from 1"
        raise _wrong(path, placed.line, f"{name}: {placed.value!r}", expected) from None


def _wrong(path: str, line: int, found: str, expected: str) -> InputError:
    return InputError(f"{path}:{line}: found {found}, expected {expected}")


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
