"""How many rules have which exact and which mined confidence, in 100 x 100 bins."""

from __future__ import annotations

_BINS = 100
_LEVELS = 5


class Density:
    """Counts of rules by two shares from 0 to 1; a drawing of them in `levels` of darkness."""

    def __init__(self) -> None:
        self._counts = [0] * (_BINS * _BINS)
        self.rules = 0
        self.below = 0
        """Rules whose exact confidence is lower than the mined one."""
        self.above = 0

    def add(self, mined: float, exact: float) -> None:
        """Counts a rule; what is no share is not drawn."""
        if not (0 <= mined <= 1 and 0 <= exact <= 1):
            return
        self.rules += 1
        self.below += exact < mined
        self.above += exact > mined
        self._counts[_bin(exact) * _BINS + _bin(mined)] += 1

    @property
    def levels(self) -> list[str]:
        """A path of SVG for each level: squares whose counts are from one to two of its steps.

        Steps are of the logarithm: few bins hold most rules.
        """
        most = max(self._counts).bit_length()
        paths: list[list[str]] = [[] for _ in range(_LEVELS)]
        for place, count in enumerate(self._counts):
            if count:
                level = (count.bit_length() * _LEVELS - 1) // most
                x, y = place % _BINS, _BINS - 1 - place // _BINS
                paths[level].append(f"M{x} {y}h1v1h-1z")
        return ["".join(path) for path in paths]


def _bin(share: float) -> int:
    return min(_BINS - 1, int(share * _BINS))
