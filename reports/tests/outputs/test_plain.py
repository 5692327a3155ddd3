"""Findings and planes as plain text."""

import numpy as np
import pytest

from reports.outputs import plain
from reports.tests import sample


@pytest.fixture
def told(load):
    """The causes of findings, in lines."""
    return lambda *lines: plain.tell_causes(load([sample.header(), *lines, sample.footer()]))


@pytest.fixture
def explained(load):
    """The explanation of one finding."""

    def explain(line):
        record = load([sample.header(), line, sample.footer()])
        return list(plain.explain_finding(record.findings[0], record.header.clauses[0]))

    return explain


def test_a_cause_names_its_clauses_in_the_page_s_order(told):
    findings = [sample.finding(clause, diagnosis="it shifts") for clause in ("BIAS-01", "PAD-01")]
    assert told(*findings)[0].breaks == "PAD-01 and BIAS-01"


def test_an_excused_finding_is_no_cause(told):
    assert told(sample.verdict("PAD-01", status="excused"), sample.finding("PAD-01")) == []


def test_a_title_of_many_lines_is_told_in_one(told):
    assert "\n" not in told(sample.finding(diagnosis=None, message="one\ntwo"))[0].title


def test_a_result_of_the_wrong_shape_is_told_by_both_shapes(explained):
    short = sample.finding(
        expected=sample.tensor(np.zeros((1, 2, 2, 1))), got=sample.tensor(np.zeros((1, 2, 1, 1)))
    )
    assert "expected float32 (1, 2, 2, 1), got float32 (1, 2, 1, 1)" in explained(short)


def test_an_empty_result_is_told_by_its_shape(explained):
    empty = sample.tensor(np.zeros((0, 2, 2, 1)))
    lines = explained(sample.finding(expected=empty, got=empty, index=None))
    assert "expected float32 (0, 2, 2, 1), got float32 (0, 2, 2, 1)" in lines


def test_an_exception_is_told_in_words(explained):
    assert any(line.startswith("got        ") for line in explained(sample.error_finding()))


@pytest.mark.parametrize(
    "got", [None, 3, "text", [1, [2]], {"shape": [1], "dtype": "?", "base64": "!"}]
)
def test_any_value_is_explained(explained, got):
    assert explained(sample.finding(got=got))


@pytest.mark.parametrize("index", [None, [], [9, 9, 9, 9], [0]])
def test_any_index_is_explained(explained, index):
    assert explained(sample.finding(index=index))


def test_a_cause_says_which_step_of_its_case_is_wrong(told):
    line = sample.finding()
    line["case"]["steps"] = [{"do": "compute_output_shape", "input_shape": [2, 4, 5]}]
    assert told(line | {"step": 0})[0].call.endswith(
        "): compute output shape for inputs of shape (2, 4, 5)"
    )


def test_no_line_of_an_explanation_is_wider_than_the_screen_but_those_of_the_script(load):
    line = sample.finding(message="a message of many words " * 9, diagnosis="words " * 40)
    record = load([sample.header(), line, sample.footer()])
    lines = [*plain.explain_finding(record.findings[0], record.header.clauses[0], 60)]
    assert max(map(len, lines[: lines.index("reproduce:")])) <= 60


def test_the_explanation_of_a_failing_constructor_points_at_the_layer(explained):
    lines = explained(sample.finding(step=None))
    assert [line.partition("->")[0].strip() for line in lines if "->" in line] == ["layer"]


def test_exceptions_that_were_wanted_are_named_without_quotes(explained):
    wrong = sample.finding(
        message="should raise ValueError, but raised nothing", expected="ValueError", got=3
    )
    assert "expected   ValueError" in explained(wrong)
    assert "expected   'same'" in explained(sample.finding(expected="same", got="valid"))


def test_the_output_gradient_that_a_bias_gradient_sums_is_shown(explained):
    step = {"do": "gradients", "inputs": sample.tensor([[[[2]]]] * 2)}
    step["output_gradient"] = sample.tensor([[[[3]]], [[[4]]]])
    case = {"id": "c-1", "family": "gradients", "arguments": {}, "steps": [step]}
    values = {"expected": sample.tensor([7]), "got": sample.tensor([3]), "index": [0]}
    lines = explained(sample.finding("GRAD-01", step=0, **values) | {"case": case})
    shown = [n for n, line in enumerate(lines) if line.startswith("output gradient")]
    assert [lines[n] for n in shown] == [
        f"output gradient, batch {image}, channel 0" for image in (0, 1)
    ]
    assert [lines[n + 2].split() for n in shown] == [["0", "3"], ["0", "4"]]
