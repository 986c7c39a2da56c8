"""The external sort: the same as `sorted`, whatever the sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.errors import RefusedError
from pff_stream.findings._sorted import BUFFER_BYTES, Sorter, sorter_bytes

LEAST_BYTES = 1 << 16


def every(sorter: Sorter, entries: list[bytes]) -> list[bytes]:
    """What comes out of a sorter, twice the same."""
    for entry in entries:
        sorter.put(entry)
    found = list(sorter)
    assert list(sorter) == found  # as often as it is asked for
    assert sorter.entries == len(entries)
    sorter.close()
    return found


@given(st.lists(st.binary(max_size=12)))
def test_the_same_as_sorted_in_memory(entries: list[bytes]) -> None:
    """Few entries stay in the buffer."""
    sorter = Sorter()
    assert every(sorter, entries) == sorted(entries)


@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=8), st.integers(0, 9000)), min_size=1, max_size=60
    ),
    st.integers(1, 6),
)
def test_the_same_as_sorted_from_a_file(parts: list[tuple[bytes, int]], times: int) -> None:
    """More than the buffer holds, of any length."""
    entries = [text * n for text, n in parts] * times
    sorter = Sorter(None, LEAST_BYTES)
    assert every(sorter, entries) == sorted(entries)


@given(
    st.lists(st.lists(st.binary(max_size=9000), max_size=9), max_size=5), st.lists(st.booleans())
)
def test_it_rests_between(parts: list[list[bytes]], asked: list[bool]) -> None:
    """What was added is on the disk, whether it was being read or not; more can be added."""
    sorter, entries = Sorter(None, LEAST_BYTES), list[bytes]()
    for number, part in enumerate(parts):
        for entry in part:
            sorter.put(entry)
        entries += part
        if number < len(asked) and asked[number]:
            assert list(sorter) == sorted(entries)
        sorter.rest()
        sorter.rest()
    assert list(sorter) == sorted(entries)
    sorter.rest()
    sorter.close()
    with pytest.raises(ValueError, match="closed"):
        sorter.put(b"")


@pytest.mark.thorough
def test_more_runs_than_are_read_at_once() -> None:
    """Runs are merged until there are few enough."""
    entries = [(i * 2654435761 % (1 << 32)).to_bytes(4, "big") * 50 for i in range(40_000)]
    sorter = Sorter(None, LEAST_BYTES)
    assert every(sorter, entries) == sorted(entries)
    assert sorter.spilled_bytes == 0  # closed


def test_entries_longer_than_the_buffer() -> None:
    """The buffer grows for them."""
    entries = [
        bytes([i]) * n for i, n in zip(range(9), (5, 200_000, 1, 0, 70_000) * 2, strict=False)
    ]
    sorter = Sorter(None, LEAST_BYTES)
    assert every(sorter, entries) == sorted(entries)


def test_more_can_be_added_between_two_readings() -> None:
    """What was read before is there again, with the new."""
    entries = [b"%06d" % (i * 7919 % 99_991) for i in range(30_000)]
    sorter = Sorter(None, LEAST_BYTES)
    for at in range(0, len(entries), 7000):
        for entry in entries[at : at + 7000]:
            sorter.put(entry)
        first = next(iter(sorter))
        assert first == min(entries[: at + 7000])
        assert list(sorter) == sorted(entries[: at + 7000])
    sorter.close()


def test_no_more_on_disk_than_it_may_hold() -> None:
    """The cap is kept."""
    sorter = Sorter(None, LEAST_BYTES, max_bytes=100_000)
    with pytest.raises(RefusedError, match="100000 bytes"):
        every(sorter, [bytes(100)] * 5000)
    sorter.close()


def test_what_it_says_that_it_holds() -> None:
    """The plan's figure."""
    assert BUFFER_BYTES < sorter_bytes() < BUFFER_BYTES + (1 << 19)
