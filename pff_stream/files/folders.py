"""Folders that stand for the triples in them, as PyKEEN and OpenKE write them."""

from __future__ import annotations

import os

TRIPLES = (
    "numeric_triples.tsv.gz",
    "numeric_triples.tsv",
    os.path.join("training_triples", "numeric_triples.tsv.gz"),
    "train2id.txt",
)
"""The file that is read of a folder: the first that is there."""


def file_of(path: str) -> str:
    """The file of triples that a folder stands for; the path itself where it is no such folder."""
    if not os.path.isdir(path):
        return path
    inside = (os.path.join(path, name) for name in TRIPLES)
    return next(filter(os.path.isfile, inside), path)
