"""Where triples stand in any lines, as a plain reading of them has it."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.files.decoders import DecoderMemory
from pff_stream.findings.places import ANY, Place, PlaceSources, Wanted, find_places
from pff_stream.triples.encode import PrivateGraph, encode_quietly
from pff_stream.triples.options import EncodeOptions
from tests.examples import examples

_NAMES = st.one_of(
    st.sampled_from(["a", "b", "r", "q", "#", " ", "me_myself_i", "x" * 20]),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\0"), max_size=3),
)
_LINES = st.one_of(
    st.lists(_NAMES, min_size=3, max_size=3).map("\t".join),
    st.lists(st.sampled_from("abrq"), min_size=3, max_size=3).map("\t".join),
    st.sampled_from(["", " ", "# a comment", "a\tb", "a\tr\tb\tc", "\t\t"]),
)


def opened(
    text: bytes, path: str, block_bytes: int = 1, decoders: DecoderMemory | None = None
) -> Generator[bytes]:
    """A text in place of a file."""
    yield from (text[at : at + block_bytes] for at in range(0, len(text), block_bytes))


@given(
    st.lists(_LINES, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.permutations([0, 1, 2]),
    st.integers(1, 40),
)
@examples(300)
def test_places_in_any_lines(
    lines: list[str], end: str, is_ended: bool, columns: list[int], cut: int
) -> None:
    """The first line of each triple, of each two names of one, and of each subject."""
    text = "\ufeffz\tz\tz" + end + end.join(lines) + end * is_ended
    expected: dict[Wanted, int] = {}
    for number, line in enumerate(["z\tz\tz", *lines], 1):
        fields = line.encode().split(b"\t")
        if len(fields) != 3 or not all(fields):
            continue
        s, r, o = (fields[column] for column in columns)
        if b"me_myself_i" not in (s, o):
            for wanted in ((s, r, o), (s, r, ANY), (ANY, r, o), (s, b"unheard of", None)):
                expected.setdefault(wanted, number)
    options = EncodeOptions(
        columns=(columns[0], columns[1], columns[2]),
        on_bad_triple="skip",
        block_bytes=cut,
        open=partial(opened, text.encode()),
        format="tsv",
    )
    report = encode_quietly(["test.tsv"], PrivateGraph(), options)
    sources = PlaceSources(["test.tsv"], options, report.input_hash)
    places = [Place("test.tsv", line, None) for line in expected.values()]
    assert find_places(sources, list(expected)) == places
    assert find_places(sources, [(b"nobody", b"r", b"o"), (b"nobody", b"r", None)]) == [None, None]
