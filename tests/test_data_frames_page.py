"""The examples of docs/data-frames.md do what the page says, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="tables need the extra parquet")
pytestmark = pytest.mark.thorough

PAGE = Path(__file__).parent.parent / "docs/data-frames.md"
EXAMPLE = re.compile(r"```python\n(.*?)```\n(?:\n```\n(.*?)```\n)?", re.DOTALL)
OTHERS = ("pandas", "polars")


def test_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What each prints is the block behind it; examples of other libraries only where they are."""
    examples = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    assert len(examples) >= 7
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    for code, printed in examples:
        missing = [name for name in OTHERS if f"import {name}" in code and not is_there(name)]
        if not missing:
            exec(compile(code, str(PAGE), "exec"), known)
            assert capsys.readouterr().out == printed


def is_there(module: str) -> bool:
    """Whether an optional library is installed."""
    try:
        __import__(module)
    except ImportError:
        return False
    return True
