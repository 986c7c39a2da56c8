"""From blocks of text to the rule file: lines, columns, policy, runs on disk, memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, OutputError, UsageError
from pff_stream.rules._chunks import MAX_CHUNK_RULES
from pff_stream.rules.compile import (
    DEFAULT_MEMORY_BYTES,
    MIN_ARENA_BYTES,
    MIN_MEMORY_BYTES,
    RuleOptions,
    compile_memory,
    compile_rules,
)
from pff_stream.rules.formats.anyburl import read_rule
from pff_stream.rules.keys import name_hash, sorted_keys
from pff_stream.settings.models import MOST_CHUNK_RULES
from tests.rules.compiled import (
    FullDisk,
    Names,
    Reluctant,
    compiled,
    compiled_bytes,
    decoded_file,
)

RULE = b"h(X,c) <= r(X,A)"
LINE = b"10\t5\t0.5\t" + RULE


def random_lines(count: int, seed: int = 1) -> bytes:
    """Rule lines of several shapes over few relations, so that bodies repeat; some rejected."""
    choose = random.Random(seed)
    lines = []
    for _ in range(count):
        r, q, c, d = (choose.randrange(k) for k in (9, 9, 30_000, 90))
        (shape,) = choose.choices(
            (
                f"h{r}(X,e{c}) <= r{q}(X,e{d})",
                f"h{r}(X,e{c}) <= r{q}(A,X), r{r}(A,B)",
                f"h{r}(X,Y) <= r{q}(X,A), r{r}(A,Y)",
                f"h{r}(e{c},Y) <= r{q}(Y,A), r{r}(A,B), r{q}(B,C)",
                f"h{r}(X,e{c}) <= ",
                f"h{r}(me_myself_i,Y) <= ",
                f"h{r}(X,me_myself_i) <= r{q}(X,A)",
                f"h{r}(X,pessoa {c}, (n)) <= r{q}(X,A), r{r}(pessoa {d}, (n),A)",
                f"h{r}(X,(a),Y) <= r{q}(X,Y)",
                f"h{r}(X,Y) <= r{q}(X,e{c})",
            ),
            weights=(9, 9, 9, 9, 9, 9, 9, 9, 1, 1),
        )
        lines.append(f"{c}\t{d}\t{d / 99}\t{shape}\n")
    return "".join(lines).encode()


def test_check_reads_and_reports_only() -> None:
    """Without a destination the same is counted, chunks and bytes included."""
    content = random_lines(500)
    options = RuleOptions(on_bad_rule="skip")
    checked = compile_rules([content], None, source_name="r.tsv", options=options)
    destination = io.BytesIO()
    written = compile_rules([content], destination, source_name="r.tsv", options=options)
    assert checked.rules == written.rules == 500
    assert checked.rejections == written.rejections
    assert checked.bodies == written.bodies
    assert checked.file_bytes == written.file_bytes == len(destination.getvalue())


@pytest.mark.parametrize("chunk_rules", [1, 10, 100, MAX_CHUNK_RULES])
def test_chunks_hold_no_more_rules_than_asked(chunk_rules: int) -> None:
    """Smaller chunks hold the same rules in the same order, and the index says how many at most."""
    assert MAX_CHUNK_RULES == MOST_CHUNK_RULES
    content = random_lines(500)
    with compiled(content) as (_, whole), compiled(content, chunk_rules=chunk_rules) as (_, file):
        assert decoded_file(file) == decoded_file(whole)
        assert file.max_chunk_rules == int(file.chunks["rules"].max()) <= chunk_rules


def test_header_and_counts() -> None:
    """Semantics, source and hash of the text stand in the file; a wrong semantics is refused."""
    content = random_lines(300)
    with compiled(content, semantics="homomorphism", source_name="x.tsv") as (report, file):
        assert (file.semantics, file.source, file.rule_format) == (
            "homomorphism",
            "x.tsv",
            "anyburl",
        )
        assert file.source_hash == hashlib.blake2b(content, digest_size=16).digest()
        assert file.source_hash == report.source_hash
        assert (file.rules, file.rejected, file.unsettled, file.ambiguous, file.bodies) == (
            report.rules,
            report.rejected,
            report.unsettled,
            report.ambiguous,
            report.bodies,
        )
        assert report.unsettled > 0
        assert file.max_body_atoms == 3
    with compiled(RULE) as (_, file):
        assert file.semantics == "object-identity"
    with pytest.raises(UsageError, match="semantics"):
        compile_rules([], None, source_name="x", options=RuleOptions(semantics="other"))


@pytest.mark.parametrize("content", [b"", b"# only\n\n", b"\xef\xbb\xbf"])
def test_nothing_to_compile(content: bytes) -> None:
    """No rules make no rule file."""
    with pytest.raises(InputError, match="found no rule"), compiled(content):
        pass


def test_rules_lie_in_the_order_of_their_keys() -> None:
    """Sorted by body, then head, then source; equal bodies once per chunk, heavy ones first."""
    content = random_lines(3000)
    texts = [line.split(b"\t")[3] for line in content.splitlines()]
    with compiled(content) as (report, file):
        chunks = [file.read_chunk(index) for index in range(len(file.chunks))]
    order = [int(source) for chunk in chunks for source in chunk.sources]
    keys = {}
    for ordinal in order:
        read: Any = read_rule(texts[ordinal])
        keys[ordinal] = (*sorted_keys(getattr(read, "readings", (read,))[0].rule()), ordinal)
    assert order == sorted(keys, key=lambda ordinal: keys[ordinal])
    assert report.bodies == len({body for body, _, _ in keys.values()})
    for chunk in chunks:
        bodies = [keys[int(source)][0] for source in chunk.sources]
        assert len(set(bodies)) == chunk.n_bodies
        for rule in range(1, chunk.n_rules):
            same = chunk.rule_body[rule] == chunk.rule_body[rule - 1]
            assert same == (bodies[rule] == bodies[rule - 1])
    atoms = [len(texts[ordinal].split(b"), ")) for ordinal in order]
    assert atoms[0] == 3


def test_names_are_pooled_and_hashed() -> None:
    """Each name of a chunk stands in it once, with the hash that a graph's index uses."""
    with compiled(random_lines(2000)) as (_, file):
        for index in range(len(file.chunks)):
            chunk = file.read_chunk(index)
            names = [chunk.name(name) for name in range(chunk.n_names)]
            assert len(set(names)) == len(names)
            assert chunk.name_hashes.tolist() == [name_hash(name) for name in names]


