import re

from markupsafe import Markup

from reports.tests import sample
from reports.views import errata, findings, issue_text, matrix


def first_finding(load, **changes):
    record = load([sample.header(), sample.finding(**changes), sample.footer()])
    return issue_text.of_cause(
        findings.collect(record, matrix.build(record)).causes[0], record.header
    )


def first_erratum(load, clause="PAD-01", **changes):
    line = sample.verdict(clause, "tensorflow", claim=sample.claim_for(clause), **changes)
    record = load([sample.header(), line, sample.footer()])
    entries = errata.collect(record, matrix.build(record))
    entry = next(entry for entry in entries if entry.clause.id == clause)
    return issue_text.of_erratum(entry, record.header)


def test_a_bug_report_says_what_where_and_how_to_see_it(load):
    assert first_finding(load) == (
        "### The odd pixel of same is cropped at the end (PAD-01)\n\n"
        "The output has the right shape, but most of its elements stand in the wrong place.\n\n"
        "The rule: The full result is cropped by `(k - s) // 2` before and by the rest after: "
        "the odd pixel goes at the bottom and right.\n\n"
        "Diagnosis: equals M02: SAME cropped on the wrong side\n\n"
        "In `Conv2DTranspose(filters=3, kernel_size=(4, 3), strides=(1, 2), padding='same', "
        "activation=<function 'relu'>)`:\n\n"
        "1. build for inputs of shape (2, 3, 4, 2)\n"
        "2. set weights: kernel float32 (4, 3, 3, 2), bias float32 (3,)\n"
        "3. call on float32 (2, 3, 4, 2)\n"
        "4. read losses\n\n"
        "143 of 144 elements differ. At [0, 0, 1, 1] expected -15.0, got -11.0.\n\n"
        "```python\n" + sample.finding()["script"] + "```\n\n"
        "Found in mine eager by conv2d-transpose-conformance 0.1.0 "
        "(Python 3.11.7, Linux-6.1-x86_64, AMD EPYC).\n"
    )


def test_a_bug_report_about_an_error_says_both(load):
    text = first_finding(load, expected=sample.error_finding()["expected"], got=[1, 2])
    assert "- expected: `ValueError from the call`\n- got: `(1, 2)`" in text


def test_fences_are_longer_than_those_of_the_script(load):
    text = first_finding(load, script="x = '```'")
    assert "````python\nx = '```'\n````" in text


def test_a_bug_report_names_what_else_the_cause_breaks(load):
    record = load([sample.header(), sample.finding(), sample.finding("PAD-02"), sample.footer()])
    cause = findings.collect(record, matrix.build(record)).causes[0]
    assert "The same cause breaks 1 more: PAD-02.\n" in issue_text.of_cause(cause, record.header)


def tracker(load, subject):
    record = load([sample.header(), sample.finding(subject=subject), sample.footer()])
    entry = findings.collect(record, matrix.build(record)).causes[0].smallest
    return issue_text.tracker(entry, record.header)


def test_a_bug_of_tensorflow_is_filed_with_its_project(load):
    assert tracker(load, "tensorflow").startswith(
        "https://github.com/tensorflow/tensorflow/issues/new?title=Conv2DTranspose%3A%20The%20output"
    )


def test_nobody_knows_where_bugs_of_a_layer_of_ones_own_are_filed(load):
    assert tracker(load, "mine") is None


def test_a_report_on_the_page_quotes_it_and_names_the_releases(load):
    text = first_erratum(load, "SHAPE-02")
    assert re.findall(r"^> .*|^- .*|^Found.*", text, re.MULTILINE) == [
        '> `"same"` results in padding evenly ... such that output has the same height/width '
        "dimension as the input.",
        "- the page says: `(1, 5, 5, 1)`",
        "- got: `(1, 10, 10, 1)`",
        "Found with tensorflow 2.15.1 eager by conv2d-transpose-conformance 0.1.0.",
    ]


def test_reports_are_plain_text_that_the_page_escapes(load):
    assert not isinstance(first_finding(load), Markup)
