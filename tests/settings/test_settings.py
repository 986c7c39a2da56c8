"""Settings: one meaning of every option, whoever says it, and the order of who is stronger."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from pff_stream.errors import InputError, UsageError
from pff_stream.settings.models import (
    CompileSettings,
    EncodeSettings,
    RunSettings,
    Settings,
    TalkSettings,
    TriplesSettings,
)
from pff_stream.settings.options import OPTIONS
from pff_stream.settings.resolve import gather, resolve

INPUTS: dict[str, Any] = {"rules": "r.tsv", "triples": ("t.tsv",)}


def settings_of(
    given: dict[str, Any] | None = None, environ: dict[str, str] | None = None
) -> RunSettings:
    """Run settings from a command line and an environment."""
    return resolve(RunSettings, gather(INPUTS | (given or {}), environ or {}))


def test_defaults() -> None:
    """Without options, settings are the documented defaults."""
    settings = settings_of()
    assert settings == RunSettings("r.tsv", ("t.tsv",))
    assert settings.reserve_bytes == 512 * 1024 * 1024
    assert settings.max_document_bytes == 64 * 1024 * 1024
    assert (settings.max_examples, settings.max_violations) == (10, 1_000_000)
    assert (settings.fail_on, settings.on_bad_rule) == ("violations", "1%")
    assert (settings.workers, settings.budget_bytes, settings.semantics) == (None, None, None)


@pytest.mark.parametrize("kind", [RunSettings, CompileSettings, EncodeSettings, TriplesSettings])
def test_every_field_has_an_option(kind: type[Settings]) -> None:
    """Every field but TRIPLES is filled by an option, and the defaults in its help are true."""
    for field in dataclasses.fields(kind):
        if field.name == "triples":
            continue
        option = OPTIONS[field.name]
        if field.default not in (None, False, dataclasses.MISSING):
            assert option.default is not None
            assert option.read(option.default, "") == field.default


def test_every_option_is_used() -> None:
    """No option is in the table that no settings and no command know."""
    kinds = (RunSettings, CompileSettings, EncodeSettings, TriplesSettings, TalkSettings)
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert set(OPTIONS) - fields == {"config"}


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("budget_bytes", "512MiB", 512 * 1024**2),
        ("budget_bytes", "4G", 4 * 1024**3),
        ("budget_bytes", "1000000", 1_000_000),
        ("reserve_bytes", "0", 0),
        ("workers", "8", 8),
        ("max_violations", "1_000_000", 1_000_000),
        ("min_confidence", "0.5", 0.5),
        ("min_confidence", "1e-3", 0.001),
        ("start_method", "forkserver", "forkserver"),
        ("semantics", "homomorphism", "homomorphism"),
        ("fail_on", "count > 10", "count>10"),
        ("fail_on", "rate>0.05", "rate>0.05"),
        ("fail_on", "rate>5%", "rate>5%"),
        ("on_bad_rule", "2.5%", "2.5%"),
        ("columns", "p, s, o", "p,s,o"),
        ("overwrite", "yes", True),
        ("overwrite", "0", False),
    ],
)
def test_text_is_read(field: str, text: str, value: object) -> None:
    """The text of an option becomes its value, from the environment as from the command line."""
    assert getattr(settings_of({field: text}), field) == value
    variable = OPTIONS[field].variable
    assert variable is not None
    assert getattr(settings_of(environ={variable: text}), field) == value


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("budget_bytes", "much"),
        ("budget_bytes", "0"),
        ("budget_bytes", "-1"),
        ("workers", "0"),
        ("workers", "1.5"),
        ("workers", "\u0663"),
        ("workers", str(2**63)),
        ("max_examples", "-1"),
        ("min_confidence", "1.1"),
        ("min_confidence", "nan"),
        ("min_confidence", "high"),
        ("start_method", "threads"),
        ("fail_on", "count>"),
        ("fail_on", "rate>-1"),
        ("fail_on", "rate>1.01"),
        ("fail_on", "rate>101%"),
        ("on_bad_rule", "101%"),
        ("on_bad_rule", "1"),
        ("columns", "s,p"),
        ("columns", "s,p,p"),
        ("id_key", ""),
        ("out", "-"),
        ("overwrite", "maybe"),
    ],
)
def test_wrong_text_is_explained(field: str, text: str) -> None:
    """A value that cannot be meant names its option, what was found and what was expected."""
    option = OPTIONS[field]
    with pytest.raises(UsageError) as caught:
        settings_of({field: text})
    assert str(caught.value) == f"--{option.name}: found {text!r}, expected {option.expected}"


def test_wrong_environment_names_the_variable() -> None:
    """A bad value from the environment is blamed on its variable."""
    with pytest.raises(UsageError, match="environment PFF_STREAM_MAX_EXAMPLES: found 'x'"):
        settings_of(environ={"PFF_STREAM_MAX_EXAMPLES": "x"})


def test_precedence(tmp_path: Path) -> None:
    """Command line, then environment, then --config, then the manifest, then defaults."""
    config = tmp_path / "c.yaml"
    config.write_text("max-workers: 3\nunseen: 3\nmax_examples: 3\n")
    manifest = tmp_path / "m.yaml"
    manifest.write_text(
        "max_workers: 4\nunseen: 4\nmax_examples: 4\nmin_support: 4\ntasks: [{a: a.json}]\n"
    )
    environ = {"PFF_STREAM_MAX_WORKERS": "2", "PFF_STREAM_UNSEEN": "2"}
    given = {"rules": "r", "manifest": str(manifest), "config": str(config), "max_workers": "1"}
    settings = resolve(RunSettings, gather(given, environ))
    assert settings.max_workers == 1
    assert settings.unseen == 2
    assert settings.max_examples == 3
    assert settings.min_support == 4
    assert settings.max_violations == 1_000_000


def test_empty_environment_is_unset() -> None:
    """A variable that is empty says nothing."""
    assert settings_of(environ={"PFF_STREAM_WORKERS": ""}).workers is None


def test_config_by_environment(tmp_path: Path) -> None:
    """The config file itself can be named by the environment."""
    (tmp_path / "c.yaml").write_text("workers: 5\nfail-on: none\n")
    settings = settings_of(environ={"PFF_STREAM_CONFIG": str(tmp_path / "c.yaml")})
    assert (settings.workers, settings.fail_on) == (5, "none")


def test_config_paths_are_relative_to_it(tmp_path: Path) -> None:
    """A path in a config file starts at that file's folder; - and absolute paths stay."""
    (tmp_path / "c.yaml").write_text("out: results\nviolations: '-'\n")
    settings = settings_of({"config": str(tmp_path / "c.yaml")})
    assert settings.out == str(tmp_path / "results")
    assert settings.violations == "-"
    assert settings.talks_on_stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nworker: 3\n", ":2: found 'worker', expected an option; did you mean workers?"),
        ("zzzzzz: 3\n", ":1: found 'zzzzzz', expected one of budget, check,"),
        ("workers: many\n", ":1: workers: found 'many', expected a whole number from 1"),
        ("workers: [1]\n", ":1: workers: found [1], expected a whole number from 1"),
        ("workers: true\n", ":1: workers: found True, expected a whole number from 1"),
        ("max-workers: 1\nmax_workers: 2\n", ":2: found max_workers twice"),
        ("output: x\n", ":1: found 'output', expected"),
    ],
)
def test_wrong_config(tmp_path: Path, text: str, message: str) -> None:
    """An unknown key or a bad value in a config file is blamed on its line."""
    config = tmp_path / "c.yaml"
    config.write_text(text)
    with pytest.raises(UsageError) as caught:
        settings_of({"config": str(config)})
    assert str(caught.value).startswith(f"{config}{message}")


