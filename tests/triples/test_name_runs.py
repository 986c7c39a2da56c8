"""Names of entities that do not fit the memory: they lie in a file, and the graph is the same."""

from __future__ import annotations

import gzip
import lzma
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pff_stream.errors import InputError, RefusedError
from pff_stream.triples._encode import Encoder
from pff_stream.triples._name_runs import NameRuns
from pff_stream.triples.bad import BadTriples
from pff_stream.triples.encode import encode_quietly
from pff_stream.triples.options import EncodeOptions
from pff_stream.triples.sizes import FILES_BYTES, encode_terms
from pff_stream.triples.store import GraphStore

ALL_BITS = 2**64 - 1
LONG = "n" * 300_000

names = st.one_of(
    st.sampled_from(["a", "b", "A", "f(x)", "f(x", "a b", "é", LONG, LONG + "m"]),
    st.integers(0, 400).map("e{}".format),
)
triples = st.lists(st.tuples(names, st.sampled_from("rst"), names), min_size=1, max_size=120)


def graph_of(encoder: Encoder, text: bytes, way: tuple[bool, bool] = (False, False)) -> bytes:
    """The graph of some lines; `way`: names leave the memory at the end, sorting is in place."""
    encoder.start_file("test")
    encoder.feed(text)
    encoder.end_file()
    encoder.finish_reading(lambda: way)
    buffer = bytearray(encoder.size())
    encoder.write_into(buffer, bytes(16), "tsv")
    return bytes(buffer)


def lines(of: list[tuple[str, str, str]]) -> bytes:
    """As TSV."""
    return "".join("\t".join(triple) + "\n" for triple in of).encode()


@given(triples, st.sampled_from([1, 400, 3000]), st.sampled_from([1, 300, 1 << 20]),
       st.sampled_from([0, 1 << 63, 255 << 56, ALL_BITS]))  # fmt: skip
@example([("a", "r", "a")], 1, 1, 0)
def test_same_graph(of: list[tuple[str, str, str]], most: int, room: int, mask: int) -> None:
    """Whatever is in memory at once, and however many hashes are the same."""
    text = lines(of)
    with tempfile.TemporaryFile() as file:
        # Several rounds tell hashes apart, so that cut ones do not go with little room.
        runs = NameRuns(file.fileno(), room if mask == ALL_BITS else 1 << 20, mask)
        encoder = Encoder(BadTriples("fail"), runs=runs)
        encoder.most_names_bytes = most
        found = graph_of(encoder, text)
    assert runs.n_runs >= 2 or len(of) < 40
    assert found == graph_of(Encoder(BadTriples("fail")), text)


@given(triples, st.sampled_from([1, 300, 1 << 20]), st.booleans())
def test_names_that_leave_at_the_end(
    of: list[tuple[str, str, str]], room: int, in_place: bool
) -> None:
    """They all fitted while they were read, and are in the way of what comes then."""
    text = lines(of)
    with ExitStack() as stack:
        records, pairs, names = (
            stack.enter_context(tempfile.TemporaryFile()).fileno() for _ in range(3)
        )
        runs = NameRuns(names, room)
        spilled = Encoder(BadTriples("fail"), spill=(records, pairs), runs=runs)
        found = graph_of(spilled, text, (True, in_place))
    assert runs.n_runs == 1
    assert found == graph_of(Encoder(BadTriples("fail")), text)


def test_slots_that_run_on_from_window_to_window() -> None:
    """Many names in windows of 64 slots: what finds one full goes on in the next, and around."""
    text = b"".join(b"e%d\tr\tf%d\n" % (i, i % 977) for i in range(40_000))
    with tempfile.TemporaryFile() as file:
        runs = NameRuns(file.fileno(), 4096)
        encoder = Encoder(BadTriples("fail"), runs=runs)
        encoder.most_names_bytes = 1 << 19
        found = graph_of(encoder, text)
    assert runs.n_runs > 2
    assert found == graph_of(Encoder(BadTriples("fail")), text)


@pytest.mark.parametrize("most_names_bytes", [0, 1])
def test_more_entities_than_a_graph_can_have(most_names_bytes: int) -> None:
    """Whether the names are in memory or not; as many are read."""
    text = b"".join(b"e%d\tr\te%d\n" % (i, i % 5) for i in range(100))
    for most, is_good in ((100, True), (99, False)):
        with tempfile.TemporaryFile() as file:
            runs = NameRuns(file.fileno())
            limits = 1000, most
            encoder = Encoder(BadTriples("fail"), runs=runs, limits=limits)
            encoder.most_names_bytes = most_names_bytes
            if is_good:
                graph_of(encoder, text)
                continue
            with pytest.raises(InputError, match=r"found more.* 99 entities.* in one graph"):
                graph_of(encoder, text)


def test_more_triples_than_a_graph_can_have() -> None:
    """Refused at the first that is too many, not when all are read."""
    text = b"a\tr\tb\n" * 7
    encoder = Encoder(BadTriples("fail"), limits=(7, 100))
    graph_of(encoder, text)
    encoder = Encoder(BadTriples("fail"), limits=(6, 100))
    with pytest.raises(InputError, match=r"test, line 7: found more, expected at most 6 triples"):
        graph_of(encoder, text)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda text: gzip.compress(text, 1),
    ".xz": lambda text: lzma.compress(text, preset=0),
}


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_encoded_in_less_memory_than_names_take(tmp_path: Path, form: str) -> None:
    """By the limit alone: names go to a file before decoders and blocks lack memory."""
    text = b"".join(
        b"<http://example.org/entity/%d>\tr%d\t<http://example.org/entity/%d>\n"
        % (i * 7919 % 60_003, i % 3, i * 104_729 % 60_003)
        for i in range(100_000)
    )
    path = tmp_path / f"triples.tsv{form}"
    path.write_bytes(FORMS[form](text))
    graphs, reports = [], []
    for memory_bytes in (5 << 20, None):
        options = EncodeOptions(memory_bytes=memory_bytes, spill_folder=str(tmp_path))
        target = tmp_path / f"graph-{memory_bytes}"
        with GraphStore.at_path(target) as store:
            reports.append(encode_quietly([str(path)], store, options))
            store.seal()
        graphs.append(target.read_bytes())
    assert graphs[0] == graphs[1]
    runs = reports[0].memory_counts.name_runs
    assert runs is not None and runs.merging_bytes and reports[1].memory_counts.name_runs is None
    assert reports[0].disk_bytes > reports[0].entity_name_bytes > 0 == reports[1].disk_bytes
    reading = encode_terms(reports[0].memory_counts)["reading"]
    assert sum(term.bytes for term in reading) <= (5 << 20) + FILES_BYTES
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.thorough
def test_what_no_way_has_room_for(tmp_path: Path) -> None:
    """Four bytes for each entity are in memory by every way: refused with what would do."""
    path = tmp_path / "triples.tsv"
    path.write_bytes(b"".join(b"e%d\tr\te0\n" % i for i in range(300_000)))
    options = EncodeOptions(memory_bytes=1 << 20, spill_folder=str(tmp_path))
    with (
        GraphStore.at_path(tmp_path / "graph") as store,
        pytest.raises(RefusedError, match=r"with 300,000 entities.* --budget [0-9]+MiB would do"),
    ):
        encode_quietly([str(path)], store, options)
    assert [entry.name for entry in tmp_path.iterdir()] == ["triples.tsv"]
