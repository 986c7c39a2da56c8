"""All fuzz targets by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from tests.fuzz.target import Target

PLACES: Mapping[str, tuple[str, str]] = {
    "rule-text": ("rule_text", "TARGET"),
    "rule-file": ("rule_file", "TARGET"),
    "graph-file": ("graph_file", "TARGET"),
    "triples": ("triples", "TARGET"),
    "documents": ("documents", "TARGET"),
    "manifest": ("yaml_files", "MANIFEST"),
    "config": ("yaml_files", "CONFIG"),
    "command-line": ("command_line", "TARGET"),
}


def target(name: str) -> Target:
    """The target of a name; imported now, so that a fuzzer can instrument what it tests."""
    module, attribute = PLACES[name]
    found: Target = getattr(import_module(f"tests.fuzz.{module}"), attribute)
    return found
