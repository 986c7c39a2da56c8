"""The type stubs of compiled modules say what the modules have: names, parameters, defaults.

A compiled function carries its signature in the first line of its documentation. Types are not
compared: a stub says what Python may pass, the module what C makes of it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent.parent / "pff_stream"
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in sorted(PACKAGE.rglob("*.pyi"))
]


@dataclass(frozen=True)
class Parameter:
    """One parameter; of which types, is not compared."""

    name: str
    optional: bool
    by_name_only: bool


@dataclass(frozen=True)
class Signature:
    """Parameters without `self`, and whether any others are taken by name."""

    parameters: tuple[Parameter, ...]
    more: bool = False

    @property
    def names(self) -> set[str]:
        """Of all parameters."""
        return {parameter.name for parameter in self.parameters}


def pieces(text: str) -> list[str]:
    """What stands between commas that are in no brackets."""
    found, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [piece.strip() for piece in found if piece.strip()]


def declared(thing: Any) -> str | None:
    """The C declarations of `name(...)`, which Cython writes in front of the documentation."""
    line = (thing.__doc__ or "").partition("\n")[0]
    name, bracket, rest = line.partition("(")
    is_call = bracket and name.replace(".", "").isidentifier()
    return rest[: rest.rindex(")")] if is_call else None


def constructor(kind: type) -> str | None:
    """The declarations of the nearest constructor; of a `__cinit__` the source alone tells."""
    found = next(filter(None, map(declared, inspect.getmro(kind)[:-1])), None)
    if found is not None:
        return found
    source = PACKAGE.parent.joinpath(*kind.__module__.split(".")).with_suffix(".pyx")
    text = source.read_text(encoding="utf-8").partition(f"\ncdef class {kind.__name__}")[2]
    form = re.search(r"def __cinit__\((.*?)\):", text.partition("\ncdef class ")[0], re.DOTALL)
    return form[1] if form else None


def compiled_signature(declarations: str | None) -> Signature:
    """The parameters of a compiled function by its C declarations."""
    parameters: list[Parameter] = []
    more = by_name_only = False
    for piece in pieces(declarations or ""):
        declaration, equals, _ = piece.partition("=")
        word = declaration.split()[-1].lstrip("*")
        if piece.startswith("**"):
            more = True
        elif piece.startswith("*"):
            by_name_only = True
        elif word != "self":
            parameters.append(Parameter(word, bool(equals), by_name_only))
    return Signature(tuple(parameters), more)


def stub_signature(node: ast.FunctionDef) -> Signature:
    """The same of a function in a stub."""
    given = node.args
    ordered = [*given.posonlyargs, *given.args]
    required = len(ordered) - len(given.defaults)
    parameters = [
        Parameter(argument.arg, place >= required, False) for place, argument in enumerate(ordered)
    ]
    parameters += [
        Parameter(argument.arg, default is not None, True)
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    return Signature(tuple(one for one in parameters if one.name != "self"))


def differences(stub: Signature, real: Signature) -> list[str]:
    """What a caller who believes the stub would be wrong about; the stub may be stricter."""
    taken = {parameter.name: parameter for parameter in real.parameters}
    said = []
    for place, one in enumerate(stub.parameters):
        other = taken.get(one.name)
        if other is None:
            if not (real.more and one.by_name_only):
                said.append(f"{one.name} is not taken")
            continue
        if one.optional != other.optional:
            said.append(f"{one.name} is {'' if other.optional else 'not '}optional")
        if not one.by_name_only and (other.by_name_only or real.parameters[place] != other):
            said.append(f"{one.name} is not number {place + 1}")
    return said + [f"{name} is missing in the stub" for name in taken.keys() - stub.names]


def public(names: Any) -> set[str]:
    """Those that are meant for others."""
    return {name for name in names if not name.startswith("_")}


class Stub:
    """A stub by name: functions, classes with their members, other names."""

    def __init__(self, module: str) -> None:
        path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".pyi")
        body = ast.parse(path.read_text(encoding="utf-8")).body
        self.functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
        classes = [node for node in body if isinstance(node, ast.ClassDef)]
        # Protocols and the like say what is passed, and are in the stub alone.
        self.classes = {
            node.name: node
            for node in classes
            if not any("Protocol" in ast.unparse(base) for base in node.bases)
        }
        self.imported = {
            alias.asname or alias.name: node.module or ""
            for node in body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self.values = {
            node.target.id
            for node in body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }

    def members(self, name: str) -> dict[str, ast.FunctionDef | None]:
        """Methods, and attributes as None, of a class and of those before it in the stub."""
        node = self.classes[name]
        found: dict[str, ast.FunctionDef | None] = {}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in self.classes:
                found |= self.members(base.id)
            elif isinstance(base, ast.Name) and self.imported.get(base.id) in MODULES:
                found |= Stub(self.imported[base.id]).members(base.id)
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                found[part.name] = None if part.decorator_list else part
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                found[part.target.id] = None
        return found


@pytest.mark.parametrize("module", MODULES)
def test_stub_and_module_agree(module: str) -> None:
    """What the stub names is there and is called as it says; a class of it has nothing else."""
    stub, real = Stub(module), importlib.import_module(module)
    named = (*stub.functions, *stub.classes, *stub.values)
    wrong = [name for name in named if not hasattr(real, name)]
    wrong += [
        f"{name}: {difference}"
        for name, node in stub.functions.items()
        if hasattr(real, name)
        for difference in differences(
            stub_signature(node), compiled_signature(declared(getattr(real, name)))
        )
    ]
    for name in stub.classes:
        members = stub.members(name)
        kind = getattr(real, name)
        has = public(member for each in inspect.getmro(kind)[:-1] for member in vars(each))
        wrong += [f"{name}.{member}" for member in public(members) ^ has]
        made = members.pop("__init__", None)
        if made is not None:
            found = differences(stub_signature(made), compiled_signature(constructor(kind)))
            wrong += [f"{name}: {difference}" for difference in found]
        for member, method in members.items():
            if method is not None and member in has:
                found = differences(
                    stub_signature(method), compiled_signature(declared(getattr(kind, member)))
                )
                wrong += [f"{name}.{member}: {difference}" for difference in found]
    assert wrong == []


def test_every_compiled_module_that_is_used_has_a_stub() -> None:
    """Those without are for other compiled modules only."""
    without = [path for path in PACKAGE.rglob("*.pyx") if not path.with_suffix(".pyi").exists()]
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    for path in without:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        assert not any(f"from {name} import" in text for text in sources), name


@pytest.mark.parametrize(
    ("stub", "real", "wrong"),
    [
        ("a, b=1", "f(a, int b=2)", []),
        ("a, *, b=1", "f(a, int b=2)", []),
        ("a, *, c=1", "f(a, **more)", []),
        ("a, *, b", "f(a, *, const int64_t[::1] b)", []),
        ("a", "f(a, b=(1, 2))", ["b is missing in the stub"]),
        ("a, b=1", "f(a, bytes b)", ["b is not optional"]),
        ("a, b", "f(a, bytes b=None)", ["b is optional"]),
        ("a, c=1", "f(a)", ["c is not taken"]),
        ("b, a", "f(a, b)", ["b is not number 1", "a is not number 2"]),
        ("a, b=1", "f(a, *, b=1)", ["b is not number 2"]),
    ],
)
def test_what_is_found(stub: str, real: str, wrong: list[str]) -> None:
    """Each way in which a stub can be wrong."""

    def described() -> None: ...

    described.__doc__ = real
    (node,) = ast.parse(f"def f({stub}): ...").body
    assert isinstance(node, ast.FunctionDef)
    assert differences(stub_signature(node), compiled_signature(declared(described))) == wrong