@pytest.mark.parametrize("text", ["workers: [1", "- 1\n", "", "a: 1\na: 2\n", "--- {}\n--- {}\n"])
def test_config_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    """A config file that is broken, or no mapping, is bad input with its file and line."""
    config = tmp_path / "c.yaml"
    config.write_text(text)
    with pytest.raises(InputError, match=r"c\.yaml:\d+"):
        gather({"config": str(config)}, {})


def test_missing_config(tmp_path: Path) -> None:
    """A config file that is not there is bad input."""
    with pytest.raises(InputError, match=r"none\.yaml: No such file"):
        gather({"config": str(tmp_path / "none.yaml")}, {})


def test_manifest_keys_of_other_commands_are_unknown(tmp_path: Path) -> None:
    """A manifest sets options of a run, and no others."""
    manifest = tmp_path / "m.yaml"
    manifest.write_text("tasks: [{a: a.json}]\nmax_worker: 3\n")
    with pytest.raises(UsageError, match=r"m\.yaml:2: found 'max_worker'.* mean max-workers\?"):
        resolve(RunSettings, gather({"rules": "r", "manifest": str(manifest)}, {}))
    manifest.write_text("tasks: [{a: a.json}]\ngraph: g.pffg\n")
    with pytest.raises(UsageError, match=r"m\.yaml:2: found 'graph'"):
        resolve(RunSettings, gather({"rules": "r", "manifest": str(manifest)}, {}))


