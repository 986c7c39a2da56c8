"""Input at the borders of what can be read, through the whole program: run, or one clear line."""

from __future__ import annotations

import gzip
import json
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pff_stream.run.inputs import open_graph, open_rules
from pff_stream.run.settings import RunSettings
from tests.reference import Graph, evaluate, parse_rule

ROOT = Path(__file__).parent.parent
RULE = "h(X,Y) <= r(X,Y)\n"
TRIPLES = "a\tr\tb\nb\tr\tc\na\th\tb\n"


def run(*arguments: object, code: int, **options: object) -> str:
    """Runs the command in a process of its own; all that it says."""
    ended = subprocess.run(
        [sys.executable, "-m", "pff_stream", *map(str, arguments)],
        capture_output=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)}, **options,
    )  # type: ignore[call-overload]  # fmt: skip
    said = (ended.stdout + ended.stderr).decode()
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
        ("", TRIPLES, 0, "0 rules"),
        ("# nothing\n", TRIPLES, 0, "0 rules"),
        (RULE, "", 0, "1 vacuous"),
        ("", "", 0, "0 rules"),
        # The entity A cannot be named by a rule: warned once.
        (RULE, TRIPLES + "A\tr\tB\nB\th\tA\n", 1, "named by one letter A to Z"),
        ("\ufeffh(X,Y) <= r(X,Y)\r\n", "\ufeffa\tr\tb\r\nb\tr\tc\r\n", 1, "2 violations"),
    ],
    ids=["no rules", "comments", "no triples", "nothing", "letters", "marks"],
)
def test_borders(
    rules_text: str, triples_text: str, code: int, words: str, rules: Path, triples: Path
) -> None:
    """Nothing to do is no error; what may be meant otherwise is said once."""
    rules.write_text(rules_text, newline="")
    triples.write_text(triples_text, newline="")
    assert run("run", rules, triples, code=code).count(words) == 1


def test_names_of_64_kib(tmp_path: Path, rules: Path, triples: Path) -> None:
    """The longest names go all the way: text, graph, records, results."""
    name = "é" * 32_000
    triples.write_text(f"{name}\tr\tb\nb\tr\t{name}\n")
    rules.write_text(f"h(X,{name}) <= r(X,Y)\nh({name},Y) <= r(A,Y)\nh(X,Y) <= r(X,Y)\n")
    run("run", rules, triples, "--out", tmp_path / "out", code=1)
    heads = [
        json.loads(line)["head"] for line in (tmp_path / "out" / "violations.jsonl").open("rb")
    ]
    assert heads == [["b", "h", name], [name, "h", "b"], [name, "h", "b"], ["b", "h", name]]
    text = (tmp_path / "out" / "rules.tsv").read_text()
    assert [line.split("\t")[:2] for line in text.splitlines()] == [["1", "0"]] * 2 + [["2", "0"]]


def test_pipes_as_inputs(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A named pipe is read once, as it comes."""
    pipes = []
    for source in (rules, triples):
        pipe = tmp_path / f"pipe-{source.name}"
        os.mkfifo(pipe)
        pipes.append(pipe)
        threading.Thread(target=pipe.write_bytes, args=(source.read_bytes(),), daemon=True).start()
    assert "1 violations" in run("run", *pipes, code=1).replace("violation ", "violations ")


def test_folders_as_inputs(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A folder is no file, whatever it is called."""
    folder = tmp_path / "folder.pffr"
    folder.mkdir()
    assert str(folder) in run("run", folder, triples, code=2)
    folder = folder.rename(tmp_path / "folder.pffg")
    assert str(folder) in run("run", rules, folder, code=2)


def test_bombs_take_bounded_memory(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A thousand times larger unpacked than packed: one bad line, and memory as always."""
    size = 256 << 20
    bomb = gzip.compress(b"x" * size, 1)
    cases = (
        ("b.tsv.gz", (), "line 1"),
        ("b.json.gz", ("--max-document", "1MiB"), "line 1"),
    )
    for name, options, words in cases:
        path = tmp_path / name
        path.write_bytes(bomb if "json" not in name else gzip.compress(b'{"a":"' + b"x" * size, 1))
        assert words in run("run", rules, path, *options, code=2)
    path = tmp_path / "r.tsv.gz"
    path.write_bytes(bomb)
    assert "1 of 1 rule lines could not be read" in run("run", path, triples, code=2)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < (size + (64 << 20)) >> 10


def test_links_and_modes_of_the_output(tmp_path: Path, rules: Path, triples: Path) -> None:
    """A link in the folder of results is replaced, never written through; the umask holds."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    out = tmp_path / "out"
    before = os.umask(0o027)
    try:
        run("run", rules, triples, "--out", out, code=1)
        for name in ("rules.tsv", "violations.jsonl", "summary.json"):
            (out / name).unlink()
            (out / name).symlink_to(victim)
        run("run", rules, triples, "--out", out, code=1)
        run("plan", rules, triples, "-o", tmp_path / "plan.json", code=0)
    finally:
        os.umask(before)
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(out.stat().st_mode) == 0o750
    for path in (*out.iterdir(), tmp_path / "plan.json"):
        assert path.is_file() and not path.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path


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
    settings = RunSettings(rules=str(compiled), triples=(str(encoded),))
    with (
        open_rules(settings, str(tmp_path), 32 << 20) as opened,
        open_graph(settings, 64 << 20) as graph,
        _replaced(compiled),
        _replaced(encoded),
    ):
        with open(opened.path, "rb") as file:
            assert b"pff-stream rules" in file.read(64)
        assert graph.store.attach().view.n_triples == 3
    assert "cut or another" in run("run", compiled, triples, code=2)


def test_many_variables_and_atoms(tmp_path: Path, rules: Path, triples: Path) -> None:
    """26 variables, 30 atoms, a thousand atoms of one pair: counted as the reference counts."""
    letters = "XABCDEFGHIJKLMNOPQRSTUVWZY"
    chain = [f"r({a},{b})" for a, b in zip(letters, letters[1:], strict=False)]
    texts = [
        f"h(X,Y) <= {', '.join(chain)}",
        f"h(X,Y) <= {', '.join([*chain[:2], *chain[:2], 'r(B,Y)'] * 6)}",
        f"h(X,Y) <= {', '.join(['r(X,A)'] * 1000)}, r(A,Y)",
        f"h(X,a) <= {', '.join(['r(X,A)'] * 8000)}",
    ]
    entities = [f"e{i}" for i in range(27)]
    found = [(a, "r", b) for a, b in zip(entities, entities[1:], strict=False)]
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
