"""The whole program on real data: oracles, the same bytes always, and every way to end."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.reference import Graph, differs_from_pyclause, parse_rule
from tests.warm import run, started

pytestmark = pytest.mark.thorough

ROOT = str(Path(__file__).parent.parent)
RESULTS = ("findings.jsonl", "rules.tsv", "outcomes.tsv", "metrics.tsv")


def environment() -> dict[str, str]:
    """That of a command: it finds the modules from any folder."""
    return {**os.environ, "PYTHONPATH": ROOT}


def anew(*arguments: object, check: int | None = None) -> str:
    """Runs the command by a new interpreter; standard output, or standard error where it fails."""
    command = [sys.executable, "-m", "pff_stream", *map(str, arguments)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment(), check=False
    )
    if check is not None:
        assert ended.returncode == check, ended.stderr
    return ended.stdout if ended.returncode in (0, 1) else ended.stderr


def lines_of(path: Path) -> Iterator[list[str]]:
    """The columns of each line of a table, packed or not."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        for line in file:
            yield line.rstrip("\n").split("\t")


def digest(folder: Path, *others: Path) -> str:
    """One hash of all result files that must be the same bytes, and of others beside them."""
    paths = (*(folder / name for name in RESULTS), *others)
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def without_places(folder: Path) -> list[object]:
    """The findings of a folder, without where anything stands."""
    lines = (folder / "findings.jsonl").read_text(encoding="utf-8").split("\n")
    findings = [json.loads(line) for line in lines if line]
    for finding in findings:
        for one in (finding, *finding["reasons"]):
            del one["where"]
    return findings


def compare(results: Path, oracle: Path, triples: Path) -> tuple[int, list[str]]:
    """Equal rules, and the texts of those whose counts differ from the oracle's."""
    counted = {row[3].rstrip(): (int(row[0]), int(row[1])) for row in lines_of(results)}
    graph = Graph((row[0], row[1], row[2]) for row in lines_of(triples))
    equal, differing = 0, []
    for predictions, support, text in lines_of(oracle):
        if counted[text.rstrip()] == (int(predictions), int(support)):
            equal += 1
        else:
            assert differs_from_pyclause(parse_rule(text), graph), text
            differing.append(text)
    return equal, differing


@pytest.mark.same_answer
@pytest.mark.parametrize(("name", "known"), [("umls", 0), ("nations", 0)])
def test_counts_of_another_implementation(
    name: str, known: int, data: Path, tmp_path: Path
) -> None:
    """All 6,000 kept rules have PyClause's counts, but for the zero rules that are defined so."""
    folder = data / name
    anew("run", folder / "rules.tsv.gz", folder / "train.tsv.gz", "--out", tmp_path / "r", check=1)
    equal, differing = compare(
        tmp_path / "r" / "rules.tsv", folder / "oracle_pyclause.tsv.gz", folder / "train.tsv.gz"
    )
    assert (equal + len(differing), len(differing)) == (6000, known)


WAYS = [
    pytest.param(method, workers, marks=() if is_usual else pytest.mark.slow)
    for method, usual in (
        ("fork", (1, 2, 4)),
        ("spawn", (2,)),
        ("forkserver", (2,)),
        ("thread", (1, 4)),
    )
    for workers in (1, 2, 4)
    for is_usual in [workers in usual]
]
"""Start methods and numbers of workers; interpreters take most of the time where they are many."""


@pytest.mark.same_answer
@pytest.mark.parametrize(("method", "workers"), WAYS)
def test_same_bytes_for_every_way_to_run(
    method: str, workers: int, data: Path, tmp_path: Path, same_bytes: dict[str, str]
) -> None:
    """Start methods and numbers of workers change no byte of the results."""
    folder = data / "umls"
    inputs = (folder / "rules.tsv.gz", folder / "train.tsv.gz")
    options = ("--workers", workers, "--start-method", method, "--out", tmp_path / "r")
    run("run", *inputs, *options, "--violations", tmp_path / "v", check=1)
    found = digest(tmp_path / "r", tmp_path / "v")
    assert found == same_bytes.setdefault("umls", found)


def test_same_bytes_for_every_size_of_chunks(data: Path, tmp_path: Path) -> None:
    """How many rules a worker takes at once changes no byte of the results."""
    folder, rules = data / "nations", tmp_path / "rules.tsv"
    lines = gzip.decompress((folder / "rules.tsv.gz").read_bytes()).splitlines(keepends=True)
    rules.write_bytes(b"".join(lines[::6]))
    found = set()
    for size in (4096, 1, 7, 500):
        compiled, out = tmp_path / f"{size}.pffr", tmp_path / f"{size}"
        run("compile", rules, "-o", compiled, "--chunk-rules", size, check=0)
        run("run", compiled, folder / "train.tsv.gz", "--out", out, check=1)
        found.add(digest(out))
    assert len(found) == 1
    run("compile", rules, "--check", "--chunk-rules", 4097, check=2)


