"""The command `rules`: what goes to its output, what is said, and how it ends."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from pff_stream.cli.main import main
from pff_stream.errors import InputError, OutputError
from pff_stream.observer import Silent
from pff_stream.pipeline.commands import compile_rules, print_rules
from pff_stream.settings.commands import CompileSettings, RulesSettings

TEXT = """\
?d!=c ?a  r  ?d   => ?a  h  c
?a  r  ?c  ?c  s  ?b   => ?a  h  ?b
"""


class Full(io.BytesIO):
    """No space is left."""

    def writelines(self, lines: object) -> None:
        """Takes nothing."""
        raise OSError(28, "No space left on device")


def printed(rules: Path, notation: str, **options: str) -> str:
    """What the command writes."""
    stream = io.BytesIO()
    values = {"rules": str(rules), "notation": notation, "fence": "none", **options}
    print_rules(RulesSettings.of(**values), stream)
    return stream.getvalue().decode()


def test_text_and_compiled_rules_give_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines on the output; what is not converted, and what variables mean, as warnings."""
    rules, compiled = tmp_path / "amie.txt", tmp_path / "amie.pffr"
    rules.write_text(TEXT)
    settings = CompileSettings.of(rules=str(rules), output=str(compiled), fence="none")
    compile_rules(settings, Silent())
    for path in (rules, compiled):
        with caplog.at_level(logging.WARNING, "pff_stream"):
            assert printed(path, "anyburl") == "h(X,Y) <= r(X,A), s(A,Y)\n"
        first, second = (record.getMessage() for record in caplog.records)
        assert first == (
            "1 rule could not be converted; the first:\n"
            f"  {path}, line 1: AnyBURL has no inequalities"
        )
        assert second.endswith("read these with --semantics homomorphism")
        caplog.clear()
        assert printed(path, "amie").splitlines()[1:] == [
            "?c!=c ?a  r  ?c   => ?a  h  c" + 6 * "\t-1",
            "?a  r  ?c  ?c  s  ?b   => ?a  h  ?b" + 6 * "\t-1",
        ]
        assert not caplog.records


def test_nothing_to_convert_is_an_error(tmp_path: Path) -> None:
    """An empty output would pass for rules."""
    rules = tmp_path / "rules.tsv"
    rules.write_text("h(X,c) <= \n")
    with pytest.raises(InputError, match=r"rules.tsv: found no rule that can be converted"):
        printed(rules, "amie")


def test_output_that_takes_nothing(tmp_path: Path) -> None:
    """Ends as any full output."""
    rules = tmp_path / "amie.txt"
    rules.write_text(TEXT)
    with pytest.raises(OutputError, match="standard output: No space left"):
        print_rules(RulesSettings.of(rules=str(rules), notation="amie", fence="none"), Full())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "found no --as, expected RULES --as amie|anyburl"),
        (["--as", "prolog"], "--as: found 'prolog', expected amie or anyburl"),
    ],
)
def test_a_notation_is_expected(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of two, and there is no default."""
    assert main(["rules", "rules.tsv", *arguments]) == 2
    assert message in capfd.readouterr().err
