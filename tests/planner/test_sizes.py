"""Sizes that people write become bytes, and bytes become sizes that people read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.sizes import format_size, option_size, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1000000", 1_000_000),
        ("7B", 7),
        ("512MiB", 512 * 2**20),
        ("512m", 512 * 2**20),
        ("4G", 4 * 2**30),
        (" 1.5 GiB ", 3 * 2**29),
        ("2T", 2 * 2**40),
        ("1K", 1024),
        ("1ki", 1024),
        ("1kB", 1000),
        ("10MB", 10_000_000),
        ("1.5GB", 1_500_000_000),
        ("0.1K", 102),
        ("0.9", 0),
    ],
)
def test_reads_sizes(text: str, expected: int) -> None:
    """Units are binary unless they are kB, MB, GB or TB; what is no whole byte is rounded down."""
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "G", "1..5G", "1.G", ".5G", "1e9", "nan", "inf", "1 000", "1,5G", "5Q", "²", "٣G", "+1"],
)
def test_refuses_what_is_no_size(text: str) -> None:
    """What is no size is refused with what was found and what is expected."""
    with pytest.raises(ValueError, match="is not a size: expected a number and a unit") as error:
        parse_size(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"), [("-1G", "cannot be negative"), ("99999999999G", "no machine has")]
)
def test_refuses_impossible_sizes(text: str, message: str) -> None:
    """Negative sizes and sizes beyond any machine are refused."""
    with pytest.raises(ValueError, match=message):
        parse_size(text)


def test_refuses_endless_text_quickly() -> None:
    """A megabyte of digits is refused without being computed, and is not repeated in full."""
    with pytest.raises(ValueError) as error:
        parse_size("9" * 1_000_000)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (3 * 2**29, "1.5 GiB"),
        (5000 * 2**40, "5000.0 TiB"),
    ],
)
def test_writes_sizes(size: int, text: str) -> None:
    """A size is written with one decimal in the largest unit that leaves something before it."""
    assert format_size(size) == text


def test_negative_sizes_are_not_written() -> None:
    """A negative size is a mistake of the caller."""
    for write in (format_size, option_size):
        with pytest.raises(ValueError, match="negative"):
            write(-1)


@given(st.integers(0, 2**62))
def test_what_is_written_reads_back(size: int) -> None:
    """A written size reads back to within its last decimal."""
    text = format_size(size)
    unit = parse_size("1" + text.split()[1])
    assert abs(parse_size(text) - size) * 20 <= unit + 20
    assert len(text) <= 13


@given(st.integers(0, 2**62))
def test_an_option_is_never_too_small(size: int) -> None:
    """A size for an option holds what is needed and less than 1 MiB more."""
    assert 0 <= parse_size(option_size(size)) - size < 2**20


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_written_sizes_keep_their_order(one: int, other: int) -> None:
    """The smaller of two sizes never reads as the larger one."""
    small, large = sorted((one, other))
    assert parse_size(format_size(small)) <= parse_size(format_size(large))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is typed gives bytes or a ValueError, nothing else."""
    try:
        assert parse_size(text) >= 0
    except ValueError:
        pass