def test_chunks_close_at_their_limits() -> None:
    """4096 rules, 256 KiB of columns, or a weight over 8192 close a chunk."""
    light = b"".join(b"h(X,e%d) <= r(X,A)\n" % i for i in range(9000))
    with compiled(light) as (_, file):
        assert file.chunks["rules"].tolist() == [4096, 4096, 808]
        assert file.chunks["weight"].tolist() == [4097, 4097, 809]
        assert file.source_chunks["rules"].tolist() == [8192, 808]
    heavy = b"".join(b"h(X,Y) <= r%d(X,A), q(A,B), q(B,Y)\n" % i for i in range(100))
    with compiled(heavy) as (_, file):
        assert file.chunks["rules"].tolist() == [68, 32]
        assert file.chunks["weight"].tolist() == [68 * 121, 32 * 121]
    long = b"".join(b"h(X,%s%d) <= r(X,A)\n" % (b"n" * 1000, i) for i in range(1000))
    with compiled(long) as (_, file):
        assert int(file.chunks["length"].max()) < 256 * 1024 + 2048
        assert len(file.chunks) == 5


def test_source_chunks_close_at_a_mebibyte() -> None:
    """Long texts close a source chunk before 8192 rules, without a limit on their number."""
    content = b"".join(b"h(X,%s%d) <= r(X,A)\n" % (b"n" * 30000, i) for i in range(100))
    with compiled(content) as (_, file):
        assert len(file.source_chunks) == 3
        assert file.max_source_chunk_bytes < (1 << 20) + 65536 + 4096
        lines = [int(line) for index in range(3) for line in file.read_source_chunk(index).lines]
    assert lines == list(range(1, 101))


