"""A run in parts: joined, they are the same bytes as one run, whatever was asked for."""

from __future__ import annotations

import json
import shutil
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import pff_stream
from pff_stream.rules.file import RuleFile
from pff_stream.rules.shard import Shard
from tests.reference import Triple, rule_text
from tests.strategies import graphs, rule_sets
from tests.warm import run, started

THREAD: dict[str, Any] = {"workers": 1, "start_method": "thread"}


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of results by its place in the folder; of the summary what is not of its run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, data = str(path.relative_to(folder)), path.read_bytes()
            if name == "summary.json":
                summary = json.loads(data)
                assert summary.pop("run")
                data = json.dumps(summary).encode()
            found[name] = data
    return found


def parts_of(folder: Path, n_parts: int, rules: Any, triples: Any, **options: Any) -> list[Path]:
    """The folders of all parts, made one by one."""
    folders = [folder / f"part-{number}" for number in range(1, n_parts + 1)]
    for number, part in enumerate(folders, 1):
        pff_stream.run_shard(f"{number}/{n_parts}", rules, triples, out=part, **THREAD, **options)
        assert [path.name for path in part.iterdir()] == ["part"]
    return folders


asked = st.fixed_dictionaries(
    {
        "assumption": st.sampled_from(("closed", "partial")),
        "confidence": st.sampled_from((None, "miner", "exact", "partial")),
        "max_reasons": st.sampled_from((1, 10)),
    },
    optional={
        "min_confidence": st.sampled_from((0.3, 0.6)),
        "relation": st.just(("k*",)),
        "max_examples": st.sampled_from((0, 1, 10)),
    },
)
cuts = st.sampled_from(
    (
        {"findings": 0},
        {"findings": 1},
        {"findings": 3},
        {"findings": 1000},
        {"floor": 0.3},
        {"findings": "all", "floor": 0.5, "score": "noisy-or"},
    )
)


