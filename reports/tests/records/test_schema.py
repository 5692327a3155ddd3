import json
from pathlib import Path

import jsonschema
import pytest

from reports.tests import sample

SCHEMA = Path(__file__).parents[3] / "conformance" / "run" / "record.schema.json"


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("place", range(len(sample.record())))
def test_every_line_of_a_record_is_valid(validator, place):
    assert [error.message for error in validator.iter_errors(sample.record()[place])] == []


@pytest.mark.parametrize(
    "line", [sample.header(), sample.verdict("PAD-01"), sample.finding(), sample.footer()],
    ids=lambda line: line["kind"],
)  # fmt: skip
def test_unknown_fields_are_valid(validator, line):
    assert validator.is_valid({**line, "later": {"field": 1}})


def test_numbers_that_json_lacks_are_valid_as_texts(validator):
    assert validator.is_valid(sample.finding(scaled_error="NaN", bound="Infinity"))


def test_an_interrupted_footer_is_valid(validator):
    assert validator.is_valid(sample.footer(complete=False, reason="interrupted", exit_status=None))


CASE, _, _ = sample.same_case()
TENSOR = sample.tensor([1.0])


@pytest.mark.parametrize(
    "line",
    [
        [],
        {},
        {"kind": "from-the-future"},
        sample.header() | {"format": 2},
        sample.header() | {"started": "yesterday"},
        sample.header() | {"command": "conformance run"},
        sample.header() | {"subjects": [{"mode": "eager"}]},
        sample.header() | {"clauses": [{"id": "PAD-01"}]},
        sample.header()
        | {"clauses": [sample.clause(sample.CLAUSES[0]) | {"agreement": ["maybe"]}]},
        sample.header() | {"clauses": [sample.clause(sample.CLAUSES[0]) | {"id": "PAD 01"}]},
        sample.verdict("PAD-01", status="passed"),
        sample.verdict("PAD-01", examples=-1),
        sample.verdict("PAD-01", examples=None),
        sample.verdict("PAD-01", claim={"status": "proven"}),
        sample.verdict("PAD-01", claim={"status": "contradicted", "evidence": {"step": 1}}),
        sample.finding(status="pass"),
        sample.finding(message=""),
        sample.finding(case=None),
        sample.finding(case=CASE | {"steps": [{"inputs": 1}]}),
        sample.finding(case=CASE | {"id": 7}),
        sample.finding(index=[0, -1]),
        sample.finding(index="0"),
        sample.finding(scaled_error="many"),
        sample.finding(got=TENSOR | {"shape": [-1]}),
        sample.finding(got=TENSOR | {"base64": "<>"}),
        sample.finding(got=[{"deep": TENSOR | {"dtype": None}}]),
        sample.footer(complete="yes"),
        sample.footer(counts={"pass": "many"}),
    ],
    ids=lambda line: json.dumps(line)[:60],
)
def test_broken_lines_are_refused(validator, line):
    assert not validator.is_valid(line)


@pytest.mark.parametrize(
    "line", [sample.header(), sample.verdict("PAD-01"), sample.finding(), sample.footer()],
    ids=lambda line: line["kind"],
)  # fmt: skip
def test_a_line_needs_more_than_its_kind(validator, line):
    assert not validator.is_valid({"kind": line["kind"]})
