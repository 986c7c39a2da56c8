"""`--resume`: what is taken from the folder, what may differ, and what a crash may do to it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.pipeline.faults import Running, is_finished
from tests.test_end_to_end import RESULTS, digest, without_places
from tests.warm import run

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def inputs(data: Path) -> tuple[str, str]:
    """Rules and triples."""
    return str(data / "umls" / "rules.tsv.gz"), str(data / "umls" / "train.tsv.gz")


@pytest.fixture(scope="module")
def whole(inputs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results that nobody meddled with, and violations by rule beside it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run("run", *inputs, "--out", folder / "r", "--violations", folder / "v", check=1)
    return folder / "r"


@pytest.fixture(scope="module")
def undisturbed(whole: Path) -> str:
    """The hash of these results."""
    return digest(whole)


def interrupted(folder: Path, *arguments: str, stdin: bytes | None = None) -> Path:
    """The folder of a run that was interrupted when about a third of the rules were done."""
    out = folder / "r"
    if not {"--workers", "--plan"} & set(arguments):
        arguments = (*arguments, "--workers", "2")
    running = Running(folder, "run", *arguments, "--out", out, rules=100, pause=0.03, sync=0.05)
    if stdin is not None:
        assert running.process.stdin
        running.process.stdin.write(stdin)
        running.process.stdin.close()
        running.process.stdin = None
    while not (out / ".unfinished" / "settings.json").exists():
        assert running.process.poll() is None
        time.sleep(0.01)
    time.sleep(0.4)
    os.kill(running.pid, signal.SIGINT)
    code, said = running.end()
    assert code == 130
    assert said.strip().endswith(
        f"interrupted; what was computed is kept: `pff-stream run --resume {out}` goes on"
    )
    return out


@pytest.fixture(scope="module")
def kept(inputs: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interrupted run that lists violations by rule; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("interrupted")
    return interrupted(folder, *inputs, "--violations", str(folder / "v"))


@pytest.fixture
def out(kept: Path, tmp_path: Path) -> Path:
    """A copy of the interrupted run; what another copy wrote beside it is gone."""
    (kept.parent / "v").unlink(missing_ok=True)
    shutil.copytree(kept, tmp_path / "r")
    return tmp_path / "r"


@pytest.mark.same_answer
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--workers", 1),
        ("--workers", 3, "--start-method", "spawn"),
        ("--budget", "90MiB"),
        ("--fence", "none"),
    ],
)
def test_resumed_with_other_means(
    options: tuple[object, ...], out: Path, whole: Path, tmp_path: Path
) -> None:
    """What changes no byte may differ; only what is missing is done, and the bytes are the same."""
    listed = tmp_path / "v"
    run("run", "--resume", out, *options, "--violations", listed, check=1)
    assert is_finished(out)
    assert digest(out, listed) == digest(whole, whole.parent / "v")
    summary = json.loads((out / "summary.json").read_text())
    assert 0 < summary["run"]["resumed_rules"] < 6000
    # The finished folder: the same words and the same end, without any work.
    said = run("run", "--resume", out, check=1)
    assert "6,000 rules" in said


@pytest.mark.parametrize(
    ("before", "after"),
    [(("--workers", "2", "--start-method", "spawn"), True), (None, False), (None, True)],
    ids=["begun without", "resumed without", "both"],
)
def test_resumed_with_a_saved_plan(
    before: tuple[str, ...] | None,
    after: bool,
    inputs: tuple[str, str],
    undisturbed: str,
    tmp_path: Path,
) -> None:
    """A saved plan is of one run and not kept; it takes the place of the workers said before."""
    plan = tmp_path / "plan.json"
    run("plan", *inputs, "--workers", "1", "-o", plan, check=0)
    out = interrupted(tmp_path, *inputs, *(before or ("--plan", str(plan))))
    run("run", "--resume", out, *(("--plan", plan) if after else ("--workers", 2)), check=1)
    assert digest(out) == undisturbed
    assert json.loads((out / "summary.json").read_text())["run"]["workers"] == (1 if after else 2)


@pytest.mark.parametrize("keep", [0.0, 0.4, 0.8])
def test_torn_files(keep: float, out: Path, undisturbed: str) -> None:
    """A journal torn at its end, and a spool that lost its end: said, and done again."""
    spool, journal = out / ".unfinished" / "spool", out / ".unfinished" / "journal"
    os.truncate(spool, int(spool.stat().st_size * keep))
    written = len(journal.read_bytes().rstrip(b"\0"))
    os.truncate(journal, written - 9)
    code, said = Running(out.parent, "run", "--resume", out).end()
    assert code == 1, said
    assert "torn" in said and "damaged" in said
    assert digest(out) == undisturbed


def test_spool_with_a_byte_changed(out: Path, undisturbed: str) -> None:
    """Results that are not what the journal says are not believed."""
    spool = out / ".unfinished" / "spool"
    content = bytearray(spool.read_bytes())
    content[100] ^= 1
    spool.write_bytes(content)
    assert Running(out.parent, "run", "--resume", out).end()[0] == 1
    assert digest(out) == undisturbed


@pytest.mark.parametrize(
    "option",
    [("--max-examples", "3"), ("--semantics", "homomorphism"), ("--min-support", "2")],
)
def test_what_changes_bytes_must_be_the_same(option: tuple[str, str], out: Path) -> None:
    """An option that changes the results and differs is exit code 2, and nothing is lost."""
    said = run("run", "--resume", out, *option, check=2)
    assert option[0] in said and "expected the same" in said
    assert (out / ".unfinished" / "settings.json").exists()
    run("run", "--resume", out, "--max-examples", 10, check=1)


def test_violations_by_rule_are_asked_for_at_the_beginning(
    inputs: tuple[str, str], undisturbed: str, tmp_path: Path
) -> None:
    """A run that was begun without a list of them has kept none: 2, and it goes on without."""
    out = interrupted(tmp_path, *inputs)
    said = run("run", "--resume", out, "--violations", tmp_path / "v", check=2)
    assert "--violations: found" in said and "was begun without: it kept no violations" in said
    assert not (tmp_path / "v").exists()
    run("run", "--resume", out, check=1)
    assert digest(out) == undisturbed


def test_inputs_must_be_the_same(inputs: tuple[str, str], tmp_path: Path) -> None:
    """Rules or triples that changed are named; with --overwrite the run begins anew."""
    rules, triples = tmp_path / "rules.tsv.gz", tmp_path / "train.tsv.gz"
    shutil.copy(inputs[0], rules)
    shutil.copy(inputs[1], triples)
    out = interrupted(tmp_path, str(rules), str(triples))
    for path, word in ((triples, "triples"), (rules, "rules")):
        before = path.read_bytes()
        text = gzip.decompress(before).splitlines(keepends=True)
        path.write_bytes(gzip.compress(b"".join(text[:-1])))
        said = run("run", "--resume", out, check=2)
        assert f"the {word} are not what the run began with" in said
        path.write_bytes(before)
    said = run("run", rules, triples, "--out", out, check=2)
    assert f"--resume {out}" in said and "--overwrite" in said
    run("run", rules, triples, "--out", out, "--overwrite", check=1)
    assert is_finished(out)


def test_begun_by_an_older_version(out: Path, undisturbed: str, inputs: tuple[str, str]) -> None:
    """A state whose results another version wrote is not read: it says to begin anew, and how."""
    path = out / ".unfinished" / "settings.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"format_version": 1}))
    said = run("run", "--resume", out, check=2)
    assert f"{path}: found format version 1, expected 2" in said
    assert f"begin it anew: --out {out} --overwrite" in said
    run("run", *inputs, "--out", out, "--overwrite", check=1)
    assert digest(out) == undisturbed


@pytest.mark.parametrize("place", [0, 1], ids=["rules", "triples"])
def test_standard_input_is_kept(
    place: int, inputs: tuple[str, str], whole: Path, tmp_path: Path
) -> None:
    """A run whose input was standard input is resumed without it."""
    given = list(inputs)
    stdin = Path(given[place]).read_bytes()
    given[place] = "-"
    out = interrupted(tmp_path, *given, stdin=stdin)
    run("run", "--resume", out, check=1)
    assert is_finished(out)
    for name in RESULTS[1:]:
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert without_places(out) == without_places(whole)


def test_two_runs_in_one_folder(inputs: tuple[str, str], out: Path) -> None:
    """A folder in which a run is at work is left to it."""
    running = Running(out.parent, "run", "--resume", out, rules=100, pause=2.0)
    deadline = time.monotonic() + 60
    while not running.children() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    assert "a run is at work" in run("run", "--resume", out, check=2)
    assert "a run is at work" in run("run", *inputs, "--out", out, "--overwrite", check=2)
    os.kill(running.pid, signal.SIGTERM)
    assert running.end()[0] == 143
    run("run", "--resume", out, check=1)


def test_nothing_to_resume(tmp_path: Path) -> None:
    """An empty or a missing folder is a mistake of the caller."""
    assert "neither a finished run" in run("run", "--resume", tmp_path, check=2)
    assert "neither a finished run" in run("run", "--resume", tmp_path / "no", check=2)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest of 150 small documents, and its rules."""
    (tmp_path / "documents").mkdir()
    lines = ["tasks:"]
    for n in range(150):
        friends = [
            {"id": f"p{n}_{m}", "knows": [f"p{n}_{m + 1}"], "likes": "tea"} for m in range(9)
        ]
        document = {"id": f"p{n}", "knows": friends, "likes": "cake"}
        (tmp_path / "documents" / f"d{n}.json").write_text(json.dumps(document))
        lines.append(f"  - d{n}: documents/d{n}.json")
    (tmp_path / "rules.tsv").write_text(
        "knows(X,Y) <= knows(Y,X)\nlikes(X,tea) <= likes(X,A)\n"
        "knows(X,Y) <= knows(X,A), knows(A,Y)\n"
    )
    (tmp_path / "manifest.yaml").write_text("\n".join(lines) + "\n")
    return tmp_path / "manifest.yaml"


