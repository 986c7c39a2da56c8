"""Builds the compiled stages; all other metadata is in pyproject.toml."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

compile_args = ["-O3", "-fno-strict-aliasing"]
if platform.machine() in ("x86_64", "AMD64"):
    # numpy's own baseline: popcount is one instruction instead of a call.
    compile_args.append("-march=x86-64-v2")

headers = [str(path) for end in ("*.h", "*.pxd") for path in Path("pff_stream").rglob(end)]

cores = os.cpu_count() or 1

setup(
    options={"build_ext": {"parallel": cores}},
    ext_modules=cythonize(
        [
            Extension(
                ".".join(source.with_suffix("").parts),
                [str(source)],
                include_dirs=["pff_stream"],
                depends=headers,
                extra_compile_args=compile_args,
                define_macros=[("CYTHON_CCOMPLEX", "0")],
            )
            for source in sorted(Path("pff_stream").rglob("*.pyx"))
        ],
        build_dir="build/cython",
        nthreads=cores,
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    ),
)
