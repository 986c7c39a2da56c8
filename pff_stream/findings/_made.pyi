from collections.abc import Callable

from pff_stream.findings._joined import Joined
from pff_stream.findings.found import Described, ToldRule
from pff_stream.report.streams import Finding, Place

class FindingMaker:
    def __init__(
        self, joined: Joined | None, rule: Callable[[int], ToldRule], described: Described
    ) -> None: ...
    def finding(self, entry: bytes) -> Finding: ...

def contained(joined: Joined, entries: list[bytes], by_score: bool) -> list[bytes]: ...
def with_places(findings: list[Finding], places: list[Place | None]) -> list[Finding]: ...