@pytest.fixture(scope="module")
def same_bytes() -> dict[str, str]:
    """The first hash of each data set, for all tests that must equal it."""
    return {}


@pytest.mark.same_answer
@pytest.mark.parametrize(("window", "budget"), [(1, "100MiB"), (3, "4GiB"), (100, "200MiB")])
def test_same_bytes_for_every_window_and_budget(
    window: int, budget: str, data: Path, tmp_path: Path, same_bytes: dict[str, str]
) -> None:
    """Neither how many tasks are under way nor what may be used changes a byte of the results."""
    inputs = (data / "umls" / "rules.tsv.gz", data / "umls" / "train.tsv.gz")
    saved, out = tmp_path / "plan.json", tmp_path / "r"
    run("plan", *inputs, "--budget", budget, "-o", saved, check=0)
    plan = json.loads(saved.read_text())
    plan["settings"]["window"] = window
    saved.write_text(json.dumps(plan))
    options = ("--plan", saved, "--budget", budget, "--violations", tmp_path / "v")
    run("run", *inputs, *options, "--out", out, check=1)
    assert json.loads((out / "summary.json").read_text())["run"]["window"] == window
    found = digest(out, tmp_path / "v")
    assert found == same_bytes.setdefault("umls", found)


@pytest.mark.same_answer
def test_edge_rules_are_read_against_their_graph(data: Path, tmp_path: Path) -> None:
    """Names full of separators: every mined rule is read and evaluated, none rejected."""
    folder = data / "edge"
    run("run", folder / "rules.tsv.gz", folder / "train.tsv", "--out", tmp_path / "r", check=1)
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["rules"]["total"] == 5753
    assert summary["rules"]["rejected"] == 0
    reasons = {row[2] for row in lines_of(tmp_path / "r" / "outcomes.tsv")}
    assert reasons <= {"", "nothing matches"}, "a name was taken apart wrongly"


@pytest.mark.same_answer
def test_every_witness_is_a_grounding(data: Path, tmp_path: Path) -> None:
    """Each violation is absent from the graph, its witness is in it, caps are announced."""
    folder = data / "nations"
    inputs = (folder / "rules.tsv.gz", folder / "train.tsv.gz")
    listed = tmp_path / "violations.jsonl"
    said = run("run", *inputs, "--out", tmp_path / "r", "--violations", listed, check=1)
    triples = {(row[0], row[1], row[2]) for row in lines_of(folder / "train.tsv.gz")}
    written = 0
    previous: tuple[int, int] = (0, 0)
    with listed.open(encoding="utf-8") as file:
        for line in file:
            violation = json.loads(line)
            assert tuple(violation["head"]) not in triples
            assert all(tuple(triple) in triples for triple in violation["witness"])
            rule = violation["rule"]
            previous = (rule, previous[1] + 1 if rule == previous[0] else 1)
            assert previous[1] <= 10
            written += 1
    summary = json.loads((tmp_path / "r" / "summary.json").read_text())
    assert summary["violations_written"] == written
    assert summary["truncated"]["max_examples"]
    assert "--max-examples left out" in said


