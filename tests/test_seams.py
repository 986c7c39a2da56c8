"""Tests bring faults in by arguments, not by replacing names in the modules of the project.

A test that replaces a name holds on to where that name stands, and breaks with every move. What the
system gives (`os`, `sys.stdin`, the environment) may be replaced: it is a border.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
OWN = ("pff_stream", "planner")
REPLACING = {"setattr", "delattr", "setitem", "delitem", "patch", "object", "multiple", "dict"}
"""Of pytest's monkeypatch, of the built-in functions, and of unittest's mock."""


def is_own(module: str | None) -> bool:
    """Whether a dotted name is the project's."""
    return module is not None and module.partition(".")[0] in OWN


def root(node: ast.expr) -> str | None:
    """The name at the left of `a.b.c`, `a[b]` and `vars(a)`."""
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case ast.Call(func=ast.Name(id="vars"), args=[inner]):
                node = inner
            case ast.Name(id=name):
                return name
            case _:
                return None


def own_names(tree: ast.AST) -> set[str]:
    """Every name that an import of the project binds, wherever it stands."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_own(node.module):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if is_own(alias.name):
                    names.add(alias.asname or alias.name.partition(".")[0])
    return names


def scripts(tree: ast.AST) -> Iterator[ast.AST]:
    """What stands in strings and is a program of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                pass
            case ast.JoinedStr(values=parts):
                values = [part.value if isinstance(part, ast.Constant) else "x" for part in parts]
                text = "".join(map(str, values))
            case _:
                continue
        if "import " in text:
            try:
                yield ast.parse(textwrap.dedent(text))
            except SyntaxError:
                continue


def replaced(tree: ast.AST) -> Iterator[int]:
    """Lines that replace something in the project's modules or classes."""
    own = own_names(tree)

    def is_ours(target: ast.expr) -> bool:
        match target:
            case ast.Constant(value=str(name)):
                return is_own(name)
            case ast.Subscript(value=ast.Attribute(attr="modules"), slice=ast.Constant(value=name)):
                return is_own(str(name))
        return root(target) in own

    def is_replacing(call: ast.Call) -> bool:
        match call:
            case ast.Call(
                func=ast.Attribute(attr="update", value=ast.Call() | ast.Attribute() as place)
            ):
                is_dict = isinstance(place, ast.Call) or place.attr == "__dict__"
                return is_dict and is_ours(place)
            case ast.Call(
                func=ast.Attribute(attr=name) | ast.Name(id=name),
                args=[ast.Attribute(attr="modules"), key, *_],
            ):
                return name in REPLACING and is_ours(key)
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), args=[target, *_]):
                return name in REPLACING and is_ours(target)
        return False

    for node in ast.walk(tree):
        match node:
            case ast.Call():
                targets = []
                if is_replacing(node):
                    yield node.lineno
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                pass
            case ast.AugAssign(target=target):
                targets = [target]
            case _:
                continue
        if any(not isinstance(one, ast.Name) and is_ours(one) for one in targets):
            yield node.lineno
    for script in scripts(tree):
        yield from replaced(script)


def test_nothing_of_ours_is_replaced() -> None:
    """No test, and no script in a test, replaces a name of the project."""
    others = [path for path in sorted(TESTS.rglob("*.py")) if path != Path(__file__)]
    found = {
        f"{path.relative_to(TESTS)}:{line}"
        for path in others
        for line in replaced(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert len(others) > 200 and found == set()


@pytest.mark.parametrize(
    "line",
    [
        "monkeypatch.setattr(store, 'fd', 1)",
        "monkeypatch.setattr(store.Store, 'fd', 1)",
        "monkeypatch.setattr('pff_stream.triples.store.fd', 1)",
        "monkeypatch.setitem(sys.modules, 'pff_stream.pipeline', 1)",
        "monkeypatch.setitem(store.TABLE, 'a', 1)",
        "monkeypatch.delattr(store, 'fd')",
        "setattr(store, 'fd', 1)",
        "patch.object(store, 'fd', 1)",
        "patch('planner.text.table')",
        "vars(store).update(fd=1)",
        "store.__dict__.update({'fd': 1})",
        "vars(store)['fd'] = 1",
        "store.fd = 1",
        "store.fd += 1",
        "del store.fd",
        "sys.modules['planner'] = 1",
        "script = 'from planner import text; text.table = 1'",
    ],
)
def test_what_is_found(line: str) -> None:
    """Every way of replacing a name."""
    text = f"import sys\nfrom pff_stream.triples import store\nimport planner.text\n{line}\n"
    assert list(replaced(ast.parse(text)))


@pytest.mark.parametrize(
    "line",
    [
        "monkeypatch.setattr(os, 'write', 1)",
        "monkeypatch.setitem(sys.modules, 'psutil', 1)",
        "monkeypatch.setenv('planner', 'x')",
        "made = store.Store(); made.limit_bytes = 1",
        "settings.update(vars(store))",
        "script = f'from planner import {name}; print(1)'",
    ],
)
def test_what_is_allowed(line: str) -> None:
    """The system's names, instances, and reading."""
    text = f"import os, sys\nfrom pff_stream.triples import store\n{line}\n"
    assert list(replaced(ast.parse(text))) == []
