"""What the two assumptions make of rules and a graph from which triples were held out.

`python -m profiling.assumptions RULES TRAIN HELD_OUT...` prints a table; `--write FILE` puts it
between the markers of a page.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Sequence
from pathlib import Path

import pff_stream
from pff_stream.report.records import Names, Outcome

BEGIN, END = "<!-- assumptions: begin -->", "<!-- assumptions: end -->"
ASSUMPTIONS = ("closed", "partial")
EVERY = 2**63 - 1


def triples_of(path: str) -> set[Names]:
    """The triples of a TSV file, packed or not."""
    data = Path(path).read_bytes()
    text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    found = set()
    for line in text.splitlines():
        subject, relation, object_ = line.split("\t")
        found.add((subject, relation, object_))
    return found


def print_or_write(text: str, page: str | None, marks: tuple[str, str]) -> None:
    """Prints it, or puts it between the two marks of a page."""
    if page is None:
        print(text)
        return
    path, (begin, end) = Path(page), marks
    before, rest = path.read_text(encoding="utf-8").split(begin)
    _, behind = rest.split(end)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{behind}", encoding="utf-8")


def table(rules: str, train: str, held_out: set[Names]) -> list[str]:
    """Lines of the table: a row an assumption."""
    lines = [
        "| assumption | satisfied | violated | vacuous | violations | missing triples | held out |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for assumption in ASSUMPTIONS:
        outcomes = dict.fromkeys(Outcome, 0)
        missing: set[Names] = set()
        violations = 0
        for outcome in pff_stream.validate(
            rules, train, assumption=assumption, max_examples=EVERY, max_violations=EVERY
        ):
            outcomes[outcome.outcome] += 1
            violations += outcome.violations
            missing |= {violation.head for violation in outcome.examples}
        counts = [outcomes[one] for one in (Outcome.SATISFIED, Outcome.VIOLATED, Outcome.VACUOUS)]
        figures = [*counts, violations, len(missing), len(missing & held_out)]
        lines.append(f"| {assumption} | " + " | ".join(f"{n:,}" for n in figures) + " |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules")
    parser.add_argument("train")
    parser.add_argument("held_out", nargs="*")
    parser.add_argument("--write")
    given = parser.parse_args(arguments)
    held_out = set().union(*map(triples_of, given.held_out)) - triples_of(given.train)
    text = "\n".join(table(given.rules, given.train, held_out))
    print_or_write(text, given.write, (BEGIN, END))


if __name__ == "__main__":
    main()