@pytest.mark.same_answer
def test_compiled_and_encoded_inputs_give_the_same(data: Path, tmp_path: Path) -> None:
    """`compile` and `encode` change nothing but the time."""
    folder = data / "umls"
    rules, triples = folder / "rules.tsv.gz", folder / "train.tsv.gz"
    run("compile", rules, "-o", tmp_path / "r.pffr", check=0)
    run("encode", triples, "-o", tmp_path / "g.pffg", check=0)
    run("run", tmp_path / "r.pffr", tmp_path / "g.pffg", "--out", tmp_path / "a", check=1)
    run("run", rules, triples, "--out", tmp_path / "b", check=1)
    for name in RESULTS[1:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert without_places(tmp_path / "a") == without_places(tmp_path / "b")


def test_plan_says_what_run_holds(data: Path) -> None:
    """The plan as JSON: its terms sum to the peak, and `run` is refused below it."""
    folder = data / "umls"
    inputs = (folder / "rules.tsv.gz", folder / "train.tsv.gz")
    plan = json.loads(anew("plan", *inputs, "--json", check=0))
    assert sum(term["bytes"] for term in plan["terms"]) == plan["peak_bytes"]
    assert max(phase["bytes"] for phase in plan["phases"]) == plan["peak_bytes"]
    assert plan["fits"]
    for command in ("plan", "run"):
        said = anew(command, *inputs, "--budget", "8MiB", check=3)
        assert "refused" in said
        assert "What fits:" in said


def test_suggestions_are_accepted(data: Path, tmp_path: Path) -> None:
    """What a refusal suggests, pasted, runs."""
    folder = data / "umls"
    run("compile", folder / "rules.tsv.gz", "-o", tmp_path / "r.pffr", check=0)
    run("encode", folder / "train.tsv.gz", "-o", tmp_path / "g.pffg", check=0)
    inputs = (tmp_path / "r.pffr", tmp_path / "g.pffg")
    wide = json.loads(anew("plan", *inputs, "--workers", 8, "--start-method", "fork", "--json"))
    budget = wide["peak_bytes"] - (8 << 20)
    refused = ("run", *inputs, "--workers", 8, "--start-method", "fork", "--budget", budget)
    said = anew(*refused, check=3)
    options = [line.split() for line in said.splitlines() if line.strip().startswith("--workers")]
    assert options
    for option in options:
        anew("run", *inputs, "--budget", budget, *option, check=1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "nosuch.tsv", "{t}"), 2, "nosuch.tsv"),
        (("run", "{r}", "nosuch.tsv"), 2, "nosuch.tsv"),
        (("run", "{r}", "{r}"), 2, "line 1: found"),
        (("run", "{t}", "{t}"), 2, "could not be read"),
        (("run", "{r}", "."), 2, "directory"),
        (("run", "{r}", "{t}", "--out", "."), 2, "which no run"),
        (("run", "{r}", "{t}", "--budget", "many"), 2, "size"),
    ],
)
def test_mistakes_end_with_their_code(
    arguments: tuple[str, ...], code: int, words: str, data: Path
) -> None:
    """A wrong path, wrong content, a foreign folder: one clear line and exit code 2."""
    places = {"r": data / "umls" / "rules.tsv.gz", "t": data / "umls" / "train.tsv.gz"}
    done = started([argument.format(**places) for argument in arguments], folder=data)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_standard_input_and_output(data: Path) -> None:
    """Triples from a pipe, violations to a pipe; a reader that goes away ends it with 141."""
    folder = data / "umls"
    triples = gzip.decompress((folder / "train.tsv.gz").read_bytes())
    command = [sys.executable, "-m", "pff_stream", "run", str(folder / "rules.tsv.gz"), "-"]
    ended = subprocess.run(
        [*command, "--violations", "-"], input=triples, capture_output=True, timeout=120
    )
    assert ended.returncode == 1
    assert json.loads(ended.stdout.splitlines()[0])["rule"] == 2
    assert b"rules (object-identity)" in ended.stderr
    with subprocess.Popen(
        [*command, "--violations", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(triples)
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_signals_leave_nothing(number: int, code: int, data: Path, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM in the middle: one line, their code, no folder, no process, no file."""
    folder = data / "umls"
    out = tmp_path / "r"
    # A pipe that is never closed holds the run in the middle of its input.
    given = ["run", folder / "rules.tsv.gz", "-", "--out", out, "--quiet"]
    command = [sys.executable, "-m", "pff_stream", *given]
    with subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr and process.stdin
        deadline = time.monotonic() + 30.0
        while not psutil.Process(process.pid).children() and time.monotonic() < deadline:
            time.sleep(0.05)  # until the encoder waits for its input
        time.sleep(0.5)
        process.send_signal(number)
        assert process.wait(60) == code
        said = process.stderr.read().decode()
    assert len(said.splitlines()) == 1
    assert not out.exists()
    if os.path.isdir("/dev/shm"):
        assert not [name for name in os.listdir("/dev/shm") if f"-{process.pid}-" in name]


def test_folder_of_an_unfinished_run(data: Path, tmp_path: Path) -> None:
    """A finished run is replaced; an unfinished one only with --overwrite."""
    folder = data / "edge"
    command = ("run", folder / "rules.tsv.gz", folder / "train.tsv", "--out", tmp_path / "r")
    run(*command, check=1)
    first = digest(tmp_path / "r")
    run(*command, check=1)
    assert digest(tmp_path / "r") == first
    (tmp_path / "r" / ".unfinished").mkdir()
    (tmp_path / "r" / ".unfinished" / "settings.json").write_text("{}")
    assert "--overwrite" in run(*command, check=2)
    run(*command, "--overwrite", check=1)
    assert sorted(os.listdir(tmp_path / "r")) == sorted([*RESULTS, "summary.json"])


def test_fail_on_and_filters(data: Path) -> None:
    """--fail-on decides the code, the miner's columns decide what is filtered."""
    folder = data / "umls"
    inputs = (folder / "rules.tsv.gz", folder / "train.tsv.gz")
    run("run", *inputs, "--fail-on", "none", check=0)
    run("run", *inputs, "--fail-on", "count>1000000000", check=0)
    run("run", *inputs, "--fail-on", "rate>0.01", check=1)
    assert "filtered" in run("run", *inputs, "--min-confidence", "0.5", check=1)
