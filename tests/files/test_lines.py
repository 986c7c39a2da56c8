"""Lines of text from blocks of any size, and what is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pff_stream.files.lines import BadLine, text_lines


def lines_of(
    content: bytes, cut: int, max_bytes: int = 20
) -> tuple[list[tuple[int, str]], list[BadLine]]:
    """The lines of the content in blocks of `cut` bytes, and the bad ones."""
    bad: list[BadLine] = []
    blocks = (content[at : at + cut] for at in range(0, len(content), cut))
    return list(text_lines(blocks, bad.append, max_bytes)), bad


@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8),
    st.integers(1, 40),
    st.booleans(),
)
def test_every_line_is_text_or_bad(lines: list[bytes], cut: int, ended: bool) -> None:
    """Whatever the blocks; each line has its number, and one that is bad a reason."""
    content = b"\n".join(lines) + b"\n" * ended
    good, bad = lines_of(content, cut)
    expected = content.removesuffix(b"\n").split(b"\n") if content else []
    if content.endswith(b"\n\n"):
        expected = content[:-1].split(b"\n")
    numbers = sorted([number for number, _ in good] + [each.number for each in bad])
    assert numbers == list(range(1, len(expected) + 1))
    for number, text in good:
        line = expected[number - 1].removesuffix(b"\r")
        assert text.encode() == (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)


def test_bad_lines_say_why() -> None:
    """Too long, no UTF-8, a NUL: with the column in characters."""
    content = (
        b"\xef\xbb\xbfgood\r\n" + b"x" * 21 + b"\n" + "né".encode() + b"\xff\nn\xc3\xa9\0\nlast"
    )
    good, bad = lines_of(content, 7)
    assert good == [(1, "good"), (5, "last")]
    assert [(each.number, each.column, each.found) for each in bad] == [
        (2, 1, "a line of over 20 bytes"),
        (3, 3, "the byte 0xff"),
        (4, 3, "a NUL character"),
    ]


def test_an_endless_line_is_not_held() -> None:
    """Only what can be shown of it, and a block."""
    blocks = (b"x" * 1000 for _ in range(10_000))
    bad: list[BadLine] = []
    assert list(text_lines(blocks, bad.append)) == []
    assert [each.found for each in bad] == ["a line of over 65536 bytes"]
