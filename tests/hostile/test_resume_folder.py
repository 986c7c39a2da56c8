"""`--resume` of a folder that somebody else made or edited: exit code 2, and nothing is written."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoint.test_resume import interrupted
from tests.hostile.starting import inputs, started

pytestmark = pytest.mark.thorough
NESTED = "nested"


@pytest.fixture(scope="module")
def kept(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interrupted run; tests work on copies of it."""
    umls = data / "umls"
    folder = tmp_path_factory.mktemp("interrupted")
    return interrupted(folder, str(umls / "rules.tsv.gz"), str(umls / "train.tsv.gz"))


@pytest.fixture
def state(kept: Path, tmp_path: Path) -> Path:
    """The folder `.unfinished` of a copy."""
    shutil.copytree(kept, tmp_path / "r")
    return tmp_path / "r" / ".unfinished"


def refused(state: Path) -> str:
    """Resumes; what is said, with exit code 2."""
    done = started(["run", "--resume", str(state.parent)])
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "bug" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["spool", "journal", "settings.json"])
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "device"])
def test_no_plain_file(state: Path, name: str, kind: str) -> None:
    """A link is not followed, a pipe not waited for; the file behind a link stays as it is."""
    victim = state.parent.parent / "victim"
    content = (state / name).read_bytes()
    victim.write_bytes(content)
    (state / name).unlink()
    if kind == "link":
        (state / name).symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, state / name)
    elif kind == "pipe":
        os.mkfifo(state / name)
    elif kind == "folder":
        (state / name).mkdir()
    else:
        (state / name).symlink_to("/dev/zero")
    if name == "settings.json" and kind in ("pipe", "folder", "device"):
        # Then there is nothing to resume.
        assert "neither a finished run" in refused(state)
    else:
        refused(state)
    assert victim.read_bytes() == content


def test_state_is_a_link(state: Path) -> None:
    """The folder itself may not be a link."""
    elsewhere = state.parent.parent / "elsewhere"
    state.rename(elsewhere)
    state.symlink_to(elsewhere)
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    assert "found no folder" in refused(state)
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_state_that_others_may_write(state: Path) -> None:
    """What anybody may write says nothing."""
    state.chmod(0o777)
    assert "others than this user" in refused(state)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_state_of_another_user(state: Path) -> None:
    """Nor does what another user wrote."""
    os.chown(state, 65534, 65534)
    assert "others than this user" in refused(state)


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = value

    return edit


EDITS = {
    "settings a text": _set("settings", value="x"),
    "settings empty": _set("settings", value={}),
    "settings a list": _set("settings", value=[]),
    "rules null": _set("settings", "rules", value=None),
    "rules a number": _set("settings", "rules", value=3),
    "triples null": _set("settings", "triples", value=None),
    "triples of null": _set("settings", "triples", value=[None]),
    "inputs a list": _set("inputs", value=[]),
    "inputs null": _set("inputs", value=None),
    "kept a list": _set("kept", value=[]),
    "kept nonsense": _set("kept", value={"nonsense": "x"}),
    "kept a number": _set("kept", value={"rules": 5}),
    "kept elsewhere": _set("kept", value={"rules": "../../r.tsv"}),
    "another version": _set("format_version", value=10**30),
    "examples a list": _set("settings", "max_examples", value=[]),
    "examples negative": _set("settings", "max_examples", value=-1),
    "semantics a list": _set("settings", "semantics", value=[1]),
    "workers a text": _set("settings", "workers", value="many"),
    "budget negative": _set("settings", "budget_bytes", value=-1),
    "violations a number": _set("settings", "violations", value=5),
    "report a text": _set("settings", "report", value="x"),
    "violations no text": _set("settings", "violations", value="\ud800"),
    "rules no text": _set("settings", "rules", value="\ud800"),
    "violations elsewhere": _set("settings", "violations", value="victim"),
    "report elsewhere": _set("settings", "report", value=["victim.tsv"]),
    "notes a list": _set("notes", value=["x"]),
    "notes a text": _set("notes", value="x"),
    "notes of numbers": _set("notes", value={"x": 5}),
    "notes without places": _set("notes", value={"x": {"count": 1e400, "first": []}}),
    "out a list": _set("settings", "columns", value=[]),
}


@pytest.mark.parametrize("name", EDITS)
def test_edited_settings(state: Path, name: str) -> None:
    """Whatever is no longer what a run writes is told as such."""
    path = state / "settings.json"
    document = json.loads(path.read_text())
    EDITS[name](document)
    path.write_text(json.dumps(document))
    refused(state)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "[" * 200_000 + "]" * 200_000, "\ufffe", '{"format_version": NaN}']
)
def test_other_documents(state: Path, text: str) -> None:
    """No settings at all, or nested without end."""
    (state / "settings.json").write_text(text)
    refused(state)


@pytest.mark.parametrize("field", ["violations", "report"])
def test_no_file_is_replaced(state: Path, field: str) -> None:
    """A folder may not name a file that is there already; who resumes may."""
    victim = state.parent.parent / "victim.jsonl"
    victim.write_text("precious\n")
    path = state / "settings.json"
    document = json.loads(path.read_text())
    document["settings"][field] = str(victim) if field == "violations" else [str(victim)]
    path.write_text(json.dumps(document))
    assert "is there already" in refused(state)
    assert victim.read_text() == "precious\n"
    named = str(victim) if field == "violations" else f"findings={victim}"
    done = started(["run", "--resume", str(state.parent), f"--{field}", named])
    assert done.returncode == 1, done.stderr
    assert victim.read_text().startswith("{")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
@pytest.mark.parametrize("name", ["spool", "journal", "settings.json"])
def test_file_of_another_user(state: Path, name: str) -> None:
    """One file that another user wrote is enough."""
    os.chown(state / name, 65534, 65534)
    assert "found no plain file of this user" in refused(state)


@pytest.mark.parametrize("name", ["spool", "journal", "settings.json"])
@pytest.mark.parametrize("seed", range(4))
def test_damage(state: Path, name: str, seed: int) -> None:
    """Cut, grown, with other bytes: evaluated again, or refused; never a bug."""
    draw = random.Random(f"{name} {seed}")
    content = bytearray((state / name).read_bytes())
    at = draw.randrange(len(content))
    if seed == 0:
        del content[at:]
    elif seed == 1:
        content += draw.randbytes(5000)
    elif seed == 2:
        content[at : at + 4000] = bytes(len(content[at : at + 4000]))
    else:
        content = bytearray(draw.randbytes(len(content)))
    (state / name).write_bytes(content)
    done = started(["run", "--resume", str(state.parent)])
    assert done.returncode == 2 if name == "settings.json" else done.returncode in (1, 2)
    assert "bug" not in done.stderr


@pytest.mark.parametrize("kind", ["pipe", "endless", "nested", "infinite", "folder"])
@pytest.mark.parametrize("command", ["resume", "report"])
def test_finished_folder(tmp_path: Path, kind: str, command: str) -> None:
    """The summary of a finished run is read as anybody may have left it."""
    out = tmp_path / "out"
    assert started(["run", *inputs(tmp_path), "--out", str(out)]).returncode == 1
    path = out / "summary.json"
    summary = json.loads(path.read_text())
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        summary["truncated"]["max_violations"] = float("inf")
        path.write_text("[" * 100_000 if kind == "nested" else json.dumps(summary))
    report = ["report", str(out), "--report", str(tmp_path / "x.jsonl")]
    done = started(["run", "--resume", str(out)] if command == "resume" else report)
    assert done.returncode == 2, done.stderr
    assert "bug" not in done.stderr
