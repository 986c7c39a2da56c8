"""What the confidence of a rule is of, as the terminal shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pff_stream.findings.bases import miner_bases
from pff_stream.findings.confidence import Kind
from pff_stream.observer import Silent
from pff_stream.pipeline.run import run
from pff_stream.report.terminal import finding_lines
from pff_stream.rules.file import RuleFile
from pff_stream.settings.commands import RunSettings
from tests.warm import main

N = 30_000


def test_of_any_line(tmp_path: Path) -> None:
    """Rules lie in many source chunks, and between them lines are blank."""
    text = "".join(f"{n}\t1\t0.5\tr(X,e{n}) <= q(X,Y)\n" + "\n" * (n % 2) for n in range(N))
    (tmp_path / "r.tsv").write_text(text)
    assert main(["compile", f"{tmp_path}/r.tsv", "-o", f"{tmp_path}/r.pffr"]) == 0
    expected = {n + 1 + n // 2: n for n in (0, 1, 2, 777, N // 2, N - 2, N - 1)}
    with RuleFile(tmp_path / "r.pffr") as file:
        assert len(file.source_chunks) > 1
        assert miner_bases(file, Kind.MINER, expected) == expected
        assert miner_bases(file, Kind.MINER_PCA, expected) == {}
        assert miner_bases(file, Kind.EXACT, expected) == {}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("confidence", "said"), [("miner", "90 % of 1,300 (miner)"), ("exact", "0 % (exact)")]
)
def test_it_is_shown_of_documents(confidence: str, said: str, tmp_path: Path) -> None:
    """Of the miner's confidence."""
    (tmp_path / "r.tsv").write_text("1300\t1170\t0.9\tspeed(X,200) <= code(X,F200)\n")
    (tmp_path / "a.json").write_text('{"id": "p", "code": "F200"}')
    inputs = {"rules": f"{tmp_path}/r.tsv", "triples": (f"{tmp_path}/a.json",)}
    settings = RunSettings.of(**inputs, workers=1, start_method="thread", confidence=confidence)
    found = run(settings, Silent()).findings
    assert found is not None
    assert any(line[-1].text.endswith(f" {said}") for line in finding_lines(found, 80) if line)
