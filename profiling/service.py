"""Measures a validator in its caller's process, as a service uses it, and prints a table.

    python -m profiling.service [--folder DIR] [--against PROGRAM] [--only KEY,KEY] [--quick]

Times are CPU seconds of one thread, over the yardstick of the same moment. `--against` names
another `pff-stream`, which is run in turn with this one over a manifest. The large data is read
from the folder that PFF_STREAM_SHARED_DATA names; without it there is nothing to measure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from pff_stream import Validator
from profiling import bench_data as data
from profiling.bench_measure import MIB, program, spend
from profiling.yardstick import yardstick

if TYPE_CHECKING:
    from pff_stream.validator.result import CheckResult

COLUMNS = ("work", "required", "aim", "reached", "yardstick, CPU s")
MIN_CONFIDENCE = 0.9
FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    work: str
    required: str
    aim: str
    reached: str
    unit: float | None = None
    """CPU seconds of a yardstick then; None where the figure does not depend on it."""

    def cells(self) -> tuple[str, ...]:
        """As text."""
        unit = "" if self.unit is None else f"{self.unit:.2f}"
        return self.work, self.required, self.aim, self.reached, unit


class Inputs:
    """What is measured with, made when it is first asked for."""

    def __init__(self, folder: Path, source: Path, *, quick: bool) -> None:
        self.folder = folder
        self._source = source
        self.quick = quick

    @cached_property
    def sample(self) -> data.Data:
        """128,319 rules and 1,125 triples."""
        return data.sample1125(self.folder, self._source)

    @cached_property
    def triples(self) -> list[list[str]]:
        """The triples of the sample."""
        lines = self.sample.triples.read_text(encoding="utf-8").splitlines()
        return [line.split("\t") for line in lines]

    @cached_property
    def manifest(self) -> Path:
        """Of 1,000 documents."""
        large = data.fb15k237(self.folder, self._source)
        return data.documents(self.folder, large.triples, 50 if self.quick else 1000)

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """Those of the manifest."""
        paths = sorted(self.manifest.parent.glob("document*.json"))
        return [{"entities": json.loads(path.read_bytes())} for path in paths]

    def few_rules(self, n: int) -> Path:
        """The first rules."""
        path = self.folder / f"rules{n}.tsv"
        lines = self.sample.rules_text.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:n]), encoding="utf-8")
        return path


def as_document(triples: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Triples as one JSON object of objects with ids."""
    entities: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for subject, relation, object_ in triples:
        entities[subject][relation].append(object_)
    return {"entities": [{"@id": name, **keys} for name, keys in entities.items()]}


def cpu_of(work: Callable[[], object], times: int) -> list[float]:
    """CPU seconds of this thread for each time, ascending; the first ones are left out."""
    for _ in range(5):
        work()
    found = []
    for _ in range(times):
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return sorted(found)


