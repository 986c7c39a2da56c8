"""GitLab's code quality: a JSON array that a merge request shows beside the code.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pff_stream.report.formats.bounded import BoundedWriter
from pff_stream.report.streams import CONFLICT
from pff_stream.words import counted

if TYPE_CHECKING:
    from pff_stream.report.streams import Finding
    from pff_stream.report.summary import Summary

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class GitLab(BoundedWriter[bytes]):
    """Conflicts are major, what is absent minor; an entry more says what is left out."""

    name: ClassVar[str] = "gitlab"
    suffix: ClassVar[str] = ""
    most: ClassVar[int] = 5000
    most_bytes: ClassVar[int] = 4 << 20

    def kept(self, finding: Finding) -> tuple[bytes, int]:
        """Its entry as JSON."""
        where = finding.where
        path, line = (finding.document or "-", 1) if where is None else (where.file, where.line)
        text = _entry(
            f"{' '.join(finding.triple)}: {finding.message}",
            f"{finding.document}/{finding.key}".lstrip("/"),
            "major" if finding.kind == CONFLICT else "minor",
            path,
            line,
        )
        return text, len(text)

    def end(self, summary: Summary) -> None:
        """Everything."""
        entries = list(self._best)
        if self._best.left_out:
            left = counted(self._best.left_out, "more finding")
            entries.append(_entry(f"{left}, not written here", "left-out", "info", "-", 1))
        self._text.write("[")
        for number, text in enumerate(entries):
            self._text.write("," * bool(number) + "\n" + text.decode())
        self._text.write("\n]\n")
        self._text.flush()


def _entry(said: str, fingerprint: str, severity: str, path: str, line: int) -> bytes:
    value: dict[str, Any] = {
        "description": said,
        "check_name": "missing triple",
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    }
    return _JSON.encode(value).encode("utf-8", "replace")
