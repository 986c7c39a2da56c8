"""Builds the compiled modules; all other metadata is in pyproject.toml.

Cython runs in the command `build_ext` only. A front end that asks for metadata, or for a source
distribution, does not wait for it.
"""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Callable
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = "pff_stream"

# What Cython needs for typed memoryviews, once for all modules instead of once in each.
SHARED = f"{PACKAGE}._cyutility"

DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}

# The optimization where a module does not ask for another in its first line
# (`# distutils: extra_compile_args = -O3`): most of what is compiled is called once a run.
OPTIMIZATION = "-O2"

# Debug information is most of what a compiler writes, and the interpreter's own flags ask for it.
FLAGS = ["-g0", "-fno-strict-aliasing"]

# numpy's own baseline: popcount is one instruction instead of a call.
X86_64_FLAGS = ["-march=x86-64-v2"]

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def _is_for_x86_64(compiler: list[str], platform: str) -> bool:
    """Whether that is all that is built for, whatever machine this is.

    Where a compiler serves several (macOS), its command names those it is asked for.
    """
    asked = {compiler[i + 1] for i, word in enumerate(compiler[:-1]) if word == "-arch"}
    if asked:
        return asked == {"x86_64"}
    return platform.endswith(("-x86_64", "-amd64"))


def _unless_given(flags: list[str], given: list[str]) -> list[str]:
    """Those of our flags for which the user's CFLAGS have no other choice."""
    kinds = ("-g", "-O", "-march=")
    chosen = tuple(kind for kind in kinds if any(word.startswith(kind) for word in given))
    return [flag for flag in flags if not flag.startswith(chosen)] if chosen else flags


def _headers(source: Path, folder: Path) -> set[str]:
    """The project's own headers that a C file includes, directly or by another header."""
    found: set[str] = set()
    waiting = [source]
    while waiting:
        for name in _INCLUDE.findall(waiting.pop().read_text(encoding="utf-8")):
            header = folder / name
            if header.exists() and str(header) not in found:
                found.add(str(header))
                waiting.append(header)
    return found


def _processes(semaphore: Callable[[], object] = multiprocessing.Semaphore) -> int:
    """How many processes Cython may use: none beside this one where semaphores are missing."""
    try:
        semaphore()
    except (ImportError, OSError):
        return 0
    return os.cpu_count() or 1


class BuildModules(build_ext):
    """Runs Cython and the compiler over what has changed, in parallel."""

    def run(self) -> None:
        """Keeps what a build in place has made apart from what goes into a wheel."""
        if self.inplace:
            self.build_lib = str(Path("build", f"inplace.{self.plat_name}"))
            self.build_temp = str(Path("build", f"temp-inplace.{self.plat_name}"))
        super().run()

    def build_extensions(self) -> None:
        """Makes C of all modules, then extensions of it."""
        from Cython.Build import cythonize

        self.parallel = self.parallel or os.cpu_count() or 1
        modules = [extension for extension in self.extensions if extension.name != SHARED]
        [shared] = [extension for extension in self.extensions if extension.name == SHARED]
        made = cythonize(
            [shared, *modules],
            build_dir="build/cython",
            nthreads=_processes(),
            force=self.force or None,
            compiler_directives=DIRECTIVES,
            shared_utility_qualified_name=SHARED,
        )
        command = list(self.compiler.compiler_so)
        flags = FLAGS + X86_64_FLAGS * _is_for_x86_64(command, self.plat_name)
        given = os.environ.get("CFLAGS", "").split() + ["-g"] * bool(self.debug)
        for extension, c in zip([shared, *modules], made, strict=True):
            optimization = c.extra_compile_args or [OPTIMIZATION]
            extension.sources = c.sources
            extension.extra_compile_args = _unless_given(optimization + flags, given)
            extension.depends = sorted(
                {"setup.py"}.union(*(_headers(Path(s), Path(PACKAGE)) for s in c.sources))
            )
        # The largest first: no core waits for another at the end.
        self.extensions.sort(key=lambda e: -sum(Path(s).stat().st_size for s in e.sources))
        super().build_extensions()


def _extension(name: str, source: str) -> Extension:
    return Extension(
        name, [source], include_dirs=[PACKAGE], define_macros=[("CYTHON_CCOMPLEX", "0")]
    )


if __name__ == "__main__":
    setup(
        cmdclass={"build_ext": BuildModules},
        ext_modules=[
            _extension(SHARED, SHARED.replace(".", "/") + ".c"),
            *(
                _extension(".".join(source.with_suffix("").parts), str(source))
                for source in sorted(Path(PACKAGE).rglob("*.pyx"))
            ),
        ],
    )
