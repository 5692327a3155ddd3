"""A record in the formats of others."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import jsonschema
import pytest

from reports.outputs import exports
from reports.tests import sample

#: What the Common Test Report Format demands, as far as we write it.
CTRF = {
    "type": "object",
    "required": ["results", "reportFormat", "specVersion"],
    "properties": {
        "reportFormat": {"const": "CTRF"},
        "specVersion": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
        "results": {
            "type": "object",
            "required": ["tool", "summary", "tests"],
            "properties": {
                "tool": {"type": "object", "required": ["name"]},
                "summary": {
                    "type": "object",
                    "required": ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"],
                    "additionalProperties": {"type": "integer"},
                },
                "tests": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name", "status", "duration"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                            "duration": {"type": "integer"},
                            "suite": {"type": "array", "minItems": 1, "items": {"type": "string"}},
                            "tags": {"type": "array", "items": {"type": "string"}},
                            "rawStatus": {"type": "string"},
                            "message": {"type": "string"},
                            "trace": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip


@pytest.fixture
def record(load: Any) -> Any:
    return load(sample.record())


@pytest.fixture
def junit(record: Any) -> ET.Element:
    return ET.fromstring(exports.junit(record))


def test_junit_has_a_case_for_each_verdict(record: Any, junit: ET.Element) -> None:
    assert len(junit.findall("./testsuite/testcase")) == len(record.verdicts)


@pytest.mark.parametrize(
    ("attribute", "tag"), [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
)
def test_junit_counts_what_it_holds(attribute: str, tag: str, junit: ET.Element) -> None:
    assert junit.get(attribute) == str(len(junit.findall(f"./testsuite/testcase/{tag}")))


def test_a_junit_failure_has_the_finding_and_its_script(record: Any, junit: ET.Element) -> None:
    finding = next(f for f in record.findings if f.status == "fail" and f.script)
    texts = [entry.text or "" for entry in junit.iter("failure")]
    assert any(finding.message in text and finding.script.strip() in text for text in texts)


def test_junit_survives_what_xml_cannot_hold(record: Any) -> None:
    finding = attrs.evolve(record.findings[0], message="\x1b[31m\x00\ufffe & <b>")
    text = exports.junit(attrs.evolve(record, findings=(finding,)))
    messages = [e.get("message") for e in ET.fromstring(text).iter() if e.tag != "skipped"]
    assert "\\x1b[31m\\x00\N{REPLACEMENT CHARACTER} & <b>" in messages


def test_ctrf_keeps_to_its_schema(record: Any) -> None:
    jsonschema.validate(json.loads(exports.ctrf(record)), CTRF)


def test_ctrf_counts_its_tests(record: Any) -> None:
    results = json.loads(exports.ctrf(record))["results"]
    counted = {name: n for name, n in results["summary"].items() if name not in ("start", "stop")}
    total = counted.pop("tests")
    assert (sum(counted.values()), len(results["tests"])) == (total, total)


def test_markdown_has_a_row_for_each_clause_that_does_not_hold(record: Any) -> None:
    broken = [
        v for v in record.verdicts if v.status in ("fail", "error", "stale-excuse", "gave-up")
    ]
    table = exports.markdown(record).partition("| clause | subject | status | what |")[2]
    assert len(table.strip().splitlines()) - 1 == len(broken)


def test_markdown_is_no_markup_of_a_subject(record: Any) -> None:
    finding = attrs.evolve(record.findings[0], message="| <img src=x> `a` [b](c)")
    text = exports.markdown(attrs.evolve(record, findings=(finding,)))
    assert r"\| \<img src=x\> \`a\` \[b\](c)" in text


def test_a_badge_is_red_where_something_fails(record: Any) -> None:
    assert json.loads(exports.badge_json(record))["color"] == "#b3261e"


def test_a_badge_is_green_where_all_holds(record: Any) -> None:
    passed = tuple(v for v in record.verdicts if v.status == "pass")
    found = json.loads(exports.badge_json(attrs.evolve(record, verdicts=passed)))
    assert (found["color"], found["message"]) == ("#0f7a43", f"{len(passed)}/{len(passed)}")


def test_a_badge_of_nothing_is_grey(record: Any) -> None:
    assert json.loads(exports.badge_json(attrs.evolve(record, verdicts=())))["color"] == "#586170"


def test_both_badges_say_the_same(record: Any) -> None:
    message = json.loads(exports.badge_json(record))["message"]
    label = ET.fromstring(exports.badge_svg(record)).get("aria-label")
    assert label == f"Conv2DTranspose: {message}"
