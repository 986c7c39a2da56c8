"""Manifests and --config files: read as YAML without its surprises, or refused with their line."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from pff_stream.errors import InputError, UsageError
from pff_stream.settings.commands import RunSettings
from pff_stream.settings.manifest import read_manifest
from pff_stream.settings.options import OPTIONS
from pff_stream.settings.resolve import gather, resolve
from tests.fuzz.target import ACCEPTED, REFUSED, Target, check_message

FOLDER = Path(tempfile.gettempdir())


def check_manifest(data: bytes) -> str:
    """Names and paths are those that YAML's own loader reads, all as text."""
    with tempfile.NamedTemporaryFile(dir=FOLDER, suffix=".yaml") as file:
        file.write(data)
        file.flush()
        try:
            manifest = read_manifest(file.name)
            tasks = list(manifest.documents())
        except InputError as error:
            check_message(str(error).replace("\n", " "), places=(f"{file.name}:", f"{file.name}: "))
            return REFUSED
    assert len(tasks) == manifest.n_documents > 0
    assert len({task.folder for task in tasks}) == len(tasks)
    for task in tasks:
        assert "/" not in task.folder and not task.folder.startswith("."), task
        assert task.name and task.path and "\0" not in task.path, task
    written = _loaded(data)["tasks"]
    assert [os.path.join(FOLDER, path) for entry in written for path in entry.values()] == [
        task.path for task in tasks
    ]
    for entry, task in zip(written, tasks, strict=True):
        (key,) = entry
        assert key in (task.name, "msisdn"), (entry, task)
    return ACCEPTED


def check_config(data: bytes) -> str:
    """Every value is one that its option takes; a second reading gives the same settings."""
    with tempfile.NamedTemporaryFile(dir=FOLDER, suffix=".yaml") as file:
        file.write(data)
        file.flush()
        given = {"config": file.name, "rules": "r.tsv", "triples": ("t.tsv",)}
        try:
            values = resolve(RunSettings, gather(given, {})).values()
        except (InputError, UsageError) as error:
            check_message(
                str(error).replace("\n", " "), places=(file.name, "--", "found", "expected")
            )
            return REFUSED
    loaded = _loaded(data)
    keys = {option.key: field for field, option in OPTIONS.items()}
    for key, text in loaded.items():
        field = keys[str(key).replace("-", "_")]
        value = values.get(field)
        if field == "rules" or not isinstance(text, str) or value is None:
            continue
        if text.lower() in ("~", "null"):  # says nothing
            continue
        if isinstance(value, str) and not OPTIONS[field].is_path and text.strip():
            assert value == text or value == "".join(text.split()), (key, text, value)
    return ACCEPTED


def _loaded(data: bytes) -> Any:
    """The document with every scalar as its text."""
    return yaml.load(data, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


WORDS = (
    b"- ", b": ", b"\n", b"  ", b"tasks:", b"- msisdn: a.json\n", b"[", b"]", b"{", b"}", b"'", b'"', b"!!str ",
    b"!!python/object:os.system ", b"&a ", b"*a", b"<<: ", b"|\n ", b">\n ", b"---\n", b"...\n", b"%YAML 1.1\n",
    b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"~", b"null", b"0012", b"12:30", b"1_000", b".inf",
    b"yes", b"# c\n", b"? ", b"x" * 300, b"\\x41", b"[" * 40, b"- " * 40, b"budget: 1GiB\n", b"workers: 2\n",
)  # fmt: skip

MANIFEST = Target(
    "manifest",
    (
        b"execution_id: 7\nmax_workers: 8\ntasks:\n- msisdn: a.json\n- '5': b/c.json.gz\n- a: x\n",
        b"tasks: [{msisdn: 0012}, {a: d/e}, {a: f}]\nsequence: [1, {a: b}]\nrules: r.tsv\n",
    ),
    WORDS,
    check_manifest,
)
CONFIG = Target(
    "config",
    (
        b"budget: 512MiB\nworkers: 2\nfail-on: rate>5%\ncolumns: s,o,p\n",
        b"min_confidence: 0.5\nid-key: '5'\nout: r\nsemantics: homomorphism\nmax-examples: 1_000\n",
    ),
    (*WORDS, *(option.key.encode() + b": " for option in OPTIONS.values())),
    check_config,
)
