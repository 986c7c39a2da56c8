"""The texts of triples that an unfinished run was begun with, for whoever reads them again.

A run that goes on has the encoded graph; where a triple stands is only in the texts.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from pff_stream.checkpoint.state import State, absolute, copy_input, read_settings
from pff_stream.files.durable import naming
from pff_stream.report.folder import STATE
from pff_stream.settings.models import GIVEN_TRIPLES


def keep_texts(state: State, copies: dict[str, str]) -> dict[str, str]:
    """Moves copies of inputs into the state; their names there by path."""
    kept = {}
    for number, (path, copy) in enumerate(copies.items(), 1):
        kept[path] = f"input-{number}.zst"
        copies[path] = os.path.join(state.path, kept[path])
        copy_input(copy, copies[path])
        with naming(copy):
            os.truncate(copy, 0)
    return kept


class KeptTexts(NamedTuple):
    """What an unfinished run was begun with, to be read again."""

    paths: list[str]
    """From the root."""
    names: dict[str, str]
    """By path, as the user named them."""
    copies: dict[str, str]
    """By path, copies of those that cannot be read again."""
    are_objects: bool = False
    """Whether a Python caller gave them: there are no texts."""


def texts_of(out: str, state: str = STATE) -> KeptTexts:
    """The triples that a run or a part was begun with; raises what `read_settings` does."""
    document = read_settings(out, state)
    paths = list(document["settings"]["triples"])
    are_objects = (
        paths == [absolute(name) for name in GIVEN_TRIPLES] and "triples" in document["kept"]
    )
    texts = KeptTexts(paths, {}, {}, are_objects)
    for path, text in zip(texts.paths, document.get("texts", ()), strict=False):
        texts.names[path] = text["name"]
        if text["copy"] is not None:
            texts.copies[path] = os.path.join(out, state, text["copy"])
    return texts