def checks(inputs: Inputs) -> list[Row]:
    """One document again and again, and many different ones."""
    rows, times = [], 50 if inputs.quick else 500
    document = as_document(inputs.triples[:1100])
    what = f"128,319 rules, min_confidence {MIN_CONFIDENCE}"
    with Validator(inputs.sample.rules, min_confidence=MIN_CONFIDENCE) as validator:
        check = partial(validator.check, document, findings=FINDINGS)
        unit, found = yardstick(), cpu_of(check, times)
        reached = f"{median(found) / unit:.5f} ({1e3 * median(found):.2f} ms)"
        rows.append(
            Row(f"check, 1,100 triples (a dict), {what}, p50", "0.005", "0.002", reached, unit)
        )
        unit, found = yardstick(), cpu_of(lambda: _read(check()), times)
        reached = f"{median(found) / unit:.5f} ({1e3 * median(found):.2f} ms)"
        work = f"the same, {len(check().findings)} findings read with reasons and places, p50"
        rows.append(Row(work, "0.005", "0.004", reached, unit))
        many = iter(inputs.documents * (2000 // len(inputs.documents) + 1))
        unit = yardstick()
        found = cpu_of(lambda: validator.check(next(many)), 95 if inputs.quick else 1990)
        last = found[int(0.99 * len(found))]
        reached = f"{last / unit:.5f} ({1e3 * last:.2f} ms)"
        rows.append(Row("the same, p99 over 2,000 documents", "0.015", "0.006", reached, unit))
    with Validator(inputs.sample.rules) as validator:
        few = as_document(inputs.triples[:50])
        found = cpu_of(partial(validator.check, few), times)
        rows.append(_milliseconds("check, 50 triples, 128,319 rules", "2.5", "0.8", found))
    with Validator(inputs.few_rules(231)) as validator:
        few = as_document(inputs.triples[:20])
        found = cpu_of(partial(validator.check, few), times)
        rows.append(_milliseconds("check, 20 triples, 231 rules", "0.5", "0.2", found))
    return rows


def _read(result: CheckResult) -> int:
    """Asks for all that findings tell; returns how many texts these are."""
    n = 0
    for one in result.findings:
        n += len((one.message, one.pointer, *one.found.objects, *one.found.subjects))
        for reason in one.reasons:
            n += len((reason.text, *reason.witness, *reason.where))
    return n


def _milliseconds(work: str, required: str, aim: str, found: list[float]) -> Row:
    return Row(f"{work}, ms", required, aim, f"{1e3 * median(found):.3f}")


def opening(inputs: Inputs) -> list[Row]:
    """A validator of a compiled rule file, until it could check."""
    rules = inputs.sample.rules

    def open_and_close() -> None:
        Validator(rules, min_confidence=MIN_CONFIDENCE).close()

    unit, found = yardstick(), cpu_of(open_and_close, 5)
    reached = f"{median(found) / unit:.3f} ({1e3 * median(found):.0f} ms)"
    return [Row("opening 128,319 compiled rules", "0.4", "0.2", reached, unit)]


_MEASURED = """
import sys, numpy
from planner.probe import measure_self
before = measure_self().bytes
import json
from pff_stream import Validator
validator = Validator(sys.argv[1], min_confidence=float(sys.argv[2]))
documents = [open(path, "rb").read() for path in sys.argv[4:]]
taken = sum(map(len, documents))
held = []
for number in range(int(sys.argv[3])):
    result = validator.check(b'{"entities":' + documents[number % len(documents)] + b"}")
    [finding.message for finding in result.findings[:3]]
    if number in (0, 999, int(sys.argv[3]) - 1):
        held.append(measure_self().bytes - before - taken)
print(*held)
"""


def memory(inputs: Inputs) -> list[Row]:
    """Private memory of a process that opened the rules and checks documents."""
    times = 2000 if inputs.quick else 20000
    paths = sorted(map(str, inputs.manifest.parent.glob("document*.json")))[:50]
    command = [sys.executable, "-c", _MEASURED, str(inputs.sample.rules), str(MIN_CONFIDENCE)]
    said = subprocess.run([*command, str(times), *paths], capture_output=True, check=True).stdout
    first, warm, last = (int(word) / MIB for word in said.split())
    return [
        Row("memory, over an interpreter with numpy, MiB", "16", "10", f"{first:.1f}"),
        Row(f"growth over {times:,} documents, MiB", "1", "0", f"{last - warm:.2f}"),
    ]


def by_manifest(inputs: Inputs, against: str | None) -> list[Row]:
    """Documents of a manifest, counts only; in turn with another build where there is one."""
    rules, manifest = str(inputs.sample.rules), str(inputs.manifest)
    mine = program("run", "--manifest", manifest, "--rules", rules, "--findings", "0")
    others = []
    if against is not None:  # its rule file may be of another version
        other_rules = str(inputs.folder / "other.pffr")
        subprocess.run(
            [against, "compile", str(inputs.sample.rules_text), "-o", other_rules],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        others = [against, "run", "--manifest", manifest, "--rules", other_rules]
    ratios, own = [], []
    for _ in range(3):
        spent = spend(mine)
        own.append(spent.cpu_seconds / spent.unit)
        if others:
            ratios.append(spent.cpu_seconds / spend(others).cpu_seconds)
    reached = f"{median(own):.2f} yardsticks"
    if ratios:
        reached = f"{median(ratios):.2f} ({reached})"
    n = len(inputs.documents)
    work = f"{n:,} documents by manifest, counts, as a share of another build's CPU time"
    return [Row(work, "0.7", "0.4", reached)]


def _seconds_of(pid: int) -> float:
    """CPU seconds of a process so far, all of its threads."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9


class Spent(NamedTuple):
    """Seconds of a document."""

    clock: float
    host: float
    """CPU seconds of this process."""
    workers: float
    """Of all workers."""


def processes(inputs: Inputs) -> list[Row]:
    """Throughput of two worker processes over that of one: by the clock, and by CPU seconds.

    A clock measures who else is at work, too: on a busy machine give this program a rank above the
    others (`chrt -f 10`), and always the same cores (`taskset -c 0,1`). By CPU seconds: the host
    and its workers are at work at the same time, so that documents take as long as the busiest of
    them where there is a core for each; on two cores, as long as half of all that is to be done.
    """
    documents = inputs.documents[:50] if inputs.quick else inputs.documents
    texts = [json.dumps(document).encode() for document in documents]
    rows = []
    for what, given in (("dicts", documents), ("texts", texts)):
        tried = [
            [_checked_by(inputs, workers, given) for workers in (0, 1, 2)]
            for _ in range(1 if inputs.quick else 3)
        ]
        here, by_one, by_two = (
            Spent(*map(median, zip(*(one[n] for one in tried), strict=True))) for n in range(3)
        )
        one = max(by_one.host, by_one.workers)
        with_core = one / max(by_two.host, by_two.workers / 2)
        on_two = one / max(by_two.host, (by_two.host + by_two.workers) / 2)
        work = f"throughput of two processes over one, {what}"
        clocks = " and ".join(f"{1e3 * spent.clock:.2f}" for spent in (by_two, by_one))
        rows += [
            Row(f"{work}, by the clock", "1.8", "1.9",
                f"{by_one.clock / by_two.clock:.2f} ({clocks} ms a document; "
                f"{1e3 * here.clock:.2f} in the caller's own)"),
            Row(f"{work}, by CPU time", "1.8", "1.9",
                f"{with_core:.2f} with a core for the host, {on_two:.2f} on two cores (host "
                f"{1e3 * by_two.host:.2f}, workers {1e3 * by_two.workers:.2f} ms a document; of "
                f"one {1e3 * by_one.host:.2f} and {1e3 * by_one.workers:.2f})"),
        ]  # fmt: skip
    return rows


def _checked_by(inputs: Inputs, workers: int, documents: Sequence[Any]) -> Spent:
    """Many documents in so many processes; none: in this one, by one thread."""
    places = {"workers": workers} if workers else {"threads": 1}
    rules = inputs.sample.rules
    with Validator(rules, min_confidence=MIN_CONFIDENCE, **places) as validator:
        for _ in validator.check_many(documents[:20]):
            pass
        pids = [os.getpid(), *validator.pids]
        before, began = [_seconds_of(pid) for pid in pids], time.perf_counter()
        for _ in validator.check_many(documents):
            pass
        clock = time.perf_counter() - began
        after = [_seconds_of(pid) for pid in pids]
    host, *each = ((b - a) / len(documents) for a, b in zip(before, after, strict=True))
    return Spent(clock / len(documents), host, sum(each))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure a validator in its caller's process.")
    parser.add_argument("--folder", type=Path, help="keep the prepared inputs here")
    parser.add_argument("--against", metavar="PROGRAM", help="another pff-stream, for the manifest")
    parser.add_argument("--only", metavar="KEYS", help="these parts only, with commas")
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    options = parser.parse_args()
    source = data.shared()
    if source is None:
        sys.exit(f"{data.VARIABLE} is not set: there are no rules to measure with")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="pff-stream-service-", dir="/var/tmp") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        inputs = Inputs(folder, source, quick=options.quick)
        parts: dict[str, Callable[[], list[Row]]] = {
            "checks": partial(checks, inputs),
            "opening": partial(opening, inputs),
            "memory": partial(memory, inputs),
            "manifest": partial(by_manifest, inputs, options.against),
            "processes": partial(processes, inputs),
        }
        wanted = options.only.split(",") if options.only else list(parts)
        print("| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1), sep="\n")
        for name in wanted:
            for row in parts[name]():
                print("| " + " | ".join(row.cells()) + " |", flush=True)
    print(f"\nLoad average {load:.1f} before, {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