def tree(folder: Path) -> dict[str, bytes]:
    """All results by name; summaries without what may differ."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.name == "summary.json":
                summary = json.loads(content)
                del summary["run"]
                content = json.dumps(summary).encode()
            found[str(path.relative_to(folder))] = content
    return found


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_manifest_is_resumed(number: int, manifest: Path, tmp_path: Path) -> None:
    """The documents that are missing are done, and all is as undisturbed."""
    given = ("--manifest", manifest, "--rules", tmp_path / "rules.tsv", "--per-document")
    run("run", *given, "--out", tmp_path / "whole", check=1)
    out = tmp_path / "r"
    running = Running(tmp_path, "run", *given, "--out", out, "--workers", 1)
    while len(list(out.glob("tasks/*/summary.json"))) < 20:
        assert running.process.poll() is None
        time.sleep(0.02)
    os.kill(running.pid, number)
    _, said = running.process.communicate(timeout=30)
    assert running.process.returncode in (-number, 128 + number), said
    done = sorted(out.glob("tasks/*/summary.json"))
    assert 20 <= len(done) < 150
    assert "--resume" in run("run", *given, "--out", out, check=2)
    if number == signal.SIGTERM:
        # One of them is of another content by now: sums would be of neither.
        document = tmp_path / "documents" / f"{done[0].parent.name}.json"
        before = document.read_text()
        document.write_text(before.replace("cake", "pie"))
        assert "was altered since the run began" in run("run", "--resume", out, check=2)
        document.write_text(before)
    run("run", "--resume", out, check=1)
    assert tree(out) == tree(tmp_path / "whole")
    assert not (out / ".unfinished").exists()
    assert run("run", "--resume", out, check=1).startswith("150 documents")
