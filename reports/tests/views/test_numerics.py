import re

import pytest

import reports
from reports.tests import sample
from reports.tests.outputs.test_page import Reader, mini
from reports.views import numerics


def numbers(
    subject="mine", dtype="float32", worst=3.0, share=0.25, counts=(4, 0, 2), shares=(1, 0, 0, 5)
):
    return {"subject": subject, "mode": "eager", "dtype": dtype, "worst": worst, "share": share,
            "counts": list(counts), "shares": list(shares)}  # fmt: skip


@pytest.fixture
def text(load):
    """The page of a run with these numerics."""
    return lambda *found: reports.render(load(mini(sample.verdict("PAD-01"), numerics=list(found))))


def test_the_top_of_the_page_tells_the_result_that_is_closest_to_its_bound(text):
    found = Reader(text(numbers(share=0.1), numbers("other", share=0.41))).text
    assert (
        "the largest rounding error of a right number is 41 % of what is allowed (other eager, float32)"
        in found
    )


def test_a_run_that_compared_nothing_rounded_has_no_chapter(text):
    assert 'id="numerics"' not in text()


def test_every_subject_has_a_histogram_in_every_format(text):
    page = text(numbers(), numbers(dtype="float64"), numbers("other"))
    assert len(re.findall('class="histogram"', page)) == 3


def test_a_histogram_is_told_in_words(text):
    told = "largest error, in percent of the bound derived for it: 1 exact, 5 up to 30 %"
    assert f'aria-label="{told}"' in text(numbers())


def test_an_older_record_has_a_histogram_in_units_of_rounding(text):
    told = "largest error, in units of one rounding: 4 below 1, 2 below 4"
    assert f'aria-label="{told}"' in text(numbers(shares=()))


def test_more_shares_than_tenths_are_refused(load):
    with pytest.raises(reports.RecordError, match="shares of the bound must be at most 11, not 12"):
        load(mini(numerics=[numbers(shares=[1] * 12)]))


def test_the_least_precise_comes_first(load):
    found = [numbers("fine", worst=1.0), numbers("coarse", worst=9.0)]
    view = numerics.build(load(mini(numerics=found)))
    assert [row.label for row in view.formats[0][1]] == ["coarse eager", "fine eager"]


@pytest.mark.parametrize("counts", [["a"], [-1], [1.5], [True]])
def test_counts_that_are_none_are_refused(load, counts):
    with pytest.raises(reports.RecordError, match=r"counts\"? must be (a list of )?whole numbers"):
        load(mini(numerics=[numbers(counts=counts)]))
