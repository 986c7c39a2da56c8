"""Folders that stand for the triples in them, as PyKEEN, OpenKE and Spark write them."""

from __future__ import annotations

import os

TRIPLES = (
    "numeric_triples.tsv.gz",
    "numeric_triples.tsv",
    os.path.join("training_triples", "numeric_triples.tsv.gz"),
    "train2id.txt",
)
"""The file that is read of a folder: the first that is there."""


PART = ".parquet"
"""Files of a folder that are all read; not those that begin with a dot or an underscore."""


def files_of(path: str) -> list[str]:
    """The files of triples that a folder stands for; the path itself where it is no such folder."""
    if not os.path.isdir(path):
        return [path]
    inside = (os.path.join(path, name) for name in TRIPLES)
    known = next(filter(os.path.isfile, inside), None)
    if known is not None:
        return [known]
    try:
        names = sorted(os.listdir(path))
    except OSError:  # which is said when it is read
        return [path]
    parts = [name for name in names if name.lower().endswith(PART) and name[0] not in "._"]
    return [os.path.join(path, name) for name in parts] or [path]
