"""Whether the source distribution can be built from, and the wheel has what runs and nothing else.

Usage: check_distributions.py FOLDER, in a checkout; FOLDER has one of each.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

PACKAGES = ("pff_stream", "planner")
PAGE = {".html", ".css", ".js"}
SOURCES = {".py", ".pyi", ".pyx", ".pxi", ".pxd", ".h", ".typed"} | PAGE
OF_WHEEL = {".py", ".pyi", ".typed"} | PAGE
TO_BUILD = {"setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"}
SHARED = "pff_stream/_cyutility"


def main(folder: Path) -> str:
    """What is wrong, a line each; empty where nothing is."""
    [archive], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    sources = {
        path.as_posix()
        for package in PACKAGES
        for path in Path(package).rglob("*")
        if path.suffix in SOURCES
    }
    with tarfile.open(archive) as opened:
        files = (member.name for member in opened if member.isfile())
        packed = {name.partition("/")[2] for name in files}
    with zipfile.ZipFile(wheel) as zipped:
        installed = {name for name in zipped.namelist() if ".dist-info/" not in name}
    compiled = {name.partition(".")[0] for name in installed if name.endswith(".so")}
    wanted = {name for name in sources if Path(name).suffix in OF_WHEEL}
    modules = {name.partition(".")[0] for name in sources if name.endswith(".pyx")} | {SHARED}
    built = {".c", ".so", ".pyc"}
    checks = {
        "missing in the source distribution": (sources | TO_BUILD) - packed,
        "built, and in the source distribution": {n for n in packed if Path(n).suffix in built},
        "missing in the wheel": wanted - installed,
        "not compiled in the wheel": modules - compiled,
        "compiled from nothing, in the wheel": compiled - modules,
        "too much in the wheel": {n for n in installed - wanted if not n.endswith(".so")},
    }
    return "\n".join(f"{what}: {', '.join(sorted(n))}" for what, n in checks.items() if n)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])) or None)
