"""Writes documents of every shape that takes memory in its own way, of about any size.

Not data to learn anything from. The same for the same size.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, product
from pathlib import Path
from typing import Any

RULES = (
    "9\t5\t0.5\tv(X,Y) <= w(X,Y)\n"
    "9\t5\t0.5\tw(X,Y) <= v(A,X), w(A,Y)\n"
    "9\t5\t0.5\tu(X,Y) <= t(X,Y)\n"
)
DENSEST_DEPTH = 480
"""Arrays in arrays; the reader takes 500."""
SMALL_BYTES = 200
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Shape:
    """What to run, by the arguments of `pff-stream run`."""

    name: str
    write: Callable[[Path, int], list[str]]
    """Writes files of about so many bytes into a folder; the arguments."""
    is_bound: bool = False
    """Whether documents are planned before they are read."""
    is_densest: bool = False
    """Whether it is what the bound is made for."""
    from_standard_input: bool = False
    """Whether the first file written is standard input."""


def shapes() -> list[Shape]:
    """All of them."""
    one = partial(_one, suffix=".json")
    return [
        Shape("small objects", partial(one, small_objects)),
        Shape("small objects, .json.gz", partial(_one, small_objects, suffix=".json.gz")),
        Shape(
            "small objects, standard input", partial(one, small_objects), from_standard_input=True
        ),
        Shape("a top-level array of small objects", partial(one, top_level_array)),
        Shape("JSON Lines", partial(_one, json_lines, suffix=".jsonl")),
        Shape(
            "JSON Lines, .zst of a window of 8 MiB", partial(_one, json_lines, suffix=".jsonl.zst")
        ),
        Shape("one string", partial(one, one_string)),
        Shape("one string with an emoji", partial(one, one_string_with_an_emoji)),
        Shape("one string of escapes", partial(one, one_string_of_escapes)),
        Shape("strings of 10,000", partial(one, long_strings)),
        Shape("a flat array of numbers", partial(one, flat_array)),
        Shape("a flat array of empty arrays", partial(one, empty_arrays)),
        Shape("arrays in arrays", partial(one, deep_arrays)),
        Shape("objects in objects", partial(one, deep_objects)),
        Shape("one object of many keys", partial(one, many_keys), is_densest=True),
        Shape("triples, .tsv", partial(_one, triples, suffix=".tsv")),
        Shape("triples, .tsv.zst of a window of 8 MiB", partial(_one, triples, suffix=".tsv.zst")),
        Shape("rules, .tsv.zst of a window of 8 MiB", _packed_rules),
        Shape("a manifest of small documents", _manifest_of_small, is_bound=True),
        Shape("a manifest, small objects", partial(_manifest, small_objects), is_bound=True),
        Shape("a manifest, one string", partial(_manifest, one_string), is_bound=True),
        Shape("a manifest, arrays in arrays", partial(_manifest, deep_arrays), is_bound=True),
        Shape(
            "a manifest, one object of short keys",
            partial(_manifest, short_keys),
            is_bound=True,
            is_densest=True,
        ),
    ]


def small_objects(n_bytes: int) -> str:
    """One document of many objects, each with a name."""
    return '{"w":[' + ",".join(_objects(n_bytes)) + "]}"


def top_level_array(n_bytes: int) -> str:
    """Each a document."""
    return "[" + ",".join(_objects(n_bytes)) + "]"


def json_lines(n_bytes: int) -> str:
    """Each line a small document."""
    return "\n".join(_objects(n_bytes))


def one_string(n_bytes: int) -> str:
    """One long name; a rule about another is violated: the document is read again for a place."""
    return json.dumps({"t": 1, "v": "x" * n_bytes})


def one_string_with_an_emoji(n_bytes: int) -> str:
    """One character makes all of them four bytes wide."""
    return json.dumps({"t": 1, "v": "\U0001f600" + "x" * n_bytes}, ensure_ascii=False)


def one_string_of_escapes(n_bytes: int) -> str:
    """Every character is written as two."""
    return json.dumps({"t": 1, "v": "\n" * (n_bytes // 2)})


def long_strings(n_bytes: int) -> str:
    """Names of some length."""
    return json.dumps({"v": [f"{i:05}" + "x" * 9_995 for i in range(n_bytes // 10_004)]})


def flat_array(n_bytes: int) -> str:
    """Numbers of a few kinds."""
    return json.dumps({"v": [100 + i % 900 for i in range(n_bytes // 5)]})


def empty_arrays(n_bytes: int) -> str:
    """They give nothing, beside one triple."""
    return '{"w":1,"v":[' + ",".join(["[]"] * (n_bytes // 3)) + "]}"


def deep_arrays(n_bytes: int) -> str:
    """The densest text for a parser: two bytes for a list of one."""
    one = "[" * DENSEST_DEPTH + "]" * DENSEST_DEPTH
    return '{"w":1,"v":[' + ",".join([one] * (n_bytes // (len(one) + 1))) + "]}"


def deep_objects(n_bytes: int) -> str:
    """Objects of forty levels, each named by its path."""
    one = '{"w":' * 40 + "1" + "}" * 40
    return '{"v":[' + ",".join([one] * (n_bytes // (len(one) + 1))) + "]}"


def many_keys(n_bytes: int) -> str:
    """Each a relation of its own."""
    return json.dumps({f"{i:07}": 1 for i in range(n_bytes // 14)})


def short_keys(n_bytes: int) -> str:
    """The densest text for a graph: eight bytes for a relation of one triple."""
    keys = ("".join(letters) for length in count(3) for letters in product(LETTERS, repeat=length))
    return "{" + ",".join(f'"{next(keys)}":1' for _ in range(n_bytes // 8)) + "}"


def triples(n_bytes: int) -> str:
    """Lines of TSV."""
    return "".join(f"a{i % 5_000}\tv\tb{i * 7 % 9_973}\n" for i in range(n_bytes // 14))


def _objects(n_bytes: int) -> Iterator[str]:
    for i in range(n_bytes // 44):
        yield f'{{"id": "n{i:06}", "v": {i % 9_000}, "w": "a text"}}'


def _one(make: Callable[[int], str], folder: Path, n_bytes: int, *, suffix: str) -> list[str]:
    return [_rules(folder), _written(folder / f"document{suffix}", make(n_bytes))]


def _rules(folder: Path) -> str:
    return _written(folder / "rules.tsv", RULES)


def _packed_rules(folder: Path, n_bytes: int) -> list[str]:
    """Rules behind a long comment, which all of the decoder's window is filled with."""
    lines = "".join(f"9\t5\t0.5\tv(X,c{i}) <= w(X,c{i % 97})\n" for i in range(n_bytes // 30))
    text = _written(folder / "rules.tsv.zst", lines)
    return [text, _written(folder / "document.tsv", "a\tv\tb\na\tw\tb\n")]


def _manifest(make: Callable[[int], str], folder: Path, n_bytes: int) -> list[str]:
    """A tenth of the bytes a document: a bound is a hundred times as much, and more."""
    _written(folder / "document.json", make(n_bytes // 10))
    return _listed(folder, ["document.json"] * 2)


def _manifest_of_small(folder: Path, n_bytes: int) -> list[str]:
    names = [f"{i}.json" for i in range(500)]
    for name in names:
        _written(folder / name, small_objects(min(n_bytes // 500, 20_000)))
    return _listed(folder, names)


def _listed(folder: Path, documents: list[str]) -> list[str]:
    lines = "".join(f"  - t{i}: {name}\n" for i, name in enumerate(documents))
    manifest = _written(folder / "manifest.yaml", f"tasks:\n{lines}")
    return ["--rules", _rules(folder), "--manifest", manifest]


def _written(path: Path, text: str) -> str:
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, 1)
    elif path.suffix == ".zst":
        data = _packed(data)
    path.write_bytes(data)
    return str(path)


def _packed(data: bytes) -> bytes:
    """As a stream whose size nobody knew, with a window that the decoder has to keep."""
    zstd = _zstd()
    options = {
        zstd.CompressionParameter.window_log: 23,
        zstd.CompressionParameter.compression_level: 1,
    }
    compressor = zstd.ZstdCompressor(options=options)
    return bytes(compressor.compress(data) + compressor.flush())


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
