"""Holds the reading of a compiled rule file to the plan: one chunk, whatever the number of rules.

    python -m profiling.memray_reader

A reader may hold one chunk as the plan counts it (encoded, decoded, and what checks it) and the
index; ten times the rules may add to the index alone.
"""

from __future__ import annotations

import io
import tempfile
from functools import partial
from pathlib import Path

from pff_stream.plan.by_document import CHUNK_COPIES, SOURCE_COPIES
from pff_stream.rules.compile import compile_rules
from pff_stream.rules.file import RuleFile
from profiling.peaks import EXAMPLE, MARGIN_BYTES, Report, traced_peak

REPEATS = (1, 10)
# Offset, length, checksum and counts of a chunk; checking them makes three columns of 8 bytes.
INDEX_BYTES = 2 * 32 + 3 * 8


def compiled(folder: Path, repeats: int) -> Path:
    """The rules of the example, several times over, as a rule file."""
    text = (EXAMPLE / "umls_rules.tsv").read_bytes()
    target = folder / f"{repeats}.pffr"
    written = io.BytesIO()
    compile_rules([text] * repeats, written, source_name="umls_rules.tsv")
    target.write_bytes(written.getbuffer())
    return target


def read_all(path: Path) -> int:
    """Read every chunk for evaluation, as a worker does; the number of rules."""
    with RuleFile(path) as rules:
        return sum(rules.read_chunk(chunk).n_rules for chunk in range(len(rules.chunks)))


def read_sources(path: Path) -> int:
    """Read every source chunk, as the report does; the number of rules."""
    with RuleFile(path) as rules:
        return sum(len(rules.read_source_chunk(at)) for at in range(len(rules.source_chunks)))


def main() -> None:
    """Measure both kinds of chunk in both files."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="pff-stream-memray-") as folder:
        for repeats in REPEATS:
            path = compiled(Path(folder), repeats)
            read_all(path), read_sources(path)  # imports and caches are not the reader's
            with RuleFile(path) as rules:
                chunks = len(rules.chunks) + len(rules.source_chunks)
                sizes = {
                    "evaluation": CHUNK_COPIES * rules.max_chunk_bytes,
                    "source": SOURCE_COPIES * rules.max_source_chunk_bytes,
                }
                count = rules.rules
            for kind, read in (("evaluation", read_all), ("source", read_sources)):
                report.at_most(
                    f"{kind} chunks of {count} rules",
                    traced_peak(partial(read, path)),
                    {
                        "chunk": sizes[kind],
                        "index": INDEX_BYTES * chunks,
                        "margin": MARGIN_BYTES,
                    },
                )
    report.finish()


if __name__ == "__main__":
    main()
