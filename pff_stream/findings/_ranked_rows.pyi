from pff_stream.files.writers import ByteSink
from pff_stream.findings._ranking import RankedRules
from pff_stream.report.formats._lines import Lines

class RankedRows(Lines):
    enough: int
    def __init__(self, out: ByteSink, buffer_bytes: int, kind: int) -> None: ...

def take_rows(ranked: RankedRules, rows: bytes | bytearray | memoryview) -> int: ...
