"""Progress: one line on a terminal, plain lines in a log, nothing where nothing was wanted."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import tty
from typing import TextIO

import pytest

from pff_stream.cli import logs as talk
from pff_stream.cli.printable import printable
from pff_stream.observer import Observer, Silent
from pff_stream.progress.choose import choose_observer
from pff_stream.progress.lines import LogLines
from pff_stream.progress.terminal import TerminalLine
from pff_stream.progress.text import format_seconds
from pff_stream.words import columns_of

MIB = 1024 * 1024


class Time:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


class Screen(io.StringIO):
    """A terminal, as far as progress is concerned."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    @property
    def lines(self) -> list[str]:
        """What a person sees: carriage returns and backspaces carried out."""
        rows, column = [""], 0
        for mark in re.sub("\x1b\\[[0-9]*m", "", self.getvalue()):
            if mark == "\n":
                rows.append("")
            if mark in "\r\n":
                column = 0
            elif mark == "\b":
                column -= 1
            else:
                rows[-1] = rows[-1][:column] + mark + rows[-1][column + 1 :]
                column += 1
        return [row.rstrip() for row in rows]


def work(observer: Observer, time: Time, steps: int = 100, seconds: float = 0.01) -> None:
    """Reports `steps` times, ten rules each."""
    for _ in range(steps):
        time.now += seconds
        observer.advance(10)


def test_line_says_it_all() -> None:
    """80 columns hold the phase, a bar, the part that is done, time left, rate, memory and plan."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("evaluate", 128_000)
    line.memory(211 * MIB, 240 * MIB, 256 * MIB)
    work(line, time, 1_000, 0.1)
    assert re.fullmatch(
        r"evaluate \[\#+\.+\]  7 %  19:40 left  100/s  memory 211[.0]*/240[.0]* MiB",
        screen.lines[0],
    )


def test_line_names_plan_and_budget() -> None:
    """Memory now stands beside the plan and the budget."""
    screen = Screen()
    line = TerminalLine(screen)
    line.memory(MIB, 2 * MIB, 3 * MIB)
    line.phase("read", None)
    assert re.search("memory 1.* MiB of 2.* MiB planned, budget 3.* MiB", screen.lines[0])


def test_line_is_rewritten_at_most_ten_times_a_second() -> None:
    """Reports come as often as they like; the screen is written ten times a second."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("evaluate", 10_000)
    work(line, time, 1000, 0.001)
    assert 9 <= screen.getvalue().count("\r") <= 12


def test_line_is_cleared_at_the_end() -> None:
    """Nothing of the line stays on the screen."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("read", None, "bytes")
    work(line, time)
    line.close()
    line.close()
    assert screen.lines == [""]


def test_shorter_text_leaves_no_rest() -> None:
    """What a longer line had shown is gone when a shorter one follows."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("a phase with a long name", 1_000_000)
    line.phase("b", None)
    assert screen.lines == ["b"]


def test_note_stands_above_the_line() -> None:
    """A note gets a line of its own, and the progress comes back below it."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("evaluate", 100)
    line.note("a worker died; its task is tried again")
    work(line, time, 1)
    assert screen.lines[0] == "a worker died; its task is tried again"
    assert screen.lines[1].startswith("evaluate [##")
    assert "  10 %  10/100 rules  " in screen.lines[1]


@pytest.mark.parametrize("columns", [1, 5, 20, 45, 70, 200])
def test_line_fits_the_terminal(columns: int) -> None:
    """The line never wraps; what is least important is left out first."""
    main, other = pty.openpty()
    try:
        tty.setraw(other)
        with open(other, "w", closefd=False) as stream:
            set_columns(other, columns)
            time = Time()
            line = TerminalLine(stream, clock=time)
            line.phase("evaluate", 1_000)
            line.memory(MIB, 2 * MIB, 3 * MIB)
            work(line, time, 9, 0.2)
            line.note("END")
            shown = read_to_end(main)
    finally:
        os.close(main)
        os.close(other)
    texts = [text.rstrip("\b") for text in shown.split("\r")]
    assert max(len(text) for text in texts) < max(columns, 2)
    assert texts[-1].startswith("evaluate"[: columns - 1])
    assert ("budget 3" in texts[-1]) is (columns == 200)
    assert ("memory 1" in texts[-1]) is (columns >= 45)
    assert ("[#" in texts[-1]) is (columns >= 70)
    assert ("9 %" in texts[-1]) is (columns >= 20)


def read_to_end(descriptor: int) -> str:
    """What a pseudo terminal was shown before the note END took the line away."""
    text = b""
    while not text.endswith(b"END\n"):
        text += os.read(descriptor, 4096)
    return text.decode().rpartition("\r")[0].rpartition("\r")[0]


def set_columns(descriptor: int, columns: int) -> None:
    """Sets the width of a pseudo terminal."""
    import fcntl
    import struct
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def test_rate_follows_the_last_half_minute() -> None:
    """The time left comes of the present rate, not of a slow beginning."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("evaluate", 100_000)
    work(line, time, 60, 10.0)
    work(line, time, 600, 0.1)
    assert "15:34 left" in screen.lines[0]