@pytest.mark.thorough
def test_runs_on_disk_change_no_byte(tmp_path: Path) -> None:
    """With runs spilled and merged, in one pass or several, the file is byte for byte the same."""
    content = random_lines(60_000)
    whole = compiled_bytes(content)
    with compiled(content, memory_bytes=MIN_MEMORY_BYTES, temporary_directory=tmp_path) as (
        report,
        file,
    ):
        assert report.spilled_runs >= 2
        assert file.rules == 60_000
    assert compiled_bytes(content, memory_bytes=MIN_MEMORY_BYTES) == whole
    with compiled(content, arena_bytes=MIN_ARENA_BYTES) as (report, _):
        # Three windows fit this arena, so that runs take several passes.
        assert report.spilled_runs > 3
    assert compiled_bytes(content, arena_bytes=MIN_ARENA_BYTES) == whole
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_long_rules_survive_runs_on_disk() -> None:
    """Rules of up to 64 KiB, with texts to keep, pass through the windows of the merge."""
    choose = random.Random(3)
    rules = []
    for number in range(120):
        name = b"n" * choose.choice((1, 2000, 21000, 32000))
        rules.append(b"h(X,(%s%d),Y) <= r(X,Y), q(%s,X)\n" % (name, number, name))
        name *= 2
        rules.append(b"h(X,Y) <= r(X,Y), q(%s%d,me_myself_i)\n" % (name, number))
    content = b"".join(rules)
    whole = compiled_bytes(content)
    with compiled(content, arena_bytes=MIN_ARENA_BYTES) as (report, _):
        assert report.spilled_runs > 2
        assert report.unsettled > 50
    assert compiled_bytes(content, arena_bytes=MIN_ARENA_BYTES) == whole


def test_memory_is_named_and_sums_up() -> None:
    """The planner's figures sum to the bound; less than the minimum is refused."""
    for memory_bytes in (MIN_MEMORY_BYTES, DEFAULT_MEMORY_BYTES, 1 << 30):
        sizes = compile_memory(memory_bytes)
        assert sum(sizes.values()) == memory_bytes
        assert min(sizes.values()) > 0
    with pytest.raises(UsageError, match="at least"):
        compile_memory(MIN_MEMORY_BYTES - 1)
    options = RuleOptions(arena_bytes=MIN_ARENA_BYTES - 1)
    with pytest.raises(UsageError, match="an arena of 1199999 bytes"):
        compile_rules([], None, source_name="x", options=options)


PEAK = """
import random, sys
from pff_stream.rules.compile import compile_rules, RuleOptions, MIN_MEMORY_BYTES

def blocks(count):
    choose = random.Random(1).randrange
    for first in range(0, count, 1000):
        yield "".join(
            f"9\\t5\\t0.5\\th{choose(300)}(X,e{choose(99999)}) <= "
            f"r{choose(300)}(X,e{choose(99999)})\\n"
            for _ in range(1000)
        ).encode()

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

def run(count):
    with open("/dev/null", "wb") as destination:
        return compile_rules(
            blocks(count), destination, source_name="x",
            options=RuleOptions(memory_bytes=MIN_MEMORY_BYTES),
        )

run(10)
first = peak()
run(30_000)
small = peak()
report = run(300_000)
sys.stdout.write(f"{small - first} {peak() - small} {report.spilled_runs}")
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_stays_at_the_bound_whatever_the_number_of_rules() -> None:
    """300,000 rules with the smallest bound: at most the bound, and no more than for 30,000."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, text=True, check=True, timeout=60
    )
    to_small, to_large, runs = (int(number) for number in done.stdout.split())
    assert runs > 5
    assert to_small * 1024 < MIN_MEMORY_BYTES
    assert to_large < 1024


