"""What an executor needs of a job whose workers are on other hosts, where no file is shared.

Workers leave files beside their answers: what is in them travels with the answer, as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Carrier(Protocol):
    """Carries what belongs to answers from one host to another; importable, without a state."""

    def moved(self, arguments: Any, folder: str) -> Any:
        """Arguments of the job's set-up with all that workers write in `folder` of this host."""

    def split(self, task: Any) -> Sequence[Any]:
        """The parts of a task, none or one where it cannot be split."""

    def pick_up(self, arguments: Any, task: Any, answer: Any) -> list[bytes]:
        """On the host of the worker: what it left in files for this answer."""

    def put_down(self, arguments: Any, task: Any, answer: Any, parts: Sequence[memoryview]) -> Any:
        """On this host: writes that to files of its own; the answer that says where it is.

        `DamagedResultsError` where it is not what the worker wrote.
        """

    def kept_bytes(self, arguments: Any) -> int:
        """On the host of the worker: what its files hold that `tidy` would give back."""

    def tidy(self, arguments: Any) -> None:
        """On the host of the worker, where all is picked up: gives the room of the files back."""
