"""Chunks of a rule file that no compiler writes are refused before room is made for them."""

from __future__ import annotations

import tempfile
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest

from pff_stream import validate
from pff_stream.errors import InputError
from pff_stream.evaluate._kernel import Evaluator
from pff_stream.evaluate.chunk import evaluate_rules
from pff_stream.rules._format import CHUNK_COLUMNS, FOOTER, MAGIC, RECORD
from pff_stream.rules.complete import check_complete
from pff_stream.rules.file import RuleFile
from tests.graphs import graph_of
from tests.rules.altered import read_all, rewritten
from tests.warm import started

pytestmark = pytest.mark.thorough


def test_a_chunk_over_the_largest_is_refused() -> None:
    """The index says how large a chunk may be, and memory is planned by it."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[1]["more"] = bytes(1 << 20)

    with pytest.raises(InputError, match="over 1048576 bytes"):
        read_all(rewritten(alter))


@pytest.mark.parametrize("part", [1, 2])
def test_a_column_that_nothing_knows_is_refused(part: int) -> None:
    """What a later version may add is not passed over."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[part]["filters"] = bytes(8)

    with pytest.raises(InputError, match="found column 'filters'"):
        read_all(rewritten(alter))


def test_a_chunk_of_a_format_that_is_not_known() -> None:
    """Its texts cannot be settled: found where one has to be, with the place of the chunk."""
    content = rewritten(lambda index, maps: maps[1].update(rule_format="other"))
    graph = graph_of([("a", "r", "b"), ("((", "r", "b")])
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        with RuleFile(file.fileno()) as rules:
            chunk = rules.read_chunk(0)
    evaluator = Evaluator(graph, "object-identity")
    with pytest.raises(InputError, match=r"byte \d+: found rule texts of the format 'other', exp"):
        evaluate_rules(evaluator, graph, chunk, 0, chunk.n_rules, lambda records: None)


def test_a_chunk_that_grows_when_it_is_read_is_refused() -> None:
    """Columns that are left out count with what they take in memory."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        for name in ("rejected", "reasons", "miner.confidence"):
            maps[2].pop(name)

    content = rewritten(alter)
    offset, length, _, _ = FOOTER.unpack(content[-FOOTER.size :])
    index = msgpack.unpackb(content[offset : offset + length])
    [(_, source_bytes, *_)] = RECORD.iter_unpack(index["source_chunks"])
    for largest in (source_bytes + 5 * 12, source_bytes + 5 * 12 - 1):
        last = msgpack.packb(index | {"max_source_chunk_bytes": largest})
        footer = FOOTER.pack(offset, len(last), zlib.crc32(last), MAGIC)
        fits = largest == source_bytes + 5 * 12
        with nullcontext() if fits else pytest.raises(InputError, match="bytes, over"):
            read_all(content[:offset] + last + footer)


def _with_sources(*ordinals: int) -> bytes:
    """The small file, its evaluation chunk naming these rules of the source (0, 1, 3 and 4)."""

    def alter(index: dict[str, Any], maps: list[dict[str, Any]]) -> None:
        maps[1]["sources"] = np.array(ordinals, CHUNK_COLUMNS["sources"]).tobytes()

    return rewritten(alter)


@pytest.mark.parametrize("ordinals", [(0, 1, 3, 4), (4, 3, 1, 5), (0, 1, 3), ()])
def test_sources_alone(tmp_path: Path, ordinals: tuple[int, ...]) -> None:
    """Those of the chunk, or none where reading all of it is an error."""
    path = tmp_path / "rules.pffr"
    path.write_bytes(_with_sources(*ordinals))
    with RuleFile(path) as rules:
        found = rules.read_sources(rules.place(0)).tolist()
        assert found == ([0, 1, 3, 4] if ordinals == (0, 1, 3, 4) else [])
        with nullcontext() if found else pytest.raises(InputError, match="column|rules"):
            rules.read_chunk(0)


@pytest.mark.parametrize(
    ("ordinals", "said"),
    [
        ((0, 1, 3, 4), ""),
        ((4, 3, 1, 0), ""),
        ((0, 1, 3, 3), "the rule of line 4 in 2 places, expected it in 1"),
        ((0, 0, 0, 4), "the rule of line 1 in 3 places, expected it in 1"),
        ((0, 1, 2, 4), "the rule of line 3 in 1 places, expected it in 0"),
    ],
    ids=["as compiled", "in another order", "twice", "three times", "rejected"],
)
def test_every_rule_stands_in_one_place(
    tmp_path: Path, ordinals: tuple[int, ...], said: str
) -> None:
    """A rule twice, missing, or rejected and yet there: found by the merge, or before a table."""
    path, out = tmp_path / "rules.pffr", tmp_path / "out"
    path.write_bytes(_with_sources(*ordinals))
    triples = [("a", "r", "b"), ("b", "q", "d")]

    def run(*arguments: object, code: int) -> str:
        ended = started([*map(str, arguments)])
        assert ended.returncode == code, ended.stderr
        return ended.stderr

    document = tmp_path / "triples.tsv"
    document.write_text("".join("\t".join(triple) + "\n" for triple in triples))
    (tmp_path / "manifest.yaml").write_text("tasks:\n- one: triples.tsv\n")
    by_manifest = ("--manifest", tmp_path / "manifest.yaml", "--rules", path)
    for arguments in ((path, document), (path, document, "--out", out), by_manifest):
        told = run("run", *arguments, "--quiet", "--on-bad-rule=skip", code=2 if said else 1)
        assert said in told and (not said or told.startswith(f"pff-stream: error: {path}: byte "))
    assert not said or not list(out.glob("*.tsv"))
    with RuleFile(path) as rules, pytest.raises(InputError, match=said) if said else nullcontext():
        check_complete(rules)
    found = validate(path, triples, ordered=False, on_bad_rule="skip")
    with pytest.raises(InputError, match=said) if said else nullcontext():
        assert len(list(found)) == 5
