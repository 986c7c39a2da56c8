"""Manifests: many documents, named safely, read one by one, with errors that name the line."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import InputError
from pff_stream.files.decoders import stem_of
from pff_stream.settings.manifest import Manifest, folder_of, read_manifest
from pff_stream.triples.formats.json import document_stem


def manifest_of(tmp_path: Path, text: str) -> Manifest:
    """The manifest with this text."""
    path = tmp_path / "manifest.yaml"
    path.write_text(text, encoding="utf-8")
    return read_manifest(str(path))


def folders(manifest: Manifest) -> list[str]:
    """Folders of all tasks, in order."""
    return [task.folder for task in manifest.documents()]


def test_keys_of_the_original_service(tmp_path: Path) -> None:
    """execution_id, max_workers, tasks and sequence are read, whatever their order."""
    manifest = manifest_of(
        tmp_path,
        "execution_id: run-7\ntasks:\n  - msisdn: data/5511.json\n  - second: /abs/x.json\n"
        "max_workers: 8\nsequence: [1, two, 3.5, {a: null}]\n",
    )
    assert (manifest.n_documents, manifest.execution_id) == (2, "run-7")
    assert manifest.sequence == [1, "two", 3.5, {"a": None}]
    assert (manifest.options["max_workers"].value, manifest.options["max_workers"].line) == (8, 5)
    first, second = manifest.documents()
    assert (first.name, first.folder) == ("5511", "5511")
    assert first.path == str(tmp_path / "data" / "5511.json")
    assert (second.name, second.path) == ("second", "/abs/x.json")


def test_written_forms_are_kept(tmp_path: Path) -> None:
    """Names, paths and identifiers are text as written: no octal, no dates, no booleans."""
    manifest = manifest_of(
        tmp_path,
        "execution_id: 0012\nsequence: 2024-01-01\n"
        "tasks:\n- 0551: 0012\n- yes: no\n- 12:30: 1e5\n- '+55 11': 'null'\n",
    )
    assert (manifest.execution_id, manifest.sequence) == ("0012", "2024-01-01")
    tasks = list(manifest.documents())
    assert [task.name for task in tasks] == ["0551", "yes", "12:30", "+55 11"]
    assert [Path(task.path).name for task in tasks] == ["0012", "no", "1e5", "null"]


def test_repeated_names(tmp_path: Path) -> None:
    """A repeated name gets ~2, ~3; a name that looks like that does not collide."""
    manifest = manifest_of(
        tmp_path, "tasks: [{a: 1}, {a~2: 2}, {a: 3}, {msisdn: b/a.json}, {b: 4}, {a~2: 5}]"
    )
    assert folders(manifest) == ["a", "a%7E2", "a~2", "a~3", "b", "a%7E2~2"]
    assert len(manifest.repeated) == 2


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (".", "%2E"),
        ("..", "%2E."),
        ("...", "%2E.."),
        (".hidden", "%2Ehidden"),
        ("../up", "%2E.%2Fup"),
        ("a/b", "a%2Fb"),
        ("a b%", "a%20b%25"),
        ("São", "S%C3%A3o"),
        ("a.b_c-d", "a.b_c-d"),
        ("\n", "%0A"),
    ],
)
def test_folders_are_safe(name: str, folder: str) -> None:
    """A name becomes one folder that neither leaves its parent nor hides."""
    assert folder_of(name) == folder


@given(st.lists(st.text(min_size=1, max_size=300), unique=True))
def test_different_names_have_different_folders(names: list[str]) -> None:
    """Folders are plain, short and as different as the names."""
    found = [folder_of(name) for name in names]
    assert len(set(found)) == len(names)
    for folder in found:
        assert folder.isascii()
        assert 0 < len(folder) <= 220
        assert "/" not in folder
        assert "\0" not in folder
        assert not folder.startswith(".")


def test_long_names_are_cut() -> None:
    """A name longer than a file system allows keeps its beginning and gets its hash."""
    first, second = folder_of("é" * 300), folder_of("é" * 301)
    assert first != second
    assert first.startswith("%C3%A9%C3%A9")
    assert len(first) <= 220


@pytest.mark.parametrize(
    "path",
    ["d/x.json", "x.jsonl.gz", "a.b.JSON.ZST", "x.ndjson", "x", ".json"],
)
def test_stem_is_the_documents_own(path: str) -> None:
    """A task takes its name from the file as the document's entity does."""
    assert stem_of(path) == document_stem(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: found an empty file, expected a mapping"),
        ("- a\n", ":1: found a list, expected a mapping"),
        ("execution_id: 1\n", ": found no task, expected `tasks:`"),
        ("tasks: []\n", ": found no task, expected `tasks:`"),
        ("tasks:\n", ":1: found nothing, expected a list"),
        ("tasks: {a: b}\n", ":1: found a mapping, expected a list"),
        ("tasks:\n- a: x\n- b.json\n", ":3: found 'b.json', expected an entry `- name: path`"),
        ("tasks:\n- a: x\n  b: y\n", ":3: found a second key 'b' in one task"),
        ("tasks:\n- {}\n", ":2: found an empty mapping, expected an entry"),
        ("tasks:\n- a:\n", ":2: found nothing, expected the path of a document"),
        ("tasks:\n- a: ''\n", ":2: found '', expected the path of a document"),
        ("tasks:\n- a: '-'\n", ":2: found '-', expected the path of a document"),
        ("tasks:\n- a: [x]\n", ":2: found a list, expected the path of a document"),
        ("tasks:\n- '': x\n", ":2: found a task without a name"),
        ("tasks:\n- [a]: x\n", ":2: found a list as a key, expected text"),
        ("tasks: [{a: b}]\ntasks: [{a: b}]\n", ":2: found tasks for the second time"),
        ("tasks:\n- a: &x b\n", ":2: found an anchor or alias, expected plain values"),
        ("tasks:\n- a: !!python/name:os.system b\n", ":2: found the tag tag:yaml.org,2002:python"),
        ("tasks: [{a: b}]\n---\nx: y\n", ":2: found a second document"),
        ("tasks:\n- a: b\n c: [\n", ":3:"),
        ("tasks:\n\t- a: b\n", ":2:"),
        ("sequence: " + "[" * 40 + "]" * 40 + "\n", ":1: found more than 32 levels"),
    ],
)
def test_malformed(tmp_path: Path, text: str, message: str) -> None:
    """What is wrong is said with file, line, what was found and what was expected."""
    with pytest.raises(InputError) as caught:
        manifest_of(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path / 'manifest.yaml'}{message}")


