from collections.abc import Callable

from pff_stream.rules._writer import Temporary

RUN_FILE_BYTES: int

class RunFile:
    def __init__(self, open_temporary: Callable[[], Temporary]) -> None: ...
    def close(self) -> None: ...
