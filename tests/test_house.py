"""What keeps the code readable: short files, short functions, short lists of parameters."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.ways import SETTINGS, WORDS, files_of

ROOT = Path(__file__).parent.parent
FOLDERS = ("pff_stream", "planner", "profiling", "tests", "docs", ".ci")
MOST_LINES, MOST_IN_FUNCTION, MOST_PARAMETERS, MOST_IN_INTERFACE = 350, 60, 7, 60
MOST_ON_A_WAY = 10
_HOLDERS = (ast.stmt, ast.excepthandler, ast.match_case)
"""What functions stand in; expressions hold none."""
COMPILED = ("*.pyx", "*.pxi", "*.pxd", "*.h")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@cache
def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, methods and inner ones included."""
    found = []
    left: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(node)
        left += [one for one in ast.iter_child_nodes(node) if isinstance(one, _HOLDERS)]
    return found


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many parameters a caller sees."""
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_files_are_short() -> None:
    """No file of Python is longer than can be read at one sitting."""
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {str(path): n for path, n in lines.items() if n > MOST_LINES} == {}


def test_compiled_sources_are_short() -> None:
    """Compiled sources are no longer than that, either: a module includes its parts."""
    files = [path for kind in COMPILED for path in (ROOT / "pff_stream").rglob(kind)]
    lines = {str(path): path.read_text(encoding="utf-8").count("\n") for path in files}
    assert len(lines) > 50
    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}


@pytest.mark.thorough
def test_functions_are_short() -> None:
    """No function is longer than a screen, and none takes more than a handful of parameters."""
    long = {
        f"{path}: {one.name}": (one.end_lineno or 0) - one.lineno + 1
        for path in FILES
        for one in functions(path)
    }
    assert {name: n for name, n in long.items() if n > MOST_IN_FUNCTION} == {}
    many = {f"{path}: {one.name}": parameters(one) for path in FILES for one in functions(path)}
    assert {name: n for name, n in many.items() if n > MOST_PARAMETERS} == {}


@pytest.mark.parametrize("seam", ["rules/formats", "triples/formats", "report/formats", "execute"])
def test_seams_are_narrow(seam: str) -> None:
    """The interface of each seam fits on a page."""
    text = (ROOT / "pff_stream" / seam / "interface.py").read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_IN_INTERFACE


@pytest.mark.thorough
def test_ways_of_settings_are_short() -> None:
    """A setting passes few files from the command line to where it acts."""
    ways = {setting: files_of(setting) for setting in SETTINGS}
    assert {name: way for name, way in ways.items() if len(way) > MOST_ON_A_WAY} == {}
    assert {name for name, way in ways.items() if len(way) < 2} == set()
    assert WORDS <= ways.keys()
