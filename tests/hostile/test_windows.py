"""Packed inputs whose decoders take more than the budget has: no command passes it, none dies.

Each is a file of a few KiB; decoded, the largest window holds 64 MiB.
"""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.measured import MIB, SLACK_BYTES, held_bytes, measured
from tests.hostile.starting import COMMAND, started

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BUDGET = 60 * MIB
RULE = b"r(X,Y) <= s(X,Y)\n"
TRIPLE = b"a\ts\tb\n"
DOCUMENT = b'{"id":"d","s":"x","t":"%s"}\n'
LONG = 60_000
REPEATED = 72 * MIB

Pack = Callable[[bytes, bytes], bytes]
"""A file that begins with the one and goes on with the other, which is long."""


def frame(data: bytes, window_log: int) -> bytes:
    """As a stream whose size nobody knew."""
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {parameter.window_log: window_log, parameter.compression_level: 1}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(data) + compressor.flush()


def xz(data: bytes, dictionary: int) -> bytes:
    """A stream of one block, packed fast."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": dictionary}]
    return lzma.compress(data, filters=filters)


PACKS: dict[str, Pack] = {
    "first.zst": lambda begin, rest: frame(begin + rest, 27),
    "later.zst": lambda begin, rest: frame(begin, 10) + frame(rest, 27),
    "skipped.zst": lambda begin, rest: (
        b"\x50\x2a\x4d\x18\x01\0\0\0x" + frame(begin, 10) + frame(rest, 27)
    ),
    "first.xz": lambda begin, rest: xz(begin + rest, 128 * MIB),
    "later.xz": lambda begin, rest: xz(begin, 1 << 16) + xz(rest, 128 * MIB),
}
PACKED = pytest.mark.parametrize("kind", PACKS)
ZSTD_LATER = "later.zst"
USUAL = (ZSTD_LATER, "first.xz")
FEW_PACKED = pytest.mark.parametrize(
    "kind",
    [one if one in USUAL else pytest.param(one, marks=pytest.mark.slow) for one in PACKS],
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules, triples and a document of every kind; plain ones, and a manifest of two documents."""
    folder = tmp_path_factory.mktemp("windows")
    (folder / "r.tsv").write_bytes(RULE)
    (folder / "g.tsv").write_bytes(TRIPLE)
    (folder / "d.json").write_bytes(DOCUMENT % b"x")
    comment = b"#" + b"c" * LONG + b"\n"
    triple = b"a" * LONG + b"\ts\tb\n"
    for kind, pack in PACKS.items():
        (folder / f"rules-{kind}").write_bytes(pack(RULE, comment * (REPEATED // len(comment))))
        (folder / f"triples-{kind}").write_bytes(pack(TRIPLE, triple * (REPEATED // len(triple))))
        lines = (DOCUMENT % (b"y" * LONG)) * (REPEATED // LONG)
        name = f"d-{kind.partition('.')[0]}.jsonl.{kind.rpartition('.')[2]}"
        (folder / name).write_bytes(pack(DOCUMENT % b"x", lines))
        (folder / f"{kind}.yaml").write_text(f"tasks:\n- a: d.json\n- b: {name}\n")
    return folder


def refused(arguments: list[str | Path], standard_input: Path | None = None) -> str:
    """Ends with 3 and within the budget, and says what would do; what it says."""
    limit = ["--budget", str(BUDGET)]
    peak = measured([*arguments, *limit], standard_input)
    assert peak.exit_code == 3, peak.output
    assert held_bytes(peak) <= BUDGET + SLACK_BYTES, peak.output
    assert "damaged" not in peak.output and "Traceback" not in peak.output
    assert "--budget" in peak.output
    return peak.output


def slow(*values: str) -> list[Any]:
    """The same, in the long run only."""
    return [pytest.param(one, marks=pytest.mark.slow) for one in values]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("which", "kind"),
    [
        *(("rules", kind) for kind in PACKS),
        *(
            pytest.param("triples", kind, marks=() if kind in USUAL else pytest.mark.slow)
            for kind in PACKS
        ),
    ],
)
@pytest.mark.parametrize("fence", ["auto", *slow("rlimit", "none")])
def test_runs(files: Path, which: str, kind: str, fence: str) -> None:
    """Rules and triples, with every fence and without: the plan alone keeps the promise."""
    packed = files / f"{which}-{kind}"
    rules, triples = (packed, files / "g.tsv") if which == "rules" else (files / "r.tsv", packed)
    refused(["run", rules, triples, "--fence", fence])


@pytest.mark.thorough
@FEW_PACKED
@pytest.mark.parametrize("command", ["plan", "compile", "encode", "triples", "explain"])
def test_other_commands(files: Path, tmp_path: Path, command: str, kind: str) -> None:
    """They decode as well."""
    rules, triples = files / f"rules-{kind}", files / f"triples-{kind}"
    plain = files / "g.tsv"
    arguments: dict[str, list[str | Path]] = {
        "plan": ["plan", rules, plain],
        "compile": ["compile", rules, "-o", tmp_path / "r.pffr"],
        "encode": ["encode", triples, "-o", tmp_path / "g.pffg"],
        "triples": ["triples", triples],
        "explain": ["explain", files / "r.tsv", triples, "--triple", "a", "r", "b"],
    }
    refused(arguments[command])
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
@FEW_PACKED
@pytest.mark.parametrize("which", ["rules", "triples"])
def test_standard_input(files: Path, which: str, kind: str) -> None:
    """Nothing is known before it comes."""
    inputs: list[str | Path]
    inputs = ["-", files / "g.tsv"] if which == "rules" else [files / "r.tsv", "-"]
    refused(["run", *inputs], files / f"{which}-{kind}")


@pytest.mark.parametrize("which", ["rules", "triples"])
def test_a_later_frame(files: Path, which: str) -> None:
    """The case that a look at the first frame does not see."""
    packed = files / f"{which}-{ZSTD_LATER}"
    rules, triples = (packed, files / "g.tsv") if which == "rules" else (files / "r.tsv", packed)
    refused(["run", rules, triples])


@pytest.mark.thorough
@PACKED
def test_manifests(files: Path, kind: str) -> None:
    """The document that takes too much fails by itself, the other one is evaluated."""
    run: list[str | Path]
    run = ["run", "--rules", files / "r.tsv", "--manifest", files / f"{kind}.yaml"]
    peak = measured([*run, "--budget", str(BUDGET), "--workers", "1"])
    assert peak.exit_code == 4, peak.output
    assert held_bytes(peak) <= BUDGET + SLACK_BYTES, peak.output
    assert "2 documents: " in peak.output and "1 failed" in peak.output
    assert "failed: b: refused:" in peak.output and "damaged" not in peak.output


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["entity2id.txt", "relation2id.txt"])
def test_names_beside_triples(files: Path, tmp_path: Path, name: str) -> None:
    """Files of names are packed by what they begin with, whatever they are called."""
    (tmp_path / "train2id.txt").write_text("1\n0 0 0\n")
    for plain in ("entity2id.txt", "relation2id.txt"):
        (tmp_path / plain).write_text("1\nname 0\n")
    lines = b"".join(b"%d %d\n" % (n, n) for n in range(200_000))
    (tmp_path / name).write_bytes(frame(b"1\nname 0\n", 10) + frame(lines * 10, 27))
    triples: list[str | Path]
    triples = ["triples", tmp_path / "train2id.txt", "--format", "openke"]
    refused(triples)
    refused(["run", files / "r.tsv", *triples[1:]])
    # Names take far more than their bytes, and a packed file's size tells nothing.
    (tmp_path / name).write_bytes(frame(b"1\n" + lines, 10))
    refused(["run", files / "r.tsv", *triples[1:]])


@pytest.mark.parametrize("command", ["run", "plan", "compile", "encode", "triples"])
def test_max_window(files: Path, tmp_path: Path, command: str) -> None:
    """Smaller than the file's window it refuses, whatever the budget; what it names would do."""
    rules, triples = files / f"rules-{ZSTD_LATER}", files / f"triples-{ZSTD_LATER}"
    arguments: list[str] = {
        "run": [str(files / "r.tsv"), str(triples)],
        "plan": [str(rules), str(files / "g.tsv")],
        "compile": [str(rules), "--check"],
        "encode": [str(triples), "-o", str(tmp_path / "g.pffg")],
        "triples": [str(triples)],
    }[command]
    done = started([command, *arguments, "--max-window", "64MiB"])
    assert done.returncode == 3
    assert "--max-window 128MiB would do" in done.stderr
    done = started([command, *arguments, "--max-window", "128MiB"])
    assert done.returncode in (0, 1), done.stderr


def test_max_window_from_elsewhere(files: Path, tmp_path: Path) -> None:
    """The environment, a file of settings and Python set it as well."""
    from pff_stream import validate
    from pff_stream.errors import RefusedError

    given = [str(files / "r.tsv"), str(files / f"triples-{ZSTD_LATER}")]
    done = started(["run", *given], environment={"PFF_STREAM_MAX_WINDOW": "64MiB"})
    assert done.returncode == 3 and "--max-window 128MiB would do" in done.stderr
    config = tmp_path / "settings.yaml"
    config.write_text("max-window: 64MiB\n")
    done = started(["run", *given, "--config", str(config)])
    assert done.returncode == 3 and "--max-window 128MiB would do" in done.stderr
    with pytest.raises(RefusedError, match="--max-window 128MiB would do"):
        list(validate(*given, max_window_bytes=64 * MIB))
    done = started(["run", *given, "--max-window", "0"])
    assert done.returncode == 2 and "--max-window: found '0'" in done.stderr


def test_the_plan_says_so(files: Path) -> None:
    """With room for it, a large window is a term of the plan, and holds what was planned."""
    rules = files / "rules-first.zst"
    done = started(["plan", str(rules), str(files / "g.tsv"), "--json"], command=COMMAND)
    plan = json.loads(done.stdout)
    terms = {term["name"]: term["bytes"] for term in plan["phases"][0]["terms"]}
    assert terms["decoder"] > REPEATED
    peak = measured(["run", rules, files / "g.tsv"])
    assert peak.exit_code == 1, peak.output
    assert held_bytes(peak) <= plan["peak_bytes"] + SLACK_BYTES
