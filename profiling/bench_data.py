"""The inputs of the benchmarks, unpacked, compiled and encoded once into a temporary folder."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
from collections import defaultdict, deque
from dataclasses import dataclass
from pathlib import Path

from profiling.bench_measure import program

ROOT = Path(__file__).resolve().parent.parent
VARIABLE = "PFF_STREAM_SHARED_DATA"
SEED = 11
DOCUMENT_TRIPLES = 1100
# A hub alone may have thousands of triples; a document takes its share of it.
MOST_OF_ONE_ENTITY = 60


def shared() -> Path | None:
    """The folder of large data; None where it is not named."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


@dataclass(frozen=True, slots=True)
class Data:
    """One set of rules with its triples: as text, and as compiled and encoded files."""

    rules_text: Path
    rules: Path
    triples: Path
    graph: Path


def unpacked(source: Path, target: Path) -> Path:
    """`source` as plain text; most files of the data are gzip."""
    if source.suffix == ".gz":
        with gzip.open(source) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        shutil.copyfile(source, target)
    return target


def prepare(folder: Path, name: str, rules: Path, triples: Path) -> Data:
    """Unpacks, compiles and encodes; what is there already is kept."""
    data = Data(
        folder / f"{name}_rules.tsv",
        folder / f"{name}.pffr",
        folder / f"{name}.tsv",
        folder / f"{name}.pffg",
    )
    if not data.graph.exists():
        unpacked(rules, data.rules_text)
        unpacked(triples, data.triples)
        for arguments in (
            ("compile", str(data.rules_text), "-o", str(data.rules)),
            ("encode", str(data.triples), "-o", str(data.graph)),
        ):
            subprocess.run(program(*arguments), check=True, stdout=subprocess.DEVNULL)
    return data


def umls(folder: Path) -> Data:
    """The small data of the tests: 6,000 rules, 5,216 triples."""
    source = ROOT / "tests" / "data" / "umls"
    return prepare(folder, "umls", source / "rules.tsv.gz", source / "train.tsv.gz")


def fb15k237(folder: Path, source: Path) -> Data:
    """128,319 rules and the 272,115 triples of FB15k-237 train."""
    source = source / "fb15k237"
    return prepare(folder, "fb15k237", source / "rules128319.tsv.gz", source / "train.tsv.gz")


def sample1125(folder: Path, source: Path) -> Data:
    """The same rules and 1,125 of these triples."""
    source = source / "fb15k237"
    return prepare(folder, "sample1125", source / "rules128319.tsv.gz", source / "sample1125.tsv")


def wn18rr(folder: Path, source: Path) -> Data:
    """31,029 rules and the 86,835 triples of WN18RR train."""
    source = source / "wn18rr"
    return prepare(folder, "wn18rr", source / "anyburl_rules_100s.tsv.gz", source / "train.tsv.gz")


def documents(folder: Path, triples: Path, count: int) -> Path:
    """A manifest of `count` JSON documents, each a neighbourhood of a random entity."""
    manifest = folder / f"manifest{count}.yaml"
    if manifest.exists():
        return manifest
    outgoing: dict[str, list[tuple[str, str]]] = defaultdict(list)
    around: dict[str, list[str]] = defaultdict(list)
    for line in triples.read_text(encoding="utf-8").splitlines():
        subject, relation, object_ = line.split("\t")
        outgoing[subject].append((relation, object_))
        around[subject].append(object_)
        around[object_].append(subject)
    pick = random.Random(SEED)
    entities = sorted(outgoing)
    lines = ["tasks:"]
    for number in range(count):
        name = f"document{number:04}"
        document = _neighbourhood(outgoing, around, pick.choice(entities))
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
        lines.append(f"  - {name}: {name}.json")
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def _neighbourhood(
    outgoing: dict[str, list[tuple[str, str]]], around: dict[str, list[str]], start: str
) -> list[dict[str, object]]:
    """Entities around `start`, breadth first, as objects, until there are triples enough."""
    document: list[dict[str, object]] = []
    queue, seen, held = deque([start]), {start}, 0
    while queue and held < DOCUMENT_TRIPLES:
        entity = queue.popleft()
        keys: dict[str, list[str]] = defaultdict(list)
        for relation, object_ in outgoing.get(entity, [])[:MOST_OF_ONE_ENTITY]:
            keys[relation].append(object_)
            held += 1
        if keys:
            document.append({"@id": entity, **keys})
        for other in around[entity][:MOST_OF_ONE_ENTITY]:
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return document