@pytest.mark.thorough
@settings(max_examples=8, deadline=None, phases=(Phase.generate,))
@given(
    graphs(min_triples=1),
    rule_sets(),
    st.integers(1, 5),
    st.sampled_from((1, 2, 4096)),
    asked,
    cuts,
)
def test_parts_joined_are_one_run(
    graph: list[Triple],
    rules: list[Any],
    n_parts: int,
    chunk_rules: int,
    options: dict[str, Any],
    cut: dict[str, Any],
) -> None:
    """Random rules, some of them equal, and graphs: every file of results, byte for byte."""
    shares = (0.2, 0.5, 0.5, 0.9, 1.0)
    texts = [(9, 4, shares[len(rule_text(rule)) % 5], rule_text(rule)) for rule in rules]
    told = options | cut
    if not any(rule.head.relation == "knows" for rule in rules):
        told.pop("relation", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "rules.pffr"
        pff_stream.compile(texts + texts[:3], file, chunk_rules=chunk_rules)
        with pff_stream.run(
            file, graph, out=folder / "whole", violations=str(folder / "v"), **THREAD, **told
        ):
            pass
        listed = {"violations": str(folder / "elsewhere")}
        parts = parts_of(folder, n_parts, file, graph, **listed, **told)
        before = [files_of(part) for part in parts]
        pff_stream.join(parts, out=folder / "joined", violations=str(folder / "w"))
        assert files_of(folder / "joined") == files_of(folder / "whole")
        assert (folder / "w").read_bytes() == (folder / "v").read_bytes()
        assert [files_of(part) for part in parts] == before
        assert not (folder / "elsewhere").exists()


def test_every_chunk_is_of_one_part(data: Path, tmp_path: Path) -> None:
    """Chunks are dealt out without rest; those of one body go together."""
    file = tmp_path / "rules.pffr"
    pff_stream.compile(data / "umls" / "rules.tsv.gz", file, chunk_rules=40)
    with RuleFile(file) as opened:
        for n_parts in (1, 2, 3, 7):
            dealt = [Shard(number, n_parts).chunks(opened).tolist() for number in range(n_parts)]
            assert sorted(chain(*dealt)) == list(range(len(opened.chunks)))
            assert max(map(len, dealt)) <= 2 * min(map(len, dealt))


def test_a_body_of_many_chunks_is_of_one_part(tmp_path: Path) -> None:
    """Rules of one text are in one part, however small the chunks are."""
    rules = [f"h{number % 3}(X,Y) <= near(X,A), owns(A,Y)" for number in range(12)]
    file = tmp_path / "rules.pffr"
    pff_stream.compile([*rules, "h(X,Y) <= likes(X,Y)"], file, chunk_rules=2)
    with RuleFile(file) as opened:
        n_chunks = len(opened.chunks)
        dealt = [Shard(number, 3).chunks(opened).tolist() for number in range(3)]
    assert n_chunks > 6 and sorted(map(len, dealt)) == [0, 1, n_chunks - 1]


def test_documents_are_joined_in_their_order(tmp_path: Path) -> None:
    """Parts of a manifest: the list, findings, sums and notes of one run, byte for byte."""
    rules = "9\t3\t0.5\tspeed(X,200) <= code(X,A)\nowner(X,Y) <= plan(Y,X)\nnothing at all\n"
    (tmp_path / "rules.tsv").write_text(rules)
    lines = ["tasks:"]
    for number in range(11):
        document: dict[str, Any] = {
            "id": f"c{number}",
            "code": "fibra",
            "speed": 200 if number % 4 else "50",
        }
        document |= {"plan": {"id": f"p{number}"}} if number % 3 else {"note": ""}
        text = {3: "{", 5: "{}"}.get(number, json.dumps(document))
        (tmp_path / f"d{number}.json").write_text(text)
        lines.append(f"  - d{number}: d{number}.json")
    (tmp_path / "m.yaml").write_text("\n".join(lines) + "\n")
    told = ["--manifest", tmp_path / "m.yaml", "--rules", tmp_path / "rules.tsv"]
    told += ["--on-bad-rule", "skip", "--findings", "3", "--start-method", "thread"]
    run("run", *told, "--out", tmp_path / "whole", check=4)
    codes = []
    for number in range(1, 4):
        part = ["--out", tmp_path / f"part-{number}", "--shard", f"{number}/3"]
        codes.append(started([str(one) for one in ("run", *told, *part)]).returncode)
    assert sorted(codes) == [0, 0, 4]
    parts = [tmp_path / f"part-{number}" for number in (3, 1, 2)]
    run("join", *parts, "--out", tmp_path / "joined", check=4)
    assert files_of(tmp_path / "joined") == files_of(tmp_path / "whole")
    notes = json.loads((tmp_path / "joined" / "summary.json").read_text())["notes"]
    assert notes
    (parts[0] / "part" / "documents").write_bytes(b"{}\n")
    assert "documents has another checksum" in run("join", *parts, "--out", tmp_path / "x", check=2)
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two parts of a run; tests work on copies."""
    folder = tmp_path_factory.mktemp("parts")
    parts_of(folder, 2, data / "umls" / "rules.tsv.gz", data / "umls" / "train.tsv.gz")
    return folder


@pytest.fixture
def parts(done: Path, tmp_path: Path) -> list[Path]:
    """Copies of both parts."""
    return [Path(shutil.copytree(done / f"part-{n}", tmp_path / f"part-{n}")) for n in (1, 2)]


def refusal(parts: list[Path], out: Path, **options: Any) -> str:
    """What joining these is refused with; nothing is left behind."""
    with pytest.raises((pff_stream.InputError, pff_stream.UsageError)) as error:
        pff_stream.join(parts, out=out, **options)
    assert error.value.exit_code == 2
    assert not out.exists()
    return str(error.value)


def test_what_is_missing_is_named(parts: list[Path], data: Path, tmp_path: Path) -> None:
    """A part that is not there, is there twice, is none, or is not done."""
    one, two = parts
    out = tmp_path / "joined"
    assert "1 part is missing: 2/2; found 1 part, expected all 2" in refusal([one], out)
    assert "found part 2/2 a second time, it is in" in refusal([one, two, two], out)
    assert "found no part of a run there" in refusal([one, tmp_path], out)
    (two / "part").rename(two / ".unfinished")
    assert f"`pff-stream run --resume {two}` goes on with it" in refusal([one, two], out)
    with pytest.raises(pff_stream.UsageError, match="found .*, a part; expected another folder"):
        (two / ".unfinished").rename(two / "part")
        pff_stream.join(parts, out=one)
    assert "they kept no violations by rule" in refusal(parts, out, violations=str(tmp_path / "v"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"unseen": 5}, "--unseen is 5 and 0, expected the same"),
        ({"min_confidence": 0.5}, "--min-confidence is 0.5 and None, expected the same"),
        ({"semantics": "homomorphism"}, "--semantics is homomorphism and None"),
        ({"findings": 3}, "--findings is 3 and None"),
        ({"violations": "v.jsonl"}, "--violations is"),
    ],
)
def test_parts_of_other_settings(
    parts: list[Path], data: Path, tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    """What changes results is the same for all parts."""
    rules, triples = data / "umls" / "rules.tsv.gz", data / "umls" / "train.tsv.gz"
    asked = THREAD | options
    pff_stream.run_shard("2/2", rules, triples, out=tmp_path / "other", **asked)
    assert told in refusal([parts[0], tmp_path / "other"], tmp_path / "joined")


def test_parts_of_other_inputs(parts: list[Path], data: Path, tmp_path: Path) -> None:
    """Rules, triples, number of parts, and version of all parts are one."""
    rules, triples = data / "umls" / "rules.tsv.gz", data / "umls" / "train.tsv.gz"
    out, other = tmp_path / "joined", tmp_path / "other"
    pff_stream.run_shard("2/2", rules, [("bo", "isa", "cy")], out=other, **THREAD)
    assert "found parts of other triples" in refusal([parts[0], other], out)
    pff_stream.run_shard("2/2", ["h(X,Y) <= isa(X,Y)"], triples, out=other, **THREAD)
    assert "found parts of other rules" in refusal([parts[0], other], out)
    pff_stream.run_shard("3/3", rules, triples, out=other, **THREAD)
    assert "found parts of 3 and of 2, expected" in refusal([parts[0], other], out)
    settings_file = parts[1] / "part" / "settings.json"
    settings_file.write_text(settings_file.read_text().replace('"format_version": 2', '"x": 2'))
    assert "begun by another version of pff-stream" in refusal(parts, out)


@pytest.mark.parametrize(
    "file", ["spool", "journal", "listed", "listed-runs", "ranks", "part.json", "settings.json"]
)
@pytest.mark.parametrize("how", ["cut", "altered", "gone"])
def test_damage_is_found(parts: list[Path], tmp_path: Path, file: str, how: str) -> None:
    """Whatever of a part is cut, altered or gone, no results are made of it."""
    path = parts[1] / "part" / file
    content = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(content[: len(content.rstrip(b"\0")) // 2])
    elif how == "altered":
        middle = len(content.rstrip(b"\0")) // 2
        content[middle] ^= 0x41
        path.write_bytes(content)
    else:
        path.unlink()
    told = refusal(parts, tmp_path / "joined")
    assert str(parts[1]) in told
