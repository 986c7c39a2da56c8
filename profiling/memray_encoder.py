"""Holds the encoder to what `encode_terms` says, its arrays and its Python side apart.

    python -m profiling.memray_encoder

The arrays are mappings that grow: the kernel's own figure is held against the largest phase. The
Python side (blocks, hash, documents) is measured by memray, and may not grow with the number of
triples or documents.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from pff_stream.triples.encode import encode
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.report import EncodeReport
from pff_stream.triples.sizes import EncodeCounts, encode_terms, largest_terms
from pff_stream.triples.store import GraphStore
from profiling.peaks import EXAMPLE, MARGIN_BYTES, Report, kernel_peak, traced_peak

MIB = 1 << 20
TRIPLES = (50_000, 500_000)
DOCUMENTS = (10, 200)
# The kernel counts whole pages, and code that runs for the first time.
KERNEL_MARGIN_BYTES = 2 * MIB


def write_triples(path: Path, count: int) -> None:
    """Random triples, as many entities as a tenth of them, 40 relations."""
    pick = random.Random(count)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            subject, object_ = pick.randrange(count // 10), pick.randrange(count // 10)
            file.write(f"entity/{subject}\trelation_{pick.randrange(40)}\tentity/{object_}\n")


def write_documents(path: Path, count: int) -> None:
    """The example's document, many times over, as JSON Lines."""
    document = json.loads((EXAMPLE / "umls_document.json").read_bytes())
    line = json.dumps(document) + "\n"
    path.write_text(line * count, encoding="utf-8")


def encoded(path: Path) -> EncodeReport:
    """Encode in this process, into shared memory that is given back."""
    with GraphStore.in_memory() as store:
        return encode(str(path), store, EncodeOptions())


def planned(report: EncodeReport) -> dict[str, int]:
    """The terms of the largest phase of `encode_terms`."""
    return {term.name: term.bytes for term in largest_terms(report.memory_counts)}


def check_triples(report: Report, path: Path, count: int) -> None:
    """Both sides, for triples."""
    write_triples(path, count)
    found = encoded(path)  # imports and caches are not the encoder's
    peak = kernel_peak(lambda: encoded(path))
    if peak is not None:
        terms = planned(found) | {"margin": KERNEL_MARGIN_BYTES}
        report.at_most(f"all memory, {count} triples", peak, terms)
    report.at_most(
        f"Python side, {count} triples", traced_peak(lambda: encoded(path)), python_side(0)
    )


def check_documents(report: Report, path: Path, count: int) -> None:
    """The Python side, for JSON Lines."""
    write_documents(path, count)
    document_bytes = encoded(path).memory_counts.document_bytes
    peak = traced_peak(lambda: encoded(path))
    report.at_most(f"Python side, {count} documents", peak, python_side(document_bytes))


def python_side(document_bytes: int) -> dict[str, int]:
    """What `encode_terms` says of all that does not lie in arrays."""
    counts = EncodeCounts(0, 0, 0, 0, 0, 0, decoder_bytes=0, document_bytes=document_bytes)
    python_side = ("encoder, blocks", "encoder, document")
    terms = {term.name: term.bytes for term in encode_terms(counts)["reading"]}
    return {name: terms[name] for name in python_side} | {"margin": MARGIN_BYTES}


def main() -> None:
    """Measure both sizes of both kinds."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="pff-stream-memray-") as folder:
        for count in TRIPLES:
            check_triples(report, Path(folder, "triples.tsv"), count)
        for count in DOCUMENTS:
            check_documents(report, Path(folder, "documents.jsonl"), count)
    report.finish()


if __name__ == "__main__":
    main()
