"""What is sent between processes: reading it leaves nothing behind in the reader."""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pff_stream.execute.messages import unpickled
from pff_stream.work.task import NOTHING_HELD, Answer, Run

MESSAGES = 3000


def kept_blocks(read: Callable[[bytes], Any]) -> int:
    """How many blocks of memory are in use for good after many messages that came one by one."""
    message = pickle.dumps(Answer((Run(0, 10, 1),), 0.5, 7, NOTHING_HELD), 5)
    read(message)
    between: list[object] = [None] * MESSAGES  # so that no two messages lie at one place
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(MESSAGES):
        between[number] = f"n{number:07}"  # as long as a name of a class
        read(message)
    between.clear()
    gc.collect()
    return sys.getallocatedblocks() - before


@pytest.mark.thorough
def test_messages_are_read_without_growing() -> None:
    """The same message again and again takes nothing more (`pickle.loads` keeps hundreds)."""
    assert kept_blocks(unpickled) < 50


def test_every_reader_of_a_message_is_given_the_class_itself() -> None:
    """The classes that were found are those of their modules, also the second time."""
    answer = Answer((), 0.0, 0)
    for _ in range(2):
        found = unpickled(memoryview(pickle.dumps(answer, 5)))
        assert type(found) is Answer
        assert found == answer
