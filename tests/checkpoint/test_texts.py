"""The texts that a run was begun with, kept for one that goes on from another folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pff_stream.checkpoint.state import state_folder, write_settings
from pff_stream.checkpoint.texts import KeptTexts, keep_texts, texts_of
from pff_stream.errors import InputError
from pff_stream.notes import Notes
from pff_stream.report.folder import STATE, STATE_SETTINGS
from pff_stream.settings.commands import RunSettings


def test_names_and_copies_are_kept(tmp_path: Path) -> None:
    """Paths from the root, names as they were given, copies moved into the state."""
    out, copy = tmp_path / "out", tmp_path / "copy"
    copy.write_bytes(b"packed")
    copies = {"-": str(copy)}
    settings = RunSettings.of(rules="r", triples=("a.tsv", "-"), out=str(out))
    with state_folder(settings.output, {}) as state:
        kept = keep_texts(state, copies)
        write_settings(state, settings, {}, {}, kept, Notes())
    moved = str(out / STATE / "input-1.zst")
    assert copies == {"-": moved} and Path(moved).read_bytes() == b"packed"
    assert copy.read_bytes() == b""
    path = os.path.abspath("a.tsv")
    names = {path: "a.tsv", "-": "-"}
    assert texts_of(str(out)) == KeptTexts([path, "-"], names, {"-": moved})
    document = json.loads((out / STATE / STATE_SETTINGS).read_text())
    document["texts"][0]["copy"] = "../../secret.zst"
    (out / STATE / STATE_SETTINGS).write_text(json.dumps(document))
    with pytest.raises(InputError, match="found other texts of inputs than a run writes"):
        texts_of(str(out))