def test_a_terminal_that_is_gone_is_no_error() -> None:
    """Progress never ends a run, even if standard error cannot be written."""
    read, write = os.pipe()
    os.close(read)
    stream = open(write, "w")
    line = TerminalLine(stream)
    line.phase("evaluate", 10)
    line.note("text")
    line.close()
    os.dup2(os.open(os.devnull, os.O_WRONLY), write)
    stream.close()


@pytest.mark.parametrize("columns", range(1, 40))
def test_wide_characters_take_two_cells(columns: int) -> None:
    """A name of wide or combining characters does not make the line wrap."""
    main, other = pty.openpty()
    try:
        tty.setraw(other)
        with open(other, "w", closefd=False, encoding="utf-8") as stream:
            set_columns(other, columns)
            line = TerminalLine(stream)
            line.phase("評価 e\u0301\u0301 phase", 1_000)
            line.note("END")
            shown = read_to_end(main)
    finally:
        os.close(main)
        os.close(other)
    assert all(columns_of(text) < max(columns, 2) for text in shown.split("\r"))


def test_a_resumed_phase_begins_where_it_was() -> None:
    """What an earlier run did is done, and is not counted into the rate."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("evaluate", 1_000, "rules", 500)
    work(line, time, 20, 1.0)
    assert "70 %" in screen.lines[0] and "0:30 left" in screen.lines[0]


def test_log_lines_come_every_ten_seconds() -> None:
    """A log gets a plain line every ten seconds, with the numbers as fields."""
    stream, time = io.StringIO(), Time()
    talk.set_up(log_json=True, stream=stream)
    try:
        lines = LogLines(clock=time)
        lines.phase("evaluate", 1_000)
        lines.memory(MIB, 2 * MIB, 3 * MIB)
        work(lines, time, 37, 1.0)
        lines.note("done")
        lines.close()
    finally:
        talk.tear_down()
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [record.get("done") for record in records] == [100, 200, 300, None]
    said = "evaluate 20 %, 200/1,000 rules, 1:20 left, 10/s, memory 1"
    assert records[1]["message"].startswith(said)
    assert records[1]["seconds_left"] == 80.0
    assert (records[1]["memory_bytes"], records[1]["budget_bytes"]) == (MIB, 3 * MIB)
    assert records[3]["message"] == "done"


def test_bytes_are_shown_as_sizes() -> None:
    """A phase that counts bytes shows sizes."""
    screen, time = Screen(), Time()
    line = TerminalLine(screen, clock=time)
    line.phase("read triples", 512 * MIB, "bytes")
    shown = r"read triples \[\.+\]  0 %  0 B/512(\.0)? MiB"
    assert re.fullmatch(shown, screen.lines[0])


@pytest.mark.parametrize(
    ("stream", "quiet", "log_json", "environ", "kind"),
    [
        (Screen(), False, False, {}, TerminalLine),
        (Screen(), False, False, {"TERM": "dumb"}, LogLines),
        (Screen(), False, True, {}, LogLines),
        (Screen(), True, False, {}, Silent),
        (io.StringIO(), False, False, {}, LogLines),
        (io.StringIO(), True, True, {}, Silent),
    ],
)
def test_choice(
    stream: TextIO, quiet: bool, log_json: bool, environ: dict[str, str], kind: type
) -> None:
    """A terminal gets a line, a log gets lines, --quiet gets nothing."""
    assert type(choose_observer(stream, quiet, log_json, environ)) is kind


@pytest.mark.parametrize(
    ("environ", "coloured"), [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)]
)
def test_colour(environ: dict[str, str], coloured: bool) -> None:
    """Memory near the budget is coloured on a terminal, unless NO_COLOR says no."""
    screen = Screen()
    observer = choose_observer(screen, False, False, environ)
    observer.memory(95, 90, 100)
    observer.phase("evaluate", 10)
    assert ("\x1b[33m" in screen.getvalue()) is coloured


def test_a_note_cannot_command_the_terminal() -> None:
    """Names of others in a note are shown as escapes."""
    screen = Screen()
    observer = choose_observer(screen, False, False, {}, printable)
    observer.note("\x1b[2Jgone")
    assert screen.getvalue() == "\\x1b[2Jgone\n"


def test_no_colour_while_memory_is_fine() -> None:
    """Without need there is no colour at all."""
    screen = Screen()
    observer = choose_observer(screen, False, False, {})
    observer.memory(50, 90, 100)
    observer.phase("evaluate", 10)
    assert "\x1b" not in screen.getvalue()


def test_silent_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The observer of library users is silent."""
    caplog.set_level(logging.DEBUG)
    observer: Observer = Silent()
    observer.phase("evaluate", 10)
    observer.advance(10)
    observer.memory(1, 2, 3)
    observer.note("text")
    observer.close()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (7.4, "0:07"), (750, "12:30"), (10_800, "3:00:00")]
)
def test_format_seconds(seconds: float, text: str) -> None:
    """Times are read as on a clock."""
    assert format_seconds(seconds) == text