def test_not_utf8(tmp_path: Path) -> None:
    """A manifest that is no UTF-8 is bad input, not a crash."""
    (tmp_path / "m.yaml").write_bytes(b"tasks:\n- \xff\xff: a\n")
    with pytest.raises(InputError, match=r"m\.yaml"):
        read_manifest(str(tmp_path / "m.yaml"))


@pytest.mark.parametrize("name", ["none.yaml", "."])
def test_unreadable(tmp_path: Path, name: str) -> None:
    """A manifest that is not there, or a folder, is bad input."""
    with pytest.raises(InputError, match=r"No such file|Is a directory"):
        read_manifest(str(tmp_path / name))


def test_changed_in_use(tmp_path: Path) -> None:
    """A manifest that shrinks between its two readings is noticed."""
    manifest = manifest_of(tmp_path, "tasks: [{a: b}, {c: d}]")
    (tmp_path / "manifest.yaml").write_text("tasks: [{a: b}]")
    with pytest.raises(InputError, match="found 1 task, expected 2 as before"):
        list(manifest.documents())
    assert read_manifest(manifest.path).n_documents == 1


@pytest.mark.thorough
def test_many_tasks(tmp_path: Path) -> None:
    """A manifest of 100,000 tasks is read like a small one."""
    manifest = many(tmp_path, 100_000)
    last = None
    for last in manifest.documents():  # noqa: B007 - only the last one is looked at
        pass
    assert manifest.n_documents == 100_000
    assert last is not None
    assert (last.folder, manifest.repeated) == ("000099999", frozenset())


@pytest.mark.thorough
def test_memory_does_not_grow_with_tasks(tmp_path: Path) -> None:
    """Python's memory grows by a hash a task, 8 bytes and what its array keeps in reserve."""
    many(tmp_path, 10)  # imports are not what is measured
    peaks = []
    for n_tasks in (2_000, 12_000):
        tracemalloc.start()
        try:
            assert sum(1 for _ in many(tmp_path, n_tasks).documents()) == n_tasks
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 24 * 10_000


def many(tmp_path: Path, n_tasks: int) -> Manifest:
    """A manifest of `n_tasks` tasks that take their names from their files."""
    path = tmp_path / f"many{n_tasks}.yaml"
    with path.open("w") as file:
        file.write("max_workers: 2\ntasks:\n")
        file.writelines(f"- msisdn: documents/{n:09d}.json\n" for n in range(n_tasks))
    return read_manifest(str(path))
