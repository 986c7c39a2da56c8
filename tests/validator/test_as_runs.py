"""A validator answers what a run over a manifest of the same documents does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pff_stream import Validator
from pff_stream.observer import Silent
from pff_stream.pipeline.run import run
from pff_stream.settings.commands import RunSettings

RELATIONS = ("code", "speed", "owner", "site")
NAMES = ("a", "b", "c~", "50", "d/e")
SCALARS = st.sampled_from([*NAMES, 50, 2.5, True, None, "", "x(y", " z", "ü\n"])
IDS = st.one_of(st.none(), st.sampled_from(NAMES))


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of few keys, with an id or without."""
    values = st.one_of(inner, st.lists(inner, max_size=3))
    keys = st.dictionaries(st.sampled_from(RELATIONS), values, max_size=4)
    return st.builds(lambda id_, found: found if id_ is None else {"id": id_, **found}, IDS, keys)


DOCUMENTS = st.lists(objects(st.recursive(SCALARS, objects, max_leaves=6)), min_size=1, max_size=12)
TERMS = st.sampled_from(["X", "Y", "A", "a", "50", "c~"])
ATOMS = st.builds("{}({},{})".format, st.sampled_from(RELATIONS), TERMS, TERMS)
RULES = [
    "9\t9\t1.0\tspeed(X,50) <= code(X,a)",
    "9\t8\t0.9\towner(X,Y) <= owner(Y,X)",
    "9\t8\t0.9\towner(X,A) <= site(X,B), owner(B,A)",
    "9\t8\t0.9\towner(X,A) <= site(X,B), owner(B,A)",
    "8\t4\t0.5\tsite(X,d/e) <= speed(X,A)",
    "8\t4\t0.5\tcode(X,x(y) <= speed(X, z)",
    "8\t3\t0.4\tcode(X,b) <= ",
]


def answers_of_a_run(
    folder: Path, rules: list[str], documents: list[Any], options: dict[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """The lines of `documents.jsonl`, and of `findings.jsonl` by document."""
    (folder / "rules.tsv").write_text("\n".join(rules) + "\n", encoding="utf-8")
    lines = ["tasks:"]
    for number, document in enumerate(documents):
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (folder / f"d{number}.json").write_text(text, encoding="utf-8")
        lines.append(f"  - d{number}: d{number}.json")
    (folder / "m.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = folder / "out"
    asked = RunSettings.of(
        rules=str(folder / "rules.tsv"),
        manifest=str(folder / "m.yaml"),
        out=str(out),
        workers=1,
        start_method="thread",
        overwrite=True,
        **options,
    )
    run(asked, Silent())
    listed = [json.loads(line) for line in (out / "documents.jsonl").read_bytes().splitlines()]
    found: dict[str, list[dict[str, Any]]] = {}
    for line in (out / "findings.jsonl").read_bytes().splitlines():
        finding = json.loads(line)
        found.setdefault(finding["document"], []).append(finding)
    return listed, found


def without_files(value: Any) -> Any:
    """The same without the files of places: a text has none."""
    if isinstance(value, dict):
        return {key: without_files(one) for key, one in value.items() if key != "file"}
    return [without_files(one) for one in value] if isinstance(value, list) else value


OPTIONS: list[dict[str, Any]] = [
    {},
    {"findings": 2, "max_reasons": 1},
    {"floor": 0.5, "score": "noisy-or", "findings": "all", "assumption": "partial"},
    {"confidence": "exact", "min_confidence": 0.45, "predicate": "path", "mapping": "json-1"},
    {"id_key": "owner,code", "relation": ("s*",), "unseen": 2, "semantics": "homomorphism"},
    {"max_work": 100},
]


@pytest.mark.thorough
@pytest.mark.parametrize("options", OPTIONS, ids=[",".join(one) for one in OPTIONS])
@settings(max_examples=2)
@given(documents=DOCUMENTS, more=st.lists(st.tuples(ATOMS, ATOMS), max_size=4))
def test_answers_are_those_of_a_run(
    options: dict[str, Any],
    documents: list[Any],
    more: list[tuple[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Findings with keys, messages, places and order, and all counts; of text and of objects."""
    folder = tmp_path_factory.mktemp("run")
    rules = [*RULES, *(f"4\t2\t0.5\t{head} <= {body}" for head, body in more)]
    listed, found = answers_of_a_run(folder, rules, documents, {"on_bad_rule": "skip", **options})
    n = {"all": None}.get(options.get("findings", 100), options.get("findings", 100))
    told = {name: value for name, value in options.items() if name != "findings"}
    with Validator(folder / "rules.tsv", on_bad_rule="skip", **told) as validator:
        for number, document in enumerate(documents):
            expected, name = listed[number], f"d{number}"
            text = json.dumps(document, indent=1, ensure_ascii=False)
            for given_as in (text, document):
                result = validator.check(given_as, name, n)
                answer = json.loads(json.dumps(result.to_dict()))
                is_text = given_as is text
                assert {key: answer[key] for key in answer if key in expected} == {
                    key: expected[key] if key != "findings" else answer[key]
                    for key in answer
                    if key in expected
                }
                lines = without_files(found.get(name, []))
                mine = without_files(answer["findings"])
                if not is_text:
                    lines, mine = without_lines(lines), without_lines(mine)
                assert mine == lines


def without_lines(value: Any) -> Any:
    """The same without lines: objects have none."""
    if isinstance(value, dict):
        return {key: without_lines(one) for key, one in value.items() if key != "line"}
    return [without_lines(one) for one in value] if isinstance(value, list) else value
