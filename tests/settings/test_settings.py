"""Settings: one meaning of every option, whoever says it, and the order of who is stronger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from pff_stream.checkpoint.resume import MAY_DIFFER
from pff_stream.errors import InputError, UsageError
from pff_stream.plan.budget import SIZED_BY
from pff_stream.settings import models
from pff_stream.settings.cluster import ClusterOptions
from pff_stream.settings.command import CommandSettings
from pff_stream.settings.commands import (
    CompileSettings,
    EncodeSettings,
    RunSettings,
    TriplesSettings,
)
from pff_stream.settings.models import (
    EvaluationOptions,
    FindingsOptions,
    InputOptions,
    Inputs,
    Options,
    OutputOptions,
    ResourceOptions,
    TalkOptions,
)
from pff_stream.settings.options import OPTIONS
from pff_stream.settings.resolve import gather, resolve
from pff_stream.settings.shards import ShardOptions

INPUTS: dict[str, Any] = {"rules": "r.tsv", "triples": ("t.tsv",)}
COMMANDS: list[type[CommandSettings]] = [
    RunSettings,
    CompileSettings,
    EncodeSettings,
    TriplesSettings,
]
GIVEN = (*vars(models).values(), ShardOptions, ClusterOptions)
KINDS = [kind for kind in GIVEN if isinstance(kind, type)]
GROUPS = [kind for kind in KINDS if issubclass(kind, Options) and kind is not Options]


def settings_of(
    given: dict[str, Any] | None = None, environ: dict[str, str] | None = None
) -> RunSettings:
    """Run settings from a command line and an environment."""
    return resolve(RunSettings, gather(INPUTS | (given or {}), environ or {}))


def test_defaults() -> None:
    """Without options, settings are those documented."""
    settings = settings_of()
    assert settings == RunSettings.of(rules="r.tsv", triples=("t.tsv",))
    assert settings.resources.reserve_bytes == 512 * 1024 * 1024
    assert settings.reading == InputOptions(max_document_bytes=64 * 1024 * 1024, on_bad_rule="1%")
    assert settings.evaluation == EvaluationOptions(max_examples=10, max_violations=1_000_000)
    assert settings.output == OutputOptions(fail_on="violations")
    assert settings.resources.workers is settings.resources.budget_bytes is None


@pytest.mark.parametrize("kind", GROUPS)
def test_every_field_has_an_option(kind: type[Options]) -> None:
    """Every field but TRIPLES is filled by an option, and the defaults in its help are true."""
    for name, default in kind().values().items():
        if name == "triples":
            continue
        option = OPTIONS[name]
        if default not in (None, False, "", ()):
            assert option.default is not None
            assert option.read(option.default, "") == default


def test_every_option_is_in_one_group() -> None:
    """An option is a field of exactly one group; only `--config` is heard before there are any."""
    names = [name for kind in GROUPS for name in kind.names()]
    assert sorted(names) == sorted({*OPTIONS, "triples"} - {"config"})


@pytest.mark.parametrize("kind", COMMANDS)
def test_what_a_command_takes_is_in_its_groups(kind: type[CommandSettings]) -> None:
    """Whatever its help names can be told to it."""
    groups = [cast(type[Options], group).names() for group in kind.kinds().values()]
    assert set(kind.takes) <= {name for group in groups for name in group}


def test_what_sizes_a_run_and_what_may_differ() -> None:
    """Each option of a run but its paths either changes results or does not.

    Whether documents have folders changes none, but must stay what it was.
    """
    run = set(RunSettings.names()) - set(Inputs.names()) - {"per_document"}
    assert len(SIZED_BY) + len(MAY_DIFFER) == len(run)
    assert {*SIZED_BY, *MAY_DIFFER} == run
    assert {"max_examples", "max_work", "columns", "on_bad_triple"} <= set(SIZED_BY)
    assert {"workers", "budget_bytes", "out", "fail_on", "plan"} <= MAY_DIFFER


def test_unknown_options_are_a_callers_mistake() -> None:
    """As with any function, a name that there is not is a TypeError."""
    with pytest.raises(TypeError, match="RunSettings has no option 'wokers'"):
        RunSettings.of(**INPUTS, wokers=3)


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
    assert settings_of({field: text}).values()[field] == value
    variable = OPTIONS[field].variable
    assert variable is not None
    assert settings_of(environ={variable: text}).values()[field] == value


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
    assert settings.resources.max_workers == 1
    assert settings.evaluation == EvaluationOptions(
        unseen=2, max_examples=3, min_support=4, max_violations=1_000_000
    )


def test_empty_environment_is_unset() -> None:
    """A variable that is empty says nothing."""
    assert settings_of(environ={"PFF_STREAM_WORKERS": ""}).resources.workers is None


def test_config_by_environment(tmp_path: Path) -> None:
    """The config file itself can be named by the environment."""
    (tmp_path / "c.yaml").write_text("workers: 5\nfail-on: none\n")
    settings = settings_of(environ={"PFF_STREAM_CONFIG": str(tmp_path / "c.yaml")})
    assert (settings.resources.workers, settings.output.fail_on) == (5, "none")


def test_config_paths_are_relative_to_it(tmp_path: Path) -> None:
    """A path in a config file starts at that file's folder; - and absolute paths stay."""
    (tmp_path / "c.yaml").write_text("out: results\nviolations: '-'\n")
    settings = settings_of({"config": str(tmp_path / "c.yaml")})
    assert settings.output.out == str(tmp_path / "results")
    assert settings.output.violations == "-"
    assert settings.output.talks_on_stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nworker: 3\n", ":2: found 'worker', expected an option; did you mean workers?"),
        ("zzzzzz: 3\n", ":1: found 'zzzzzz', expected one of assumption, "),
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
    assert settings.inputs.rules == str(tmp_path / "rules.pffr")


