"""What several test files share: where data lies, the large data that is not kept here included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real graphs and rules that is kept with the tests."""
    return Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder of the example for newcomers."""
    return Path(__file__).parent.parent / "docs" / "example"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large data (fb15k237, wn18rr); tests that need it are skipped without it."""
    folder = os.environ.get("PFF_STREAM_SHARED_DATA")
    if not folder:
        pytest.skip("large data: PFF_STREAM_SHARED_DATA is not set")
    if not Path(folder, "fb15k237").is_dir():
        pytest.fail(f"PFF_STREAM_SHARED_DATA={folder}: there is no folder fb15k237")
    return Path(folder)
