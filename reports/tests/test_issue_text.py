import re

from markupsafe import Markup

from reports import errata, findings, issue_text, matrix

from . import sample


def first_finding(load, **changes):
    record = load([sample.header(), sample.finding(**changes), sample.footer()])
    entry = findings.collect(record, matrix.build(record))[0]
    return issue_text.of_finding(entry, record.header)


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
        "activation=relu)`:\n\n"
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
    assert "- expected: `ValueError at call`\n- got: `(1, 2)`" in text


def test_fences_are_longer_than_those_of_the_script(load):
    text = first_finding(load, script="x = '```'")
    assert "````python\nx = '```'\n````" in text


def test_a_report_on_the_page_quotes_it_and_names_the_releases(load):
    text = first_erratum(load, "SHAPE-02")
    assert re.findall(r"^> .*|^- .*|^Found.*", text, re.MULTILINE) == [
        '> `"same"` results in padding evenly ... such that output has the same height/width '
        "dimension as the input.",
        "- by the page: `(1, 5, 5, 1)`",
        "- got: `(1, 10, 10, 1)`",
        "Found with tensorflow 2.15.1 eager by conv2d-transpose-conformance 0.1.0.",
    ]


def test_reports_are_plain_text_that_the_page_escapes(load):
    assert not isinstance(first_finding(load), Markup)