def test_triples_are_stronger_than_a_manifest_of_the_environment() -> None:
    """TRIPLES on the command line win over a manifest that the environment names."""
    settings = settings_of(environ={"PFF_STREAM_MANIFEST": "none.yaml", "PFF_STREAM_RULES": "x"})
    assert (settings.inputs.manifest, settings.inputs.rules) == (None, "r.tsv")


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
        RunSettings.of(**(INPUTS | changes))


def test_missing_rules() -> None:
    """Without rules the message says what a command line needs."""
    with pytest.raises(UsageError, match="found no rules, expected RULES TRIPLES"):
        resolve(RunSettings, gather({"triples": ("t",)}, {}))


def test_replace_is_checked() -> None:
    """The planner changes fields by `replace`, which checks again."""
    resources = ResourceOptions(max_workers=4)
    assert resources.replace(workers=3).workers == 3
    with pytest.raises(UsageError, match="--workers: found 0"):
        resources.replace(workers=0)
    with pytest.raises(UsageError, match="--workers: found 5, expected at most 4"):
        resources.replace(workers=5)


def test_a_single_path_is_one_input() -> None:
    """A caller's plain string is one path, not one path a letter."""
    assert Inputs(triples="abc").triples == ("abc",)  # type: ignore[arg-type]


def test_values_are_the_whole_of_the_settings() -> None:
    """What a folder keeps and a summary shows makes the same settings again."""
    settings = RunSettings.of(**INPUTS, budget_bytes=5, max_examples=3, columns="o,p,s")
    assert RunSettings.of(**settings.values()) == settings
    names = (*EvaluationOptions.names(), *FindingsOptions.names(), *InputOptions.names())
    saved = json.loads(json.dumps({name: settings.values()[name] for name in names}))
    assert settings.result_options() == saved


def test_compile_needs_a_target() -> None:
    """Compile writes a file or only checks; neither and both are refused."""
    assert CompileSettings.of(rules="r", check=True).target.output is None
    assert CompileSettings.of(rules="r", output="o").target.output == "o"
    with pytest.raises(UsageError, match="found neither -o FILE nor --check"):
        CompileSettings.of(rules="r")
    with pytest.raises(UsageError, match="found both -o FILE and --check"):
        CompileSettings.of(rules="r", output="o", check=True)


def test_encode_and_triples_need_inputs() -> None:
    """Encode and triples name what is missing."""
    with pytest.raises(UsageError, match="found no -o FILE, expected TRIPLES"):
        EncodeSettings.of(triples=("t",))
    with pytest.raises(UsageError, match="found no triples"):
        TriplesSettings.of()
    assert EncodeSettings.of(triples=("t",), output="g").reading.on_bad_triple == "fail"


def test_talk() -> None:
    """Quiet and verbose exclude each other, wherever they were said."""
    assert resolve(TalkOptions, gather({}, {"PFF_STREAM_QUIET": "1"})).quiet
    with pytest.raises(UsageError, match="--quiet: found together with --verbose"):
        resolve(TalkOptions, gather({"verbose": True}, {"PFF_STREAM_QUIET": "1"}))
