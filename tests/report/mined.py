"""What a miner says of rules: values by hypothesis, and the columns of a rule file with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from pff_stream.report.streams import MinerValues

shares = st.one_of(st.none(), st.floats(0, 1), st.sampled_from((0.0, 1.0, 1e-5, 2.5)))
mined_counts = st.one_of(
    st.none(), st.integers(0, 300), st.sampled_from((2**15, 2**31 - 1, 2**31, 2**63 - 1))
)
mined = st.one_of(
    shares.map(lambda share: MinerValues(confidence=share)),
    st.builds(MinerValues, mined_counts, mined_counts, shares, shares, mined_counts, shares),
)


def mined_columns(values: Sequence[MinerValues]) -> dict[str, npt.NDArray[Any]]:
    """The columns that a rule has a value of; counts in the narrowest width."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, column in zip(MinerValues._fields, zip(*values, strict=True), strict=True):
        if all(value is None for value in column):
            continue
        if name in ("predictions", "support", "pca_predictions"):
            counts = [-1 if value is None else value for value in column]
            width = next(w for w in (1, 2, 4, 8) if max(counts) < 1 << (8 * w - 1))
            columns[name] = np.array(counts, dtype=f"<i{width}")
        else:
            columns[name] = np.array([np.nan if v is None else v for v in column], dtype="<f8")
    return columns
