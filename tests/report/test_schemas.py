"""Reports are what their published schemas ask for, whatever the findings are.

And what GitHub asks for besides (https://docs.github.com/code-security/reference: SARIF support).
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pff_stream.report.formats.junit import JUnit
from pff_stream.report.formats.sarif import Sarif
from pff_stream.report.streams import Finding
from tests.examples import examples
from tests.report.finding_cases import by_hand, findings
from tests.report.test_bounded_reports import HOSTILE, hostile, report

SCHEMAS = Path(__file__).parent.parent / "data" / "schemas"
lists = st.lists(findings(), max_size=4)


@cache
def sarif_schema() -> Any:
    """A validator of the schema that the reports name."""
    validators = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(gzip.decompress((SCHEMAS / "sarif-2.1.0.json.gz").read_bytes()))
    return validators.Draft4Validator(schema)


@cache
def junit_schema() -> Any:
    """The schema that Jenkins uses."""
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    return etree.XMLSchema(etree.parse(str(SCHEMAS / "junit-10.xsd")))


def check_sarif(text: str) -> Any:
    """By the schema; and as GitHub takes it."""
    value, schema = json.loads(text), sarif_schema()
    assert [error.message for error in schema.iter_errors(value)] == []
    assert value["$schema"] == schema.schema["id"]
    (run,) = value["runs"]
    for result in run["results"]:
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
        assert len(result["relatedLocations"]) <= 1000
    return run


def check_junit(text: str) -> None:
    """By the schema."""
    from lxml import etree

    schema = junit_schema()
    assert schema.validate(etree.fromstring(text.encode())), schema.error_log


@examples(30)
@given(given_findings=lists)
def test_sarif(given_findings: list[Finding]) -> None:
    """Any findings, none too."""
    check_sarif(report(Sarif(), given_findings))


@examples(30)
@given(given_findings=lists, failed=st.lists(st.sampled_from(["a", HOSTILE]), max_size=2))
def test_junit(given_findings: list[Finding], failed: list[str]) -> None:
    """Any findings and documents that failed, none too."""
    junit_schema()
    check_junit(report(JUnit(), given_findings, failed))


def test_hostile_and_cut() -> None:
    """Names that try what they can, and reports that leave something out."""

    class FewResults(Sarif):
        most = 1

    class FewTests(JUnit):
        most = 1

    given_findings = [*by_hand(0.9, 0.8), hostile()]
    junit_schema()
    for sarif in (Sarif(), FewResults()):
        check_sarif(report(sarif, given_findings))
    for junit in (JUnit(), FewTests()):
        check_junit(report(junit, given_findings, [HOSTILE]))


def test_under_the_limits_of_github() -> None:
    """10 MB packed, 25,000 results and rules; more than 5,000 are not shown."""
    assert Sarif.most <= 5000
    assert Sarif.most_bytes < 10_000_000
