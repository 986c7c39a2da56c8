"""What this machine can do just now, as the unit for all figures of time.

    python -m profiling.yardstick

One yardstick is the CPU time of 10^9 random gathers of four bytes from an array of 1 MiB, made by
numpy on one core. A ratio to it can be compared between machines and days, where seconds cannot.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

TABLE_ENTRIES = 1 << 18
GATHERS = 1 << 16
ROUNDS = 1500


def yardstick() -> float:
    """CPU seconds for 10^9 gathers, from about 98 million of them."""
    random = np.random.default_rng(7)
    table = random.integers(0, 1 << 30, TABLE_ENTRIES, dtype=np.int32)
    index = random.integers(0, TABLE_ENTRIES, GATHERS, dtype=np.int64)
    out = np.empty(GATHERS, np.int32)
    np.take(table, index, out=out, mode="clip")  # pages are touched, code is warm
    began = time.process_time()
    for _ in range(ROUNDS):
        np.take(table, index, out=out, mode="clip")
    return (time.process_time() - began) * 1e9 / (ROUNDS * GATHERS)


if __name__ == "__main__":
    print(f"{statistics.median(yardstick() for _ in range(5)):.3f} CPU s for 10^9 gathers")
