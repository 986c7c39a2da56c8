"""Puts settings together from where they may stand, the strongest first.

Command line, then environment (PFF_STREAM_<OPTION>), then the `--config` file, then the manifest's
own keys, then defaults. Not done here: what a value means (`options`) and whether values agree
(`settings`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar

from pff_stream.errors import UsageError
from pff_stream.settings.options import OPTIONS

if TYPE_CHECKING:
    from pff_stream.settings.yaml import Placed


class Named(Protocol):
    """A group of options, or the settings of a command: made from values by field."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The fields that values are looked for."""

    @classmethod
    def names_in_manifest(cls) -> tuple[str, ...]:
        """The fields that a manifest may set."""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """One with these values, the others by default; UsageError where that cannot be."""


S = TypeVar("S", bound=Named)


class FileOptions(NamedTuple):
    """Options that a file sets, by field, with what is needed for messages and paths."""

    path: str
    values: Mapping[str, Placed]

    def read(self, field: str) -> object:
        """The checked value of `field`, None where the file does not set it."""
        placed = self.values.get(field)
        if placed is None or placed.value is None:
            return None
        option = OPTIONS[field]
        value = option.read(placed.value, f"{self.path}:{placed.line}: {option.key}")
        if option.is_path and value != "-":
            return os.path.join(os.path.dirname(self.path), str(value))
        return value


class Layers(NamedTuple):
    """Everything that was said, apart by who said it; `given` is by field."""

    given: Mapping[str, object]
    environ: Mapping[str, str]
    config: FileOptions | None


def gather(given: Mapping[str, object], environ: Mapping[str, str]) -> Layers:
    """Reads the `--config` file, if there is one; UsageError where it has an unknown key.

    `given` holds what stood on the command line, by field; None is the same as absent.
    """
    layers = Layers({k: v for k, v in given.items() if v is not None}, environ, None)
    path = _said(layers, "config")
    if path is None:
        return layers
    from pff_stream.settings.yaml import read_mapping

    return layers._replace(config=file_options(str(path), read_mapping(str(path))))


def resolve(kind: type[S], layers: Layers) -> S:
    """The settings of `kind`; UsageError names the option, what was found, what was expected."""
    names = kind.names()
    absent = _excluded(layers)
    values: dict[str, object] = dict.fromkeys(names)
    values |= said(layers, [name for name in names if name not in absent])
    manifest = values.get("manifest")
    if manifest is not None:
        from pff_stream.settings.manifest import read_manifest

        found = read_manifest(str(manifest))
        known = [name for name in kind.names_in_manifest() if name != "manifest"]
        below = file_options(found.path, found.options, known)
        inner = [name for name in names if name in known]
        values.update({n: below.read(n) for n in inner if n in OPTIONS and values[n] is None})
    return kind.of(**{name: value for name, value in values.items() if value is not None})


def said(layers: Layers, fields: Iterable[str]) -> dict[str, object]:
    """The values of the fields that command line, environment or config file set."""
    found = {field: _said(layers, field) for field in fields}
    return {field: value for field, value in found.items() if value is not None}


def _excluded(layers: Layers) -> tuple[str, ...]:
    """TRIPLES on the command line are stronger than a manifest named anywhere else."""
    if "triples" in layers.given and "manifest" not in layers.given:
        return ("manifest",)
    return ()


def _said(layers: Layers, field: str) -> object:
    """What the strongest of command line, environment and config file says; None: nothing."""
    option = OPTIONS.get(field)
    if field in layers.given:
        value = layers.given[field]
        return value if option is None else option.read(value, f"--{option.name}")
    if option is None:
        return None
    if option.variable is not None and layers.environ.get(option.variable):
        return option.read(layers.environ[option.variable], f"environment {option.variable}")
    return layers.config.read(field) if layers.config is not None else None


def file_options(
    path: str, found: Mapping[str, Placed], fields: Collection[str] = OPTIONS.keys()
) -> FileOptions:
    """The keys of a file as options of `fields`; UsageError for any other, naming the nearest."""
    known = {o.key: field for field, o in OPTIONS.items() if o.files and field in fields}
    values: dict[str, Placed] = {}
    for key, placed in found.items():
        field = known.get(key.replace("-", "_"))
        if field is None:
            raise UsageError(
                f"{path}:{placed.line}: found {key[:80]!r}, expected {_nearest(key, known)}"
            )
        if field in values:
            raise UsageError(f"{path}:{placed.line}: found {key} twice, expected each option once")
        values[field] = placed
    return FileOptions(path, values)


def _nearest(key: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    names = sorted(name.replace("_", "-") for name in known)
    near = get_close_matches(key.replace("_", "-").lower(), names, n=1)
    return f"an option; did you mean {near[0]}?" if near else "one of " + ", ".join(names)
