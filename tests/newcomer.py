"""The package as a newcomer extends it: a copy, changed as a page of the documentation says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.warm import Server

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to-add.md"
_BLOCK = re.compile(r"<!-- (new file|change): (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)


def section(title: str) -> str:
    """The text of the page below a title of the second level."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    return next(part for part in parts if part.startswith(f"{title}\n"))


class Newcomer:
    """A copy of the package in a folder, and its command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for package in ("pff_stream", "planner"):
            # Files keep their times, by which what was compiled before is known as of now.
            ignored = shutil.ignore_patterns("*.pyx", "*.pxi", "*.pxd")
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)

        self._server: Server | None = None

    def follow(self, title: str) -> None:
        """Does what the section says: new files as they stand there, and changed lines."""
        self.close()
        for kind, path, text in _BLOCK.findall(section(title)):
            target = self.folder / path
            if kind == "new file":
                assert not target.exists(), path
                target.write_text(text, encoding="utf-8")
            else:
                self._change(target, text)

    def run(self, *words: object, code: int = 0) -> str:
        """What `pff-stream` says; it must end with `code`."""
        if self._server is None:
            self._server = Server(self.folder)
        environment = {"PYTHONPATH": str(self.folder)}
        done = self._server.started([*map(str, words)], environment, self.folder)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def close(self) -> None:
        """Nothing is at work."""
        if self._server is not None:
            self._server.close()
        self._server = None

    def _change(self, target: Path, block: str) -> None:
        content = target.read_text(encoding="utf-8")
        for hunk in block.rstrip("\n").split("\n\n"):
            lines = hunk.splitlines()
            before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
            after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
            assert content.count(before) == 1, before
            content = content.replace(before, after)
        target.write_text(content, encoding="utf-8")