def test_a_graph_settles_names_while_compiling() -> None:
    """With a graph, an unsettled text is settled or rejected; which names it asks for is theirs."""
    content = b"p(X,(a),Y) <= q(X,Y)\nh(X,a, b) <= r(X,A)"
    with compiled(content) as (report, _):
        assert (report.unsettled, report.ambiguous, report.rejected) == (1, 1, 0)
    graph = Names({b"X,(a)"}, {b"p", b"q"})
    with compiled(content, graph=graph) as (report, file):
        assert (report.unsettled, report.ambiguous, report.rejected) == (0, 1, 0)
        assert decoded_file(file)[0] == (1, (b"p", b"X,(a)", 1), ((b"q", 0, 1),))
    graph = Names({b"X,(a)", b"(a),Y"}, {b"p", b"q"})
    with compiled(content, graph=graph) as (report, _):
        assert (report.unsettled, report.rejected) == (0, 1)
        assert "2 readings" in report.rejections[0].found


def test_zero_rules_keep_their_side() -> None:
    """In the head of a zero rule variable 0 stands for subjects, variable 1 for objects."""
    content = b"h(X,c) <= \nh(c,Y) <= \nh(X,me_myself_i) <= \nh(me_myself_i,Y) <= \nh(a,b) <= "
    with compiled(content) as (report, file):
        heads = {source: head for source, (_, head, _) in decoded_file(file).items()}
        assert (report.bodies, file.chunks["bodies"].tolist()) == (1, [1])
    assert heads == {
        0: (b"h", 0, b"c"),
        1: (b"h", b"c", 0),
        2: (b"h", 0, 0),
        3: (b"h", 1, 1),
        4: (b"h", b"a", b"b"),
    }


def test_destinations_that_fail_or_take_little(tmp_path: Path) -> None:
    """A full disk is an OutputError; a short write is continued."""
    content = random_lines(300)
    skip = RuleOptions(on_bad_rule="skip")
    with pytest.raises(OutputError, match="No space left"):
        compile_rules([content], FullDisk(), source_name="x", options=skip)
    reluctant = Reluctant()
    compile_rules([content], reluctant, source_name="rules.tsv", options=skip)
    assert reluctant.getvalue() == compiled_bytes(content)
    with pytest.raises(OutputError, match="cannot be written"):
        missing = str(tmp_path / "missing")
        options = RuleOptions(temporary_directory=missing)
        compile_rules([content], io.BytesIO(), source_name="x", options=options)


def test_errors_of_the_source_pass_through() -> None:
    """What reading the source raises is not taken for a failure to write."""

    def blocks() -> Iterator[bytes]:
        yield RULE
        raise InputError("rules.gz: byte 7: found the end, expected more")

    with pytest.raises(InputError, match="byte 7"):
        compile_rules(blocks(), io.BytesIO(), source_name="x")


def test_real_rules_are_all_read(shared_data: Path) -> None:
    """128,319 rules of FB15k-237: one run, all read, fewer bodies than body texts."""
    content = gzip.decompress((shared_data / "fb15k237" / "rules128319.tsv.gz").read_bytes())
    blocks = [content[at : at + (1 << 18)] for at in range(0, len(content), 1 << 18)]
    with compiled(blocks, on_bad_rule="fail") as (report, file):
        assert (report.rules, report.rejected, report.unsettled, report.ambiguous) == (
            128_319,
            0,
            0,
            0,
        )
        assert report.spilled_runs == 0
        assert report.bodies < 51_276
        sources = [source for i in range(len(file.chunks)) for source in file.read_chunk(i).sources]
        assert sorted(sources) == list(range(128_319))