def test_manifest_may_name_the_rules(tmp_path: Path) -> None:
    """Rules named in a manifest are found beside it."""
    manifest = tmp_path / "m.yaml"
    manifest.write_text("rules: rules.pffr\ntasks: [{a: a.json}]\n")
    settings = resolve(RunSettings, gather({"manifest": str(manifest)}, {}))
    assert settings.rules == str(tmp_path / "rules.pffr")


def test_triples_are_stronger_than_a_manifest_of_the_environment() -> None:
    """TRIPLES on the command line win over a manifest that the environment names."""
    settings = settings_of(environ={"PFF_STREAM_MANIFEST": "none.yaml", "PFF_STREAM_RULES": "x"})
    assert (settings.manifest, settings.rules) == (None, "r.tsv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"triples": ()}, "found no triples, expected RULES TRIPLES"),
        ({"manifest": "m.yaml"}, "found both TRIPLES and --manifest"),
        ({"rules": "-", "triples": ("-",)}, "found - more than once"),
        ({"triples": ("-", "-")}, "found - more than once"),
        ({"workers": 3, "max_workers": 2}, "--workers: found 3, expected at most 2"),
    ],
)
def test_contradictions(changes: dict[str, Any], message: str) -> None:
    """Fields that cannot be meant together are refused, from Python as well."""
    with pytest.raises(UsageError, match=message):
        RunSettings(**(INPUTS | changes))


def test_missing_rules() -> None:
    """Without rules the message says what a command line needs."""
    with pytest.raises(UsageError, match="found no rules, expected RULES TRIPLES"):
        resolve(RunSettings, gather({"triples": ("t",)}, {}))


def test_replace_is_checked() -> None:
    """The planner changes fields by `replace`, which checks again."""
    settings = RunSettings("r", ("t",))
    assert settings.replace(workers=3).workers == 3
    with pytest.raises(UsageError, match="--workers: found 0"):
        settings.replace(workers=0)


def test_a_single_path_is_one_input() -> None:
    """A caller's plain string is one path, not one path a letter."""
    assert RunSettings("r", "abc").triples == ("abc",)  # type: ignore[arg-type]


def test_to_json_names_options() -> None:
    """The summary and the plan show settings under the names of their options."""
    named = RunSettings("r", ("t",), budget_bytes=5).to_json()
    assert (named["budget"], named["max_document"], named["triples"]) == (5, 64 * 1024**2, ["t"])


def test_compile_needs_a_target() -> None:
    """Compile writes a file or only checks; neither and both are refused."""
    assert CompileSettings("r", check=True).output is None
    assert CompileSettings("r", "o").output == "o"
    with pytest.raises(UsageError, match="found neither -o FILE nor --check"):
        CompileSettings("r")
    with pytest.raises(UsageError, match="found both -o FILE and --check"):
        CompileSettings("r", "o", check=True)


def test_encode_and_triples_need_inputs() -> None:
    """Encode and triples name what is missing."""
    with pytest.raises(UsageError, match="found no -o FILE, expected TRIPLES"):
        EncodeSettings(("t",))
    with pytest.raises(UsageError, match="found no triples"):
        TriplesSettings(())
    assert EncodeSettings(("t",), output="g").on_bad_triple == "fail"


def test_talk() -> None:
    """Quiet and verbose exclude each other, wherever they were said."""
    assert resolve(TalkSettings, gather({}, {"PFF_STREAM_QUIET": "1"})).quiet
    with pytest.raises(UsageError, match="--quiet: found together with --verbose"):
        resolve(TalkSettings, gather({"verbose": True}, {"PFF_STREAM_QUIET": "1"}))
