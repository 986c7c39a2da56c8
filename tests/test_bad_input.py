"""Input at the borders of what can be read, through the whole program: run, or one clear line."""

from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from pff_stream.errors import InputError, OutputError
from pff_stream.files.writers import FileWriter, write_text
from pff_stream.inputs import open_graph, open_rules
from pff_stream.rules.share import CompileShare
from pff_stream.settings.models import InputOptions, ResourceOptions
from pff_stream.triples.graph import HEADER_BYTES
from tests.reference import Graph, evaluate, parse_rule
from tests.warm import started

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent
RULE = "h(X,Y) <= r(X,Y)\n"
RESOURCES = ResourceOptions()
TRIPLES = "a\tr\tb\nb\tr\tc\na\th\tb\n"


def run(*arguments: object, code: int, before: Sequence[str] = ()) -> str:
    """Runs the command in a process of its own, behind the words `before`; all that it says."""
    words = [str(one) for one in arguments]
    ended = (
        subprocess.run(
            [*before, sys.executable, "-m", "pff_stream", *words],
            capture_output=True, text=True, timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        if before
        else started(words)
    )  # fmt: skip
    said = ended.stderr + ended.stdout
    assert ended.returncode == code, said
    assert "Traceback" not in said and "bug" not in said
    return said


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """One rule with one violation."""
    path = tmp_path / "rules.tsv"
    path.write_text(RULE)
    return path


@pytest.fixture
def triples(tmp_path: Path) -> Path:
    """Three triples."""
    path = tmp_path / "triples.tsv"
    path.write_text(TRIPLES)
    return path


@pytest.mark.parametrize(
    ("rules_text", "triples_text", "code", "words"),
    [
        ("", TRIPLES, 2, "found no rule"),
        ("# nothing\n", TRIPLES, 2, "found no rule"),
        (RULE, "", 2, "found no triple"),
        ("", "", 2, "found no rule"),
        # The entity A cannot be named by a rule: warned once.
        (RULE, TRIPLES + "A\tr\tB\nB\th\tA\n", 1, "named by one letter A to Z"),
        (
            "\ufeffh(X,Y) <= r(X,Y)\r\n",
            "\ufeffa\tr\tb\r\nb\tr\tc\r\n",
            1,
            "in the graph, 2 violations",
        ),
    ],
    ids=["no rules", "comments", "no triples", "nothing", "letters", "marks"],
)
def test_borders(
    rules_text: str, triples_text: str, code: int, words: str, rules: Path, triples: Path
) -> None:
    """Nothing to check is an error; what may be meant otherwise is said once."""
    rules.write_text(rules_text, newline="")
    triples.write_text(triples_text, newline="")
    assert run("run", rules, triples, code=code).count(words) == 1


def test_names_of_64_kib(tmp_path: Path, rules: Path, triples: Path) -> None:
    """The longest names go all the way: text, graph, records, results."""
    name = "é" * 32_000
    triples.write_text(f"{name}\tr\tb\nb\tr\t{name}\nc\tr\td\n")
    rules.write_text(f"h(X,{name}) <= r(X,Y)\nh({name},Y) <= r(A,Y)\nh(X,Y) <= r(X,Y)\n")
    listed = tmp_path / "violations.jsonl"
    run("run", rules, triples, "--out", tmp_path / "out", "--violations", listed, code=1)
    lines = listed.read_bytes().splitlines()
    assert [json.loads(line)["head"] for line in lines] == [
        ["c", "h", name], [name, "h", "d"], [name, "h", "b"], ["b", "h", name], ["c", "h", "d"],
    ]  # fmt: skip
    text = (tmp_path / "out" / "rules.tsv").read_text()
    assert [line.split("\t")[:2] for line in text.splitlines()] == [["1", "0"]] * 2 + [["3", "0"]]


def test_pipes_as_inputs(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A named pipe is read once, as it comes."""
    pipes = []
    for source in (rules, triples):
        pipe = tmp_path / f"pipe-{source.name}"
        os.mkfifo(pipe)
        pipes.append(pipe)
        threading.Thread(target=pipe.write_bytes, args=(source.read_bytes(),), daemon=True).start()
    assert "2 predictions, 1 of them in the graph, 1 violation\n" in run("run", *pipes, code=1)


def test_folders_as_inputs(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A folder is no file, whatever it is called."""
    folder = tmp_path / "folder.pffr"
    folder.mkdir()
    assert str(folder) in run("run", folder, triples, code=2)
    folder = folder.rename(tmp_path / "folder.pffg")
    assert str(folder) in run("run", rules, folder, code=2)


def test_bombs_take_bounded_memory(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A thousand times larger unpacked than packed: one bad line, and memory as always."""
    size = 128 << 20
    bombs = {"t.tsv.gz": b"", "t.json.gz": b'{"a":"', "r.tsv.gz": b""}
    for name, start in bombs.items():
        with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
            file.write(start)
            for _ in range(size >> 20):
                file.write(b"x" * (1 << 20))
    cases = (
        ((rules, tmp_path / "t.tsv.gz"), "line 1"),
        ((rules, tmp_path / "t.json.gz", "--max-document", "1MiB"), "line 1"),
        ((tmp_path / "r.tsv.gz", triples), "1 of 1 rule line could not be read"),
    )
    # What a process was before it became another program counts in its peak: a small one starts it.
    measuring = (
        "import resource, subprocess, sys\n"
        "code = subprocess.call(sys.argv[1:])\n"
        "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)\n"
        "sys.exit(code)"
    )
    for arguments, words in cases:
        said = run("run", *arguments, code=2, before=(sys.executable, "-c", measuring))
        assert words in said
        assert int(said.split("peak ")[1].split()[0]) < 100, said


def test_links_and_modes_of_the_output(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A link in the folder of results is refused and never written through; the umask holds."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    out = tmp_path / "out"
    before = os.umask(0o027)
    try:
        for name in ("rules.tsv", "summary.json", ".unfinished", ".finished", "tasks"):
            out.mkdir(exist_ok=True)
            (out / name).symlink_to(victim if "." in name[1:] else tmp_path)
            assert f"found {name!r}" in run("run", rules, triples, "--out", out, code=2)
            (out / name).unlink()
        run("run", rules, triples, "--out", out, code=1)
        run("plan", rules, triples, "-o", tmp_path / "plan.json", code=0)
        run("run", rules, triples, "--out", tmp_path / "new", code=1)
    finally:
        os.umask(before)
    assert victim.read_text() == "precious"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750
    for path in (*out.iterdir(), tmp_path / "plan.json"):
        assert path.is_file() and not path.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path


def test_links_made_during_the_run(tmp_path: Path) -> None:
    """A link that appears under the name of a result is not followed."""
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_text("precious")
    writer = FileWriter(out)
    out.symlink_to(victim)
    with pytest.raises(OutputError, match="symbolic link"):
        writer.commit()
    out.unlink()
    out.symlink_to(victim)
    with pytest.raises(OutputError, match="symbolic link"):
        write_text(out, "results")
    assert out.is_symlink()
    assert victim.read_text() == "precious"


@contextmanager
def _replaced(path: Path) -> Iterator[None]:
    """Another file under the name while the body runs."""
    other = path.with_suffix(".other")
    other.write_bytes(b"something else")
    os.replace(other, path)
    yield


def test_files_replaced_during_the_run(tmp_path: Path, rules: Path, triples: Path) -> None:
    """What was opened and checked is what is read, even where its name now leads elsewhere."""
    compiled, encoded = tmp_path / "r.pffr", tmp_path / "g.pffg"
    run("compile", rules, "-o", compiled, code=0)
    run("encode", triples, "-o", encoded, code=0)
    with (
        open_rules(
            str(compiled), InputOptions(), str(tmp_path), CompileShare(32 << 20, 0)
        ) as opened,
        open_graph(
            [str(encoded)], InputOptions(), str(tmp_path), 64 << 20, resources=ResourceOptions()
        ) as graph,
        _replaced(compiled),
        _replaced(encoded),
    ):
        with open(opened.shared.name, "rb") as file:
            assert b"pff-stream rules" in file.read(64)
        assert graph.store.attach().view.n_triples == 3
    assert "expected a compiled rule file" in run("run", compiled, triples, code=2)


def test_many_variables_and_atoms(tmp_path: Path, rules: Path, triples: Path) -> None:
    """26 variables, 30 atoms, a thousand atoms of one pair: counted as the reference counts."""
    letters = "XABCDEFGHIJKLMNOPQRSTUVWZY"
    chain = [f"r({a},{b})" for a, b in pairwise(letters)]
    texts = [
        f"h(X,Y) <= {', '.join(chain)}",
        f"h(X,Y) <= {', '.join([*chain[:2], *chain[:2], 'r(B,Y)'] * 6)}",
        f"h(X,Y) <= {', '.join(['r(X,A)'] * 1000)}, r(A,Y)",
        f"h(X,a) <= {', '.join(['r(X,A)'] * 8000)}",
    ]
    entities = [f"e{i}" for i in range(27)]
    found = [(a, "r", b) for a, b in pairwise(entities)]
    triples.write_text("".join("\t".join(triple) + "\n" for triple in found))
    rules.write_text("\n".join(texts) + "\n")
    run("run", rules, triples, "--out", tmp_path / "out", code=1)
    rows = [line.split("\t") for line in (tmp_path / "out" / "rules.tsv").read_text().splitlines()]
    graph = Graph(found)
    for text, row in zip(texts, rows, strict=True):
        head, _, body = text.partition(" <= ")
        distinct = ", ".join(dict.fromkeys(body.split(", ")))  # the same atom twice says it once
        assert int(row[0]) == len(evaluate(parse_rule(f"{head} <= {distinct}"), graph).predictions)
    assert [int(row[0]) for row in rows] == [2, 24, 25, 26]


def test_a_damaged_header_is_not_planned_with(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A plan reads headers alone, and each has a checksum: any bit of it is noticed at once."""
    encoded = tmp_path / "g.pffg"
    run("encode", triples, "-o", encoded, code=0)
    good = encoded.read_bytes()
    for at in range(HEADER_BYTES):
        encoded.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with (
            pytest.raises(InputError, match=r"g\.pffg"),
            open_graph(
                [str(encoded)], InputOptions(), str(tmp_path), 64 << 20, resources=ResourceOptions()
            ),
        ):
            pass
    encoded.write_bytes(good[:40] + b"\x7f" + good[41:])
    assert "damaged graph" in run("plan", rules, encoded, code=2)
