"""What the build relies on: one that still works may have become slow, or for one machine only."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path for end in ("*.pyx", "*.pxi", "*.pxd") for path in sorted((ROOT / "pff_stream").rglob(end))
]


@pytest.fixture(scope="module")
def setup_file() -> ModuleType:
    """setup.py as a module; it builds nothing when it is imported."""
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location("setup_file", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_pointer_is_cast_to_a_typed_memoryview() -> None:
    """`PyMemoryView_FromMemory` gives the same view; the cast brings twenty thousand lines of C."""
    cast = re.compile(r"<[^<>\n]*\[[^\]\n]*:[^\]\n]*\]\s*>")
    assert cast.search("memoryview(<unsigned char[:n]>data)")
    assert len(SOURCES) > 20
    found = [path.name for path in SOURCES if cast.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_every_part_is_compiled() -> None:
    """Each `.pxi` is included by one module: one that none includes would not be noticed."""
    parts = sorted(path.name for path in SOURCES if path.suffix == ".pxi")
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    included = [
        name for text in texts for name in re.findall(r'^include "(.*)"', text, re.MULTILINE)
    ]
    assert sorted(included) == parts


@pytest.mark.parametrize(
    ("compiler", "platform", "expected"),
    [
        ("gcc -O3", "linux-x86_64", True),
        ("gcc -O3", "linux-aarch64", False),
        ("gcc -O3", "freebsd-14.1-release-amd64", True),
        ("clang", "macosx-11.0-arm64", False),
        ("clang", "macosx-10.13-x86_64", True),
        ("clang -arch x86_64 -O3", "macosx-10.13-x86_64", True),
        ("clang -arch arm64 -arch x86_64", "macosx-10.13-universal2", False),
        ("clang -arch x86_64", "macosx-10.13-universal2", True),
        ("clang -arch arm64", "macosx-10.13-x86_64", False),
    ],
)
def test_what_is_built_for(
    setup_file: ModuleType, compiler: str, platform: str, expected: bool
) -> None:
    """Instructions of x86-64 are used where nothing else is built for, whatever builds."""
    assert setup_file._is_for_x86_64(compiler.split(), platform) is expected


def test_flags_of_the_user_come_first(setup_file: ModuleType) -> None:
    """Whoever asks for debug information, a processor or no optimization gets it."""
    ours = ["-O2", "-g0", "-fno-strict-aliasing", "-march=x86-64-v2"]
    assert setup_file._unless_given(ours, ["-Wall"]) == ours
    assert setup_file._unless_given(ours, ["-ggdb", "-O0"]) == ours[2:]
    assert setup_file._unless_given(ours, ["-march=native"]) == ours[:3]


@pytest.mark.parametrize(
    "error", [OSError(38, "Function not implemented"), ImportError("sem_open")]
)
def test_builds_where_semaphores_are_missing(setup_file: ModuleType, error: Exception) -> None:
    """A container without /dev/shm has none: Cython then runs in the process that there is."""

    def missing() -> None:
        raise error

    assert setup_file._processes(missing) == 0
    assert setup_file._processes(object) >= 1
